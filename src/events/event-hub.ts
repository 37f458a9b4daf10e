import { bounds } from "../bounds.ts";
import { LedgerUnavailable } from "../ledger/ledger.ts";
import type { Log } from "../log/log.ts";
import { HotHistogram, SECONDS } from "../metrics/hot-histogram.ts";
import { type Cursor, formatCursor, startOf } from "./cursor.ts";
import { seesAll, shardOfFilter, shardsFor, viewFor } from "./event-filter.ts";
import { EventReader } from "./event-reader.ts";
import { EventReaders } from "./event-readers.ts";
import type { RingChunk } from "./event-ring.ts";
import type {
  After,
  CursorForeign,
  CursorGone,
  EventFilter,
  EventPage,
  EventSource,
  ShownEvent,
} from "./event-source.ts";
import type { JournalSource } from "./journal-source.ts";
import { isAhead, walkJournal, type Walked } from "./journal-walk.ts";
import { endOf, firstGone, LiveEvents } from "./live-events.ts";
import type { PublicEvent } from "./public-event.ts";
import { firstChunk, quietChunk, sseOf } from "./sse.ts";
import { PublicEvents } from "./to-public-events.ts";
import { TurnQueue } from "./turn-queue.ts";

export interface EventHubOptions {
  readonly journal: JournalSource;
  readonly log: Log;
  /** Streams, and pages waited for, at once. */
  readonly readers_max?: number;
  /** How often a stream without events has a comment. */
  readonly commentMilliseconds?: number;
}

const CHUNKS_MAX = 32;

/**
 * Events of a journal for all readers of one process.
 *
 * New events are made once and kept in a ring. A reader pulls: whatever its connection takes next is put together then, so
 * that nobody who reads slowly, or not at all, makes anything grow. Who is so slow that its next event is no longer in the
 * ring is cut off; it comes again with the id that it saw last, and reads on from the journal, as all do who begin in the
 * past. From there it changes to the ring at a number whose cursor it has reached, so that nothing is missing, and nothing
 * comes twice.
 */
export class EventHub implements EventSource {
  /** How old rows are when they are read for those who follow. */
  readonly delaySeconds = new HotHistogram(SECONDS);
  readonly #journal: JournalSource;
  readonly #log: Log;
  readonly #commentMilliseconds: number;
  readonly #readers: EventReaders;
  /** Where readers begin, which takes a moment, is not looked for behind those who walk through the past. */
  readonly #starts = new TurnQueue(bounds.event_turns_max);
  readonly #walks = new TurnQueue(bounds.event_turns_max);
  readonly #chunks = new Map<string, RingChunk>();
  #events: PublicEvents;
  /** Only while there are readers. */
  #live: LiveEvents | null = null;
  #starting: Promise<LiveEvents> | null = null;
  #closed = false;

  constructor({ journal, log, readers_max, commentMilliseconds }: EventHubOptions) {
    this.#journal = journal;
    this.#log = log;
    this.#commentMilliseconds = commentMilliseconds ?? bounds.event_comment_milliseconds;
    const most = Math.min(readers_max ?? Infinity, bounds.event_readers_max);
    this.#readers = new EventReaders(most, this.#commentMilliseconds);
    this.#events = new PublicEvents(journal);
  }

  get readers(): number {
    return this.#readers.count;
  }

  get isFull(): boolean {
    return this.#readers.isFull;
  }

  get readersCut(): number {
    return this.#readers.cut;
  }

