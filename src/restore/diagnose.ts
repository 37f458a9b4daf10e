import { z } from "zod";
import type { Batch } from "../carry/batch.ts";
import { readStream } from "../carry/read-stream.ts";
import { sealedEpoch } from "../decide/fence.ts";
import type { Commands, RedisNodes } from "../decide/nodes/redis-nodes.ts";
import { headKey, readOutbox } from "../decide/redis-client.ts";
import { messageOf, StartError } from "../errors.ts";
import type { Sql } from "../keep/postgres-client.ts";
import { bounds } from "../bounds.ts";
import type { RestoredShard, UnknownEpoch } from "./restore-report.ts";

export interface System {
  readonly epoch: string;
  readonly shards: number;
  readonly loaded: boolean;
  /** For how long clients' keys are remembered. */
  readonly keyHours: number;
}

export interface HeadState {
  /** The epoch, without the mark of a seal. */
  readonly epoch: string;
  readonly isSealed: boolean;
  readonly g: number;
  readonly lost: number | null;
  /** A batch that was answered and whose number another batch has now; null if there is none. */
  readonly other: number | null;
}

/** What Redis, outbox, feed and books have of one shard, and the diagnosis that follows. */
export interface ShardDiagnosis {
  readonly shard: number;
  readonly lastG: number;
  readonly seenG: number;
  readonly head: HeadState | null;
  /** Batches after the cursor, by g; empty if Redis is of another epoch. */
  readonly outbox: ReadonlyMap<number, readonly string[]>;
  /** The same; if a batch was displaced by another one, also some batches before the cursor. */
  readonly feed: ReadonlyMap<number, readonly string[]>;
  readonly found: RestoredShard["found"];
  /** The latest batch that any of the sources knows of. */
  readonly knownG: number;
  /** Where Redis is not of the books' epoch: what is held of epochs that the books do not know. */
  readonly unknown: readonly UnknownEpoch[];
}

export interface Diagnosis {
  readonly system: System;
  readonly shards: readonly ShardDiagnosis[];
  /** Why the feed could not be read; null if it was. */
  readonly feedError: string | null;
}

/** @throws StartError if there are no books */
export async function readSystem(sql: Sql): Promise<System> {
  const [system] = await sql<System[]>`
    SELECT epoch, shards, loaded, key_hours AS "keyHours" FROM system`;
  if (system === undefined)
    throw new StartError("the books are empty, there is nothing to restore: run razonete init.");
  return system;
}

/**
 * Reads Redis, outbox, feed and books, and diagnoses each shard. Changes nothing.
 *
 * @throws StartError if there are no books, or the first start was not completed
 */
export async function diagnose(sql: Sql, nodes: RedisNodes, natsUrl: string): Promise<Diagnosis> {
  const system = await readSystem(sql);
  if (!system.loaded) throw new StartError("the first start was not completed: run razonete init.");
  // The outbox is read before the books: a batch that is removed from it meanwhile is in the books by then.
  const heads: (HeadState | null)[] = [];
  const outboxes: (readonly Batch[])[] = [];
  for (let shard = 0; shard < system.shards; shard += 1) {
    // What its replicas do not have was not answered, and may be gone after a failover.
    const { confirmed } = nodes.shard(shard);
    const head = await readHead(confirmed, shard);
    heads.push(head);
    outboxes.push(head?.epoch === system.epoch ? await readWholeOutbox(confirmed, system.epoch, shard) : []);
  }
  const feeds = await readFeed(natsUrl, system);
  const known = await knownEpochs(sql, system);
  const cursors = await sql<{ shard: number; last_g: number; seen_g: number }[]>`
    SELECT shard, last_g, seen_g FROM cursors ORDER BY shard`;
  const shards = cursors.map(({ shard, last_g: lastG, seen_g: seenG }) => {
    const head = heads[shard] ?? null;
    const outbox = batchesAfter(outboxes[shard] ?? [], lastG);
    const own = head !== null && head.epoch === system.epoch ? head : null;
    const other = own?.other ?? null;
    const comparedG = other === null ? lastG : Math.min(lastG, other - bounds.restore_compared_batches);
    const feed = batchesAfter(feeds.batches.get(shard) ?? [], comparedG);
    const knownG = Math.max(
      lastG,
      seenG,
      own?.g ?? 0,
      own?.lost ?? 0,
      ...highestG(outbox),
      ...highestG(feed),
    );
    const found = stateOf(system.epoch, head, { lastG, knownG, outbox });
    const unknown = own === null ? unknownOf(shard, head, feeds.others, known) : [];
    return { shard, lastG, seenG, head, outbox, feed, found, knownG, unknown };
  });
  return { system, shards, feedError: feeds.error };
}

