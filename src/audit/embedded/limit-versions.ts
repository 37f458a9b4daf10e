import type { AccountId } from "../../ledger/account.ts";
import type { LedgerEvent } from "../../ledger/event.ts";
import type { LimitEvent } from "./event-sums.ts";
import { RowHash } from "./row-hash.ts";

/** Its room at first; a power of two. */
const ROOM = 2 ** 12;

/**
 * Numbers the limits of each account, which come in order: the opening's is version 1, so only accounts whose limit was
 * changed are remembered, with 12 bytes for each (and room for as many more). An account is known by 53 bits of a hash.
 * That two have the same happens to a million in one of 20,000 audits; then their buckets are compared one by one, for
 * nothing.
 */
export class LimitVersions {
  readonly #hash = new RowHash();
  #accounts = new Float64Array(ROOM);
  /** Of the account at the same index; 0: there is none. */
  #versions = new Uint32Array(ROOM);
  #count = 0;

  /** @param event the journal's next one of an opening or a limit */
  place(event: Extract<LedgerEvent, { readonly type: "open" | "limit" }>, text: string): LimitEvent {
    const { type, account } = event;
    return { account, version: type === "open" ? 1 : this.#next(account), text };
  }

  #next(account: AccountId): number {
    if (2 * this.#count >= this.#versions.length) this.#grow();
    const hash = this.#hash.restart().text(account).bits53;
    const index = this.#indexOf(hash);
    const version = this.#versions[index] ?? 0;
    if (version === 0) {
      this.#accounts[index] = hash;
      this.#count += 1;
    }
    const next = version === 0 ? 2 : version + 1;
    this.#versions[index] = next;
    return next;
  }

  /** Where the account is, or has to be put. */
  #indexOf(hash: number): number {
    const last = this.#versions.length - 1;
    let index = hash & last;
    while (this.#versions[index] !== 0 && this.#accounts[index] !== hash) index = (index + 1) & last;
    return index;
  }

  #grow(): void {
    const accounts = this.#accounts;
    const versions = this.#versions;
    this.#accounts = new Float64Array(2 * accounts.length);
    this.#versions = new Uint32Array(2 * versions.length);
    for (const [from, version] of versions.entries()) {
      if (version === 0) continue;
      const hash = accounts[from] ?? 0;
      const index = this.#indexOf(hash);
      this.#accounts[index] = hash;
      this.#versions[index] = version;
    }
  }
}
