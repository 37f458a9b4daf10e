import { WORLD } from "../../ledger/account.ts";
import type { LedgerEvent } from "../../ledger/event.ts";
import type { Snapshot } from "../books/books-snapshot.ts";
import type { Findings } from "../findings.ts";

interface Total {
  readonly unit: string;
  accounts: number;
  transactions: number;
  /** What came in from the outside less what went out there is in both. */
  fromWorld: number;
  more: bigint;
  /** What came in from accounts of other shards less what went out there: 0 but for what is in transit. */
  fromShards: bigint;
}

/** The sums of each unit, as the journal makes them. They are few, and known by their number. */
export class JournalTotals {
  readonly #totals: Total[] = [];
  readonly #numbers = new Map<string, number>();

  /** @returns the number of the account's sums */
  open(unit: string): number {
    this.#of(unit).accounts += 1;
    return this.#numbers.get(unit) ?? 0;
  }

  /** @param number -1: of an account that is not there */
  addEntry(number: number, value: number): void {
    const total = this.#totals[number];
    if (total === undefined) return;
    total.transactions += 1;
    add(total, value);
  }

  move(event: Extract<LedgerEvent, { readonly type: "transaction" | "capture" | "finish" }>): void {
    const [first] = event.accounts;
    if (first === undefined || event.postings.length === 0) return;
    // One across shards counts at home.
    if (event.type !== "finish") this.#of(first.unit).transactions += 1;
    const units = new Map<string, string>(event.accounts.map(({ id, unit }) => [id, unit]));
    for (const { from, to, amount } of event.postings) {
      const unit = units.get(from) ?? units.get(to);
      if (unit !== undefined && from !== WORLD && to !== WORLD && units.has(from) !== units.has(to))
        this.#of(unit).fromShards += BigInt(units.has(to) ? amount : -amount);
      const inside = event.accounts.find(({ id }) => id === (from === WORLD ? to : from));
      if (inside === undefined || (from !== WORLD && to !== WORLD)) continue;
      add(this.#of(inside.unit), from === WORLD ? amount : -amount);
    }
  }

  /** Compares them with the books. */
  async compare(books: Snapshot, findings: Findings): Promise<void> {
    const rows = await books.query(
      `SELECT concat_ws(' ', unit, count(*), sum(seq) - coalesce(sum(entries_more), 0), sum(balance),
         coalesce(sum(from_others), 0) - sum(balance),
         coalesce((SELECT sum(s.amount) FROM from_shards AS s WHERE s.unit = a.unit), 0)) AS text
       FROM accounts AS a GROUP BY unit`,
    );
    const kept = new Set(rows.map((row) => String(row["text"])));
    const made = new Set(this.#totals.map(textOf));
    for (const text of made.difference(kept))
      findings.add(
        "journal-differs",
        null,
        null,
        `the journal makes the totals ${text}, the books do not have them`,
      );
    for (const text of kept.difference(made))
      findings.add(
        "journal-differs",
        null,
        null,
        `the books have the totals ${text}, the journal does not make them`,
      );
  }

  #of(unit: string): Total {
    const found = this.#totals[this.#numbers.get(unit) ?? -1];
    if (found !== undefined) return found;
    const total = { unit, accounts: 0, transactions: 0, fromWorld: 0, more: 0n, fromShards: 0n };
    this.#numbers.set(unit, this.#totals.length);
    this.#totals.push(total);
    return total;
  }
}

/** Exact beyond 2^53, without a big number for each entry. */
function add(total: Total, value: number): void {
  const sum = total.fromWorld + value;
  if (Number.isSafeInteger(sum)) {
    total.fromWorld = sum;
  } else {
    total.more += BigInt(total.fromWorld);
    total.fromWorld = value;
  }
}

function textOf({ unit, accounts, transactions, fromWorld, more, fromShards }: Total): string {
  const world = BigInt(fromWorld) + more;
  return [unit, accounts, transactions, world + fromShards, -world, fromShards].join(" ");
}
