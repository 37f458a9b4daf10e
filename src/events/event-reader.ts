import { type Cursor, formatCursor } from "./cursor.ts";
import { filterKey } from "./event-filter.ts";
import type { EventFilter } from "./event-source.ts";

/**
 * Who follows events: a place, and nothing of what is sent. It is in the journal until it has come to where the ring ends,
 * then in the ring, and never in both.
 */
export class EventReader {
  readonly filter: EventFilter;
  /** Readers with the same one are sent the same. */
  readonly key: string;
  #place: Place;
  #over = false;
  #wake: (() => void) | null = null;
  /** When it was sent something last, in milliseconds. */
  #sentAt = performance.now();
  /** What it was told last in silence. */
  #told: string | null = null;
  readonly #onOver: () => void;

  /** @param onOver called once, when it ends for whatever reason */
  constructor(filter: EventFilter, from: Cursor, onOver: () => void) {
    this.filter = filter;
    this.key = filterKey(filter);
    this.#place = { in: "journal", cursor: from };
    this.#onOver = onOver;
  }

  get place(): Place {
    return this.#place;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** How far it has come, whether or not it was sent anything of it. */
  get cursor(): string {
    return this.#place.in === "ring" ? this.#place.cursor : formatCursor(this.#place.cursor);
  }

  moveTo(place: Place): void {
    this.#place = place;
  }

  /** Until {@link wake}. */
  async sleep(): Promise<void> {
    if (!this.#over) await new Promise<void>((wake) => (this.#wake = wake));
  }

  /** Whether it was sent nothing for so long. */
  hasWaited(milliseconds: number): boolean {
    return performance.now() - this.#sentAt >= milliseconds;
  }

  noteSent(): void {
    this.#sentAt = performance.now();
  }

  /** How far it has come, to be told in silence; `null` if it was told before. */
  news(): string | null {
    const { cursor } = this;
    if (cursor === this.#told) return null;
    this.#told = cursor;
    return cursor;
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#onOver();
    this.wake();
  }
}

export type Place =
  | { readonly in: "journal"; readonly cursor: Cursor }
  /** The number of the next event, and the text of the cursor of all before it. */
  | { readonly in: "ring"; readonly number: number; readonly cursor: string };
