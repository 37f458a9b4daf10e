import { z } from "zod";
import { isFunctionGone } from "./calls/call-errors.ts";
import type { BooksFence, BooksReader } from "./ports.ts";
import { whyMoved } from "./nodes/moved.ts";
import type { Commands, RedisNode } from "./nodes/redis-nodes.ts";
import { headKey, markLost, readOutbox } from "./redis-client.ts";
import type { RedisState } from "./redis-settings.ts";
import { messageOf } from "../errors.ts";

/** The version of ledger.lua that this program works with. A test checks that the two agree. */
export const FUNCTION_VERSION = "7";

/** What is known of a Redis that passed the comparison with the books. */
export interface Admission {
  /** Redis's own id of its process, which changes with each restart. */
  readonly runId: string;
  readonly epoch: string;
  /** Of the whole ledger. */
  readonly shards: number;
  /** The latest known batch of each shard that was compared. */
  readonly latestG: ReadonlyMap<number, number>;
}

/** A batch that this process has answered. */
export interface OwnBatch {
  readonly g: number;
  /** One of its events, to recognise the batch by: no event is ever in two batches. */
  readonly event: string;
}

/** What a process knows of the Redis that it last worked with. */
export interface LastAdmission extends Admission {
  /** For each shard, the latest batch that this process has answered in this epoch, if there is one. */
  readonly own: ReadonlyMap<number, OwnBatch>;
}

/** Why Redis may not be used, for a person. `temporary`: Redis or the books could not be asked, which may pass soon. */
export interface Fenced {
  readonly reason: string;
  readonly temporary: boolean;
}

export interface FenceOptions {
  readonly books: BooksReader;
  /** True refuses servers that answer before it is on disk, see docs/operations.md. */
  readonly durable: boolean;
}

/** What is compared with the books. */
export interface Compared {
  /** Of what a shard has, only what is confirmed counts: a primary that was deposed may not know it yet. */
  readonly node: RedisNode;
  /** The only shard of interest; `null`: all that there are, all of them on this node. */
  readonly shard: number | null;
  readonly readState: () => Promise<RedisState>;
}

/**
 * Compares Redis with the books: version of the functions, number of shards, epoch, latest batch. Refuses both of them
 * with settings that the ledger's promise does not stand with.
 *
 * If it is still the Redis process that was admitted before, with at least the batches that were seen, it is admitted
 * again without asking the books.
 *
 * If Redis lacks something that this process has seen, this process marks the loss in Redis, which then answers nobody,
 * and notes it in the books. So the loss stays known even if this process ends. Until the books have noted it, Redis
 * stays refused.
 *
 * Comparing the number of the latest batch is not enough. Another process that has not seen the lost batches may have
 * had new ones decided, which got the same numbers.
 *
 * @param before what was known when Redis was last admitted, with all batches since; null if it never was
 */
export async function compareWithBooks(
  redis: Compared,
  options: FenceOptions,
  before: LastAdmission | null,
): Promise<Admission | Fenced> {
  const compared = await compareOnce(redis, options, before);
  if (!("reason" in compared) || !compared.lostData || before === null) return compared;
  try {
    for (const [shard, g] of before.latestG) await options.books.noteSeen(before.epoch, shard, g);
  } catch {
    return { ...compared, reason: `${compared.reason} (the books cannot be told yet)`, temporary: true };
  }
  return compared;
}

/** `lostData`: Redis lacks data that it once had. */
type Comparison = Admission | (Fenced & { readonly lostData: boolean });

async function compareOnce(
  redis: Compared,
  { books, durable }: FenceOptions,
  before: LastAdmission | null,
): Promise<Comparison> {
  const client = redis.node.confirmed;
  try {
    const { runId, isReplica, fault } = await redis.readState();
    // What it holds proves nothing, and no loss could be marked in it.
    if (isReplica && fault !== null) return refuse(fault);
    // Redis is read before the books. A batch that is no longer in the outbox by now is then found in the books.
    const firstShard = redis.shard ?? 0;
    const first = await statusOf(client, firstShard);
    if (first.version !== FUNCTION_VERSION) {
      return refuse(
        `Redis has another version than this program (${first.version}, not ${FUNCTION_VERSION}): run razonete init`,
      );
    }
    if (before !== null && isSame(before, runId, firstShard, first)) {
      return fault === null ? before : refuse(fault);
    }
    const statuses = new Map([[firstShard, first]]);
    if (redis.shard === null)
      for (let shard = 1; shard < first.shards; shard += 1)
        statuses.set(shard, await statusOf(client, shard));
    const lost = await markLostBatches(client, statuses, before);
    if (lost !== null) return lost;

    const fence = await fenceOf(books, durable);
    if ("reason" in fence) return { ...fence, lostData: false };
    if (fence.shards !== first.shards)
      return refuseDifference("number of shards", first.shards, fence.shards);
    for (const [shard, given] of statuses) {
      // What was decided between the two readings may be in the books already: then Redis has moved on, and is not older.
      const isBehind = given.g < (fence.lastG[shard] ?? 0);
      if (isBehind && (await statusOf(client, shard)).g > given.g)
        return await compareOnce(redis, { books, durable }, before);
      const status = await withoutSettledLoss(client, given, fence, shard);
      const refused =
        compareShard(status, fence, shard) ??
        (await compareOwnBatch(client, books, { shard, status, before }));
      if (refused !== null) return refused;
    }
    if (fault !== null) return refuse(fault);
    const latestG = new Map([...statuses].map(([shard, { g }]) => [shard, g]));
    return { runId, epoch: fence.epoch, shards: fence.shards, latestG };
  } catch (error) {
    return fencedByError(messageOf(error), redis, { books, durable });
  }
}

