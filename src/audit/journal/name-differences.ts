import type { AccountId } from "../../ledger/account.ts";
import { bounds } from "../../bounds.ts";
import { integers } from "../../keep/pg-array.ts";
import type { AccountTable } from "../books/account-table.ts";
import { quote } from "../events.ts";
import type { Snapshot } from "../books/books-snapshot.ts";
import type { Findings } from "../findings.ts";
import { EntryHash } from "./entry-hash.ts";
import { EventRows, TEXT_OF_ACCOUNT, TEXT_OF_ENTRY, TEXT_OF_LIMIT } from "./event-rows.ts";
import { readJournal, textIn } from "./journal-reader.ts";
import { ACCOUNT, bucketOf, ENTRY, LIMIT, type RowKind } from "./row-sums.ts";
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
  /** The hash of its id. */
  readonly account: number;
  readonly place: number;
  /** `null`: the journal makes no such row. */
  readonly wanted: Wanted | null;
}

const TABLES = [
  { kind: ACCOUNT, name: "accounts", place: "0::bigint", text: TEXT_OF_ACCOUNT },
  { kind: LIMIT, name: "limits", place: "version::bigint", text: TEXT_OF_LIMIT },
  { kind: ENTRY, name: "entries", place: "seq", text: TEXT_OF_ENTRY },
] as const;

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
  const rows = new EventRows(accounts, hash, (kind, account, place, rowHash, view, from, to) => {
    if (!some.has(bucketOf(kind, account, place))) return;
    const row = { text: textIn(view, from, to), hash: rowHash, shard, g, kept: 0 };
    const key = `${kind} ${account} ${place}`;
    // A second event of the same place is one that the books cannot have.
    if (wanted.has(key)) differences.push({ kind, account, place, wanted: row });
    else wanted.set(key, row);
  });
  await readJournal(books, (row) => {
    ({ shard, g } = row);
    row.events.each((from, to) => rows.take(row.events.view, from, to));
  });
  const takeKept = (kind: RowKind, account: number, place: number, rowHash: number): void => {
    const row = wanted.get(`${kind} ${account} ${place}`) ?? null;
    if (row !== null) row.kept += 1;
    if (row?.hash !== rowHash) differences.push({ kind, account, place, wanted: row });
  };
  for (const { kind, name, place: placeOf, text } of TABLES) {
    if (kind === ENTRY) continue;
    const columns = [hash.inSql("account"), placeOf, hash.inSql(text)];
    await books.scan(name, columns, ([account = 0, place = 0, rowHash = 0]) => {
      if (some.has(bucketOf(kind, account, place))) takeKept(kind, account, place, rowHash);
    });
  }
  const entryHash = new EntryHash(hash);
  await books.scan("entries", entryHash.columns, (row) => {
    const [account = 0, seq = 0] = row;
    if (some.has(bucketOf(ENTRY, account, seq))) takeKept(ENTRY, account, seq, entryHash.ofRow(row));
  });
  for (const [key, row] of wanted) {
    const [kind = 0, account = 0, place = 0] = key.split(" ").map(Number);
    if (row.kept !== 1) differences.push({ kind: kindOf(kind), account, place, wanted: row });
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

/** The ids of their accounts, by hash: from what the journal makes, or else from the books. */
async function idsOf(
  books: Snapshot,
  hash: TextHash,
  differences: readonly Difference[],
): Promise<Map<number, AccountId>> {
  const ids = new Map<number, AccountId>();
  for (const { account, wanted } of differences) {
    const id = wanted?.text.split(" ", 2)[1];
    if (id !== undefined) ids.set(account, id);
  }
  for (const { kind, name } of TABLES) {
    const unnamed = differences.filter((one) => one.kind === kind && !ids.has(one.account));
    if (unnamed.length === 0) continue;
    const rows = await books.query(
      `SELECT DISTINCT account, ${hash.inSql("account")}::text AS hash FROM ${name}
       WHERE ${hash.inSql("account")} IN (SELECT unnest($1::text::bigint[]))`,
      [integers(unnamed, ({ account }) => account)],
    );
    for (const row of rows) ids.set(Number(row["hash"]), String(row["account"]));
  }
  return ids;
}

function kindOf(number: number): RowKind {
  return TABLES.find(({ kind }) => kind === number)?.kind ?? ENTRY;
}

type Named = Difference & { readonly id: AccountId };

/** The texts of the rows that the books have in this place. */
async function readKept(books: Snapshot, { kind, id, place }: Named): Promise<string[]> {
  const table = TABLES.find((one) => one.kind === kind);
  if (table === undefined) return [];
  const rows = await books.query(
    `SELECT ${table.text} AS text FROM ${table.name} AS e
     WHERE account = $1 AND ${table.place} = $2::text::bigint LIMIT 2`,
    [id, String(place)],
  );
  return rows.map((row) => String(row["text"]));
}

function report({ kind, id, place, wanted }: Named, kept: readonly string[], findings: Findings): void {
  const has = kept.length === 0 ? "nothing there" : kept.map(quote).join(" and ");
  const makes =
    wanted === null
      ? "the journal makes nothing there"
      : `row ${wanted.g} of the journal (shard ${wanted.shard}) makes ${quote(wanted.text)}`;
  // A limit is named by the seq that it follows, which is the fifth field of its text.
  const seqOf = {
    [ENTRY]: place,
    [ACCOUNT]: null,
    [LIMIT]: Number((wanted?.text ?? kept[0])?.split(" ")[4]),
  };
  const table = TABLES.find((one) => one.kind === kind)?.name ?? "";
  findings.add("journal-differs", id, seqOf[kind], `${makes}, ${table} has ${has}`);
}
