import { type HoldRow, LedgerHistory } from "./ledger-history.ts";
import type { EntryRow, Span } from "./placed-event.ts";
import { Transits } from "./transits.ts";

/** Where an account was opened, and with which unit: both never change. */
export interface AccountPlace {
  readonly shard: number;
  readonly unit: string;
}

/** The ledger as far as its journal has been played, with what is to be compared with the books. */
export class ReplayedLedger {
  readonly history = new LedgerHistory();
  readonly transits = new Transits();
  /** Of each account, since the ten before this round. */
  readonly entries = new Map<string, EntryRow[]>();
  /** What was taken out of the outside, by unit: on the shard of the account on the other side. */
  readonly world = new Map<string, bigint>();
  /** Of each shard the positions before and after this round's events: what it decides changes nothing at others. */
  readonly spans = new Map<number, Span>();
  /** The open holds of each account. */
  readonly openHolds = new Map<string, Map<string, HoldRow>>();
  readonly places = new Map<string, AccountPlace>();

  /** Undefined for an account that was never opened. */
  placeOf(account: string): AccountPlace | undefined {
    return this.places.get(account);
  }
}
