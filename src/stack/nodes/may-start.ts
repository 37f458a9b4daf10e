import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { infoField } from "../../decide/redis-settings.ts";
import { StartError } from "../../errors.ts";
import { askNode, viewOf } from "./ask-node.ts";
import { addressOf } from "./cluster-look.ts";
import { type NodeLine, ownerOf, parseNodeLines } from "../../decide/nodes/node-lines.ts";
import { type Head, hasWholeLog, readHeads, SHARDS_MAX } from "./own-log.ts";
import { shardsIn } from "./slots.ts";

/**
 * Keeps a node of a Redis Cluster from emptying its replicas. Redis starts a node that had slots as their primary, whatever
 * its log holds, and its replicas at once take over what it has: if its log is gone, they are empty a moment later.
 *
 * So before it starts, the others are asked. If its slots are another's, it may start, and becomes that one's replica. If
 * they are still its own, it waits for a replica to take them over: that takes 1 to 2 s, and less than a start of its own,
 * after which Redis would refuse writes for 2 s. Where no replica can, as after all were stopped, it compares its log with
 * what a replica holds, and starts if it lacks nothing of it.
 */

export interface StartGuard {
  /** Of the node: nodes.conf and the folder of its log are in it. */
  readonly folder: string;
  /** Of the node that is to start. */
  readonly url: string;
  /** Of all others. */
  readonly peers: readonly string[];
  /** Reads the node's own log, which may take as long as its start. */
  readonly readLog: (shards: readonly number[], stop: AbortSignal) => Promise<readonly Head[]>;
}

/** Two elections at a node timeout of 500 ms; the second comes 4 s after the first. */
const TAKEOVER_MILLISECONDS_MAX = 6_000;
/** Nodes that were started together with this one may have long logs to read. */
const REPLICAS_MILLISECONDS_MAX = 60_000;
const POLL_MILLISECONDS = 100;

interface Peer {
  readonly url: string;
  /** host:port, as a person knows it. */
  readonly name: string;
  readonly address: string;
  readonly view: readonly NodeLine[];
}

/** A replica that answers, and what it holds of the node's shards. */
interface Copy {
  readonly peer: Peer;
  /** It has followed its primary since it was started. */
  readonly wasConnected: boolean;
  /** null: it does not tell yet. */
  readonly heads: readonly Head[] | null;
}

/**
 * Resolves when the node may be started.
 *
 * @throws StartError if it must not be, and waiting does not help: a sentence that says what does
 */
export async function untilMayStart(guard: StartGuard, stop: AbortSignal): Promise<void> {
  const file = nodesFile(guard.folder);
  const address = await addressOf(guard.url);
  const begunAt = performance.now();
  for (;;) {
    stop.throwIfAborted();
    const waited = performance.now() - begunAt;
    const peers = await answeringPeers(guard.peers);
    const claim = claimOf(file, address, peers);
    if (claim === null) return;
    const copies = await copiesOf(claim, peers);
    const canTakeOver = copies.some(({ wasConnected }) => wasConnected) && canVote(peers);
    if (canTakeOver && waited < TAKEOVER_MILLISECONDS_MAX) {
      await Bun.sleep(POLL_MILLISECONDS);
      continue;
    }
    const told = copies.filter(({ heads }) => heads !== null);
    if (told.length > 0) {
      await requireWholeLog(guard, claim, told, stop);
      return;
    }
    if (waited > REPLICAS_MILLISECONDS_MAX)
      throw new StartError(
        `${nameOf(guard.url)} has slots of the cluster, and no replica of it answers: it does not start before it has ` +
          `compared its log with what one of them holds. Start ${claim.replicas.map(({ address: at }) => at).join(" or ")}.`,
      );
    await Bun.sleep(POLL_MILLISECONDS);
  }
}

/** A node that has slots by all that is known, and its replicas; none of them is another's. */
interface Claim {
  readonly id: string;
  readonly shards: readonly number[];
  readonly replicas: readonly NodeLine[];
}

