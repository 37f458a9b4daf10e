import type { Database } from "bun:sqlite";
import { bounds } from "../../bounds.ts";
import { type EntryRow, entryRowsOf } from "../../embedded/entry-row.ts";
import { valuesText } from "../../embedded/made-tables.ts";
import type { AccountId } from "../../ledger/account.ts";
import type { Findings } from "../findings.ts";
import { readEntries } from "./check-entries.ts";
import { compareTexts } from "./compare-texts.ts";
import type { EntrySums } from "./entry-sums.ts";
import { readEvents } from "./journal-rows.ts";
import { Pace } from "./pace.ts";

interface Difference {
  readonly account: AccountId;
  readonly seq: number;
  /** What the journal and the table have there; null: nothing. */
  readonly journal: string | null;
  readonly table: string | null;
}

/**
 * Reads journal and entries once more, if their sums differ, and adds a finding for each entry that differs.
 *
 * @param gone accounts that are a finding already, since they are not there
 */
export async function nameDifferences(
  db: Database,
  findings: Findings,
  sums: EntrySums,
  gone: ReadonlySet<AccountId>,
): Promise<void> {
  const { chosen, left } = choose(sums);
  if (chosen.size === 0) return;
  const differences: Difference[] = [];
  const expected = new Map<string, EntryRow>();
  const isChosen = ({ account, seq }: EntryRow): boolean => chosen.has(sums.bucketOf(account, seq));
  await readEvents(db, new Pace(), (event, place) => {
    for (const row of entryRowsOf(event, place)) {
      if (!isChosen(row)) continue;
      const first = expected.get(keyOf(row));
      if (first === undefined) expected.set(keyOf(row), row);
      else differences.push({ ...placeOf(row), journal: `${textOf(first)} and ${textOf(row)}`, table: null });
    }
  });
  await readEntries(db, new Pace(), (row) => {
    if (!isChosen(row)) return;
    const first = expected.get(keyOf(row));
    const journal = first === undefined ? null : textOf(first);
    expected.delete(keyOf(row));
    if (journal !== textOf(row)) differences.push({ ...placeOf(row), journal, table: textOf(row) });
  });
  for (const row of expected.values())
    differences.push({ ...placeOf(row), journal: textOf(row), table: null });
  report(findings, differences, gone);
  if (left > 0) {
    const detail = "more differs than was compared one by one: mend what is named, then audit again";
    findings.add("journal-differs", null, null, detail);
  }
}

/** The buckets that are looked into, and how many are not, so that memory does not grow with the damage. */
function choose(sums: EntrySums): { readonly chosen: ReadonlySet<number>; readonly left: number } {
  const chosen = new Set<number>();
  let entries = 0;
  let left = 0;
  for (const differing of sums.differing()) {
    entries += differing.entries;
    if (chosen.size === 0 || entries <= bounds.audit_named_events) chosen.add(differing.bucket);
    else left += 1;
  }
  return { chosen, left };
}

function keyOf({ account, seq }: EntryRow): string {
  return `${account} ${seq}`;
}

function placeOf({ account, seq }: EntryRow) {
  return { account, seq };
}

function textOf(row: EntryRow): string {
  return valuesText(Object.values(row));
}

/** What is missing of an account is one finding, none if the account itself is gone. */
function report(findings: Findings, differences: readonly Difference[], gone: ReadonlySet<AccountId>): void {
  const groups = new Map<string, { readonly first: Difference; more: number }>();
  for (const difference of differences.toSorted(byPlace)) {
    const { account, seq, table } = difference;
    if (table === null && gone.has(account)) continue;
    const key = table === null ? account : `${account} ${seq}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { first: difference, more: 0 });
    else group.more += 1;
  }
  for (const { first, more } of groups.values()) {
    const { account, seq, journal, table } = first;
    const others = more === 0 ? "" : `; so do ${more} later places`;
    const detail = `the journal has ${journal ?? "nothing"}, the entries have ${table ?? "nothing"}${others}`;
    findings.add("journal-differs", account, seq, detail);
  }
}

function byPlace(a: Difference, b: Difference): number {
  return compareTexts(a.account, b.account) || a.seq - b.seq;
}
