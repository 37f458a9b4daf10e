import type { PublicEvent } from "./public-event.ts";

/** An event as all readers that may see all of it are sent it. */
export interface RingEntry {
  /** The text of how far one has come who has read it. */
  readonly cursor: string;
  readonly event: PublicEvent;
  readonly sse: Uint8Array;
}

/** What readers with one filter are sent of the ring from one number on: made once for all of them. */
export interface RingChunk {
  /** `null`: nothing of it is for them. */
  readonly bytes: Uint8Array | null;
  readonly number: number;
  readonly cursor: string;
}

/** What an entry takes beside its text: the objects that the event is, some of its text once more, roughly. */
const OBJECTS_BYTES = 1_000;

/**
 * The latest events, numbered from 0 on, as many as fit into the bound. A reader is a number and has no buffer of its own:
 * one whose next event is not there any more was too slow.
 */
export class EventRing {
  readonly #bytes_max: number;
  /** From `#head` on. The places before it are empty, and are cut off once they are many. */
  #entries: (RingEntry | undefined)[] = [];
  #head = 0;
  #first = 0;
  #bytes = 0;

  constructor(bytes_max: number) {
    this.#bytes_max = bytes_max;
  }

  /** The number of the oldest entry that is there; where there is none, that of the next one. */
  get first(): number {
    return this.#first;
  }

  /** The number of the next entry. */
  get end(): number {
    return this.#first + this.#entries.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  append(entry: RingEntry): void {
    this.#entries.push(entry);
    this.#bytes += sizeOf(entry);
    while (this.#bytes > this.#bytes_max && this.#first < this.end) this.#dropFirst();
  }

  /** `undefined` if it is not there any more, or not yet. */
  at(number: number): RingEntry | undefined {
    return number < this.#first ? undefined : this.#entries[this.#head + number - this.#first];
  }

  /**
   * Goes through the entries from a number on.
   *
   * @param before the text of the cursor of all before it
   * @param take returns whether it takes more
   * @returns behind the last that was taken
   */
  read(
    from: number,
    before: string,
    take: (entry: RingEntry) => boolean,
  ): { readonly number: number; readonly cursor: string } {
    let number = from;
    let cursor = before;
    for (let entry = this.at(number); entry !== undefined; entry = this.at(number)) {
      number += 1;
      ({ cursor } = entry);
      if (!take(entry)) break;
    }
    return { number, cursor };
  }

  /** Numbers go on: a reader that has one from before is behind. */
  clear(): void {
    this.#first = this.end;
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
  }

  #dropFirst(): void {
    const entry = this.#entries[this.#head];
    if (entry === undefined) return;
    this.#bytes -= sizeOf(entry);
    this.#entries[this.#head] = undefined;
    this.#head += 1;
    this.#first += 1;
    if (this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}

function sizeOf({ sse, cursor }: RingEntry): number {
  return 2 * sse.length + cursor.length + OBJECTS_BYTES;
}
