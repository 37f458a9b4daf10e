import type { Readable } from "node:stream";

/** The header before the first row: eleven bytes of signature and two numbers of four bytes. */
const HEADER_BYTES = 19;
const CHUNKS_BETWEEN_COLLECTIONS = 200_000;
const TWO_TO_32 = 2 ** 32;

/**
 * Decodes PostgreSQL's binary COPY format for rows of bigint columns: each row has the number of columns, then for each
 * column its length and its eight bytes. Millions of rows are read, so all rows reuse one array. NULL becomes NaN, which
 * equals nothing. A number beyond 2^53 is rounded, and still beyond 2^53.
 *
 * PostgreSQL sends only whole rows, so no row is split between two chunks.
 */
export function readBinaryCopy(
  source: Readable,
  columns: number,
  onRow: (row: Float64Array) => void,
): Promise<void> {
  const row = new Float64Array(columns);
  const bytesWithoutNull = 2 + 12 * columns;
  // Chunks are slices of much larger network buffers, so consecutive chunks can share a view.
  let view: DataView = new DataView(new ArrayBuffer(0));
  let begun = false;

  const number = (at: number): number => view.getInt32(at) * TWO_TO_32 + view.getUint32(at + 4);
  /** @returns where the next row begins; the end of the chunk after the last row */
  const takeRow = (from: number, end: number): number => {
    const count = view.getInt16(from);
    if (count === -1) return end;
    if (count !== columns) throw new Error(`PostgreSQL sent ${count} columns, not ${columns}`);
    let at = from + 2;
    if (end - from === bytesWithoutNull) {
      for (let column = 0; column < columns; column += 1, at += 12) row[column] = number(at + 4);
    } else {
      for (let column = 0; column < columns; column += 1) {
        const isNull = view.getInt32(at) === -1;
        row[column] = isNull ? Number.NaN : number(at + 4);
        at += isNull ? 4 : 12;
      }
    }
    onRow(row);
    return at;
  };
  let chunks = 0;
  const take = (chunk: Buffer): void => {
    // The client makes small objects for each row, which would grow to hundreds of megabytes before they are collected.
    chunks += 1;
    if (chunks % CHUNKS_BETWEEN_COLLECTIONS === 0) Bun.gc(true);
    if (view.buffer !== chunk.buffer) view = new DataView(chunk.buffer);
    const end = chunk.byteOffset + chunk.length;
    let at = chunk.byteOffset + (begun ? 0 : HEADER_BYTES);
    begun = true;
    while (at < end) at = takeRow(at, end);
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
      resolve();
    });
    source.on("error", reject);
  });
}