/** Marks in Redis the batches that this process has seen and Redis does not have. */
async function markLostBatches(
  client: Commands,
  statuses: ReadonlyMap<number, Status>,
  before: LastAdmission | null,
): Promise<Comparison | null> {
  let lost: Comparison | null = null;
  for (const [shard, { epoch, g }] of statuses) {
    const seen = before?.latestG.get(shard) ?? 0;
    // Batches of an earlier epoch do not count: the books may have begun the new epoch without them.
    if (before?.epoch !== epoch || g >= seen) continue;
    await markLost(client, { shard, epoch, g: seen, keptG: null });
    lost ??= lostDataBecause(`Redis is older than what it has answered (batch ${g} of ${seen})`);
  }
  return lost;
}

/** Checks that the latest batch that this process has answered still exists, in the outbox or else in the books. */
async function compareOwnBatch(
  client: Commands,
  books: BooksReader,
  { shard, status, before }: { shard: number; status: Status; before: LastAdmission | null },
): Promise<Comparison | null> {
  const { epoch } = status;
  const own = before?.epoch === epoch ? before.own.get(shard) : undefined;
  if (own === undefined) return null;
  const [batch] = await readOutbox(client, shard, own.g, 1);
  const isStillThere =
    batch?.g === own.g ? batch.events.includes(own.event) : await books.hasEvent(shard, own.g, own.event);
  if (isStillThere) return null;
  await markLost(client, { shard, epoch, g: own.g, keptG: "other" });
  return lostDataBecause(`Redis has lost what it has answered (batch ${own.g} is another one now)`);
}

/**
 * The mark of a lost batch stands where the writer found it in neither outbox nor books. If older books have been brought
 * up to date since, they have it: then nothing is lost, and the mark goes.
 */
async function withoutSettledLoss(
  client: Commands,
  status: Status,
  fence: BooksFence,
  shard: number,
): Promise<Status> {
  const { epoch, g, lost } = status;
  if (lost === null || epoch !== fence.epoch || lost > g || lost > (fence.lastG[shard] ?? 0)) return status;
  if (compareShard({ ...status, lost: null }, fence, shard) !== null) return status;
  const reply = await client.sendCommand([
    "FCALL",
    "razonete_found",
    "1",
    headKey(shard),
    epoch,
    String(lost),
  ]);
  return Number(reply) === 1 ? { ...status, lost: null } : status;
}

function compareShard(
  { epoch, g, outboxG, outboxEnd, lost }: Status,
  fence: BooksFence,
  shard: number,
): Comparison | null {
  if (epoch === sealedEpoch(fence.epoch)) {
    return refuse(
      "Redis is being restored: wait for razonete restore, or run it again if it was interrupted",
    );
  }
  if (epoch !== fence.epoch) return refuseDifference("epoch", epoch, fence.epoch);
  const lastG = fence.lastG[shard] ?? 0;
  const knownG = Math.max(lastG, fence.seenG[shard] ?? 0);
  if (g < knownG)
    return lostDataBecause(
      `Redis is older than ${lastG === knownG ? "the books" : "what it has answered"} (batch ${g} of ${knownG})`,
    );
  // The first batch after the cursor: it is in the outbox, or else it is the next one that Redis will make.
  const followingG = outboxG ?? g + 1;
  if (followingG > lastG + 1) {
    const missing =
      followingG === lastG + 2 ? `batch ${lastG + 1} is` : `batches ${lastG + 1} to ${followingG - 1} are`;
    return refuse(
      `the books are older than Redis (${missing} in neither the books nor the outbox): ` +
        "bring the books up to date, or run razonete restore",
    );
  }
  if (outboxEnd !== null && outboxEnd > g) {
    return refuse(
      `Redis has written only a part of batch ${outboxEnd}: give it its data back, or run razonete restore`,
    );
  }
  if (lost !== null)
    return lostDataBecause(`Redis has lost what it has answered (batch ${lost}, it has ${g})`);
  return null;
}

