import { z } from "zod";

/** What nodes of a Redis Cluster tell of it, read from CLUSTER NODES: unlike CLUSTER SLOTS it has epochs and failures. */

export interface ClusterNode {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly isPrimary: boolean;
  /** Most of the cluster's primaries do not reach it. */
  readonly isFailing: boolean;
  /** Of a replica, the id of the node that it follows. */
  readonly primaryId: string | null;
  /** Rises with each change of who owns slots: of two who claim the same slot, the one with the larger is right. */
  readonly epoch: number;
  /** First and last of each range. */
  readonly slots: readonly (readonly [number, number])[];
}

/** What one node told. */
export type ClusterView = readonly ClusterNode[];

/** A shard's nodes. */
export interface Place {
  readonly primary: ClusterNode;
  readonly replicas: readonly ClusterNode[];
}

export const SLOTS = 16_384;

/** @param askedHost the host that the answering node was reached at: one that was never told its address leaves it out */
export function parseClusterNodes(reply: unknown, askedHost: string): ClusterView {
  return z
    .string()
    .parse(reply)
    .split("\n")
    .flatMap((line) => nodeOf(line, askedHost));
}

function nodeOf(line: string, askedHost: string): ClusterNode[] {
  const [id = "", address = "", flagList = "", primaryId = "-", , , epoch = "0", , ...ranges] = line
    .trim()
    .split(" ");
  // 10.0.0.1:6379@16379,its.name: the name is there where the node was given one, and is what its certificate is for.
  const [, ip = "", port = "", name = ""] = /^(.*):(\d+)@\d+(?:,([^,]*))?/.exec(address) ?? [];
  const flags = flagList.split(",");
  // Who is not known for certain yet, or has no address.
  if (port === "" || port === "0" || flags.includes("handshake") || flags.includes("noaddr")) return [];
  const slots = ranges.flatMap((range) => {
    // [93-<-id]: a slot that is being moved.
    const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    return first === undefined ? [] : [[Number(first), Number(last ?? first)] as const];
  });
  return [
    {
      id,
      host: name || ip || askedHost,
      port: Number(port),
      isPrimary: flags.includes("master"),
      isFailing: flags.includes("fail"),
      primaryId: primaryId === "-" ? null : primaryId,
      epoch: Number(epoch),
      slots,
    },
  ];
}

/** Who has the slot by the latest of the views; `null` if nobody has it. */
export function placeOf(slot: number, views: readonly ClusterView[]): Place | null {
  let found: Place | null = null;
  for (const view of views) {
    const primary = view.find((node) => node.isPrimary && hasSlot(node, slot));
    if (primary === undefined || (found !== null && primary.epoch <= found.primary.epoch)) continue;
    found = { primary, replicas: view.filter(({ primaryId }) => primaryId === primary.id) };
  }
  return found;
}

function hasSlot({ slots }: ClusterNode, slot: number): boolean {
  return slots.some(([first, last]) => first <= slot && slot <= last);
}

/** The primaries that have slots, each once, by the latest of the views; `null` if slots are without one. */
export function primariesOf(views: readonly ClusterView[]): readonly ClusterNode[] | null {
  const primaries = new Map<string, ClusterNode>();
  for (let slot = 0; slot < SLOTS;) {
    const primary = placeOf(slot, views)?.primary;
    if (primary === undefined) return null;
    primaries.set(primary.id, primary);
    slot = endOfRun(slot, views);
  }
  return [...primaries.values()];
}

/** The first slot from which on another range begins in any of the views. */
function endOfRun(slot: number, views: readonly ClusterView[]): number {
  let end = SLOTS;
  for (const { slots } of views.flat())
    for (const [first, last] of slots) {
      if (first > slot) end = Math.min(end, first);
      else if (last >= slot) end = Math.min(end, last + 1);
    }
  return end;
}

/** The slot of a shard: of its hash tag, its number, which all its keys have. */
export function slotOf(shard: number): number {
  let crc = 0;
  for (const byte of Buffer.from(String(shard))) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc << 1) ^ ((crc & 0x8000) === 0 ? 0 : 0x1021)) & 0xffff;
  }
  return crc % SLOTS;
}
