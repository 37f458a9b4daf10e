import { bounds } from "../bounds.ts";
import type { EventReader } from "./event-reader.ts";

/** All who follow the events of one process: how many may, and when they are woken. */
export class EventReaders {
  readonly #readers_max: number;
  readonly #commentMilliseconds: number;
  readonly #readers = new Set<EventReader>();
  /** Readers soon: where they begin is looked for. */
  #entering = 0;
  #cut = 0;
  #looks: Timer | undefined;
  #waking: Timer | undefined;
  #wokenAt = -Infinity;

  /** @param commentMilliseconds how long a reader may sleep */
  constructor(readers_max: number, commentMilliseconds: number) {
    this.#readers_max = readers_max;
    this.#commentMilliseconds = commentMilliseconds;
  }

  get count(): number {
    return this.#readers.size;
  }

  get isFull(): boolean {
    return this.#readers.size + this.#entering >= this.#readers_max;
  }

  /** How many were too slow, since the process began. */
  get cut(): number {
    return this.#cut;
  }

  /** Counts one among the readers that is none yet, so that many at once are no more than may be. */
  async enter<T>(find: () => Promise<T>): Promise<T> {
    this.#entering += 1;
    try {
      return await find();
    } finally {
      this.#entering -= 1;
    }
  }

  add(reader: EventReader): void {
    this.#readers.add(reader);
    // Who reads slowly is not asleep, and gets no comment.
    this.#looks ??= setInterval(() => {
      for (const one of this.#readers) if (one.hasWaited(this.#commentMilliseconds)) one.wake();
    }, bounds.event_look_milliseconds);
  }

  delete(reader: EventReader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    clearInterval(this.#looks);
    clearTimeout(this.#waking);
    this.#looks = undefined;
    this.#waking = undefined;
  }

  /**
   * At once, but the more there are the less often: each waking costs a write for each of them.
   *
   * @param onWake called just before; returns the first number that is still in the ring, and who is before it is cut off
   */
  wakeSoon(onWake: () => number): void {
    if (this.#waking !== undefined) return;
    const dueAt = this.#wokenAt + this.#readers.size * bounds.event_reader_pace_milliseconds;
    const wait = dueAt - performance.now();
    if (wait < 1) this.#wake(onWake());
    else this.#waking = setTimeout(() => this.#wake(onWake()), wait);
  }

  endAll(): void {
    for (const reader of this.#readers) reader.end();
  }

  #wake(first: number): void {
    this.#waking = undefined;
    this.#wokenAt = performance.now();
    for (const reader of this.#readers) {
      if (reader.place.in === "ring" && reader.place.number < first) {
        this.#cut += 1;
        reader.end();
      } else {
        reader.wake();
      }
    }
  }
}
