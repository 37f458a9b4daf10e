import { bounds } from "../bounds.ts";

/** How far a reader of events has come in each shard. */
export interface Position {
  readonly shard: number;
  /** The row that was looked at last; -1: none yet. */
  readonly g: number;
  /** How many of its events, from the first; `null`: all. Then it goes on with the next row, whatever its number. */
  readonly seen: number | null;
  /** Of its hash, see {@link markOf}; 0 where `g` is -1. */
  readonly mark: number;
}

/** All shards, in order. */
export type Cursor = readonly Position[];

const VERSION = 1;
/** A varint of 2^53 has 8 bytes. */
const VARINT_BYTES_MAX = 8;

/** As base64url of: version 1, then for each shard `g` + 1 and `seen` (0: all) as varints, and 4 bytes of its mark. */
export function formatCursor(cursor: Cursor): string {
  const bytes = [VERSION];
  for (const { g, seen, mark } of cursor) {
    pushVarint(bytes, g + 1);
    pushVarint(bytes, seen ?? 0);
    bytes.push(mark >>> 24, (mark >>> 16) & 0xff, (mark >>> 8) & 0xff, mark & 0xff);
  }
  return Buffer.from(bytes).toString("base64url");
}

/** `null` if the text is not one that {@link formatCursor} makes. */
export function parseCursor(text: string): Cursor | null {
  const bytes = Buffer.from(text, "base64url");
  if (bytes[0] !== VERSION) return null;
  const cursor: Position[] = [];
  let at = 1;
  const varint = (): number => {
    let value = 0;
    for (let place = 0; place < VARINT_BYTES_MAX; place += 1) {
      const byte = bytes[at];
      if (byte === undefined) return Number.NaN;
      at += 1;
      value += (byte & 0x7f) * 2 ** (7 * place);
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < bytes.length) {
    const next = varint();
    const seen = varint();
    // A row before the first one has no events and no mark.
    if (!Number.isSafeInteger(next) || !Number.isSafeInteger(seen) || at + 4 > bytes.length) return null;
    const mark = bytes.readUInt32BE(at);
    at += 4;
    if (next === 0 && (seen > 0 || mark > 0)) return null;
    cursor.push({ shard: cursor.length, g: next - 1, seen: seen === 0 ? null : seen, mark });
    if (cursor.length > bounds.shards_max) return null;
  }
  // Only one text is that of a cursor, so that whoever compares texts compares places.
  return cursor.length > 0 && formatCursor(cursor) === text ? cursor : null;
}

/** The first 4 bytes of a row's hash, by which another row in its place is told from it. */
export function markOf(hash: Uint8Array): number {
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0);
}

/** Before the first row of each shard. */
export function startOf(shards: number): Cursor {
  return Array.from({ length: shards }, (_, shard) => ({ shard, g: -1, seen: null, mark: 0 }));
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
}