/** Those that a restore has ended, or given up: what they held is in the books, or was told. */
async function knownEpochs(sql: Sql, { epoch }: System): Promise<ReadonlySet<string>> {
  const rows = await sql<{ epoch: string }[]>`
    SELECT epoch_before AS epoch FROM restores
    UNION SELECT given_up ->> 'epoch' FROM restores, jsonb_array_elements(report -> 'unknown') AS given_up`;
  return new Set([epoch, ...rows.map((row) => row.epoch)]);
}

function unknownOf(
  shard: number,
  head: HeadState | null,
  inFeed: readonly LastOfEpoch[],
  known: ReadonlySet<string>,
): UnknownEpoch[] {
  const found: UnknownEpoch[] = [];
  // Of a ledger that was just begun nothing was answered.
  if (head !== null && head.g > 0) found.push({ shard, epoch: head.epoch, lastG: head.g, heldBy: "Redis" });
  for (const { epoch, shard: of, g } of inFeed) {
    if (of === shard && epoch !== head?.epoch) found.push({ shard, epoch, lastG: g, heldBy: "the feed" });
  }
  return found.filter(({ epoch }) => !known.has(epoch));
}

/** Whether Redis and the books belong together, and nothing that was answered is known to be missing. */
export function isWhole({ shards }: Diagnosis): boolean {
  return shards.every(({ found, head }) => found === "whole" && head?.isSealed === false);
}

function stateOf(
  epoch: string,
  head: HeadState | null,
  { lastG, knownG, outbox }: Pick<ShardDiagnosis, "lastG" | "knownG" | "outbox">,
): RestoredShard["found"] {
  if (head === null) return "empty";
  if (head.epoch !== epoch) return "another epoch";
  // Every batch from the cursor to the head must be in the outbox.
  for (let g = lastG + 1; g <= head.g; g += 1) if (!outbox.has(g)) return "ahead of the books";
  return head.g < knownG || head.lost !== null ? "older" : "whole";
}

const headReply = z.tuple([
  z.string().nullable(),
  z.string().nullable(),
  z.string().nullable(),
  z.string().nullable(),
]);

async function readHead(redis: Commands, shard: number): Promise<HeadState | null> {
  const reply: unknown = await redis.sendCommand(["HMGET", headKey(shard), "epoch", "g", "lost", "other"]);
  const [epoch, g, lost, other] = headReply.parse(reply);
  if (epoch === null) return null;
  const sealPrefix = sealedEpoch("");
  return {
    epoch: epoch.startsWith(sealPrefix) ? epoch.slice(sealPrefix.length) : epoch,
    isSealed: epoch.startsWith(sealPrefix),
    g: Number(g),
    lost: lost === null ? null : Number(lost),
    other: other === null ? null : Number(other),
  };
}

async function readWholeOutbox(redis: Commands, epoch: string, shard: number): Promise<readonly Batch[]> {
  const batches: Batch[] = [];
  for (let g = 0; ;) {
    const read = await readOutbox(redis, shard, g, bounds.outbox_read_batches_max);
    for (const entry of read) batches.push({ epoch, shard, ...entry });
    if (read.length < bounds.outbox_read_batches_max) return batches;
    g = (read.at(-1)?.g ?? g) + 1;
  }
}

type LastOfEpoch = Pick<Batch, "epoch" | "shard" | "g">;

async function readFeed(natsUrl: string, { epoch, shards }: System) {
  const batches = new Map<number, Batch[]>(Array.from({ length: shards }, (_, shard) => [shard, []]));
  /** The last batch of each other epoch. */
  const others = new Map<string, LastOfEpoch>();
  let error: string | null = null;
  try {
    await readStream(natsUrl, (batch) => {
      const { epoch: of, shard, g } = batch;
      const key = `${shard} ${of}`;
      if (of === epoch) batches.get(shard)?.push(batch);
      else if (g > (others.get(key)?.g ?? 0)) others.set(key, { epoch: of, shard, g });
    });
  } catch (thrown) {
    error = messageOf(thrown);
  }
  return { batches, others: [...others.values()], error };
}

function batchesAfter(batches: readonly Batch[], lastG: number): ReadonlyMap<number, readonly string[]> {
  return new Map(batches.filter(({ g }) => g > lastG).map(({ g, events }) => [g, events]));
}

function highestG(batches: ReadonlyMap<number, unknown>): number[] {
  let top = 0;
  for (const g of batches.keys()) top = Math.max(top, g);
  return [top];
}
