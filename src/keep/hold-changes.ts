import type { Batch } from "../carry/batch.ts";
import type { AccountId } from "../ledger/account.ts";
import { formatDetails } from "../ledger/details-text.ts";
import { endedHold, holdOf, type Place } from "../ledger/event-results.ts";
import { eventId, type EventPlace, placeOfEvent } from "../ledger/event-id.ts";
import type { EventId, Hold, HoldStatus } from "../ledger/transaction.ts";
import type { ChangingEvent, OpenHold } from "./account-steps.ts";
import type { Queryable } from "./postgres-client.ts";
import { integers } from "./pg-array.ts";

/** How a hold has ended. */
export interface HoldEnd {
  /** Of the hold. */
  readonly place: Place;
  readonly state: HoldStatus;
  readonly captured: number;
  /** Of the event that ended it, and its time. */
  readonly ended: Place;
  readonly endedAt: number;
}

/** A hold of these batches, as it is after them. */
export interface NewHold {
  readonly place: Place;
  readonly hold: Hold;
  readonly command: string;
  /** JSON. */
  readonly details: string;
  readonly end: HoldEnd | null;
}

type Ending = Extract<ChangingEvent, { type: "capture" | "release" | "expiry" }>;

/** What some consecutive batches make of holds. */
export class HoldChanges {
  /** Those that are not ended by now: of the batches, and of the books. */
  readonly open: Map<EventId, OpenHold>;
  /** Those of the books that have ended. */
  readonly ends: HoldEnd[] = [];
  readonly #created = new Map<EventId, NewHold>();

  constructor(inBooks: ReadonlyMap<EventId, OpenHold>) {
    this.open = new Map(inBooks);
  }

  get created(): Iterable<NewHold> {
    return this.#created.values();
  }

  create(event: Extract<ChangingEvent, { type: "hold" }>, place: Place): void {
    const hold = holdOf(event, place);
    const details = formatDetails(event, null) || "{}";
    this.#created.set(hold.id, { place, hold, command: event.id, details, end: null });
    this.open.set(hold.id, { account: hold.from, amount: hold.amount });
  }

  /** The hold has to be open. */
  end(event: Ending, ended: Place): void {
    this.open.delete(event.hold);
    const created = this.#created.get(event.hold);
    const place = created?.place ?? placeOfEvent("h", event.hold);
    if (place === null) return;
    const end = { place, ...outcomeOf(event), ended, endedAt: event.time };
    if (created === undefined) this.ends.push(end);
    else this.#created.set(event.hold, { ...created, hold: endedHold(created.hold, event, ended), end });
  }
}

function outcomeOf(event: Ending): Pick<HoldEnd, "state" | "captured"> {
  switch (event.type) {
    case "capture":
      return { state: "captured", captured: event.postings.reduce((sum, { amount }) => sum + amount, 0) };
    case "release":
      return { state: "released", captured: 0 };
    case "expiry":
      return { state: "expired", captured: 0 };
  }
}

/** The open holds in the books that the batches, all of one shard, end. Each is found by its key, however many are open. */
export async function readEndingHolds(
  sql: Queryable,
  shard: number,
  batches: readonly Batch[],
): Promise<Map<EventId, OpenHold>> {
  const from = batches[0]?.g ?? 0;
  const places: EventPlace[] = [];
  for (const text of batches.flatMap(({ events }) => events)) {
    const id = endedIn(text);
    const place = id === null ? null : placeOfEvent("h", id);
    if (place !== null && place.g < from) places.push(place);
  }
  if (places.length === 0) return new Map();
  const rows = await sql<{ g: number; event: number; time: number; account: AccountId; amount: number }[]>`
    SELECT h.g, h.event, h.time, h.account, h.amount
    FROM unnest(
      ${integers(places, ({ g }) => g)}::text::bigint[], ${integers(places, ({ index }) => index)}::text::integer[]
    ) AS p (g, event)
    CROSS JOIN LATERAL (
      SELECT * FROM holds AS h WHERE h.shard = ${shard} AND h.g = p.g AND h.event = p.event OFFSET 0
    ) AS h
    WHERE h.state = 'open'`;
  return new Map(
    rows.map(({ g, event, time, account, amount }) => [
      eventId("h", shard, g, event, time),
      { account, amount },
    ]),
  );
}

/** The hold that an event ends, read from its text: nearly all events end none, and are not parsed here. */
function endedIn(text: string): EventId | null {
  return /^[pre] /.test(text) ? (text.split(" ", 3)[2] ?? null) : null;
}
