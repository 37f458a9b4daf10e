import { join } from "node:path";
import { createClient } from "@redis/client";
import {
  type ClusterView,
  parseClusterNodes,
  placeOf,
  slotOf,
  SLOTS,
} from "../../../src/decide/nodes/cluster-map.ts";
import { credentialsOf, type StackUser } from "../../../src/stack/credentials.ts";
import { eventually } from "../eventually.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { pathOf } from "./binaries.ts";
import { freePorts } from "./free-ports.ts";
import { writeUsers } from "./redis.ts";
import { exchange, ServerProcess } from "./server-process.ts";

/** One node of a Redis Cluster of the test's own. */
export interface ClusterNodeServer {
  readonly url: string;
  readonly process: ServerProcess;
  /** Of the cluster's own connections. */
  readonly busPort: number;
  /** A command to this node, by the operator. Waits while it is away. */
  command(...args: string[]): Promise<unknown>;
}

export interface RedisClusterOptions {
  /** Each gets the slots of the shards whose number leaves its own when divided by their number. Default: 3. */
  readonly primaries?: number;
  /** Of each primary. Default: 2. */
  readonly replicas?: number;
  /** So many shards' slots are assigned by hand. Default: 3. */
  readonly shards?: number;
}

const DEPLOY = join(import.meta.dir, "../../../deploy");

/** A Redis Cluster as it is deployed: on disk before it answers, on the primary and on its replicas. */
export class RedisCluster {
  /** Primaries first, then the first replica of each, then the second ones; as they were at the start. */
  readonly nodes: readonly ClusterNodeServer[];
  readonly #primaries: number;
  readonly #clients: readonly ReturnType<typeof newClient>[];
  readonly #password: (user: StackUser) => string;

  private constructor(nodes: readonly Started[], primaries: number, password: (user: StackUser) => string) {
    this.nodes = nodes;
    this.#primaries = primaries;
    this.#clients = nodes.map(({ client }) => client);
    this.#password = password;
  }

  static async start({
    primaries = 3,
    replicas = 2,
    shards = 3,
  }: RedisClusterOptions = {}): Promise<RedisCluster> {
    const credentials = credentialsOf("of the tests");
    const nodes = await startLooseNodes(primaries * (1 + replicas));
    const cluster = new RedisCluster(nodes, primaries, (user) => credentials[user]);
    try {
      await cluster.#join(shards, replicas);
      return cluster;
    } catch (error) {
      await cluster.dispose();
      throw error;
    }
  }

  /** Of the operator, who may do everything, without a password. Names the primaries of the start. */
  get url(): string {
    return `redis-cluster://${this.#hosts()}`;
  }

  /** Of one who may do what a process of the ledger needs. */
  urlOf(user: StackUser): string {
    return `redis-cluster://${user}:${this.#password(user)}@${this.#hosts()}`;
  }

  #hosts(): string {
    return this.nodes
      .slice(0, this.#primaries)
      .map(({ process }) => `127.0.0.1:${process.port}`)
      .join(",");
  }

