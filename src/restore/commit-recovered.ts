import { z } from "zod";
import type postgres from "postgres";
import type { Batch } from "../carry/batch.ts";
import type { Redis } from "../decide/redis-client.ts";
import { StartError } from "../errors.ts";
import type { Sql } from "../keep/postgres-client.ts";
import { fold } from "../keep/net-changes.ts";
import { notInBooks } from "../keep/missing-events.ts";
import { keepFolded } from "../keep/call-keep-batches.ts";
import { type LedgerEvent, parseEvent } from "../ledger/event.ts";
import { bounds } from "../bounds.ts";
import type { Found, ShardFound } from "./diagnose.ts";
import { keysOf } from "./scan-keys.ts";
import type { MissingOfAccount, RestoredShard, RestoreReport } from "./restore-report.ts";
import {
  accountsIn,
  type Known,
  noteMissing,
  salvage,
  type Salvage,
  type Standing,
} from "./recover-batches.ts";

type Transaction = postgres.TransactionSql<{ bigint: number }>;

/** Thrown to undo the transaction of a plan. */
class OnlyPlanned extends Error {}

/**
 * Brings what can be salvaged into the books, and opens a new epoch in them: in one transaction, so that there is
 * nothing in between. From its commit on, whoever is of the epoch before is refused: writers, APIs, late messages.
 *
 * @param commit false undoes all of it in the end: what it would do, found out by doing it
 */
export async function keepSalvaged(
  sql: Sql,
  redis: Redis,
  found: Found,
  epoch: string,
  commit: boolean,
): Promise<RestoreReport> {
  let report: RestoreReport | null = null;
  try {
    await sql.begin(async (transaction) => {
      report = await keepAll(transaction, redis, found, epoch);
      if (!commit) throw new OnlyPlanned();
    });
  } catch (error) {
    if (!(error instanceof OnlyPlanned)) throw error;
  }
  if (report === null) throw new Error("the transaction ended without a report");
  return report;
}

async function keepAll(
  sql: Transaction,
  redis: Redis,
  found: Found,
  epochAfter: string,
): Promise<RestoreReport> {
  const { epoch } = found.system;
  // No writer keeps anything from here on; what one has kept since the look is skipped below.
  const cursors = await sql<{ shard: number; last_g: number; seen_g: number }[]>`
    SELECT shard, last_g, seen_g FROM cursors ORDER BY shard FOR UPDATE`;
  const [same] = await sql`SELECT FROM system WHERE epoch = ${epoch}`;
  if (same === undefined) throw new StartError("another restore was here: run razonete restore again.");

  const shards: RestoredShard[] = [];
  const batches: { shard: number; from: number; to: number }[] = [];
  const known = new Map<number, Known>();
  let nextAccount = await nextAccountOf(sql);
  for (const { shard, last_g: keptG, seen_g: seenG } of cursors) {
    const one = found.shards[shard];
    if (one === undefined) continue;
    const sources = { ...one, epoch, lastG: keptG, knownG: Math.max(one.knownG, keptG, seenG) };
    const salvaged = salvage(sources, await standingsOf(sql, accountsIn(sources)));
    await keepShard(sql, salvaged, { shard, epoch, lastG: keptG, to: sources.knownG });
    const { fromOutbox, fromFeed, holes, missing, highestAccount } = salvaged;
    shards.push({ shard, found: one.found, keptG, fromOutbox, fromFeed, lastG: sources.knownG });
    for (const hole of holes) batches.push({ shard, ...hole });
    for (const [account, latest] of missing) known.set(account, latest);
    nextAccount = Math.max(nextAccount, highestAccount + 1);
    const displaced = await displacedBy(sql, one, keptG);
    for (const event of displaced) noteMissing(known, event);
    if (isUntold(one, keptG, displaced.length > 0 || missing.size > 0)) {
      const g = one.head?.other ?? 0;
      batches.push({ shard, from: g, to: g });
    }
    if (one.head?.epoch !== epoch) continue;
    // Each shard gives out every so-manieth number: at most those under the largest `next` were given out.
    nextAccount = Math.max(nextAccount, one.head.next - found.system.shards + 1);
    if (holes.length > 0 || missing.size > 0) await compareWithRedis(sql, redis, one, known);
  }

  const accounts = await missingOf(sql, known);
  const report: RestoreReport = {
    type: "restored",
    epoch: epochAfter,
    shards,
    missing: { batches, accounts },
  };
  await sql`UPDATE cursors SET seen_g = 0`;
  await sql`UPDATE system SET epoch = ${epochAfter}, loaded = false`;
  await sql`
    INSERT INTO restores (epoch_before, epoch_after, next_account, report)
    VALUES (${epoch}, ${epochAfter}, ${nextAccount}, ${JSON.stringify(report)}::text::jsonb)`;
  return report;
}

