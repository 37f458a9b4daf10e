import type { AccountId } from "../../ledger/account.ts";
import { bounds } from "../../bounds.ts";
import { integers } from "../../keep/pg-array.ts";
import type { AccountTable } from "../books/account-table.ts";
import { quote } from "../events.ts";
import type { Snapshot } from "../books/books-snapshot.ts";
import type { Findings } from "../findings.ts";
import { EntryHash } from "./entry-hash.ts";
import { EventRows } from "./event-rows.ts";
import { readJournal } from "./journal-reader.ts";
import {
  bucketOf,
  ENTRY,
  HOLD,
  HOLD_END,
  LIMIT,
  PART,
  PART_END,
  REVERSAL,
  type RowKind,
  TRANSIT,
} from "./row-sums.ts";
import { SOURCES, sourceOf } from "./row-texts.ts";
import type { TextHash } from "./text-hash.ts";

interface Wanted {
  /** Of the row that the journal makes. */
  readonly text: string;
  readonly hash: number;
  readonly shard: number;
  readonly g: number;
  kept: number;
}

interface Difference {
  readonly kind: RowKind;
  /** The hash of what it is of, see RowSums. */
  readonly account: number;
  readonly place: number;
  /** `null`: the journal makes no such row. */
  readonly wanted: Wanted | null;
  /** Whether the journal makes another one in its place before. */
  readonly isSecond: boolean;
}

/**
 * Names the rows that differ. Journal and books are read once more, and of both only what is in some of the buckets
 * that differ; the other buckets, each with at least one such row, are only counted.
 */
export async function nameDifferences(
  books: Snapshot,
  { buckets, accounts, hash }: { buckets: readonly number[]; accounts: AccountTable; hash: TextHash },
  findings: Findings,
): Promise<void> {
  const some = new Set(buckets.slice(0, bounds.audit_buckets_named_max));
  const differences: Difference[] = [];
  const wanted = new Map<string, Wanted>();
  let [shard, g] = [0, 0];
  const rows = new EventRows(accounts, hash, (kind, account, place, rowHash, sign) => {
    if (!some.has(bucketOf(kind, account, place))) return;
    const key = `${kind} ${account} ${place}`;
    if (sign === -1) {
      wanted.delete(key);
      return;
    }
    const row = { text: rows.text, hash: rowHash, shard, g, kept: 0 };
    // A second event of the same place is one that the books cannot have.
    if (wanted.has(key)) differences.push({ kind, account, place, wanted: row, isSecond: true });
    else wanted.set(key, row);
  });
  await readJournal(books, (row) => {
    ({ shard, g } = row);
    let index = 0;
    row.events.each((from, to) => {
      rows.take(row.events.view, from, to, { shard, g, index });
      index += 1;
    });
  });
  const takeKept = (kind: RowKind, account: number, place: number, rowHash: number): void => {
    const row = wanted.get(`${kind} ${account} ${place}`) ?? null;
    if (row !== null) row.kept += 1;
    if (row?.hash !== rowHash) differences.push({ kind, account, place, wanted: row, isSecond: false });
  };
  for (const { kind, table, key, place: placeOf, text, where } of SOURCES) {
    if (kind === ENTRY) continue;
    const columns = [hash.inSql(key), placeOf, `CASE WHEN ${where} THEN ${hash.inSql(text)} ELSE -1 END`];
    await books.scan(table, columns, ([account = 0, place = 0, rowHash = 0]) => {
      if (rowHash !== -1 && some.has(bucketOf(kind, account, place))) takeKept(kind, account, place, rowHash);
    });
  }
  const entryHash = new EntryHash(hash);
  await books.scan("entries", entryHash.columns, (row) => {
    const [account = 0, seq = 0] = row;
    if (some.has(bucketOf(ENTRY, account, seq))) {
      entryHash.setRow(row);
      takeKept(ENTRY, account, seq, entryHash.hash);
    }
  });
  for (const [key, row] of wanted) {
    const [kind = 0, account = 0, place = 0] = key.split(" ").map(Number);
    if (row.kept !== 1)
      differences.push({ kind: kindOf(kind), account, place, wanted: row, isSecond: false });
  }
  await reportAll(books, hash, differences, findings);
  findings.addUnlisted(buckets.length - some.size);
}

