import type { Database } from "bun:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { bounds } from "../bounds.ts";
import { type AccountId, WORLD } from "../ledger/account.ts";
import { type LedgerTotals, LedgerUnavailable } from "../ledger/ledger.ts";
import type { BatchState } from "./batch-state.ts";

interface UnitTotals {
  balances: bigint;
  world: bigint;
}

/**
 * The trial balance. Its two sides come from different sources, so that they would not be 0 together if something was
 * booked on one side only: the balances from the accounts, what the outside has from the amounts that went to and from it.
 */
export class Totals {
  accounts = 0;
  transactions = 0;
  readonly units = new Map<string, UnitTotals>();

  /** Adds what a batch has changed. */
  add({ events, before, decided: { accounts } }: BatchState): void {
    for (const account of accounts.values()) {
      const change = BigInt(account.balance) - BigInt(before.get(account.id)?.balance ?? 0);
      this.unit(account.unit).balances += change;
    }
    const addWorld = (of: AccountId, amount: number): void => {
      const account = accounts.get(of);
      if (account !== undefined) this.unit(account.unit).world += BigInt(amount);
    };
    for (const event of events) {
      if (event.type === "open") this.accounts += 1;
      if (event.type === "entry") {
        const { account, kind, value } = event.entry;
        this.transactions += 1;
        addWorld(account, kind === "credit" ? -value : value);
      }
      if (event.type !== "transaction" && event.type !== "capture") continue;
      if (event.postings.length > 0) this.transactions += 1;
      for (const { from, to, amount } of event.postings) {
        if (from === WORLD) addWorld(to, -amount);
        if (to === WORLD) addWorld(from, amount);
      }
    }
  }

  unit(unit: string): UnitTotals {
    const known = this.units.get(unit);
    if (known !== undefined) return known;
    const made = { balances: 0n, world: 0n };
    this.units.set(unit, made);
    return made;
  }
}

export function trialBalance(tables: Totals, since: Totals): LedgerTotals {
  const names = new Set([...tables.units.keys(), ...since.units.keys()]);
  const units = Array.from(names)
    .toSorted()
    .map((unit) => {
      const [a, b] = [tables.unit(unit), since.unit(unit)];
      return { unit, balances: a.balances + b.balances, world: a.world + b.world, inTransit: 0n };
    });
  return {
    accounts: tables.accounts + since.accounts,
    transactions: tables.transactions + since.transactions,
    units,
    lagMilliseconds: 0,
  };
}

/**
 * Adds up the tables. It goes over all entries, a part at a time, so that the ledger can decide meanwhile.
 *
 * @param db in a transaction; it is closed afterwards
 * @param isClosed whether the result is no longer wanted
 */
export async function totalsOfTables(db: Database, isClosed: () => boolean): Promise<Totals> {
  const totals = new Totals();
  const pause = async (): Promise<void> => {
    await nextTurn();
    if (isClosed()) throw new LedgerUnavailable("the ledger is closed", "none");
  };
  try {
    await addAccounts(db, totals, pause);
    await addEntries(db, totals, pause);
  } finally {
    db.close();
  }
  return totals;
}

/** Sums of the halves of a number: SQLite's integers would not hold those of the whole. */
const sums = (column: string): string =>
  `sum(${column} >> 32) AS high, sum(${column} & 4294967295) AS low, count(*) AS count`;

async function addAccounts(db: Database, totals: Totals, pause: () => Promise<void>): Promise<void> {
  const lastOf = db.query<{ account: AccountId }, [string, number]>(
    "SELECT account FROM accounts WHERE account > ? ORDER BY account LIMIT 1 OFFSET ?",
  );
  const add = db.query<Sums, [string, string]>(`
    SELECT unit, ${sums("balance")} FROM
      (SELECT a.unit, coalesce(
          (SELECT balance FROM entries WHERE account = a.account ORDER BY seq DESC LIMIT 1), 0) AS balance
       FROM accounts AS a WHERE a.account > ? AND a.account <= ?)
    GROUP BY unit`);
  for (let from = ""; ;) {
    const last = lastOf.get(from, bounds.totals_chunk_rows - 1)?.account ?? null;
    for (const row of add.all(from, last ?? BEHIND_ALL)) {
      totals.accounts += row.count;
      totals.unit(row.unit).balances += sumOf(row);
    }
    if (last === null) return;
    from = last;
    await pause();
  }
}

async function addEntries(db: Database, totals: Totals, pause: () => Promise<void>): Promise<void> {
  const lastOf = db.query<{ account: AccountId; seq: number }, [string, number, number]>(
    "SELECT account, seq FROM entries WHERE (account, seq) > (?, ?) ORDER BY account, seq LIMIT 1 OFFSET ?",
  );
  // Each transaction is counted at the first of its entries.
  const add = db.query<Sums & { readonly transactions: number }, [string, number, string, number]>(`
    SELECT unit, ${sums("amount")}, sum(is_first) AS transactions FROM
      (SELECT a.unit, CASE WHEN e.counterparty IS NULL THEN e.amount ELSE 0 END AS amount,
         coalesce(e.part, 0) = 0 AS is_first
       FROM entries AS e JOIN accounts AS a ON a.account = e.account
       WHERE (e.account, e.seq) > (?, ?) AND (e.account, e.seq) <= (?, ?))
    GROUP BY unit`);
  for (let from = { account: "", seq: 0 }; ;) {
    const last = lastOf.get(from.account, from.seq, bounds.totals_chunk_rows - 1);
    const to = last ?? { account: BEHIND_ALL, seq: 0 };
    for (const row of add.all(from.account, from.seq, to.account, to.seq)) {
      totals.transactions += row.transactions;
      totals.unit(row.unit).world -= sumOf(row);
    }
    if (last === null) return;
    from = last;
    await pause();
  }
}

interface Sums {
  readonly unit: string;
  readonly high: number;
  readonly low: number;
  readonly count: number;
}

function sumOf({ high, low }: Sums): bigint {
  return (BigInt(high) << 32n) + BigInt(low);
}

/** Sorts behind all ids of accounts. */
const BEHIND_ALL = "~";
