import type { Database } from "bun:sqlite";
import type { AccountId } from "../../ledger/account.ts";
import { MONEY_CENTS_MAX } from "../../ledger/rules.ts";
import type { Entry } from "../../ledger/entry.ts";
import { faultsOf, type StoredEntry } from "../chain.ts";
import type { Findings } from "../findings.ts";
import type { Pace } from "./pace.ts";

export interface LimitRow {
  readonly account: AccountId;
  readonly credit_limit: number;
  readonly after_seq: number;
}

/**
 * Reads all entries in the order of the key.
 *
 * @param onEntry gets each with the one before it in its account, null if it is the first, and the limit in force
 */
export async function readEntries(
  db: Database,
  pace: Pace,
  onEntry: (row: Entry, before: Entry | null, limit: LimitRow | null) => void,
): Promise<void> {
  const rows = db.query<Entry, []>(
    `SELECT account, seq, kind, value, balance, description, command AS id, time
     FROM entries ORDER BY account, seq`,
  );
  const limits = new LimitsInOrder(db);
  let before: Entry | null = null;
  let accountLimits: readonly LimitRow[] = [];
  for (const row of rows.iterate()) {
    if (before === null || before.account !== row.account) {
      before = null;
      accountLimits = limits.of(row.account);
    }
    onEntry(row, before, limitFor(row.seq, accountLimits));
    before = row;
    if (pace.read(1)) await pace.pause();
  }
  pace.end();
}

/**
 * Compares each entry with the one before it and with the limit in force.
 *
 * @param onEntry called with each, and the limit in force
 */
export async function checkEntries(
  db: Database,
  findings: Findings,
  pace: Pace,
  onEntry: (row: Entry, limit: number | null) => void,
): Promise<number> {
  const isAccount = db.prepare<{ account: AccountId }, [AccountId]>(
    "SELECT account FROM accounts WHERE account = ?",
  );
  const passed = new PassedLimit(findings);
  let entries = 0;
  await readEntries(db, pace, (row, before, limit) => {
    // One that has limits was looked for already.
    if (before === null && limit === null && isAccount.get(row.account) === null)
      findings.add("account-missing", row.account, null, "it has entries, and is not among the accounts");
    if (!fits(row, before, limit?.credit_limit ?? null))
      reportFaults(db, row, before, limit, findings, passed);
    onEntry(row, limit?.credit_limit ?? null);
    entries += 1;
  });
  passed.report();
  return entries;
}

function limitFor(seq: number, versions: readonly LimitRow[]): LimitRow | null {
  for (let index = versions.length - 1; index >= 0; index -= 1) {
    const version = versions[index];
    if (version !== undefined && version.after_seq < seq) return version;
  }
  return null;
}

/** The limits of one account after the other, from one reading: a query for each account takes ten times as long. */
class LimitsInOrder {
  readonly #rows: Iterator<LimitRow>;
  #next: LimitRow | undefined;

  constructor(db: Database) {
    const rows = "SELECT account, credit_limit, after_seq FROM limits ORDER BY account, version";
    this.#rows = db.query<LimitRow, []>(rows).iterate();
    this.#next = this.#rows.next().value;
  }

  /** @param account one that sorts behind the one before */
  of(account: AccountId): readonly LimitRow[] {
    const limits: LimitRow[] = [];
    while (this.#next !== undefined && this.#next.account <= account) {
      if (this.#next.account === account) limits.push(this.#next);
      this.#next = this.#rows.next().value;
    }
    return limits;
  }
}

/** A limit that was changed may fit none of its entries. They are one finding, which names the first of them. */
class PassedLimit {
  readonly #findings: Findings;
  #limit: LimitRow | null = null;
  #first: { readonly account: AccountId; readonly seq: number; readonly detail: string } | null = null;
  #more = 0;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  add(limit: LimitRow | null, account: AccountId, seq: number, detail: string): void {
    if (this.#first?.account === account && this.#limit === limit) {
      this.#more += 1;
      return;
    }
    this.report();
    this.#limit = limit;
    this.#first = { account, seq, detail };
  }

  report(): void {
    if (this.#first === null) return;
    const { account, seq, detail } = this.#first;
    const more = this.#more === 0 ? "" : `; nor do ${this.#more} later entries fit it`;
    this.#findings.add("limit-passed", account, seq, detail + more);
    this.#first = null;
    this.#more = 0;
  }
}

/** The fast check. Sums beyond 2^53 are rounded, but never back into the range. */
function fits(row: Entry, before: Entry | null, limit: number | null): boolean {
  const { seq, kind, value, balance, time } = row;
  const balanceBefore = before === null ? 0 : before.balance;
  return (
    seq === (before === null ? 1 : before.seq + 1) &&
    balance === (kind === "credit" ? balanceBefore + value : balanceBefore - value) &&
    (kind === "credit" || kind === "debit") &&
    value > 0 &&
    value <= MONEY_CENTS_MAX &&
    Math.abs(balance) <= MONEY_CENTS_MAX &&
    limit !== null &&
    balance >= -limit &&
    (before === null || time > before.time)
  );
}

/** The exact check, for a row that does not fit. The primary key excludes duplicates, so account and seq are one row. */
function reportFaults(
  db: Database,
  row: Entry,
  before: Entry | null,
  limit: LimitRow | null,
  findings: Findings,
  passed: PassedLimit,
): void {
  const exact = (place: Entry): StoredEntry => {
    const found = db
      .query<Record<"value" | "balance" | "time", bigint>, [AccountId, number]>(
        "SELECT value, balance, time FROM entries WHERE account = ? AND seq = ?",
      )
      .safeIntegers(true)
      .get(place.account, place.seq);
    return {
      seq: BigInt(place.seq),
      kind: place.kind,
      value: found?.value ?? 0n,
      balance: found?.balance ?? 0n,
      time: found?.time ?? 0n,
      creditLimit: null,
      limitInForce: limit === null ? null : BigInt(limit.credit_limit),
    };
  };
  for (const { name, seq, detail } of faultsOf(exact(row), before === null ? null : exact(before))) {
    if (name === "limit-passed") passed.add(limit, row.account, Number(seq), detail);
    else findings.add(name, row.account, Number(seq), detail);
  }
}