  /** The nodes that were the shard's at the start: its primary, then its replicas. */
  nodesOf(shard: number): ClusterNodeServer[] {
    return this.nodes.filter((_, index) => index % this.#primaries === shard % this.#primaries);
  }

  /** The node that is the primary of the shard now, as the nodes that answer have it: as soon as one does. */
  async primaryOf(shard: number): Promise<ClusterNodeServer> {
    let found: ClusterNodeServer | undefined;
    await eventually(`a node has the slot of shard ${shard}`, async () => {
      const told = await Promise.all(this.nodes.map(viewOf));
      const primary = placeOf(
        slotOf(shard),
        told.flatMap((view) => (view === null ? [] : [view])),
      )?.primary;
      found = this.nodes.find(({ process }) => process.port === primary?.port);
      return found !== undefined;
    });
    if (found === undefined) throw new Error(`no node has the slot of shard ${shard}`);
    return found;
  }

  /** The shard's primary of now, as {@link primaryOf} has it, and its other nodes. */
  async rolesOf(shard: number): Promise<{
    readonly primary: ClusterNodeServer;
    readonly replicas: readonly ClusterNodeServer[];
  }> {
    const primary = await this.primaryOf(shard);
    return { primary, replicas: this.nodesOf(shard).filter((node) => node !== primary) };
  }

  /** Resolves once each replica that runs follows its primary, with all that it has. */
  async followed(): Promise<void> {
    await eventually("all replicas follow", async () => {
      const told = await Promise.all(this.nodes.map((node) => node.command("INFO", "replication")));
      return told.every(
        (info) => /role:master/.test(String(info)) || /master_link_status:up/.test(String(info)),
      );
    });
  }

  async dispose(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await Promise.all(this.nodes.map(({ process }) => process.dispose()));
  }

  async #join(shards: number, replicas: number): Promise<void> {
    const primaries = this.nodes.slice(0, this.#primaries);
    const owned = slotsOf(shards, this.#primaries);
    await Promise.all(
      primaries.map(async (node, index) => {
        const ranges = owned[index] ?? [];
        await node.command(
          "CLUSTER",
          "ADDSLOTSRANGE",
          ...ranges.flatMap(([first, last]) => [String(first), String(last)]),
        );
        // So that no two of them have the same one, which they would settle among themselves, later.
        await node.command("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
      }),
    );
    const [first] = this.nodes;
    for (const { process, busPort } of this.nodes.slice(1))
      await first?.command("CLUSTER", "MEET", "127.0.0.1", String(process.port), String(busPort));
    const ids = await Promise.all(primaries.map((node) => node.command("CLUSTER", "MYID")));
    await eventually("all nodes know each other", async () => {
      const told = await Promise.all(this.nodes.map((node) => node.command("CLUSTER", "NODES")));
      return told.every(
        (text) =>
          String(text).split("connected").length > this.nodes.length && !/handshake/.test(String(text)),
      );
    });
    for (const [index, node] of this.nodes.entries())
      if (index >= this.#primaries)
        await node.command("CLUSTER", "REPLICATE", String(ids[index % this.#primaries]));
    await eventually("the cluster is whole", async () => {
      const told = await Promise.all(this.nodes.map((node) => node.command("CLUSTER", "INFO")));
      if (!told.every((text) => String(text).includes("cluster_state:ok"))) return false;
      const infos = await Promise.all(primaries.map((node) => node.command("INFO", "replication")));
      return infos.every((text) => (String(text).match(/state=online/g) ?? []).length === replicas);
    });
    await this.followed();
  }
}

type Started = ClusterNodeServer & { readonly client: ReturnType<typeof newClient> };

/**
 * Nodes that know nothing of each other yet. The caller ends each client and process.
 *
 * @param settingsOf what Redis is told besides, by the place of the node
 */
export async function startLooseNodes(
  count: number,
  settingsOf: (place: number) => Readonly<Record<string, string>> = () => ({}),
): Promise<Started[]> {
  const credentials = credentialsOf("of the tests");
  const busPorts = await freePorts(count);
  return Promise.all(busPorts.map((port, place) => startNode(credentials, port, settingsOf(place))));
}

async function startNode(
  credentials: ReturnType<typeof credentialsOf>,
  busPort: number,
  more: Readonly<Record<string, string>>,
): Promise<Started> {
  const program = pathOf("redis");
  const folder = temporaryFolder("redis-node").path;
  const aclfile = join(folder, "users.acl");
  writeUsers(aclfile, credentials);
  const settings: Record<string, string> = {
    bind: "127.0.0.1",
    dir: folder,
    appendonly: "yes",
    appendfsync: "always",
    save: "",
    aclfile,
    include: join(DEPLOY, "redis-cluster.conf"),
    ...more,
  };
  const process = await ServerProcess.start({
    name: "redis-server",
    folder,
    // Of the bus: by default 10,000 above, which is too large for most free ports.
    command: (port) => [
      program,
      ...Object.entries({ ...settings, port: String(port), "cluster-port": String(busPort) }).flatMap(
        ([name, value]) => [`--${name}`, value],
      ),
    ],
    isReady: async (port) => (await exchange(port, "PING\r\n")).startsWith("+PONG"),
    stopSignal: "SIGTERM",
    orphanSignal: "KILL",
  });
  const url = `redis://127.0.0.1:${process.port}`;
  const client = newClient(url);
  client.on("error", () => {});
  await client.connect();
  return { url, process, busPort, client, command: (...args) => client.sendCommand(args) };
}

function newClient(url: string) {
  return createClient({ url, RESP: 2, socket: { reconnectStrategy: 20 } });
}

/** What the node takes the cluster for; null if it does not answer. */
async function viewOf(node: ClusterNodeServer): Promise<ClusterView | null> {
  const told = node.command("CLUSTER", "NODES").then((text) => parseClusterNodes(text, "127.0.0.1"));
  return await Promise.race([told.catch(() => null), Bun.sleep(300).then(() => null)]);
}

/** For each primary its ranges: equal parts, but the shards' slots go round. */
function slotsOf(shards: number, primaries: number): [number, number][][] {
  const owner = Array.from({ length: SLOTS }, (_, slot) => Math.floor((slot * primaries) / SLOTS));
  for (let shard = 0; shard < shards; shard += 1) owner[slotOf(shard)] = shard % primaries;
  const ranges: [number, number][][] = Array.from({ length: primaries }, () => []);
  for (let first = 0, slot = 1; slot <= SLOTS; slot += 1) {
    if (slot < SLOTS && owner[slot] === owner[first]) continue;
    ranges[owner[first] ?? 0]?.push([first, slot - 1]);
    first = slot;
  }
  return ranges;
}
