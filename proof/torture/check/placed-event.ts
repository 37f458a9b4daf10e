import type { Event } from "./journal-events.ts";

/** An event with its place in the journal, and its number among all events. */
export interface PlacedEvent {
  readonly event: Event;
  readonly text: string;
  readonly shard: number;
  readonly g: number;
  readonly index: number;
  /** The ledger after it has this position, and before it the one before. */
  readonly position: number;
}

/** An entry as an event makes it. */
export interface EntryRow {
  readonly account: string;
  readonly seq: number;
  readonly kind: "credit" | "debit";
  readonly value: number;
  readonly balance: number;
  readonly description: string;
  readonly command: string;
  /** Microseconds since 1970. */
  readonly time: number;
  readonly counterparty: string;
  readonly reference: string | null;
  /** The place of its event in the journal. */
  readonly shard: number;
  readonly g: number;
  readonly event: number;
}

/** From the position before the first event to the one after the last. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The id of the transaction or the hold that stands at a place of the journal. */
export function idOf(letter: "t" | "h", { shard, g, index, event }: PlacedEvent): string {
  const time = "time" in event ? event.time : 0;
  return `${letter}${shard}-${g}-${index}-${time % 1_000_000}`;
}
