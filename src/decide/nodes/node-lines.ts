/**
 * The lines in which a node of a Redis Cluster tells of all nodes: CLUSTER NODES, which unlike CLUSTER SLOTS has epochs and
 * failures, and its own file nodes.conf.
 */

export interface NodeLine {
  readonly id: string;
  /** Empty where it was not told its own yet. */
  readonly ip: string;
  readonly port: number;
  /** The name that it was given, which its certificate is for; empty where it has none. */
  readonly name: string;
  /** Where the others reach it, 10.0.0.1:6379; null while that is not known. */
  readonly address: string | null;
  /** Where nodes talk to each other. */
  readonly busPort: number;
  /** It is the one that tells. */
  readonly isMyself: boolean;
  readonly isPrimary: boolean;
  /** Most of the primaries do not reach it. */
  readonly isFailing: boolean;
  /** The one that tells does not reach it, or most do not. */
  readonly isSuspected: boolean;
  /** Nobody knows where it is. */
  readonly isLost: boolean;
  /** It was met, and has not answered yet: its id is not its own. */
  readonly isNew: boolean;
  /** Of a replica, the id of the node that it follows. */
  readonly primaryId: string | null;
  /** Rises with each change of who has slots: of two who claim the same one, the one with the larger is right. */
  readonly epoch: number;
  /** First and last of each range. */
  readonly slots: readonly SlotRange[];
}

export type SlotRange = readonly [first: number, last: number];

export function parseNodeLines(text: string): NodeLine[] {
  return text.split("\n").flatMap((line) => {
    const [id = "", place = "", flagList = "", primaryId = "-", , , epoch = "0", , ...ranges] = line
      .trim()
      .split(" ");
    // 10.0.0.1:6379@16379,its.name; without the first part where a node was not told its own address yet.
    const [, ip = "", port = "", busPort = "", name = ""] =
      /^([^,@]*):(\d+)@(\d+)(?:,([^,]*))?/.exec(place) ?? [];
    // nodes.conf ends with a line of variables.
    if (port === "") return [];
    const flags = flagList.split(",");
    const isLost = port === "0" || flags.includes("noaddr");
    return [
      {
        id,
        ip,
        port: Number(port),
        name,
        address: isLost || ip === "" ? null : `${ip}:${port}`,
        busPort: Number(busPort),
        isMyself: flags.includes("myself"),
        isPrimary: flags.includes("master"),
        isFailing: flags.includes("fail"),
        isSuspected: flags.includes("fail") || flags.includes("fail?"),
        isLost,
        isNew: flags.includes("handshake"),
        primaryId: primaryId === "-" ? null : primaryId,
        epoch: Number(epoch),
        slots: ranges.flatMap((range) => {
          // [93-<-id]: a slot that is being moved.
          const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
          return first === undefined ? [] : [[Number(first), Number(last ?? first)] as const];
        }),
      },
    ];
  });
}

export function hasSlot({ slots }: Pick<NodeLine, "slots">, slot: number): boolean {
  return slots.some(([first, last]) => first <= slot && slot <= last);
}

/** Who has the slot by the latest of these views; undefined if nobody has. */
export function ownerOf(slot: number, views: readonly (readonly NodeLine[])[]): NodeLine | undefined {
  return views
    .flatMap((view) => view.filter((node) => node.isPrimary && hasSlot(node, slot)))
    .toSorted((a, b) => b.epoch - a.epoch)[0];
}
