import type { Readable } from "node:stream";

/** The header before the first row: eleven bytes of signature and two numbers of four bytes. */
const HEADER_BYTES = 19;
/** The client makes small objects for each row, which would grow to hundreds of megabytes before they are collected. */
const ROW_OBJECTS_BYTES = 512;
const BYTES_BETWEEN_COLLECTIONS = 24_000_000;
const TWO_TO_32 = 2 ** 32;

/** Takes the row at `from`; `end` is where the chunk ends. Both count from the start of the view's buffer. */
export type TakeRow = (view: DataView, from: number, end: number) => number;

/**
 * Reads PostgreSQL's binary COPY format: each row has the number of columns, then for each column its length, -1 for
 * NULL, and its bytes. PostgreSQL sends only whole rows, so no row is split between two chunks.
 *
 * @param takeRow returns where the next row begins
 */
export function readCopy(source: Readable, columns: number, takeRow: TakeRow): Promise<void> {
  // Chunks are slices of much larger network buffers, so consecutive chunks can share a view.
  let view: DataView = new DataView(new ArrayBuffer(0));
  let begun = false;
  let garbage = 0;
  const take = (chunk: Buffer): void => {
    garbage += chunk.length + ROW_OBJECTS_BYTES;
    if (garbage > BYTES_BETWEEN_COLLECTIONS) {
      Bun.gc(true);
      garbage = 0;
    }
    if (view.buffer !== chunk.buffer) view = new DataView(chunk.buffer);
    const end = chunk.byteOffset + chunk.length;
    let at = chunk.byteOffset + (begun ? 0 : HEADER_BYTES);
    begun = true;
    while (at < end) {
      const count = view.getInt16(at);
      if (count === -1) return;
      if (count !== columns) throw new Error(`PostgreSQL sent ${count} columns, not ${columns}`);
      at = takeRow(view, at, end);
    }
  };
  return new Promise((resolve, reject) => {
    source.on("data", (chunk: Buffer) => {
      try {
        take(chunk);
      } catch (error) {
        source.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
    source.on("end", () => {
      // If rows come faster than they are read, the client pauses its connection and resumes it at the next read. After
      // the last row there is no next read: without this call the connection could stay paused for ever.
      source._read(0);
      Bun.gc(true);
      resolve();
    });
    source.on("error", reject);
  });
}

/** Before an array's elements: the number of dimensions, whether it has NULLs, the type, the length, where it begins. */
export const ARRAY_HEADER_BYTES = 20;
/** Of a bigint in an array: its length, and itself. */
const ELEMENT_BYTES = 12;

/**
 * Reads rows of bigint columns, without NULLs, that come packed: each column of many rows as one array. For each row
 * that is sent, the client would make objects that cost more than all that is done with the row. All rows reuse one
 * array. A number beyond 2^53 is rounded, and still beyond 2^53.
 */
export function readPackedBigints(
  source: Readable,
  columns: number,
  onRow: (row: Float64Array) => void,
): Promise<void> {
  const row = new Float64Array(columns);
  /** Where the next element of each column is. */
  const places = new Int32Array(columns);
  return readCopy(source, columns, (view, from) => {
    let at = from + 2;
    let count = 0;
    for (let column = 0; column < columns; column += 1) {
      const length = view.getInt32(at);
      at += 4;
      // No rows are NULL, not an empty array.
      if (length === -1) continue;
      count = view.getInt32(at + 12);
      if (length !== ARRAY_HEADER_BYTES + count * ELEMENT_BYTES) throw new Error("PostgreSQL sent a NULL");
      places[column] = at + ARRAY_HEADER_BYTES + 4;
      at += length;
    }
    for (let index = 0; index < count; index += 1) {
      for (let column = 0; column < columns; column += 1) {
        const place = places[column] ?? 0;
        row[column] = integerAt(view, place);
        places[column] = place + ELEMENT_BYTES;
      }
      onRow(row);
    }
    return at;
  });
}

/** A bigint, rounded if it is beyond 2^53. */
export function integerAt(view: DataView, at: number): number {
  return view.getInt32(at) * TWO_TO_32 + view.getUint32(at + 4);
}
