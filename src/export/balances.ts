import type { AccountId, Micros } from "../ledger/account.ts";
import { type LedgerEvent, timeOf } from "../ledger/event.ts";
import { entriesOf, type Place } from "../ledger/event-results.ts";

export interface KnownBalance {
  readonly unit: string;
  readonly balance: number;
}

/** What accounts have before that which is exported. In memory: some 150 bytes for each that has anything. */
export class Balances {
  /** When the latest of these events was; 0: there was none. */
  time: Micros = 0;
  readonly #accounts = new Map<AccountId, KnownBalance>();

  add(event: LedgerEvent, place: Place, unitOf: (account: AccountId) => string): void {
    this.time = Math.max(this.time, timeOf(event));
    for (const { account, balance } of entriesOf(event, place)) {
      if (balance === 0) this.#accounts.delete(account);
      else this.#accounts.set(account, { unit: unitOf(account), balance });
    }
  }

  get accounts(): ReadonlyMap<AccountId, KnownBalance> {
    return this.#accounts;
  }

  /** The sum of each unit. Sums may be beyond 2^53. */
  get sums(): ReadonlyMap<string, bigint> {
    const sums = new Map<string, bigint>();
    for (const { unit, balance } of this.#accounts.values())
      sums.set(unit, (sums.get(unit) ?? 0n) + BigInt(balance));
    return sums;
  }
}
