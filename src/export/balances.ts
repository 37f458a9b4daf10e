import type { AccountId, Micros } from "../ledger/account.ts";
import { type LedgerEvent, timeOf } from "../ledger/event.ts";
import { entriesOf, movesElsewhere, type Place } from "../ledger/event-results.ts";

interface KnownBalance {
  readonly unit: string;
  readonly balance: bigint;
}

/**
 * What accounts have before that which is exported: a transaction across shards counts, for all of its accounts, where it
 * was decided. In memory: some 150 bytes for each that has anything.
 */
export class Balances {
  /** When the latest of these events was; 0: there was none. */
  time: Micros = 0;
  /** By the entries of each shard. */
  readonly #accounts = new Map<AccountId, { readonly unit: string; readonly balance: number }>();
  /** What was decided and is not among the entries yet, less what is among them and was decided later. */
  readonly #inTransit = new Map<AccountId, KnownBalance>();

  add(event: LedgerEvent, place: Place, unitOf: (account: AccountId) => string): void {
    this.time = Math.max(this.time, timeOf(event));
    for (const { account, amount } of movesElsewhere(event)) this.#transit(account, amount, unitOf);
    for (const { account, balance, kind, value } of entriesOf(event, place)) {
      if (balance === 0) this.#accounts.delete(account);
      else this.#accounts.set(account, { unit: unitOf(account), balance });
      if (event.type === "finish") this.#transit(account, kind === "credit" ? -value : value, unitOf);
    }
  }

  *accounts(): Generator<readonly [AccountId, KnownBalance]> {
    for (const [id, { unit, balance }] of this.#accounts)
      yield [id, { unit, balance: BigInt(balance) + (this.#inTransit.get(id)?.balance ?? 0n) }];
    for (const [id, known] of this.#inTransit) if (!this.#accounts.has(id)) yield [id, known];
  }

  /** The sum of each unit. Sums may be beyond 2^53. */
  get sums(): ReadonlyMap<string, bigint> {
    const sums = new Map<string, bigint>();
    for (const [, { unit, balance }] of this.accounts()) sums.set(unit, (sums.get(unit) ?? 0n) + balance);
    return sums;
  }

  #transit(account: AccountId, amount: number, unitOf: (account: AccountId) => string): void {
    const balance = (this.#inTransit.get(account)?.balance ?? 0n) + BigInt(amount);
    if (balance === 0n) this.#inTransit.delete(account);
    else this.#inTransit.set(account, { unit: unitOf(account), balance });
  }
}
