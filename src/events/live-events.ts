import { bounds } from "../bounds.ts";
import { LedgerUnavailable } from "../ledger/ledger.ts";
import { type Cursor, formatCursor, markOf, type Position } from "./cursor.ts";
import { eventJson } from "./event-json.ts";
import { EventRing } from "./event-ring.ts";
import { placeIn, seenAt } from "./journal-walk.ts";
import type { JournalEnd, JournalSource, KeptRow } from "./journal-source.ts";
import { sseOf } from "./sse.ts";
import type { PublicEvents } from "./to-public-events.ts";

const ROWS_AT_ONCE = 256;

export interface LiveListener {
  /** A row was read. @param time of its latest event, in microseconds */
  readonly onRow: (time: number) => void;
  /** The ring has more. */
  readonly onEvents: () => void;
  /** Nothing more comes: the journal has another past than what was read, or it cannot be understood. */
  readonly onLost: (why: string) => void;
}

/** How many shards there are, and how far the journal of each goes, as a cursor that has seen all of it. */
export async function endOf(journal: JournalSource): Promise<Cursor> {
  return (await journal.ends()).map((end) => placeIn(end, null));
}

/** The first position whose row is not there any more, or is another one; `null` if there is none. */
export async function firstGone(journal: JournalSource, cursor: Cursor): Promise<Position | null> {
  const begun = cursor.filter(({ g }) => g >= 0);
  if (begun.length === 0) return null;
  const hashes = await journal.hashesAt(begun);
  const isThere = (at: number, { mark }: Position): boolean => {
    const hash = hashes[at] ?? null;
    return hash !== null && markOf(hash) === mark;
  };
  return begun.find((position, at) => !isThere(at, position)) ?? null;
}

/**
 * The new events of a journal, each made once for all who follow it. It reads what was committed since, from where it
 * stands, and looks each time that the row at which it stands is still the same: books may be put back while somebody
 * follows them.
 */
export class LiveEvents {
  readonly ring = new EventRing(bounds.event_ring_bytes_max);
  readonly #journal: JournalSource;
  readonly #events: PublicEvents;
  readonly #listener: LiveListener;
  readonly #stopListening: () => void;
  readonly #position: Position[];
  #isDue = true;
  #reading = false;
  #stopped = false;
  #retry: Timer | undefined;

  /** @param from where it begins: the end of the journal */
  constructor(journal: JournalSource, events: PublicEvents, from: Cursor, listener: LiveListener) {
    this.#journal = journal;
    this.#events = events;
    this.#listener = listener;
    this.#position = [...from];
    this.#stopListening = journal.onKept(() => this.#lookAgain());
    this.#lookAgain();
  }

  /** What the ring's end is behind. All of these rows was looked at. */
  get position(): Cursor {
    return [...this.#position];
  }

  /** How many there are. */
  get shards(): number {
    return this.#position.length;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#stopListening();
  }

  #lookAgain(): void {
    this.#isDue = true;
    if (!this.#reading && !this.#stopped) this.#readWhileDue().catch(() => {});
  }

  async #readWhileDue(): Promise<void> {
    this.#reading = true;
    try {
      while (this.#isDue && !this.#stopped) {
        this.#isDue = false;
        await this.#readNew();
      }
    } catch (error) {
      if (!(error instanceof LedgerUnavailable)) this.#lose(String(error));
      // What was kept in the meantime may be the last for long, so nobody may tell of it again.
      clearTimeout(this.#retry);
      if (!this.#stopped) this.#retry = setTimeout(() => this.#lookAgain(), bounds.event_retry_milliseconds);
    } finally {
      this.#reading = false;
    }
  }

  async #readNew(): Promise<void> {
    const [ends, gone] = await Promise.all([this.#journal.ends(), firstGone(this.#journal, this.#position)]);
    if (this.#stopped) return;
    const back = ends.find(({ shard, g }) => g < (this.#position[shard]?.g ?? -1));
    const changed = gone?.shard ?? back?.shard;
    if (changed !== undefined) {
      this.#lose(`the journal of shard ${changed} is not the one that was read before`);
      return;
    }
    for (const end of ends) await this.#readShard(end);
  }

  async #readShard({ shard, g: last }: JournalEnd): Promise<void> {
    for (;;) {
      const g = this.#position[shard]?.g ?? -1;
      if (g >= last || this.#stopped) return;
      const rows = await this.#journal.rows(shard, g + 1, ROWS_AT_ONCE);
      if (rows.length === 0) return;
      for (const row of rows) await this.#append(row);
      if (!this.#stopped) this.#listener.onEvents();
    }
  }

  async #append(row: KeptRow): Promise<void> {
    const events = await this.#events.of(row);
    this.#listener.onRow(row.time);
    // All of a row at once: between rows the position is that of the ring's end.
    for (const [index, event] of events.entries()) {
      if (event === null) continue;
      this.#position[row.shard] = placeIn(row, seenAt(events, index));
      const cursor = formatCursor(this.#position);
      this.ring.append({ cursor, event, sse: sseOf(cursor, event.type, eventJson(event)) });
    }
    this.#position[row.shard] = placeIn(row, null);
  }

  #lose(why: string): void {
    if (this.#stopped) return;
    this.stop();
    this.#listener.onLost(why);
  }
}
