import type { AccountId, AccountStatus } from "../../ledger/account.ts";
import { RowHash } from "./row-hash.ts";

/** Its room at first; a power of two. */
const ROOM = 2 ** 12;
/** By their number; 0 stands for no account. */
const STATES: readonly (AccountStatus | null)[] = [null, "open", "frozen", "closed"];

/** What an event leaves as it is, if it is not what it is about. */
export interface AccountRow {
  readonly creditLimit: number;
  readonly held: number;
  readonly state: AccountStatus;
}

/**
 * Limit, holds and state of each account as of the latest event, in 25 bytes for each (and room for as many more). An
 * account is known by 53 bits of a hash. That two have the same happens to a million in one of 20,000 audits.
 */
export class AccountRows {
  readonly #hash = new RowHash();
  #accounts = new Float64Array(ROOM);
  #limits = new Float64Array(ROOM);
  #held = new Float64Array(ROOM);
  #states = new Uint8Array(ROOM);
  #count = 0;

  get(account: AccountId): AccountRow | null {
    const index = this.#indexOf(this.#hashOf(account));
    const state = STATES[this.#states[index] ?? 0] ?? null;
    if (state === null) return null;
    return { creditLimit: this.#limits[index] ?? 0, held: this.#held[index] ?? 0, state };
  }

  set(account: AccountId, { creditLimit, held, state }: AccountRow): void {
    if (2 * this.#count >= this.#states.length) this.#grow();
    const hash = this.#hashOf(account);
    const index = this.#indexOf(hash);
    if (this.#states[index] === 0) this.#count += 1;
    this.#accounts[index] = hash;
    this.#limits[index] = creditLimit;
    this.#held[index] = held;
    this.#states[index] = STATES.indexOf(state);
  }

  #hashOf(account: AccountId): number {
    return this.#hash.restart().text(account).bits53;
  }

  /** Where the account is, or has to be put. */
  #indexOf(hash: number): number {
    const last = this.#states.length - 1;
    let index = hash & last;
    while (this.#states[index] !== 0 && this.#accounts[index] !== hash) index = (index + 1) & last;
    return index;
  }

  #grow(): void {
    const [accounts, limits, held, states] = [this.#accounts, this.#limits, this.#held, this.#states];
    const room = 2 * states.length;
    this.#accounts = new Float64Array(room);
    this.#limits = new Float64Array(room);
    this.#held = new Float64Array(room);
    this.#states = new Uint8Array(room);
    for (const [from, state] of states.entries()) {
      if (state === 0) continue;
      const hash = accounts[from] ?? 0;
      const index = this.#indexOf(hash);
      this.#accounts[index] = hash;
      this.#limits[index] = limits[from] ?? 0;
      this.#held[index] = held[from] ?? 0;
      this.#states[index] = state;
    }
  }
}