/** What the feed has of batches in whose place the books have kept others. */
async function displacedBy(
  sql: Transaction,
  { head, feed }: ShardFound,
  keptG: number,
): Promise<LedgerEvent[]> {
  if (head === null || head.other === null) return [];
  const events = [...feed].flatMap(([g, texts]) => (g <= keptG ? texts : []));
  return (await notInBooks(sql, events)).map(parseEvent);
}

/** Whether a batch was displaced by another one, and nothing tells what was in it. */
function isUntold({ head, outbox }: ShardFound, keptG: number, told: boolean): boolean {
  const other = head?.other ?? null;
  return other !== null && !told && (other <= keptG || outbox.has(other));
}

async function nextAccountOf(sql: Transaction): Promise<number> {
  const [row] = await sql<{ next: number }[]>`
    SELECT greatest(
      (SELECT coalesce(max(account), 0) + 1 FROM accounts), (SELECT max(next_account) FROM restores)
    ) AS next`;
  return row?.next ?? 1;
}

async function keepShard(
  sql: Transaction,
  { batches }: Salvage,
  { shard, epoch, lastG, to }: { shard: number; epoch: string; lastG: number; to: number },
): Promise<void> {
  let cursor = lastG;
  const keep = async (chunk: readonly Batch[], until: number): Promise<void> => {
    if (until === cursor) return;
    // A hole is kept as batches without events: the cursor goes on behind it.
    const [row] = await keepFolded(sql, { shard, epoch, g: cursor + 1, to: until }, fold(chunk));
    if (row?.found !== cursor)
      throw new Error(`the cursor of shard ${shard} is at ${row?.found}, not ${cursor}`);
    cursor = until;
  };
  let chunk: Batch[] = [];
  let events = 0;
  for (const batch of batches) {
    chunk.push(batch);
    events += batch.events.length;
    if (events < bounds.keep_entries_target) continue;
    await keep(chunk, batch.g);
    [chunk, events] = [[], 0];
  }
  await keep(chunk, to);
}

interface StandingRow extends Standing {
  readonly account: number;
}

async function standingsOf(sql: Transaction, accounts: readonly number[]): Promise<Map<number, Standing>> {
  const rows = await sql<StandingRow[]>`
    SELECT account, seq, balance, credit_limit AS "creditLimit" FROM accounts
    WHERE account = ANY(${`{${accounts.join(",")}}`}::text::bigint[])`;
  return new Map(rows.map(({ account, ...standing }) => [account, standing]));
}

const accountReply = z
  .tuple([z.coerce.number(), z.coerce.number(), z.coerce.number()])
  .nullable()
  .catch(null);

/** Where batches are missing, Redis itself may still tell how the accounts stood after them. */
async function compareWithRedis(
  sql: Transaction,
  redis: Redis,
  { shard }: ShardFound,
  known: Map<number, Known>,
): Promise<void> {
  const prefix = `razonete:{${shard}}:account:`;
  for await (const keys of keysOf(redis, `${prefix}*`)) {
    const accounts = keys.map((key) => Number(key.slice(prefix.length)));
    const standings = await standingsOf(sql, accounts);
    const replies = await Promise.all(
      keys.map((key) => redis.sendCommand(["HMGET", key, "seq", "balance", "limit"])),
    );
    for (const [index, reply] of replies.entries()) {
      const account = accounts[index] ?? 0;
      const row = accountReply.parse(reply);
      if (row === null) continue;
      const [seq, balance, creditLimit] = row;
      const kept = standings.get(account);
      const isAhead =
        kept === undefined ||
        seq > kept.seq ||
        (seq === kept.seq && (balance !== kept.balance || creditLimit !== kept.creditLimit));
      if (isAhead && seq >= (known.get(account)?.seq ?? 0)) known.set(account, { seq, balance });
    }
  }
}

async function missingOf(sql: Transaction, known: ReadonlyMap<number, Known>): Promise<MissingOfAccount[]> {
  const numbers = [...known.keys()].toSorted((a, b) => a - b);
  const standings = await standingsOf(sql, numbers);
  return numbers.map((account) => {
    const { seq, balance } = standings.get(account) ?? { seq: 0, balance: 0 };
    const latest = known.get(account) ?? { seq, balance };
    return { account, seq, balance, knownSeq: latest.seq, knownBalance: latest.balance };
  });
}
