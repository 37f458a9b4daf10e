import { z } from "zod";
import type { Batch } from "../carry/batch.ts";
import { accountOfRow } from "../decide/function-codec.ts";
import type { RedisNodes } from "../decide/nodes/redis-nodes.ts";
import { StartError } from "../errors.ts";
import { isChange } from "../keep/account-steps.ts";
import { readEndingHolds } from "../keep/hold-changes.ts";
import type { Sql, Transaction } from "../keep/postgres-client.ts";
import { netChanges } from "../keep/net-changes.ts";
import { readEndingParts } from "../keep/transits/ending-parts.ts";
import { splitRow } from "../keep/transits/in-transit.ts";
import { accountsMoved } from "../keep/transits/lost-sides.ts";
import { missingEvents } from "../keep/missing-events.ts";
import { callKeepBatches } from "../keep/call-keep-batches.ts";
import { journalRows } from "../keep/journal-rows.ts";
import type { Account, AccountId } from "../ledger/account.ts";
import { texts } from "../keep/pg-array.ts";
import { formatEvent, type LedgerEvent, parseEvent } from "../ledger/event.ts";
import type { EventId } from "../ledger/transaction.ts";
import { bounds } from "../bounds.ts";
import type { Diagnosis, ShardDiagnosis } from "./diagnose.ts";
import { scanKeys } from "../decide/scan-keys.ts";
import { homesOf, prepareAnew, readLostDecisions, readLostParts } from "./lost-parts.ts";
import type {
  LostTransit,
  MissingOfAccount,
  RestoredShard,
  RestoreReport,
  UnknownEpoch,
} from "./restore-report.ts";
import {
  accountsIn,
  batchesIn,
  type LatestKnown,
  noteMissing,
  recoverBatches,
  type RecoveredBatches,
  type BooksAccount,
} from "./recover-batches.ts";

/** Thrown to roll back the transaction when only a plan is wanted. */
class PlanOnly extends Error {}

/**
 * Brings the batches that can be recovered into the books and opens a new epoch, in one transaction. From its commit
 * on, everything of the old epoch is refused: writers, APIs, late messages.
 *
 * @param commit false rolls everything back at the end: the plan is made by doing it and undoing it
 */
export async function commitRecovered(
  sql: Sql,
  nodes: RedisNodes,
  diagnosis: Diagnosis,
  epoch: string,
  commit: boolean,
): Promise<RestoreReport> {
  let report: RestoreReport | null = null;
  try {
    await sql.begin(async (transaction) => {
      report = await commitAll(transaction, nodes, diagnosis, epoch);
      if (!commit) throw new PlanOnly();
    });
  } catch (error) {
    if (!(error instanceof PlanOnly)) throw error;
  }
  if (report === null) throw new Error("the transaction ended without a report");
  return report;
}

async function commitAll(
  sql: Transaction,
  nodes: RedisNodes,
  diagnosis: Diagnosis,
  epochAfter: string,
): Promise<RestoreReport> {
  const { epoch } = diagnosis.system;
  // From here on no writer can keep anything. Batches that a writer has kept since the diagnosis are skipped below.
  const cursors = await sql<{ shard: number; last_g: number; seen_g: number }[]>`
    SELECT shard, last_g, seen_g FROM cursors ORDER BY shard FOR UPDATE`;
  const [unchanged] = await sql`SELECT FROM system WHERE epoch = ${epoch}`;
  if (unchanged === undefined) throw new StartError("another restore was here: run razonete restore again.");

  const homes = await homesInSources(sql, diagnosis);
  const shards: RestoredShard[] = [];
  const batches: { shard: number; from: number; to: number }[] = [];
  const unknown: UnknownEpoch[] = [];
  const latestKnown = new Map<AccountId, LatestKnown>();
  for (const { shard, last_g: keptG, seen_g: seenG } of cursors) {
    const shardDiagnosis = diagnosis.shards[shard];
    if (shardDiagnosis === undefined) continue;
    const sources = {
      ...shardDiagnosis,
      epoch,
      lastG: keptG,
      knownG: Math.max(shardDiagnosis.knownG, keptG, seenG, homes.get(shard) ?? 0),
    };
    const batchesFound = batchesIn(sources);
    const recovered = recoverBatches(sources, {
      accounts: await accountsInBooks(sql, accountsIn(batchesFound)),
      openHolds: await readEndingHolds(sql, shard, batchesFound),
      openParts: await readEndingParts(sql, shard, batchesFound),
    });
    await commitShard(sql, recovered, { shard, epoch, lastG: keptG });
    const { fromOutbox, fromFeed, holes, missing } = recovered;
    shards.push({ shard, found: shardDiagnosis.found, keptG, fromOutbox, fromFeed, lastG: sources.knownG });
    for (const hole of holes) batches.push({ shard, ...hole });
    for (const [account, latest] of missing) latestKnown.set(account, latest);
    const displaced = await displacedBy(sql, shardDiagnosis, keptG);
    for (const event of displaced.filter(isChange)) noteMissing(latestKnown, event);
    if (isUnexplained(shardDiagnosis, keptG, displaced.some(isChange) || missing.size > 0)) {
      const g = shardDiagnosis.head?.other ?? 0;
      batches.push({ shard, from: g, to: g });
    }
    if (shardDiagnosis.head?.epoch === epoch && (holes.length > 0 || missing.size > 0))
      await compareWithRedis(sql, nodes, shardDiagnosis, latestKnown);
    for (const held of shardDiagnosis.unknown) {
      const before = latestKnown.size;
      if (held.heldBy === "Redis") await compareWithRedis(sql, nodes, shardDiagnosis, latestKnown);
      // One that went on from these books and decided nothing since has nothing that they lack.
      const isSame = held.lastG === sources.knownG && latestKnown.size === before;
      if (held.heldBy === "Redis" ? !isSame : held.lastG > sources.knownG) unknown.push(held);
    }
  }

  const transits = await commitLostParts(sql, epoch, shards);
  const accounts = await missingOf(sql, latestKnown);
  const report: RestoreReport = {
    type: "restored",
    epoch: epochAfter,
    shards,
    missing: { batches, accounts, transits },
    unknown,
  };
  await sql`UPDATE cursors SET seen_g = 0`;
  await sql`UPDATE system SET epoch = ${epochAfter}, loaded = false`;
  await sql`
    INSERT INTO restores (epoch_before, epoch_after, report)
    VALUES (${epoch}, ${epochAfter}, ${JSON.stringify(report)}::text::jsonb)`;
  return report;
}

