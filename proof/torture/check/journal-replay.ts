import type { JournalRow } from "./journal-check.ts";
import { EventReplay } from "./event-replay.ts";
import { readEvent } from "./journal-events.ts";
import type { PlacedEvent } from "./placed-event.ts";
import { ReplayedLedger } from "./replayed-ledger.ts";
import type { RoundFindings } from "./round-violations.ts";

/**
 * Makes the ledger anew from the journal, event by event, and checks that each follows from what was before it: that
 * seqs have no gap, that balances follow from amounts, that nothing goes out beyond what is available, that what is
 * held is the sum of the open holds and of what open parts of transactions across shards set aside, that each hold ends
 * once and none is captured after its expiry, that a transaction is taken back once, whole.
 */
export class JournalReplay extends ReplayedLedger {
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
        if (event.type === "open" && !this.places.has(event.account.id))
          this.places.set(event.account.id, { shard: row.shard, unit: event.account.unit });
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
