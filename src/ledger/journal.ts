import type { Micros } from "./account.ts";

/**
 * A row of the journal: what one batch decided, chained to the batch before it. docs/journal.md describes the form that
 * is hashed, so that other programs can check the chain.
 */
export interface JournalRow {
  readonly shard: number;
  /** The batch's number. Rows of a shard follow each other by it, and start with 0: the accounts of the start. */
  readonly g: number;
  /** The latest time among the events. */
  readonly time: Micros;
  /** The texts of LedgerEvents, in order. */
  readonly events: readonly string[];
  /** The hash of the row before, 32 bytes; zeros before the first row. */
  readonly previous: Uint8Array;
}

export const HASH_BYTES = 32;

/** What stands in place of a hash before the first row. */
export const NO_HASH: Uint8Array = new Uint8Array(HASH_BYTES);

const HEADER_BYTES = HASH_BYTES + 4 + 8 + 8 + 4;

/**
 * Where rows are put into the form that is hashed. It is used again for each, and written byte by byte, since this is
 * done for each transaction: it halves what the hash takes.
 */
let form = Buffer.alloc(64 * 1024);

/** The SHA-256 of the row, which contains the hash of the row before. */
export function journalHash({ previous, shard, g, time, events }: JournalRow): Uint8Array {
  let size = HEADER_BYTES;
  for (const event of events) size += 4 + 3 * event.length;
  if (form.length < size) form = Buffer.alloc(2 * size);
  form.set(previous, 0);
  form.writeUInt32BE(shard, HASH_BYTES);
  form.writeBigUInt64BE(BigInt(g), HASH_BYTES + 4);
  form.writeBigUInt64BE(BigInt(time), HASH_BYTES + 12);
  form.writeUInt32BE(events.length, HASH_BYTES + 20);
  let at = HEADER_BYTES;
  for (const event of events) {
    const length = form.write(event, at + 4);
    form[at] = length >>> 24;
    form[at + 1] = length >>> 16;
    form[at + 2] = length >>> 8;
    form[at + 3] = length;
    at += 4 + length;
  }
  const hash = new Uint8Array(HASH_BYTES);
  Bun.SHA256.hash(form.subarray(0, at), hash);
  return hash;
}

/** Where the journal of a shard ends. Noted elsewhere, it shows later whether anything up to it was changed. */
export interface JournalHead {
  readonly shard: number;
  readonly g: number;
  readonly hash: Uint8Array;
}

/** As `<shard>:<g>:<hash in hexadecimal>`, several with commas between them. */
export function formatHeads(heads: readonly JournalHead[]): string {
  return heads.map(({ shard, g, hash }) => `${shard}:${g}:${Buffer.from(hash).toString("hex")}`).join(",");
}

/** `null` if the text is not in the form of {@link formatHeads}. */
export function parseHeads(text: string): JournalHead[] | null {
  const heads: JournalHead[] = [];
  for (const part of text.trim().split(",")) {
    const [, shard, g, hash] = /^(\d{1,4}):(\d{1,16}):([0-9a-f]{64})$/.exec(part) ?? [];
    if (shard === undefined || g === undefined || hash === undefined) return null;
    heads.push({ shard: Number(shard), g: Number(g), hash: Buffer.from(hash, "hex") });
  }
  return heads;
}