/** @returns null for a node that cannot harm anybody */
function claimOf(file: readonly NodeLine[], address: string, peers: readonly Peer[]): Claim | null {
  const views = peers.map(({ view }) => view);
  // Without its file it comes back as another node. But then the old one would have no address, would not be found
  // failing, and no replica would take over: so it waits for that, too.
  const mine = (line: NodeLine): boolean =>
    file.length > 0 ? line.id === file.find(({ isMyself }) => isMyself)?.id : line.address === address;
  const [owned] = [...views, file]
    .flatMap((view) => view.filter((line) => mine(line) && line.isPrimary && line.slots.length > 0))
    .toSorted((a, b) => b.epoch - a.epoch);
  const slot = owned?.slots[0]?.[0];
  if (owned === undefined || slot === undefined) return null;
  if (ownerOf(slot, [...views, file])?.id !== owned.id) return null;
  const replicas = new Map(
    [file, ...views].flat().flatMap((line) => (line.primaryId === owned.id ? [[line.id, line]] : [])),
  );
  if (replicas.size === 0) return null;
  return { id: owned.id, shards: shardsIn(owned.slots, SHARDS_MAX), replicas: [...replicas.values()] };
}

async function answeringPeers(urls: readonly string[]): Promise<Peer[]> {
  const asked = await Promise.all(
    urls.map(async (url) => {
      const [view, address] = await Promise.all([viewOf(url), addressOf(url).catch(() => null)]);
      return view === null || address === null ? [] : [{ url, name: nameOf(url), address, view }];
    }),
  );
  return asked.flat();
}

/** Whether more than a half of the primaries with slots answer, the node that is to start being one that does not. */
function canVote(peers: readonly Peer[]): boolean {
  const voters = new Set(
    peers.flatMap(({ view }) =>
      view.filter(({ isPrimary, slots }) => isPrimary && slots.length > 0).map(({ id }) => id),
    ),
  );
  const answering = peers.filter(({ view }) => view.some(({ isMyself, id }) => isMyself && voters.has(id)));
  return answering.length > voters.size / 2;
}

async function copiesOf({ replicas, shards }: Claim, peers: readonly Peer[]): Promise<Copy[]> {
  const following = peers.filter(({ address }) => replicas.some((line) => line.address === address));
  return Promise.all(
    following.map(async (peer) => {
      const id = peer.view.find(({ isMyself }) => isMyself)?.id;
      // It lost its folder, and is another node with nothing.
      if (!replicas.some((line) => line.id === id)) return { peer, wasConnected: false, heads: [] };
      const info = await askNode(peer.url, ["INFO", "replication"]).catch(() => []);
      const linkDown = infoField(info[0], "master_link_down_since_seconds");
      const isUp = infoField(info[0], "master_link_status") === "up";
      return {
        peer,
        wasConnected: isUp || Number(linkDown ?? -1) >= 0,
        heads: await headsOf(peer.url, shards),
      };
    }),
  );
}

/** Where the cluster has no majority, as before its primaries were started, a replica has to be told that it may answer. */
async function headsOf(url: string, shards: readonly number[]): Promise<Head[] | null> {
  const allow = (value: string): string[] => ["CONFIG", "SET", "cluster-allow-reads-when-down", value];
  const heads = await readHeads(url, shards, [allow("yes"), ["READONLY"]]);
  await askNode(url, allow("no")).catch(() => {});
  return heads;
}

async function requireWholeLog(
  { folder, url, readLog }: StartGuard,
  { shards }: Claim,
  copies: readonly Copy[],
  stop: AbortSignal,
): Promise<void> {
  const held = copies.flatMap(({ peer, heads }) =>
    (heads ?? []).filter(({ epoch }) => epoch !== null).map((head) => ({ ...head, peer })),
  );
  if (held.length === 0) return;
  const own = hasWholeLog(folder) ? await readLog(shards, stop) : null;
  const isOlder = (head: Head): boolean => {
    const mine = own?.find(({ shard }) => shard === head.shard);
    return mine === undefined || mine.epoch !== head.epoch || mine.g < head.g;
  };
  const [fuller] = held.filter(isOlder).toSorted((a, b) => b.g - a.g);
  if (fuller === undefined) return;
  const { hostname, port } = new URL(fuller.peer.url);
  throw new StartError(
    `${nameOf(url)} has slots of the cluster, but its log is ${own === null ? "missing" : "older"}: its replica ` +
      `${fuller.peer.name} holds batch ${fuller.g} of shard ${fuller.shard}. It does not start, since its replicas would ` +
      `lose that. Make the replica the primary: redis-cli -h ${hostname} -p ${port} CLUSTER FAILOVER TAKEOVER; then it ` +
      "starts, and follows it.",
  );
}

/** Empty, where there is none. */
function nodesFile(folder: string): NodeLine[] {
  const path = join(folder, "nodes.conf");
  return existsSync(path) ? parseNodeLines(readFileSync(path, "utf8")) : [];
}

function nameOf(url: string): string {
  return new URL(url).host;
}
