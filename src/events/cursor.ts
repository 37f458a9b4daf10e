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

/** As base64url of: version 1, then for each shard `g` + 1 and `seen` (0: all) as varints, and 4 bytes of its mark. */
export function formatCursor(_cursor: Cursor): string {
  throw new Error("not yet");
}

/** `null` if the text is not one that {@link formatCursor} makes. */
export function parseCursor(_text: string): Cursor | null {
  throw new Error("not yet");
}

/** The first 4 bytes of a row's hash, by which another row in its place is told from it. */
export function markOf(hash: Uint8Array): number {
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0);
}

/** Before the first row of each shard. */
export function startOf(shards: number): Cursor {
  return Array.from({ length: shards }, (_, shard) => ({ shard, g: -1, seen: null, mark: 0 }));
}