  async page(
    filter: EventFilter,
    after: After,
    count: number,
    waitMilliseconds: number,
    signal: AbortSignal,
  ): Promise<EventPage> {
    const found: ShownEvent[] = [];
    const take = (event: PublicEvent, cursor: () => string): boolean => {
      const view = viewFor(filter, event);
      if (view !== null) found.push({ cursor: cursor(), ...view });
      return found.length < count;
    };
    const begin = async (): Promise<Walked | CursorGone | CursorForeign> => {
      const start = await this.#start(after);
      if ("type" in start) return start;
      const { from, end } = start;
      return this.#walk(filter, from, end, bounds.event_rows_looked_max, take);
    };
    const begun = await (waitMilliseconds > 0 ? this.#readers.enter(begin) : begin());
    if ("type" in begun) return begun;
    if (found.length > 0 || waitMilliseconds === 0 || !begun.isDone)
      return { type: "page", events: found, next: formatCursor(begun.cursor) };
    const reader = await this.#follow(filter, begun.cursor, () => {});
    const giveUp = (): void => reader.end();
    const timer = setTimeout(giveUp, waitMilliseconds);
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) giveUp();
    try {
      while (found.length === 0 && !reader.isOver) {
        const past = await this.#catchUp(reader, take);
        if (found.length > 0 || (!past && this.#takeFromRing(reader, take))) continue;
        if (!past || this.#isAhead(reader)) await reader.sleep();
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      reader.end();
    }
    return { type: "page", events: found, next: found.at(-1)?.cursor ?? reader.cursor };
  }

  async stream(
    filter: EventFilter,
    after: After,
    signal: AbortSignal,
    onEnd: () => void = () => {},
  ): Promise<ReadableStream<Uint8Array> | CursorGone | CursorForeign> {
    const start = await this.#readers.enter(() => this.#start(after));
    if ("type" in start) return start;
    let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
    const reader = await this.#follow(filter, start.from, () => {
      controller?.close();
      onEnd();
    });
    const end = (): void => reader.end();
    signal.addEventListener("abort", end, { once: true });
    let isFirst = true;
    return new ReadableStream<Uint8Array>(
      {
        start: (of) => {
          controller = of;
          if (reader.isOver) of.close();
          else if (signal.aborted) end();
        },
        pull: async (of) => {
          const chunk = isFirst ? firstChunk(reader.news()) : await this.#nextChunk(reader);
          isFirst = false;
          if (chunk !== null && !reader.isOver) of.enqueue(chunk);
        },
        cancel: () => {
          // It is closed already.
          controller = null;
          end();
        },
      },
      // Whatever is put into the stream's own queue would be there for each reader.
      { highWaterMark: 0 },
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.endReaders();
    await this.#journal.close();
  }

  /**
   * In turn: where a thousand readers come at once, each of them would wait for the questions of all others, and be told
   * that the books give no answer.
   *
   * @throws LedgerUnavailable
   */
  #start(after: After): Promise<{ from: Cursor; end: Cursor } | CursorGone | CursorForeign> {
    return this.#starts.run(async () => {
      const end = await endOf(this.#journal);
      if (after === "latest") return { from: end, end };
      if (after === "first") return { from: startOf(end.length), end };
      if (after.length !== end.length) return { type: "foreign" };
      const gone = await firstGone(this.#journal, after);
      return gone === null ? { from: after, end } : { type: "gone", shard: gone.shard };
    });
  }

  /** @param onOver called before the reader is awake */
  async #follow(filter: EventFilter, from: Cursor, onOver: () => void): Promise<EventReader> {
    const reader: EventReader = new EventReader(filter, from, () => {
      this.#readers.delete(reader);
      onOver();
      if (this.#readers.count === 0) this.#stopLive();
    });
    this.#readers.add(reader);
    try {
      await this.#run();
    } catch (error) {
      reader.end();
      throw error;
    }
    if (this.#closed) reader.end();
    return reader;
  }

  /** @throws LedgerUnavailable */
  async #run(): Promise<LiveEvents> {
    if (this.#live !== null) return this.#live;
    this.#starting ??= (async () => {
      try {
        const from = await endOf(this.#journal);
        const live = new LiveEvents(this.#journal, this.#events, from, {
          onEvents: () =>
            this.#readers.wakeSoon(() => {
              // Until then, who has read all of the ring sleeps.
              this.#chunks.clear();
              return live.ring.first;
            }),
          onRow: (time) => this.delaySeconds.observe(Math.max(0, Date.now() / 1000 - time / 1e6)),
          onLost: (why) => {
            this.#log.warn(`events: ${why}: all who follow them are ended, and go on from where they are.`);
            this.endReaders();
          },
        });
        this.#live = live;
        // All may be gone by now.
        if (this.#readers.count === 0) this.#stopLive();
        return live;
      } finally {
        this.#starting = null;
      }
    })();
    return this.#starting;
  }

