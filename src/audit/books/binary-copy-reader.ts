import type { Readable } from "node:stream";

/** Before the first row: eleven bytes of signature, two numbers of four. */
const HEADER_BYTES = 19;
const CHUNKS_BETWEEN_COLLECTIONS = 200_000;
const TWO_TO_32 = 2 ** 32;

/**
 * Reads PostgreSQL's binary COPY, as far as rows of bigint need it: each a number of columns, then for each column its
 * length and its eight bytes. Millions of rows pass here, so a row is one array that is filled again and again. NULL is
 * NaN, which equals nothing; what is beyond 2^53 is rounded, and still beyond it.
 *
 * PostgreSQL sends whole rows, so that none is spread over two chunks.
 */
export function readBinaryCopy(
  source: Readable,
  columns: number,
  onRow: (row: Float64Array) => void,
): Promise<void> {
  const row = new Float64Array(columns);
  const bytesWithoutNull = 2 + 12 * columns;
  // Chunks are pieces of the much larger ones that came from the network, and share a view.
  let view: DataView = new DataView(new ArrayBuffer(0));
  let begun = false;

  const number = (at: number): number => view.getInt32(at) * TWO_TO_32 + view.getUint32(at + 4);
  /** @returns where the next row begins; the end of the chunk behind the last */
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
    // The client makes small objects for each row, which left to themselves grow to hundreds of megabytes.
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
      // The client stops its connection where its rows come faster than they are read, and lets it go on when more are
      // asked for. Behind the last row nobody asks: without this the connection may stay silent for ever.
      source._read(0);
      resolve();
    });
    source.on("error", reject);
  });
}