/** How far each shard must have been, by what others have finished of its decisions. */
async function homesInSources(sql: Transaction, { shards }: Diagnosis): Promise<ReadonlyMap<number, number>> {
  const kept = await sql<{ transaction: EventId }[]>`
    SELECT transaction FROM parts AS p
    WHERE p.state = 'finished' AND NOT EXISTS (SELECT FROM transits AS t WHERE t.attempt = p.attempt)`;
  const transactions = kept.map(({ transaction }) => transaction);
  for (const { outbox, feed } of shards) {
    for (const events of [...outbox.values(), ...feed.values()])
      for (const text of events) if (text.startsWith("f ")) transactions.push(text.split(" ", 4)[3] ?? "");
  }
  return homesOf(transactions);
}

/**
 * Prepares lost parts anew, each in a batch of its own behind all that its shard had; what cannot be is returned.
 *
 * @param shards their `lastG` rises with it
 */
async function commitLostParts(
  sql: Transaction,
  epoch: string,
  shards: RestoredShard[],
): Promise<LostTransit[]> {
  const lost: LostTransit[] = await readLostDecisions(sql, shards.length);
  for (const part of await readLostParts(sql)) {
    const { attempt, transaction, shard, decision } = part;
    const accounts = accountsMoved(decision.postings, shard, shards.length);
    const own = shards.find((one) => one.shard === shard);
    // Where it was only about a condition, nothing is missing.
    if (own === undefined || accounts.length === 0) continue;
    const [end] = await sql<{ time: number }[]>`
      SELECT max(time) AS time FROM (
        SELECT time FROM journal WHERE shard = ${shard} ORDER BY g DESC LIMIT ${bounds.restore_compared_batches}
      ) AS latest`;
    const now = Math.max(Date.now() * 1000, end?.time ?? 0);
    const event = await prepareAnew(sql, part, shards.length, now);
    if (event === null) {
      lost.push({ attempt, transaction, shard, accounts });
      continue;
    }
    const batch = { epoch, shard, g: own.lastG + 1, events: [formatEvent(event)] };
    await commitShard(sql, { batches: [batch], holes: [] }, { shard, epoch, lastG: own.lastG });
    shards[shards.indexOf(own)] = { ...own, lastG: batch.g };
  }
  return lost;
}

/** Events in the feed of batches that were displaced: the books have kept other batches under their numbers. */
async function displacedBy(
  sql: Transaction,
  { shard, head, feed }: ShardDiagnosis,
  keptG: number,
): Promise<LedgerEvent[]> {
  if (head === null || head.other === null) return [];
  const events: LedgerEvent[] = [];
  for (const [g, eventTexts] of feed) {
    if (g > keptG) continue;
    events.push(...(await missingEvents(sql, { shard, g }, eventTexts)).map(parseEvent));
  }
  return events;
}

/** Whether a batch was displaced by another one and no source says which accounts it changed. */
function isUnexplained({ head, outbox }: ShardDiagnosis, keptG: number, explained: boolean): boolean {
  const other = head?.other ?? null;
  return other !== null && !explained && (other <= keptG || outbox.has(other));
}

