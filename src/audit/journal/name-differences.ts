import { bounds } from "../../bounds.ts";
import { quote } from "../events.ts";
import type { Snapshot } from "../books/books-snapshot.ts";
import type { Findings } from "../findings.ts";
import { EventRows, TEXT_OF_ACCOUNT, TEXT_OF_ENTRY, TEXT_OF_LIMIT } from "./event-rows.ts";
import { readJournal, textIn } from "./journal-reader.ts";
import { ACCOUNT, bucketOf, ENTRY, LIMIT, type RowKind } from "./row-sums.ts";
import { hashInSql, type TextHash } from "./text-hash.ts";

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
  { buckets, accounts, hash }: { buckets: readonly number[]; accounts: number; hash: TextHash },
  findings: Findings,
): Promise<void> {
  const some = new Set(buckets.slice(0, bounds.audit_buckets_named_max));
  const differences: Difference[] = [];
  const wanted = new Map<string, Wanted>();
  let [shard, g] = [0, 0];
  const rows = new EventRows(accounts, (kind, account, place, view, from, to) => {
    if (!some.has(bucketOf(kind, account, place))) return;
    const row = { text: textIn(view, from, to), hash: hash.of(view, from, to), shard, g, kept: 0 };
    const key = `${kind} ${account} ${place}`;
    // A second event of the same place is one that the books cannot have.
    if (wanted.has(key)) differences.push({ kind, account, place, wanted: row });
    else wanted.set(key, row);
  });
  await readJournal(books, (row) => {
    ({ shard, g } = row);
    row.events.each((from, to) => rows.take(row.events.view, from, to));
  });
  for (const { kind, name, place: placeOf, text } of TABLES) {
    const query = `SELECT account, ${placeOf}, ${hashInSql(text, hash.seed)} FROM ${name} AS e`;
    await books.stream(query, 3, ([account = 0, place = 0, rowHash = 0]) => {
      if (!some.has(bucketOf(kind, account, place))) return;
      const row = wanted.get(`${kind} ${account} ${place}`) ?? null;
      if (row !== null) row.kept += 1;
      if (row?.hash !== rowHash) differences.push({ kind, account, place, wanted: row });
    });
  }
  for (const [key, row] of wanted) {
    const [kind = 0, account = 0, place = 0] = key.split(" ").map(Number);
    if (row.kept !== 1) differences.push({ kind: kindOf(kind), account, place, wanted: row });
  }
  differences.sort((a, b) => a.account - b.account || a.kind - b.kind || a.place - b.place);
  for (const [index, difference] of differences.entries()) {
    const kept = index < bounds.audit_findings_told_max ? await readKept(books, difference) : [];
    report(difference, kept, findings);
  }
  findings.addUnlisted(buckets.length - some.size);
}

function kindOf(number: number): RowKind {
  return TABLES.find(({ kind }) => kind === number)?.kind ?? ENTRY;
}

/** The texts of the rows that the books have in this place. */
async function readKept(books: Snapshot, { kind, account, place }: Difference): Promise<string[]> {
  const table = TABLES.find((one) => one.kind === kind);
  if (table === undefined) return [];
  const rows = await books.query(
    `SELECT ${table.text} AS text FROM ${table.name} AS e
     WHERE account = $1::text::bigint AND ${table.place} = $2::text::bigint LIMIT 2`,
    [String(account), String(place)],
  );
  return rows.map((row) => String(row["text"]));
}

function report(
  { kind, account, place, wanted }: Difference,
  kept: readonly string[],
  findings: Findings,
): void {
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
  findings.add("journal-differs", account, seqOf[kind], `${makes}, ${table} has ${has}`);
}
