import { eventJson, shownTo } from "../events/event-json.ts";
import type { JournalSource, KeptRow } from "../events/journal-source.ts";
import type { PublicEvent } from "../events/public-event.ts";
import { PublicEvents } from "../events/to-public-events.ts";

/** A row of the journal with what it says; `null` for what is no event, so that places stay those of the journal. */
export interface ReadRow {
  readonly row: KeptRow;
  readonly events: readonly (PublicEvent | null)[];
}

/** Of the last rows, for all webhooks: several read the same ones, and each event is sent soon after it was read. */
const ROWS_KEPT = 256;
/** What waits is sent in order: the rows behind one are wanted next. */
const ROWS_AHEAD = 32;

/** The journal as deliveries are made of it. All methods reject with LedgerUnavailable. */
export class EventReader {
  readonly #journal: JournalSource;
  #events: PublicEvents;
  readonly #kept = new Map<string, ReadRow>();
  /** Ends when the look-ups have ended that were begun before. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(journal: JournalSource) {
    this.#journal = journal;
    this.#events = new PublicEvents(journal);
  }

  async rows(shard: number, from: number, count: number): Promise<readonly ReadRow[]> {
    const read: ReadRow[] = [];
    for (const row of await this.#journal.rows(shard, from, count)) read.push(await this.#readRow(row));
    return read;
  }

  /** `null`: there is no such event. */
  async event(shard: number, g: number, index: number): Promise<PublicEvent | null> {
    const found = this.#kept.get(`${shard} ${g}`) ?? (await this.#inTurn(() => this.#readAhead(shard, g)));
    return found?.events[index] ?? null;
  }

  /** What was read is forgotten, facts of accounts too: the books may be others by now. */
  forget(): void {
    this.#events = new PublicEvents(this.#journal);
    this.#kept.clear();
  }

  async #readAhead(shard: number, g: number): Promise<ReadRow | null> {
    // Whose turn was before may have read it.
    const known = this.#kept.get(`${shard} ${g}`);
    if (known !== undefined) return known;
    const [found] = await this.rows(shard, g, ROWS_AHEAD);
    return found?.row.g === g ? found : null;
  }

  #inTurn<T>(read: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(read);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #readRow(row: KeptRow): Promise<ReadRow> {
    const key = `${row.shard} ${row.g}`;
    const known = this.#kept.get(key);
    if (known !== undefined && Buffer.compare(known.row.hash, row.hash) === 0) return known;
    const events = this.#events;
    const read = { row, events: await events.of(row) };
    // It was read before, and is forgotten with it.
    if (events !== this.#events) return read;
    this.#kept.delete(key);
    this.#kept.set(key, read);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > ROWS_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return read;
  }
}

/** What is sent of an event to who may see the accounts with this beginning; `null`: nothing. */
export function bodyOf(event: PublicEvent, beginning: string): string | null {
  return beginning === "" ? eventJson(event) : shownTo(beginning, event);
}
