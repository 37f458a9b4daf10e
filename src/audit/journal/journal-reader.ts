import { bounds } from "../../bounds.ts";
import { parseEventOrNull } from "../../ledger/event.ts";
import { HASH_BYTES } from "../../ledger/journal.ts";
import { ARRAY_HEADER_BYTES, integerAt } from "../books/binary-copy-reader.ts";
import type { Snapshot } from "../books/books-snapshot.ts";

/** A row of the journal as PostgreSQL sends it. It is of use only until the next row. */
export interface StoredJournalRow {
  readonly shard: number;
  readonly g: number;
  readonly previous: Uint8Array;
  readonly hash: Uint8Array;
  /** Whether {@link hash} is that of the contents. */
  readonly fits: boolean;
  readonly events: StoredEvents;
  /** As JournalChain wants it. */
  readonly gone: { readonly from: number; readonly to: number } | null;
}

/** The texts of the events, as bytes within `view`. */
export interface StoredEvents {
  readonly view: DataView;
  /** Calls for each event with where its text begins and ends. */
  readonly each: (onEvent: (from: number, to: number) => void) => void;
}

const COLUMNS = 6;
const FORM_HEADER_BYTES = HASH_BYTES + 4 + 8 + 8 + 4;

/**
 * Reads all rows of the journal, in the order of shard and g. Page by page, so that PostgreSQL follows the index and
 * sorts nothing, whatever it knows of the table.
 */
export async function readJournal(books: Snapshot, onRow: (row: StoredJournalRow) => void): Promise<void> {
  const form = new RowForm();
  let after = "";
  for (;;) {
    let rows = 0;
    const page = `SELECT shard, g, time, events, previous, hash FROM journal ${after}
      ORDER BY shard, g LIMIT ${bounds.audit_page_journal_rows}`;
    await books.copy(page, COLUMNS, (view, from) => {
      form.read(view, from);
      rows += 1;
      if (rows === bounds.audit_page_journal_rows)
        after = `WHERE (shard, g) > (${form.shard}, ${view.getBigInt64(form.gAt)})`;
      onRow(form.row());
      return form.end;
    });
    if (rows < bounds.audit_page_journal_rows) return;
  }
}

/**
 * Reads a row, and hashes it. The elements of an array come as a length of four bytes and the text, one after the other:
 * just so are they hashed, see `journalHash`.
 */
class RowForm {
  /** What is hashed. It is hashed in one call: an object for the hash of each row would leave much behind. */
  #form = new Uint8Array(64 * 1024);
  readonly #digest = new Uint8Array(HASH_BYTES);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #bytes: Uint8Array = new Uint8Array(0);
  /** Where each column's bytes begin, and how many they are; 0 for NULL. */
  readonly #at = new Int32Array(COLUMNS);
  readonly #length = new Int32Array(COLUMNS);
  end = 0;

  read(view: DataView, from: number): void {
    if (view !== this.#view) {
      this.#view = view;
      this.#bytes = new Uint8Array(view.buffer);
    }
    let at = from + 2;
    for (let column = 0; column < COLUMNS; column += 1) {
      const length = Math.max(0, view.getInt32(at));
      this.#at[column] = at + 4;
      this.#length[column] = length;
      at += 4 + length;
    }
    this.end = at;
  }

  get shard(): number {
    return this.#view.getInt32(this.#at[0] ?? 0);
  }

  get gAt(): number {
    return this.#at[1] ?? 0;
  }

  row(): StoredJournalRow {
    const view = this.#view;
    const previous = this.#column(4);
    const hash = this.#column(5);
    const array = this.#at[3] ?? 0;
    const elements = array + ARRAY_HEADER_BYTES;
    const elementsEnd = array + (this.#length[3] ?? 0);
    // An empty array has no dimensions, and ends after the type. A NULL in it can only be damage.
    const isList = elementsEnd > elements && view.getInt32(array) === 1 && view.getInt32(array + 4) === 0;
    const count = isList ? view.getInt32(array + 12) : 0;
    const listed = isList ? elementsEnd - elements : 0;
    if (this.#form.length < FORM_HEADER_BYTES + listed)
      this.#form = new Uint8Array(2 * (FORM_HEADER_BYTES + listed));
    const form = this.#form;
    form.set(previous.subarray(0, HASH_BYTES));
    form.set(this.#column(0), HASH_BYTES);
    form.set(this.#column(1), HASH_BYTES + 4);
    form.set(this.#column(2), HASH_BYTES + 12);
    new DataView(form.buffer).setInt32(HASH_BYTES + 20, count);
    form.set(this.#bytes.subarray(elements, elements + listed), FORM_HEADER_BYTES);
    Bun.SHA256.hash(form.subarray(0, FORM_HEADER_BYTES + listed), this.#digest);
    const each = (onEvent: (from: number, to: number) => void): void => {
      let at = elements;
      for (let event = 0; event < count; event += 1) {
        const to = at + 4 + view.getInt32(at);
        onEvent(at + 4, to);
        at = to;
      }
    };
    return {
      shard: this.shard,
      g: integerAt(view, this.gAt),
      previous,
      hash,
      fits: previous.length === HASH_BYTES && isSame(hash, this.#digest),
      events: { view, each },
      gone: count > 0 ? goneIn(view, elements + 4, elements + 4 + view.getInt32(elements)) : null,
    };
  }

  #column(index: number): Uint8Array {
    const at = this.#at[index] ?? 0;
    return this.#bytes.subarray(at, at + (this.#length[index] ?? 0));
  }
}

const LETTER_OF_MISSING = 0x6d;

/** The batches that are missing, if that is what the event says. */
function goneIn(view: DataView, from: number, to: number): { from: number; to: number } | null {
  if (from === to || view.getUint8(from) !== LETTER_OF_MISSING) return null;
  const event = parseEventOrNull(textIn(view, from, to));
  return event?.type === "missing" ? event : null;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

export function textIn(view: DataView, from: number, to: number): string {
  return Buffer.from(view.buffer, view.byteOffset + from, to - from).toString();
}