  #stopLive(): void {
    this.#live?.stop();
    this.#live = null;
    this.#events = new PublicEvents(this.#journal);
    this.#chunks.clear();
  }

  endReaders(): void {
    this.#readers.endAll();
    this.#stopLive();
  }

  /** @returns `null` when the reader is over */
  async #nextChunk(reader: EventReader): Promise<Uint8Array | null> {
    while (!reader.isOver) {
      const past = reader.place.in === "journal";
      const chunk = past ? await this.#chunkOfPast(reader) : this.#chunkOfRing(reader);
      if (chunk !== null || reader.hasWaited(this.#commentMilliseconds)) {
        reader.noteSent();
        return chunk ?? quietChunk(reader.news());
      }
      if (!past || this.#isAhead(reader)) await reader.sleep();
    }
    return null;
  }

  /** @returns `null` if there was nothing for the reader; then it has come further */
  async #chunkOfPast(reader: EventReader): Promise<Uint8Array | null> {
    const { place } = reader;
    const parts: Uint8Array[] = [];
    let bytes = 0;
    await this.#catchUp(reader, (event, cursor) => {
      const part = partFor(reader.filter, event, cursor);
      if (part === null) return true;
      parts.push(part);
      bytes += part.length;
      return bytes < bounds.event_chunk_bytes_max;
    });
    // Where the journal went away in between, all of this is read again.
    return parts.length === 0 || reader.place === place ? null : Buffer.concat(parts);
  }

  /** @returns `null` if there is nothing for the reader; then it is at the ring's end */
  #chunkOfRing(reader: EventReader): Uint8Array | null {
    const { place, filter } = reader;
    const live = this.#live;
    if (place.in !== "ring" || live === null) return null;
    const name = `${place.number} ${reader.key}`;
    let chunk = this.#chunks.get(name);
    if (chunk === undefined) {
      const parts: Uint8Array[] = [];
      let bytes = 0;
      const only = shardOfFilter(filter, live.shards);
      const end = live.ring.read(place.number, place.cursor, ({ cursor, event, sse }) => {
        if (only !== null && event.place.shard !== only) return true;
        const part = seesAll(filter) ? sse : partFor(filter, event, () => cursor);
        if (part === null) return true;
        parts.push(part);
        bytes += part.length;
        return bytes < bounds.event_chunk_bytes_max;
      });
      if (this.#chunks.size >= CHUNKS_MAX) this.#chunks.clear();
      chunk = { bytes: parts.length === 0 ? null : Buffer.concat(parts), ...end };
      this.#chunks.set(name, chunk);
    }
    reader.moveTo({ in: "ring", number: chunk.number, cursor: chunk.cursor });
    return chunk.bytes;
  }

  /** @returns whether it took one */
  #takeFromRing(reader: EventReader, take: (event: PublicEvent, cursor: () => string) => boolean): boolean {
    const { place, filter } = reader;
    const live = this.#live;
    if (place.in !== "ring" || live === null) return false;
    const only = shardOfFilter(filter, live.shards);
    const end = live.ring.read(place.number, place.cursor, ({ event, cursor }) => {
      if (only !== null && event.place.shard !== only) return true;
      return take(event, () => cursor);
    });
    reader.moveTo({ in: "ring", ...end });
    return end.number > place.number;
  }

  /**
   * Brings a reader on from where it is in the journal, as far as the ring.
   *
   * @returns whether it was there
   */
  async #catchUp(
    reader: EventReader,
    take: (event: PublicEvent, cursor: () => string) => boolean,
  ): Promise<boolean> {
    const { place } = reader;
    if (place.in === "ring") return false;
    try {
      const live = await this.#run();
      // Both are of one moment: whoever has come to this place has seen all before this number.
      const end = live.position;
      const number = live.ring.end;
      const walked = await this.#walk(reader.filter, place.cursor, end, bounds.event_turn_rows_max, take);
      const shards = shardsFor(reader.filter, end.length);
      const isReached = walked.isDone && !isAhead(walked.cursor, end, shards);
      const isThere = isReached && live === this.#live && number >= live.ring.first;
      reader.moveTo(
        isThere
          ? { in: "ring", number, cursor: formatCursor(end) }
          : { in: "journal", cursor: walked.cursor },
      );
    } catch (error) {
      if (error instanceof LedgerUnavailable) await Bun.sleep(bounds.event_retry_milliseconds);
      else {
        this.#log.alarm(`events: what the journal holds cannot be told (${String(error)}).`);
        reader.end();
      }
    }
    return true;
  }

  /**
   * Whether a reader has seen what is not in the ring yet: the ring is behind the journal by a moment, and a reader may come
   * with a cursor that another process gave it.
   */
  #isAhead({ place, filter }: EventReader): boolean {
    if (place.in === "ring" || this.#live === null) return false;
    const { position } = this.#live;
    return isAhead(place.cursor, position, shardsFor(filter, position.length));
  }

  #walk(
    filter: EventFilter,
    from: Cursor,
    to: Cursor,
    rowsMax: number,
    take: (event: PublicEvent, cursor: () => string) => boolean,
  ): Promise<Walked> {
    const shards = shardsFor(filter, to.length);
    // Only who follows notices that books were put back: without, nothing that was read before may be relied on.
    const events = this.#live === null ? new PublicEvents(this.#journal) : this.#events;
    return this.#walks.run(() => walkJournal(this.#journal, events, { from, to, shards, rowsMax, take }));
  }
}

/** @returns `null` if it is not for them */
function partFor(filter: EventFilter, event: PublicEvent, cursor: () => string): Uint8Array | null {
  const view = viewFor(filter, event);
  return view === null ? null : sseOf(cursor(), view.type, view.json);
}