async function commitShard(
  sql: Transaction,
  { batches, holes }: Pick<RecoveredBatches, "batches" | "holes">,
  { shard, epoch, lastG }: { shard: number; epoch: string; lastG: number },
): Promise<void> {
  const [end] = await sql<{ hash: Uint8Array }[]>`
    SELECT hash FROM journal WHERE shard = ${shard} AND g = ${lastG}`;
  if (end === undefined)
    throw new StartError(
      `the journal has no row ${lastG} of shard ${shard}: put back a backup of the books.`,
    );
  let { hash } = end;
  let cursor = lastG;
  const now = Date.now() * 1000;
  const keep = async (chunk: readonly Batch[], to: number): Promise<void> => {
    const holds = await readEndingHolds(sql, shard, chunk);
    const changes = netChanges(chunk, holds, await readEndingParts(sql, shard, chunk));
    // A batch of which no event could be kept has no time of its own.
    const times = changes.times.map((time) => time || now);
    const rows = journalRows(chunk, times, hash);
    const [row] = await callKeepBatches(sql, { shard, epoch, g: cursor + 1, to }, rows, changes);
    if (row?.found !== cursor)
      throw new Error(`the cursor of shard ${shard} is at ${row?.found}, not ${cursor}`);
    cursor = to;
    hash = rows.at(-1)?.hash ?? hash;
  };
  const gone = holes.map(({ from, to }) => {
    const events = [formatEvent({ type: "missing", time: now, from, to })];
    return { epoch, shard, g: to, events };
  });
  let chunk: Batch[] = [];
  let events = 0;
  for (const batch of [...batches, ...gone].toSorted((a, b) => a.g - b.g)) {
    chunk.push(batch);
    events += batch.events.length;
    if (events < bounds.keep_entries_target) continue;
    await keep(chunk, batch.g);
    [chunk, events] = [[], 0];
  }
  const last = chunk.at(-1);
  if (last !== undefined) await keep(chunk, last.g);
}

type BooksAccountRow = BooksAccount & { readonly account: AccountId };

async function accountsInBooks(
  sql: Transaction,
  accounts: readonly AccountId[],
): Promise<Map<AccountId, BooksAccount>> {
  const rows = await sql<BooksAccountRow[]>`
    SELECT account, seq, balance, credit_limit AS "creditLimit", held, state FROM accounts
    WHERE account = ANY(${texts(accounts, (account) => account)}::text::text[])`;
  return new Map(rows.map(({ account, ...standing }) => [account, standing]));
}

const rowsReply = z.array(z.string().nullable());

/** If batches are missing, Redis itself may still have the state of accounts after them. */
async function compareWithRedis(
  sql: Transaction,
  nodes: RedisNodes,
  { shard }: ShardDiagnosis,
  latestKnown: Map<AccountId, LatestKnown>,
): Promise<void> {
  const prefix = `razonete:{${shard}}:account:`;
  const redis = nodes.shard(shard);
  for await (const keys of scanKeys(redis, `${prefix}*`)) {
    const accounts = keys.map((key) => key.slice(prefix.length));
    const inBooks = await accountsInBooks(sql, accounts);
    const rows = rowsReply.parse(await redis.sendCommand(["MGET", ...keys]));
    for (const [index, account] of accounts.entries()) {
      const row = accountOrNull(account, rows[index] ?? null);
      if (row === null) continue;
      const { seq, balance, creditLimit, held, state } = row;
      const kept = inBooks.get(account);
      const isAhead =
        kept === undefined ||
        seq > kept.seq ||
        (seq === kept.seq &&
          (balance !== kept.balance ||
            creditLimit !== kept.creditLimit ||
            held !== kept.held ||
            state !== kept.state));
      if (isAhead && seq >= (latestKnown.get(account)?.seq ?? 0)) latestKnown.set(account, { seq, balance });
    }
  }
}

/** `null` if there is none, or something that cannot be read. */
function accountOrNull(id: AccountId, row: string | null): Account | null {
  try {
    return row === null ? null : accountOfRow(id, splitRow(row)[0], "");
  } catch {
    return null;
  }
}

async function missingOf(
  sql: Transaction,
  latestKnown: ReadonlyMap<AccountId, LatestKnown>,
): Promise<MissingOfAccount[]> {
  const accounts = [...latestKnown.keys()].toSorted();
  const inBooks = await accountsInBooks(sql, accounts);
  return accounts.map((account) => {
    const { seq, balance } = inBooks.get(account) ?? { seq: 0, balance: 0 };
    const latest = latestKnown.get(account) ?? { seq, balance };
    return { account, seq, balance, knownSeq: latest.seq, knownBalance: latest.balance };
  });
}
