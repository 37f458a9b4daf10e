import type postgres from "postgres";
import { NO_HASH } from "../ledger/journal.ts";
import type { ChainedRow } from "./journal-rows.ts";
import type { NetChanges } from "./net-changes.ts";
import { integers, texts } from "./pg-array.ts";

/** The batches `g` to `to` of one shard. */
export interface BatchRange {
  readonly shard: number;
  readonly epoch: string;
  readonly g: number;
  readonly to: number;
}

/** Calls the SQL function keep_batches (see the migration) with net changes; alone, or within a transaction. */
export function callKeepBatches(
  sql: postgres.ISql<{ bigint: number }>,
  range: BatchRange,
  rows: readonly ChainedRow[],
  { opened, newLimits, changes }: NetChanges,
): postgres.PendingQuery<{ found: number }[]> {
  const separator = absentFrom(rows);
  const events = rows.map((row) => row.events.join(separator)).join(separator + separator);
  return sql<{ found: number }[]>`
      SELECT keep_batches(
        ${range.shard}, ${range.epoch}, ${range.g}, ${range.to},
        ${bytea(rows[0]?.previous ?? NO_HASH)}::text::bytea,
        ${integers(rows, (row) => row.g)}::text::bigint[],
        ${integers(rows, (row) => row.time)}::text::bigint[],
        ${events}, ${separator},
        ${texts(rows, (row) => bytea(row.hash))}::text::bytea[],
        ${JSON.stringify(opened)}::text::jsonb, ${JSON.stringify(newLimits)}::text::jsonb,
        ${texts(changes, (change) => change.account)}::text::text[],
        ${integers(changes, (change) => change.seqBefore)}::text::bigint[],
        ${integers(changes, (change) => change.balanceBefore)}::text::bigint[],
        ${integers(changes, (change) => change.limitBefore)}::text::bigint[],
        ${integers(changes, (change) => change.seq)}::text::bigint[],
        ${integers(changes, (change) => change.balance)}::text::bigint[],
        ${integers(changes, (change) => change.creditLimit)}::text::bigint[]
      ) AS found`;
}

/** A character that no event contains. Nearly always it is the first one: nobody writes U+0001 in a description. */
function absentFrom(rows: readonly ChainedRow[]): string {
  const all = rows.map((row) => row.events.join("")).join("");
  for (let code = 1; ; code += 1) {
    const character = String.fromCharCode(code);
    if (!all.includes(character)) return character;
  }
}

function bytea(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes).toString("hex")}`;
}
