import type { Random } from "../plan/random.ts";

/** A new ledger's accounts, as the contract has them: the hot ones, which every client uses all the time. */
export const HOT_ACCOUNTS = [
  { account: 1, creditLimit: 100_000 },
  { account: 2, creditLimit: 80_000 },
  { account: 3, creditLimit: 1_000_000 },
  { account: 4, creditLimit: 10_000_000 },
  { account: 5, creditLimit: 500_000 },
] as const;

const COLD_LIMIT_MIN = 10_000;
const COLD_LIMIT_MAX = 5_000_000;

/** An account as the clients know it. */
export interface KnownAccount {
  readonly account: number;
  /** At its opening, in cents: what values and later limits are measured by. */
  readonly creditLimit: number;
}

/**
 * The accounts that there are, as far as clients were told, and the credit limits that were ever asked for: none is
 * asked for twice of one account, so that a limit tells which command set it. Opened ones are given odd limits and
 * changed ones even ones: an account whose opening was lost may be opened again under the same number.
 */
export class KnownAccounts {
  readonly #cold: KnownAccount[] = [];
  readonly #known = new Set<number>(HOT_ACCOUNTS.map(({ account }) => account));
  readonly #opened = new Set<number>();
  readonly #changed = new Map<number, Set<number>>(
    HOT_ACCOUNTS.map(({ account, creditLimit }) => [account, new Set([creditLimit])]),
  );

  get cold(): readonly KnownAccount[] {
    return this.#cold;
  }

  /** A client was told that it is there. */
  opened(known: KnownAccount): void {
    if (this.#known.has(known.account)) return;
    this.#known.add(known.account);
    this.#cold.push(known);
  }

  limitToOpen(random: Random): number {
    return unused(this.#opened, () => random.integer(COLD_LIMIT_MIN, COLD_LIMIT_MAX) | 1);
  }

  /** Around what it had at first, so that debits are refused again and again, and so are limits. */
  limitToChange(random: Random, { account, creditLimit }: KnownAccount): number {
    let used = this.#changed.get(account);
    if (used === undefined) this.#changed.set(account, (used = new Set()));
    const draw = () => random.integer(Math.floor(creditLimit / 4), Math.floor(creditLimit * 0.75)) * 2;
    return unused(used, draw);
  }
}

/** Marks it as used. A range is never nearly used up: it has tens of thousands for each account. */
function unused(used: Set<number>, draw: () => number): number {
  let value = draw();
  while (used.has(value)) value += 2;
  used.add(value);
  return value;
}
