import type { LedgerEvent } from "../../ledger/event.ts";
import type { PlacedEvent } from "./event-sums.ts";

/** The places in the tables of the events of a journal, which are given in order. */
export class Places {
  /** Of each account the version of its latest limit. */
  readonly #versions: Uint32Array;

  /** @param accounts how many accounts there are; they have the numbers 1 to this one */
  constructor(accounts: number) {
    this.#versions = new Uint32Array(accounts + 1);
  }

  /** @returns null if it changed no account */
  place(event: LedgerEvent, text: string): PlacedEvent | null {
    switch (event.type) {
      case "entry":
        return { account: event.entry.account, seq: event.entry.seq, version: null, text };
      case "open":
      case "limit": {
        const { account } = event;
        const version = (this.#versions[account] ?? 0) + 1;
        // An account that is in no table has no place in the array, and differs whatever its version.
        this.#versions[account] = version;
        return { account, seq: null, version, text };
      }
      case "refusal":
      case "missing":
        return null;
    }
  }
}
