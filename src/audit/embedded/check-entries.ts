import type { Database } from "bun:sqlite";
import type { EntryRow } from "../../embedded/entry-row.ts";
import type { AccountId } from "../../ledger/account.ts";
import { MONEY_CENTS_MAX } from "../../ledger/rules.ts";
import { faultsOf, type StoredEntry } from "../chain.ts";
import type { Findings } from "../findings.ts";
import type { Pace } from "./pace.ts";

/**
 * Reads all entries in the order of the key.
 *
 * @param onEntry gets each with the one before it in its account, null if it is the first
 */
export async function readEntries(
  db: Database,
  pace: Pace,
  onEntry: (row: EntryRow, before: EntryRow | null) => void,
): Promise<void> {
  const rows = db.query<EntryRow, []>("SELECT * FROM main.entries ORDER BY account, seq");
  let before: EntryRow | null = null;
  for (const row of rows.iterate()) {
    if (before !== null && before.account !== row.account) before = null;
    onEntry(row, before);
    before = row;
    if (pace.read(1)) await pace.pause();
  }
  pace.end();
}

/**
 * Compares each entry with the one before it.
 *
 * @param onEntry called with each
 */
export async function checkEntries(
  db: Database,
  findings: Findings,
  pace: Pace,
  onEntry: (row: EntryRow) => void,
): Promise<void> {
  const isAccount = db.query<{ account: AccountId }, [AccountId]>(
    "SELECT account FROM main.accounts WHERE account = ?",
  );
  await readEntries(db, pace, (row, before) => {
    if (before === null && isAccount.get(row.account) === null)
      findings.add("account-missing", row.account, null, "it has entries, and is not among the accounts");
    if (!fits(row, before)) reportFaults(db, row, before, findings);
    onEntry(row);
  });
}

/** The fast check. Sums beyond 2^53 are rounded, but never back into the range. */
function fits({ seq, amount, balance, time }: EntryRow, before: EntryRow | null): boolean {
  const balanceBefore = before === null ? 0 : before.balance;
  return (
    seq === (before === null ? 1 : before.seq + 1) &&
    balance === balanceBefore + amount &&
    amount !== 0 &&
    Math.abs(amount) <= MONEY_CENTS_MAX &&
    Math.abs(balance) <= MONEY_CENTS_MAX &&
    (before === null || time > before.time)
  );
}

/** The exact check, for a row that does not fit. The primary key excludes duplicates, so account and seq are one row. */
function reportFaults(db: Database, row: EntryRow, before: EntryRow | null, findings: Findings): void {
  const exact = ({ account, seq }: EntryRow): StoredEntry => {
    const found = db
      .query<Record<"amount" | "balance" | "time", bigint>, [AccountId, number]>(
        "SELECT amount, balance, time FROM main.entries WHERE account = ? AND seq = ?",
      )
      .safeIntegers(true)
      .get(account, seq);
    const amount = found?.amount ?? 0n;
    return {
      seq: BigInt(seq),
      kind: amount < 0n ? "debit" : "credit",
      value: amount < 0n ? -amount : amount,
      balance: found?.balance ?? 0n,
      time: found?.time ?? 0n,
      creditLimit: null,
      // Which limit it had to keep, its event says: that is checked with the journal.
      limitInForce: BigInt(MONEY_CENTS_MAX),
    };
  };
  for (const { name, seq, detail } of faultsOf(exact(row), before === null ? null : exact(before)))
    findings.add(name, row.account, Number(seq), detail);
}
