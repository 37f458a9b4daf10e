import type { JournalRow } from "./journal-check.ts";
import { EventReplay } from "./event-replay.ts";
import { readEvent } from "./journal-events.ts";
import { type HoldRow, LedgerHistory } from "./ledger-history.ts";
import type { EntryRow, PlacedEvent, Span } from "./placed-event.ts";
import type { RoundFindings } from "./round-violations.ts";
import { Transits } from "./transits.ts";

/** Where an account was opened, and with which unit: both never change. */
export interface AccountPlace {
  readonly shard: number;
  readonly unit: string;
}

/**
 * Makes the ledger anew from the journal, event by event, and checks that each follows from what was before it: that
 * seqs have no gap, that balances follow from amounts, that nothing goes out beyond what is available, that what is
 * held is the sum of the open holds and of what open parts of transactions across shards set aside, that each hold ends
 * once and none is captured after its expiry, that a transaction is taken back once, whole.
 */
export class JournalReplay {
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
  readonly #places = new Map<string, AccountPlace>();

  /** Undefined for an account that was never opened. */
  placeOf(account: string): AccountPlace | undefined {
    return this.#places.get(account);
  }

  /** @returns the new events, one shard after the other */
  play(rows: readonly JournalRow[], findings: RoundFindings): PlacedEvent[] {
    this.history.beginRound();
    for (const entries of this.entries.values()) entries.splice(0, entries.length - 10);
    const began = this.history.position;
    for (const shard of this.spans.keys()) this.spans.set(shard, { from: began, to: began });
    // What a shard does may name accounts of those that are played after it.
    const read = rows.map((row) => ({ row, events: row.events.map(readEvent) }));
    for (const { row, events } of read)
      for (const event of events)
        if (event.type === "open" && !this.#places.has(event.account.id))
          this.#places.set(event.account.id, { shard: row.shard, unit: event.account.unit });
    return [...Map.groupBy(read, ({ row }) => row.shard)].flatMap(([shard, ofShard]) => {
      const from = this.history.position;
      const placed = ofShard.flatMap(({ row: { g, events: texts }, events }) =>
        events.map((event, index) => {
          this.history.position += 1;
          const text = texts[index] ?? "";
          const one = { event, text, shard, g, index, position: this.history.position };
          new EventReplay(this, one, findings).apply();
          return one;
        }),
      );
      this.spans.set(shard, { from, to: this.history.position });
      return placed;
    });
  }
}
