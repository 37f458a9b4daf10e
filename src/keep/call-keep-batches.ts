import type postgres from "postgres";
import type { Batch } from "../carry/batch.ts";
import { type Party, WORLD } from "../ledger/account.ts";
import { NO_HASH } from "../ledger/journal.ts";
import type { HoldEnd, NewHold } from "./hold-changes.ts";
import type { ChainedRow } from "./journal-rows.ts";
import type { MovedEntry, NetChanges } from "./net-changes.ts";
import { integers, texts } from "./pg-array.ts";

type Queryable = postgres.ISql<{ bigint: number }>;

/** The batches `g` to `to` of one shard. */
export interface BatchRange {
  readonly shard: number;
  readonly epoch: string;
  readonly g: number;
  readonly to: number;
}

/** Calls the SQL function keep_batches (see the migration) with net changes; alone, or within a transaction. */
export function callKeepBatches(
  sql: Queryable,
  range: BatchRange,
  rows: readonly ChainedRow[],
  changes: NetChanges,
): postgres.PendingQuery<{ found: number }[]> {
  const separators = separatorsFor(rows, changes);
  const separator = separators.charAt(0);
  const events = rows.map((row) => row.events.join(separator)).join(separator + separator);
  return sql<{ found: number }[]>`
      SELECT keep_batches(
        ${range.shard}, ${range.epoch}, ${range.g}, ${range.to},
        ${bytea(rows[0]?.previous ?? NO_HASH)}::text::bytea,
        ${integers(rows, (row) => row.g)}::text::bigint[],
        ${integers(rows, (row) => row.time)}::text::bigint[],
        ${events},
        ${texts(rows, (row) => bytea(row.hash))}::text::bytea[],
        ${changesFor(sql, separators, changes)}
      ) AS found`;
}

/** Calls the SQL function add_changes (see the migration): the journal has the batches already. */
export async function callAddChanges(
  sql: Queryable,
  shard: number,
  batches: readonly Pick<Batch, "events">[],
  changes: NetChanges,
): Promise<void> {
  await sql`SELECT add_changes(${shard}, ${changesFor(sql, separatorsFor(batches, changes), changes)})`;
}

/** The arguments of add_changes. */
function changesFor(sql: Queryable, separators: string, net: NetChanges) {
  const { opened, details, newLimits, reversals, moved, holds, ends, changes } = net;
  const rest = {
    ...(opened.length === 0 ? {} : { opened }),
    ...(details.length === 0 ? {} : { details }),
    ...(newLimits.length === 0 ? {} : { limits: newLimits }),
    ...(reversals.length === 0 ? {} : { reversals }),
  };
  const inRows = <Row>(rows: readonly Row[], fieldsOf: (row: Row) => readonly (string | number)[]): string =>
    rows.map((row) => fieldsOf(row).join(separators.charAt(1))).join(separators.charAt(0));
  const arePlain = changes.every(
    ({ heldBefore, held, stateBefore, state }) =>
      heldBefore === 0 && held === 0 && stateBefore === "open" && state === "open",
  );
  const unplain = arePlain ? [] : changes;
  return sql`
        ${separators}, ${JSON.stringify(rest)}::text::jsonb, ${inRows(moved, entryFields)},
        ${inRows(holds, holdFields)}, ${inRows(ends, endFields)},
        ${texts(changes, (change) => change.account)}::text::text[],
        ${integers(changes, (change) => change.seqBefore)}::text::bigint[],
        ${integers(changes, (change) => change.balanceBefore)}::text::bigint[],
        ${integers(changes, (change) => change.limitBefore)}::text::bigint[],
        ${integers(changes, (change) => change.seq)}::text::bigint[],
        ${integers(changes, (change) => change.balance)}::text::bigint[],
        ${integers(changes, (change) => change.creditLimit)}::text::bigint[],
        ${integers(unplain, (change) => change.heldBefore)}::text::bigint[],
        ${integers(unplain, (change) => change.held)}::text::bigint[],
        ${texts(unplain, (change) => change.stateBefore ?? "")}::text::text[],
        ${texts(unplain, (change) => change.state)}::text::text[],
        ${integers(changes, (change) => change.fromWorld)}::text::numeric[],
        ${integers(changes, (change) => change.transactions)}::text::integer[]`;
}

function entryFields(entry: MovedEntry): (string | number)[] {
  const { account, seq, kind, value, balance, creditLimit, description, time, place, decidedAt } = entry;
  return [
    ...[seq, value, balance, creditLimit, time, place.g, place.index],
    ...[account, kind, description, entry.id, outsideAs(entry.counterparty), entry.reference ?? ""],
    decidedAt === time ? "" : decidedAt,
  ];
}

function holdFields({ place, hold, command, details, end }: NewHold): (string | number)[] {
  return [
    ...[place.g, place.index, hold.time, hold.from, outsideAs(hold.to), hold.amount, hold.captured],
    ...[hold.state, hold.expiresAt, command, details],
    ...(end === null ? ["", "", ""] : [end.ended.g, end.ended.index, end.endedAt]),
  ];
}

function endFields({ place, state, captured, ended, endedAt }: HoldEnd): (string | number)[] {
  return [place.g, place.index, captured, state, ended.g, ended.index, endedAt];
}

function outsideAs(party: Party): string {
  return party === WORLD ? "" : party;
}

/**
 * Two characters that nothing contains. Nearly always they are the first ones: nobody writes U+0001 in a description. In
 * the events themselves some characters are escaped, which entries have as they are.
 */
function separatorsFor(batches: readonly Pick<Batch, "events">[], { moved, holds }: NetChanges): string {
  const all = [
    ...batches.map(({ events }) => events.join("")),
    ...moved.map(({ description }) => description),
    ...holds.map(({ details }) => details),
  ].join("");
  let found = "";
  for (let code = 1; found.length < 2; code += 1) {
    const character = String.fromCharCode(code);
    if (!all.includes(character)) found += character;
  }
  return found;
}

function bytea(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes).toString("hex")}`;
}
