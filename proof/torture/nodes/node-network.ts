import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { freePorts } from "../../../src/stack/ports.ts";
import type { ProcessPlan } from "../../../src/stack/process-plan.ts";
import type { ProcessName } from "../plan/fault.ts";

/** A connection through the network. */
interface Connection {
  /** The port that it came from, and the one that it came to. */
  readonly ports: readonly [from: number, to: number];
  /** Which node has opened it; null: none of Redis's; undefined: nobody has asked yet. */
  from?: ProcessName | null;
  readonly to: ProcessName;
  readonly near: Socket;
  readonly far: Socket;
}

/** Whether these two are kept apart. */
export type IsApart = (one: ProcessName, other: ProcessName) => boolean;

/** Where a node listens: to the others and to clients, and to the other nodes alone. */
interface NodePorts {
  readonly known: number;
  readonly own: number;
}

/**
 * The network between the nodes of Redis: each node is reached at the ports that all know, which are here, and listens on
 * others. Nodes can be kept apart, as by a cut between their machines: nothing gets through from one to the other, and no
 * connection ends. Who else comes, as APIs, reaches all of them.
 *
 * Which node has opened a connection is found in /proc, so this needs Linux. It is only asked while nodes are kept apart.
 */
export class NodeNetwork {
  readonly #servers: Server[] = [];
  readonly #connections = new Set<Connection>();
  readonly #cuts = new Set<IsApart>();
  /** The running process of each node. */
  #pidOf: (name: ProcessName) => number | null = () => null;
  readonly #names: readonly ProcessName[];

  private constructor(names: readonly ProcessName[]) {
    this.#names = names;
  }

  /** @returns the network, and the same nodes behind it */
  static async between(
    nodes: readonly ProcessPlan[],
  ): Promise<{ network: NodeNetwork; nodes: readonly ProcessPlan[] }> {
    const names = nodes.map((_, place) => `redis-${place + 1}` as const);
    const network = new NodeNetwork(names);
    const behind: ProcessPlan[] = [];
    for (const [place, node] of nodes.entries()) {
      const name = `redis-${place + 1}` as const;
      const [port, bus] = await Promise.all([portIn(node, "port"), portIn(node, "cluster-port")]);
      await network.#listen(name, port);
      await network.#listen(name, bus);
      const settings = [
        `port ${port.own}`,
        `cluster-port ${bus.own}`,
        "cluster-announce-ip 127.0.0.1",
        `cluster-announce-port ${port.known}`,
        `cluster-announce-bus-port ${bus.known}`,
        "",
      ];
      // The last setting of a name is the one that counts.
      behind.push({ ...node, input: `${node.input}${settings.join("\n")}` });
    }
    return { network, nodes: behind };
  }

  /** Call it before any node runs. */
  setPids(pidOf: (name: ProcessName) => number | null): void {
    this.#pidOf = pidOf;
  }

  /** @returns a function that undoes it */
  cut(isApart: IsApart): () => void {
    this.#cuts.add(isApart);
    this.#update();
    return () => {
      this.#cuts.delete(isApart);
      this.#update();
    };
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const { near, far } of this.#connections) {
      near.destroy();
      far.destroy();
    }
  }

  async #listen(name: ProcessName, { known, own }: NodePorts): Promise<void> {
    const server = createServer((near) => this.#accept(near, name, known, own));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(known, "127.0.0.1", resolve);
    });
    this.#servers.push(server);
  }

  #accept(near: Socket, to: ProcessName, known: number, own: number): void {
    const far = connect(own, "127.0.0.1");
    const connection: Connection = { ports: [near.remotePort ?? 0, known], to, near, far };
    this.#connections.add(connection);
    const end = (): void => {
      this.#connections.delete(connection);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on("error", end);
      socket.on("close", end);
    }
    if (this.#cuts.size > 0) this.#identify();
    this.#pass(connection);
  }

  #update(): void {
    if (this.#cuts.size > 0) this.#identify();
    for (const connection of this.#connections) this.#pass(connection);
  }

  /** Or holds it, if its ends are kept apart: then its bytes wait, and go on where it is healed. */
  #pass({ from = null, to, near, far }: Connection): void {
    const isHeld = from !== null && [...this.#cuts].some((isApart) => isApart(from, to));
    for (const [source, target] of [
      [near, far],
      [far, near],
    ] as const) {
      source.unpipe(target);
      if (isHeld) source.pause();
      else source.pipe(target);
    }
  }

  /** Finds who has opened those that are new. */
  #identify(): void {
    const unknown = [...this.#connections].filter(({ from }) => from === undefined);
    const inodes = inodesByPorts();
    const owners = new Map(
      this.#names.flatMap((name) => socketsOf(this.#pidOf(name)).map((inode) => [inode, name] as const)),
    );
    for (const connection of unknown) {
      const inode = inodes.get(connection.ports.join(" "));
      connection.from = inode === undefined ? null : (owners.get(inode) ?? null);
    }
  }
}

/** What the node's settings say, and a free one. */
async function portIn({ name, input = "" }: ProcessPlan, setting: string): Promise<NodePorts> {
  const known = Number(new RegExp(`^${setting} (\\d+)$`, "m").exec(input)?.[1]);
  const [own = 0] = await freePorts(1);
  if (!Number.isInteger(known)) throw new Error(`the settings of ${name} have no ${setting}`);
  return { known, own };
}

/** Of the sockets on 127.0.0.1, by their own port and the other end's. */
function inodesByPorts(): Map<string, string> {
  const inodes = new Map<string, string>();
  for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n")) {
    const [, own = "", other = "", , , , , , , inode = ""] = line.trim().split(/\s+/);
    if (own.startsWith(LOOPBACK) && other.startsWith(LOOPBACK))
      inodes.set(`${portOf(own)} ${portOf(other)}`, inode);
  }
  return inodes;
}

/** 127.0.0.1, as the file has it. */
const LOOPBACK = "0100007F:";

function portOf(end: string): number {
  return Number.parseInt(end.slice(LOOPBACK.length), 16);
}

/** The inodes of the sockets that a process has open. */
function socketsOf(pid: number | null): string[] {
  if (pid === null) return [];
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => socketAt(`/proc/${pid}/fd/${fd}`) ?? []);
  } catch {
    // It has just ended.
    return [];
  }
}

function socketAt(path: string): string | null {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(path))?.[1] ?? null;
  } catch {
    return null;
  }
}