/** The epoch that a Redis has while it is being restored: no process accepts it. */
export function sealedEpoch(epoch: string): string {
  return `sealed:${epoch}`;
}

type Status = z.infer<typeof statusReply>;

function isSame(before: LastAdmission, runId: string, shard: number, first: Status): boolean {
  const { epoch, g, lost, outboxEnd } = first;
  const isWhole = lost === null && (outboxEnd ?? 0) <= g;
  return runId === before.runId && epoch === before.epoch && isWhole && g >= (before.latestG.get(shard) ?? 0);
}

async function fenceOf(books: BooksReader, durable: boolean): Promise<BooksFence | Fenced> {
  let fence: BooksFence | null;
  try {
    const fault = await books.settingsFault(durable);
    if (fault !== null) return refuse(fault);
    fence = await books.fence();
  } catch {
    const reason = "the books in PostgreSQL cannot be asked whether Redis is what it should be";
    return { reason, temporary: true };
  }
  if (fence === null) return refuse("the books in PostgreSQL are empty: run razonete init");
  if (fence.loaded) return fence;
  return refuse(
    `Redis has not been loaded yet: run razonete ${fence.isRestoring ? "restore again" : "init"}`,
  );
}

async function statusOf(client: Commands, shard: number): Promise<Status> {
  return statusReply.parse(await client.sendCommand(["FCALL_RO", "razonete_status", "1", headKey(shard)]));
}

const statusReply = z
  .tuple([
    z.string(),
    z.string(),
    z.coerce.number(),
    z.coerce.number(),
    z.coerce.number(),
    z.string(),
    z.string(),
    z.string(),
  ])
  .transform(([epoch, version, shards, g, , outboxG, lost, outboxEnd]) => ({
    epoch,
    version,
    shards,
    g,
    /** The number of the first batch in the outbox. */
    outboxG: numberOf(outboxG),
    /** The number of the last one. */
    outboxEnd: numberOf(outboxEnd),
    lost: numberOf(lost),
  }));

function numberOf(text: string): number | null {
  return text === "" ? null : Number(text);
}

/** Explains an error of Redis, when it was asked for its status. */
async function fencedByError(
  message: string,
  { node, shard }: Compared,
  { books, durable }: FenceOptions,
): Promise<Fenced & { lostData: boolean }> {
  const moved = whyMoved(message, shard !== null);
  if (moved !== null) return shard === null ? refuse(moved) : cannotBeAsked(moved);
  const isGone = isFunctionGone(message);
  if (!isGone && !message.startsWith("EMPTY")) return cannotBeAsked(message);
  try {
    // Where the functions are gone, all else may be gone, too.
    if (isGone && Number(await node.sendCommand(["EXISTS", headKey(shard ?? 0)])) === 1) {
      return { ...refuse("Redis has no functions of the ledger: run razonete init"), lostData: true };
    }
  } catch (error) {
    return cannotBeAsked(messageOf(error));
  }
  const fence = await fenceOf(books, durable);
  return { ...refuse("reason" in fence ? whyEmpty(fence) : HELD_LEDGER), lostData: true };
}

function cannotBeAsked(message: string): Fenced & { lostData: boolean } {
  return { reason: `Redis cannot be asked (${message})`, temporary: true, lostData: false };
}

/** Only where the books say so, an empty Redis is one that has lost its data. */
const HELD_LEDGER =
  "Redis holds no ledger, but it did: give it its data back, or run razonete restore, which brings it from the books";

function whyEmpty({ reason, temporary }: Fenced): string {
  return temporary ? `Redis holds no ledger, and ${reason}` : reason;
}

function refuseDifference(
  what: string,
  redis: string | number,
  books: string | number,
): Fenced & { lostData: boolean } {
  return refuse(
    `Redis has another ${what} than the books (${redis}, not ${books}): set REDIS_URL and DATABASE_URL to the same ` +
      "system, or run razonete restore",
  );
}

function lostDataBecause(reason: string): Fenced & { lostData: boolean } {
  return {
    reason: `${reason}: give it its data back, or run razonete restore`,
    temporary: false,
    lostData: true,
  };
}

function refuse(reason: string): Fenced & { lostData: boolean } {
  return { reason, temporary: false, lostData: false };
}
