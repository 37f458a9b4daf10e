import type { Findings } from "./round-violations.ts";
import { hashOfAccount, hashOfEntry, hashOfLimit } from "./row-hash.ts";
import type { BooksSeen } from "../system/system-under-test.ts";
import { type EntrySeen, type LimitSeen, type Rows, Timeline } from "./account-states.ts";
import { entryWords } from "./violation-text.ts";

export type AccountSeen = BooksSeen["accounts"][number];

/** A change that the books did not have after the round before. */
export type Appeared =
  | { readonly type: "opening"; readonly row: AccountSeen; readonly timeline: Timeline }
  | { readonly type: "entry"; readonly row: EntrySeen; readonly timeline: Timeline; readonly entry: number }
  | { readonly type: "limit"; readonly row: LimitSeen; readonly timeline: Timeline };

export interface BooksLooked {
  readonly timelines: ReadonlyMap<number, Timeline>;
  readonly appeared: readonly Appeared[];
}

/** The accounts that are there from the start, with their limits (contract). */
const INITIAL_LIMITS = [100_000, 80_000, 1_000_000, 10_000_000, 500_000];
const INITIAL_COMMAND = "initial";

interface Remembered {
  readonly row: number;
  readonly entries: number[];
  readonly limits: number[];
}

/**
 * The books by themselves: whether each account is a chain, and whether what stood there after an earlier round still
 * does. What stood is held as a hash of each row; rows that are the same as then are not looked at again.
 */
export class BooksMemory {
  readonly #remembered = new Map<number, Remembered>();

  /** The changes that stood after the round before. */
  floorOf(account: number): number {
    const remembered = this.#remembered.get(account);
    if (remembered === undefined) return account <= INITIAL_LIMITS.length ? 1 : 0;
    return remembered.entries.length + remembered.limits.length;
  }

  /** @throws Error where the rows do not come in the order that {@link BooksSeen} promises */
  look(books: BooksSeen, findings: Findings): BooksLooked {
    const timelines = new Map<number, Timeline>();
    const appeared: Appeared[] = [];
    const entries = new RowsByAccount(books.entries, "entries");
    const limits = new RowsByAccount(books.limits, "limits");
    let before = 0;
    for (const row of books.accounts) {
      inOrder(before, row.account, "accounts");
      before = row.account + 1;
      for (const stray of [...entries.skipTo(row.account), ...limits.skipTo(row.account)])
        strayRows(stray, findings);
      const rows = { entries: entries.take(row.account), limits: limits.take(row.account) };
      const timeline = this.#account(row, rows, findings, appeared);
      timelines.set(row.account, timeline);
    }
    for (const stray of [...entries.skipTo(Infinity), ...limits.skipTo(Infinity)]) strayRows(stray, findings);
    this.#disappeared(timelines, findings);
    return { timelines, appeared };
  }

  #account(
    row: AccountSeen,
    rows: { readonly entries: Rows<EntrySeen>; readonly limits: Rows<LimitSeen> },
    findings: Findings,
    appeared: Appeared[],
  ): Timeline {
    const floor = this.floorOf(row.account);
    const known = this.#remembered.get(row.account);
    const remembered = known ?? { row: hashOfAccount(row), entries: [], limits: [] };
    const draft = new Timeline(row.account, rows, { floor, isWhole: false });
    const broken =
      this.#sameAsBefore(row, draft, remembered, findings) ??
      brokenLimits(draft, remembered) ??
      brokenEntries(draft, remembered.entries.length, findings);
    if (broken !== null) findings.add("chain-broken", `Account ${row.account}: ${broken}.`);
    const isWhole = broken === null && draft.changes >= remembered.entries.length + remembered.limits.length;
    const timeline = new Timeline(row.account, rows, { floor, isWhole });
    if (isWhole) limitsPassed(timeline, remembered.limits.length, findings);

    if (known === undefined) appeared.push({ type: "opening", row, timeline });
    for (let n = remembered.entries.length + 1; n <= timeline.entries; n += 1) {
      appeared.push({ type: "entry", row: timeline.entry(n), timeline, entry: n });
      remembered.entries.push(hashOfEntry(timeline.entry(n)));
    }
    for (let m = remembered.limits.length + 1; m <= timeline.limits; m += 1) {
      if (m > 1) appeared.push({ type: "limit", row: timeline.limit(m), timeline });
      remembered.limits.push(hashOfLimit(timeline.limit(m)));
    }
    this.#remembered.set(row.account, remembered);
    return timeline;
  }

  /** @returns the first row that is not as it was; missing ones at the end are told as lost */
  #sameAsBefore(row: AccountSeen, timeline: Timeline, before: Remembered, findings: Findings): string | null {
    const missing = before.entries.length - timeline.entries;
    if (missing > 0) {
      findings.counts.lost += missing;
      findings.add(
        "lost",
        `Account ${row.account} had ${before.entries.length} entries in the books after an earlier round, and has ${timeline.entries} now.`,
      );
    }
    if (before.limits.length > timeline.limits) {
      findings.counts.lost += before.limits.length - timeline.limits;
      findings.add(
        "lost",
        `Account ${row.account} had ${before.limits.length} limits in the books after an earlier round, and has ${timeline.limits} now.`,
      );
    }
    if (before.row !== hashOfAccount(row))
      return "its name or command is not what it was after an earlier round";
    for (const [index, hash] of before.entries.entries()) {
      if (index >= timeline.entries) break;
      const entry = timeline.entry(index + 1);
      if (hash !== hashOfEntry(entry))
        return `${entryWords(entry)} is not what stood there after an earlier round`;
    }
    for (const [index, hash] of before.limits.entries()) {
      if (index >= timeline.limits) break;
      if (hash !== hashOfLimit(timeline.limit(index + 1))) {
        return `version ${index + 1} of its limit is not what stood there after an earlier round`;
      }
    }
    return null;
  }

  #disappeared(timelines: ReadonlyMap<number, Timeline>, findings: Findings): void {
    for (const account of INITIAL_LIMITS.keys()) {
      if (!timelines.has(account + 1)) {
        findings.add("lost", `Account ${account + 1}, which is there from the start, is not in the books.`);
      }
    }
    if (timelines.size >= this.#remembered.size) return;
    for (const account of this.#remembered.keys()) {
      if (timelines.has(account) || account <= INITIAL_LIMITS.length) continue;
      findings.counts.lost += 1;
      findings.add("lost", `Account ${account} stood in the books after an earlier round, and is gone.`);
    }
  }
}

