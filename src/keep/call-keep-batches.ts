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
  return sql.unsafe<{ found: number }[]>(
    KEEP_BATCHES,
    [
      ...[range.shard, range.epoch, range.g, range.to, bytea(rows[0]?.previous ?? NO_HASH)],
      integers(rows, (row) => row.g),
      integers(rows, (row) => row.time),
      rows.map((row) => row.events.join(separator)).join(separator + separator),
      texts(rows, (row) => bytea(row.hash)),
      ...changesFor(separators, changes),
    ],
    { prepare: true },
  );
}

/** Calls the SQL function add_changes (see the migration): the journal has the batches already. */
export async function callAddChanges(
  sql: Queryable,
  shard: number,
  batches: readonly Pick<Batch, "events">[],
  changes: NetChanges,
): Promise<void> {
  const separators = separatorsFor(batches, changes);
  await sql.unsafe(ADD_CHANGES, [shard, ...changesFor(separators, changes)], { prepare: true });
}

/** How each argument is read from the text that it is sent as. */
const ROWS_CASTS = ["", "", "", "", "::bytea", "::bigint[]", "::bigint[]", "", "::bytea[]"];
const CHANGES_CASTS = [
  ...["", "::jsonb", "", "", "", "::text[]"],
  ...["::bigint[]", "::bigint[]", "::bigint[]", "::bigint[]", "::bigint[]", "::bigint[]"],
  ...["::bigint[]", "::bigint[]", "::text[]", "::text[]", "::numeric[]", "::integer[]"],
];

// Texts of their own, made once: put together anew for each call they took as much as all else here.
const KEEP_BATCHES = `SELECT keep_batches(${placeholders([...ROWS_CASTS, ...CHANGES_CASTS])}) AS found`;
const ADD_CHANGES = `SELECT add_changes(${placeholders(["", ...CHANGES_CASTS])})`;

function placeholders(casts: readonly string[]): string {
  return casts.map((cast, index) => `$${index + 1}${cast === "" ? "" : `::text${cast}`}`).join(", ");
}

/** The arguments of add_changes behind the shard. */
function changesFor(separators: string, net: NetChanges): string[] {
  const { opened, details, newLimits, reversals, moved, holds, ends, changes } = net;
  const rest = {
    ...(opened.length === 0 ? {} : { opened }),
    ...(details.length === 0 ? {} : { details }),
    ...(newLimits.length === 0 ? {} : { limits: newLimits }),
    ...(reversals.length === 0 ? {} : { reversals }),
  };
  const inRows = <Row>(rows: readonly Row[], fieldsOf: (row: Row) => readonly (string | number)[]): string =>
    rows.map((row) => fieldsOf(row).join(separators.charAt(1))).join(separators.charAt(0));
  // Nearly always they are: then PostgreSQL has less to read.
  const unplain = changes.every(({ isPlain }) => isPlain) ? [] : changes;
  return [
    ...[separators, JSON.stringify(rest)],
    ...[inRows(moved, entryFields), inRows(holds, holdFields), inRows(ends, endFields)],
    texts(changes, (change) => change.account),
    integers(changes, (change) => change.seqBefore),
    integers(changes, (change) => change.balanceBefore),
    integers(changes, (change) => change.limitBefore),
    integers(changes, (change) => change.seq),
    integers(changes, (change) => change.balance),
    integers(changes, (change) => change.creditLimit),
    integers(unplain, (change) => change.heldBefore),
    integers(unplain, (change) => change.held),
    texts(unplain, (change) => change.stateBefore ?? ""),
    texts(unplain, (change) => change.state),
    integers(unplain, (change) => change.fromWorld),
    integers(unplain, (change) => change.transactions),
  ];
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
