import type { Random } from "../plan/random.ts";

/** The accounts of a new ledger, as in the contract. They are the hot ones: every client uses them all the time. */
export const HOT_ACCOUNTS = [
  { account: "1", creditLimit: 100_000 },
  { account: "2", creditLimit: 80_000 },
  { account: "3", creditLimit: 1_000_000 },
  { account: "4", creditLimit: 10_000_000 },
  { account: "5", creditLimit: 500_000 },
] as const;

const COLD_LIMIT_MIN = 10_000;
const COLD_LIMIT_MAX = 5_000_000;

/** What the clients know of an account. */
export interface KnownAccount {
  readonly account: string;
  /** At its opening, in cents. Values and later limits are chosen in proportion to it. */
  readonly creditLimit: number;
}

/**
 * The accounts that the clients know of, and all credit limits that were ever requested. No limit is requested twice
 * for one account, so that a limit tells which command set it. Openings get odd limits and changes even ones.
 */
export class KnownAccounts {
  readonly #cold: KnownAccount[] = [];
  readonly #known = new Set<string>(HOT_ACCOUNTS.map(({ account }) => account));
  readonly #opened = new Set<number>();
  readonly #changed = new Map<string, Set<number>>(
    HOT_ACCOUNTS.map(({ account, creditLimit }) => [account, new Set([creditLimit])]),
  );

  get cold(): readonly KnownAccount[] {
    return this.#cold;
  }

  /** Call it when a client was answered that this account was opened. */
  opened(known: KnownAccount): void {
    if (this.#known.has(known.account)) return;
    this.#known.add(known.account);
    this.#cold.push(known);
  }

  limitToOpen(random: Random): number {
    return unused(this.#opened, () => random.integer(COLD_LIMIT_MIN, COLD_LIMIT_MAX) | 1);
  }

  /** Around its first limit, so that debits and changes of the limit are refused again and again. */
  limitToChange(random: Random, { account, creditLimit }: KnownAccount): number {
    let used = this.#changed.get(account);
    if (used === undefined) this.#changed.set(account, (used = new Set()));
    const draw = () => random.integer(Math.floor(creditLimit / 4), Math.floor(creditLimit * 0.75)) * 2;
    return unused(used, draw);
  }
}

/** Draws a value that was not used yet, and marks it as used. A range of tens of thousands is never used up. */
function unused(used: Set<number>, draw: () => number): number {
  let value = draw();
  while (used.has(value)) value += 2;
  used.add(value);
  return value;
}