/** Whether a row is one that nobody asked for and that ought to be there all the same. */
export function isInitial(row: AccountSeen): boolean {
  return row.command === INITIAL_COMMAND && row.account >= 1 && row.account <= INITIAL_LIMITS.length;
}

/** @returns what is wrong with its versions, of which those of earlier rounds are known to be right */
function brokenLimits(timeline: Timeline, before: Remembered): string | null {
  if (timeline.limits === 0) return "it has no limit";
  for (let m = before.limits.length + 1; m <= timeline.limits; m += 1) {
    const { version, creditLimit, afterSeq } = timeline.limit(m);
    if (version !== m) return `version ${m} of its limit is missing, ${version} is there`;
    if (!isAmount(creditLimit)) return `its limit ${creditLimit} is no amount`;
    // What stood already was decided before what did not.
    const earliest = Math.max(m === 1 ? 0 : timeline.limit(m - 1).afterSeq, before.entries.length);
    if (afterSeq < earliest || afterSeq > timeline.entries || (m === 1 && afterSeq !== 0)) {
      return `version ${m} of its limit stands after entry ${afterSeq}, where it cannot have come`;
    }
    const initial = m === 1 ? INITIAL_LIMITS[timeline.account - 1] : undefined;
    if (initial !== undefined && initial !== creditLimit)
      return `its first limit is ${creditLimit}, not ${initial}`;
  }
  return null;
}

/** @returns the first break in the chain */
function brokenEntries(timeline: Timeline, before: number, findings: Findings): string | null {
  for (let n = before + 1; n <= timeline.entries; n += 1) {
    const entry = timeline.entry(n);
    if (entry.seq !== n) return `entry ${n} is missing, ${entryWords(entry)} stands in its place`;
    const change = entry.kind === "credit" ? entry.value : -entry.value;
    const balance = timeline.balanceAt(n - 1) + change;
    if (entry.value < 1 || balance !== entry.balance || !Number.isSafeInteger(balance)) {
      return `${entryWords(entry)} follows balance ${timeline.balanceAt(n - 1)}`;
    }
    if (n > 1 && entry.time <= timeline.entry(n - 1).time) {
      return `${entryWords(entry)} has the time ${entry.time}, which is not after that of the entry before`;
    }
    const { creditLimit } = timeline.limit(timeline.limitsAt(n - 1));
    if (entry.creditLimit !== creditLimit) {
      return `${entryWords(entry)} was decided under limit ${entry.creditLimit}, where ${creditLimit} was in force`;
    }
    if (entry.balance < -creditLimit) {
      findings.add(
        "limit-passed",
        `The balance of ${entryWords(entry)} is under its limit of ${creditLimit}.`,
      );
    }
  }
  return null;
}

function limitsPassed(timeline: Timeline, before: number, findings: Findings): void {
  for (let m = Math.max(before, 1) + 1; m <= timeline.limits; m += 1) {
    const { creditLimit, afterSeq } = timeline.limit(m);
    const balance = timeline.balanceAt(afterSeq);
    if (balance >= -creditLimit) continue;
    findings.add(
      "limit-passed",
      `Account ${timeline.account} was given the limit ${creditLimit} after entry ${afterSeq}, with a balance of ${balance}.`,
    );
  }
}

function isAmount(cents: number): boolean {
  return Number.isSafeInteger(cents) && cents >= 0;
}

function strayRows(account: number, findings: Findings): void {
  findings.add(
    "chain-broken",
    `Account ${account} has entries or limits in the books, and is not there itself.`,
  );
}

function inOrder(before: number, account: number, what: string): void {
  if (account >= before) return;
  throw new Error(`The ${what} of the books were not read in the order of their accounts: mend the stage.`);
}

/** Walks through rows that are in the order of their accounts. */
class RowsByAccount<Row extends { readonly account: number }> {
  readonly #rows: readonly Row[];
  readonly #what: string;
  #at = 0;

  constructor(rows: readonly Row[], what: string) {
    this.#rows = rows;
    this.#what = what;
  }

  /** The accounts of the rows that are left out on the way. */
  skipTo(account: number): Set<number> {
    const skipped = new Set<number>();
    for (
      let row = this.#rows[this.#at];
      row !== undefined && row.account < account;
      row = this.#rows[this.#at]
    ) {
      inOrder(this.#rows[this.#at - 1]?.account ?? 0, row.account, this.#what);
      skipped.add(row.account);
      this.#at += 1;
    }
    return skipped;
  }

  take(account: number): Rows<Row> {
    const from = this.#at;
    while (this.#rows[this.#at]?.account === account) this.#at += 1;
    return { of: this.#rows, from, count: this.#at - from };
  }
}
