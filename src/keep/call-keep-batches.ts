import type postgres from "postgres";
import type { Batch } from "../carry/batch.ts";
import { type Party, WORLD } from "../ledger/account.ts";
import { NO_HASH } from "../ledger/journal.ts";
import type { HoldEnd, NewHold } from "./hold-changes.ts";
import type { ChainedRow } from "./journal-rows.ts";
import type { AccountChange, MovedEntry, NetChanges } from "./net-changes.ts";

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
  const { transits } = changes;
  return sql.unsafe<{ found: number }[]>(
    transits === null ? KEEP_BATCHES : KEEP_TRANSITS,
    [
      range.shard,
      range.epoch,
      range.g,
      range.to,
      hex(rows[0]?.previous ?? NO_HASH),
      rows.map((row) => journalFields(row).join(separator)).join(separator + separator),
      ...changesFor(separators, changes),
      ...(transits === null ? [] : [JSON.stringify(transits)]),
    ],
    { prepare: true },
  );
}

/** Calls the SQL functions add_changes and add_transits (see the migrations): the journal has the batches already. */
export async function callAddChanges(
  sql: Queryable,
  shard: number,
  batches: readonly Pick<Batch, "events">[],
  changes: NetChanges,
): Promise<void> {
  const separators = separatorsFor(batches, changes);
  await sql.unsafe(ADD_CHANGES, [shard, ...changesFor(separators, changes)], { prepare: true });
  if (changes.transits !== null)
    await sql.unsafe(ADD_TRANSITS, [shard, JSON.stringify(changes.transits)], { prepare: true });
}

// Texts of their own, made once: put together anew for each call they took as much as all else here.
const KEEP_BATCHES =
  "SELECT keep_batches($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9, $10, $11, $12) AS found";
const KEEP_TRANSITS =
  "SELECT keep_transits($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9, $10, $11, $12, $13::text::jsonb) AS found";
const ADD_TRANSITS = "SELECT add_transits($1, $2::text::jsonb)";
const ADD_CHANGES = "SELECT add_changes($1, $2, $3::text::jsonb, $4, $5, $6, $7)";

/** The arguments of add_changes behind the shard. */
function changesFor(separators: string, net: NetChanges): string[] {
  const { opened, details, newLimits, reversals, moved, holds, ends, changes } = net;
  const rest = {
    ...(opened.length === 0 ? {} : { opened }),
    ...(details.length === 0 ? {} : { details }),
    ...(newLimits.length === 0 ? {} : { limits: newLimits }),
    ...(reversals.length === 0 ? {} : { reversals }),
  };
  const inRows = <Row>(
    rows: readonly Row[],
    fieldsOf: (row: Row) => readonly (string | number | bigint)[],
  ): string => rows.map((row) => fieldsOf(row).join(separators.charAt(1))).join(separators.charAt(0));
  return [
    separators,
    JSON.stringify(rest),
    inRows(moved, entryFields),
    inRows(holds, holdFields),
    inRows(ends, endFields),
    inRows(changes, changeFields),
  ];
}

function journalFields({ g, time, previous, hash, events }: ChainedRow): (string | number)[] {
  return [g, time, hex(previous), hex(hash), ...events];
}

function changeFields(change: AccountChange): (string | number | bigint)[] {
  const { account, seqBefore, balanceBefore, limitBefore, seq, balance, creditLimit } = change;
  const fields = [account, seqBefore, balanceBefore, limitBefore ?? "", seq, balance, creditLimit];
  // Nearly always: then PostgreSQL has less to read.
  if (change.isPlain) return fields;
  const { heldBefore, held, stateBefore, state, fromOthers, entriesMore } = change;
  return [...fields, heldBefore, held, stateBefore ?? "", state, fromOthers, entriesMore];
}

function entryFields({ entry, creditLimit, place, decidedAt }: MovedEntry): (string | number)[] {
  const { account, seq, kind, value, balance, description, time } = entry;
  return [
    seq,
    value,
    balance,
    creditLimit,
    time,
    place.g,
    place.index,
    account,
    kind,
    description,
    entry.id,
    outsideAs(entry.counterparty),
    entry.reference ?? "",
    decidedAt === time ? "" : decidedAt,
  ];
}

function holdFields({ place, hold, command, details, end }: NewHold): (string | number)[] {
  return [
    place.g,
    place.index,
    hold.time,
    hold.from,
    outsideAs(hold.to),
    hold.amount,
    hold.captured,
    hold.state,
    hold.expiresAt,
    command,
    details,
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
    ...moved.map(({ entry }) => entry.description),
    ...holds.map(({ details }) => details),
  ].join("");
  let found = "";
  for (let code = 1; found.length < 2; code += 1) {
    const character = String.fromCharCode(code);
    if (!all.includes(character)) found += character;
  }
  return found;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
