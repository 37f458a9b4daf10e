import type { Micros } from "./account.ts";
import type { EventId } from "./transaction.ts";

/** Where an event stands. */
export interface EventPlace {
  readonly shard: number;
  readonly g: number;
  /** From 0. */
  readonly index: number;
  /** The time of the event, modulo a second. */
  readonly micros: number;
}

const MICROS_OF_ID = 1_000_000;

/** `t` for a transaction, `h` for a hold, `e` for the event itself, as those see it who follow the ledger. */
type Letter = "t" | "h" | "e";

export function eventId(letter: Letter, shard: number, g: number, index: number, time: Micros): EventId {
  return `${letter}${shard}-${g}-${index}-${time % MICROS_OF_ID}`;
}

/** `null` if the text is not the id of such an event. */
export function placeOfEvent(letter: Letter, id: EventId): EventPlace | null {
  const [, kind, shard, g, index, micros] =
    /^([the])(\d{1,4})-(\d{1,16})-(\d{1,5})-(\d{1,6})$/.exec(id) ?? [];
  if (kind !== letter) return null;
  return { shard: Number(shard), g: Number(g), index: Number(index), micros: Number(micros) };
}