async function reportAll(
  books: Snapshot,
  hash: TextHash,
  differences: readonly Difference[],
  findings: Findings,
): Promise<void> {
  const ids = await idsOf(books, hash, differences);
  const named = differences
    .map((difference) => ({ ...difference, id: ids.get(difference.account) ?? "" }))
    .toSorted((a, b) => Number(a.id > b.id) - Number(a.id < b.id) || a.kind - b.kind || a.place - b.place);
  for (const [index, difference] of named.entries()) {
    const kept = index < bounds.audit_findings_told_max ? await readKept(books, difference) : [];
    report(difference, kept, findings);
  }
}

/** What they are of, accounts or else, by hash: from what the journal makes, or else from the books. */
async function idsOf(
  books: Snapshot,
  hash: TextHash,
  differences: readonly Difference[],
): Promise<Map<number, string>> {
  const ids = new Map<number, string>();
  for (const { account, wanted } of differences) {
    const id = wanted?.text.split(" ", 2)[1];
    if (id !== undefined) ids.set(account, id);
  }
  for (const { kind, table, key } of SOURCES) {
    const unnamed = differences.filter((one) => one.kind === kind && !ids.has(one.account));
    if (unnamed.length === 0) continue;
    const rows = await books.query(
      `SELECT DISTINCT ${key} AS key, ${hash.inSql(key)}::text AS hash FROM ${table}
       WHERE ${hash.inSql(key)} IN (SELECT unnest($1::text::bigint[]))`,
      [integers(unnamed, ({ account }) => account)],
    );
    for (const row of rows) ids.set(Number(row["hash"]), String(row["key"]));
  }
  return ids;
}

function kindOf(number: number): RowKind {
  return SOURCES.find(({ kind }) => kind === number)?.kind ?? ENTRY;
}

type Named = Difference & { readonly id: string };

/** The texts of the rows that the books have in this place. */
async function readKept(books: Snapshot, { kind, id, place }: Named): Promise<string[]> {
  const { table, key, place: placeOf, text, where } = sourceOf(kind);
  const rows = await books.query(
    `SELECT ${text} AS text FROM ${table} AS e
     WHERE ${key} = $1 AND ${placeOf} = $2::text::bigint AND (${where}) LIMIT 2`,
    [id, String(place)],
  );
  return rows.map((row) => String(row["text"]));
}

function report(
  { kind, id, place, wanted, isSecond }: Named,
  kept: readonly string[],
  findings: Findings,
): void {
  const has = kept.length === 0 ? "nothing there" : kept.map(quote).join(" and ");
  const makes =
    wanted === null
      ? "the journal makes nothing there"
      : `row ${wanted.g} of the journal (shard ${wanted.shard}) makes ${quote(wanted.text)}`;
  const text = wanted?.text ?? kept[0];
  const account = accountOf(kind, id, text);
  if (kind === HOLD_END && isSecond) {
    findings.add("hold-broken", account, null, `a hold is ended that has ended: ${makes}, after ${has}`, id);
    return;
  }
  if (kind === REVERSAL && isSecond) {
    findings.add(
      "reversal-broken",
      null,
      null,
      `the transaction ${id} is reversed a second time: ${makes}, after ${has}`,
    );
    return;
  }
  if (kind === TRANSIT && isSecond) {
    findings.add(
      "transit-broken",
      null,
      null,
      `the attempt ${id} is decided a second time: ${makes}, after ${has}`,
    );
    return;
  }
  // A limit is named by the seq that it follows, which is the fifth field of its text.
  const seq = kind === ENTRY ? place : kind === LIMIT ? Number(text?.split(" ")[4]) : null;
  const what = kind === HOLD || kind === HOLD_END ? id : "";
  findings.add("journal-differs", account, seq, `${makes}, ${sourceOf(kind).table} has ${has}`, what);
}

/** A hold is named by its account, which is the third field of its text. */
function accountOf(kind: RowKind, id: string, text: string | undefined): AccountId | null {
  if (kind === REVERSAL || kind === PART || kind === PART_END || kind === TRANSIT) return null;
  return kind === HOLD || kind === HOLD_END ? (text?.split(" ", 3)[2] ?? null) : id;
}
