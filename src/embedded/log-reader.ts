import { closeSync, openSync, readSync } from "node:fs";

const LOG_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const SCHEMA_COOKIE_AT = 40;

/** A row of the table log_link, as it stands in a page. */
interface Link {
  readonly page: number;
  readonly id: string;
  readonly previous: string;
  readonly schemaCookie: string;
}

/** What the committed transactions of a log (`-wal`) hold. */
export interface Log {
  readonly pages: ReadonlySet<number>;
  /** The latest first page of the data file, if the log has it. */
  readonly firstPage: Buffer | null;
  readonly links: readonly Link[];
}

/**
 * Reads a log as SQLite does when it recovers (sqlite.org/walformat.html), but without applying it.
 *
 * @returns null if there is no log, or no committed transaction in it; SQLite ignores such a log
 * @throws Error of the file system
 */
export function readLog(path: string): Log | null {
  const descriptor = openIfThere(path);
  if (descriptor === null) return null;
  try {
    const header = Buffer.alloc(LOG_HEADER_BYTES);
    readSync(descriptor, header, 0, LOG_HEADER_BYTES, 0);
    const magic = header.readUInt32BE(0);
    const pageSize = header.readUInt32BE(8);
    if (magic >>> 1 !== 0x377f0682 >>> 1 || pageSize < 512 || pageSize > 65_536) return null;
    const sum = new Checksum(magic % 2 === 0);
    sum.add(header.subarray(0, 24));
    if (!sum.equals(header, 24)) return null;

    const pages = new Set<number>();
    const links: Link[] = [];
    let firstPage: Buffer | null = null;
    let uncommitted = new Map<number, Buffer>();
    const frameBytes = FRAME_HEADER_BYTES + pageSize;
    for (let at = LOG_HEADER_BYTES; ; at += frameBytes) {
      const frame = Buffer.alloc(frameBytes);
      if (readSync(descriptor, frame, 0, frameBytes, at) < frameBytes) break;
      if (frame.compare(header, 16, 24, 8, 16) !== 0) break;
      const content = frame.subarray(FRAME_HEADER_BYTES);
      sum.add(frame.subarray(0, 8));
      sum.add(content);
      if (!sum.equals(frame, 16)) break;
      uncommitted.set(frame.readUInt32BE(0), content);
      if (frame.readUInt32BE(4) === 0) continue;
      for (const [page, bytes] of uncommitted) {
        pages.add(page);
        if (page === 1) firstPage = bytes;
        const link = readLink(page, bytes);
        if (link !== null) links.push(link);
      }
      uncommitted = new Map();
    }
    return pages.size === 0 ? null : { pages, firstPage, links };
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Whether the log was written for the data file as it is now. A file is the log's that has the id with which the log
 * began, or one that the log gives it: then a checkpoint has begun to move the log into the file.
 *
 * @param header the beginning of the data file
 * @param readPage reads a page of the data file itself, from 1
 */
export function belongsTogether(log: Log, header: Buffer, readPage: (page: number) => Buffer): boolean {
  const cookie = header.subarray(SCHEMA_COOKIE_AT, SCHEMA_COOKIE_AT + 4).toString("hex");
  return log.links.some((link) => {
    const own = readLink(link.page, readPage(link.page));
    if (own === null) return false;
    // The first page and the link's page do not reach the file at the same moment.
    const cookies = [own.schemaCookie, link.schemaCookie];
    return (own.id === link.previous || own.id === link.id) && cookies.includes(cookie);
  });
}

/** Where the page is the one leaf of the table log_link (sqlite.org/fileformat2.html, section 1.6). */
function readLink(page: number, bytes: Buffer): Link | null {
  const isLeafWithOneRow = bytes.length >= 512 && bytes[0] === 0x0d && bytes.readUInt16BE(3) === 1;
  if (!isLeafWithOneRow) return null;
  const cell = bytes.readUInt16BE(8);
  // 44 bytes, row 1, a header of 4 bytes, texts of 16, 16 and 8 bytes.
  if (bytes.toString("hex", cell, cell + 6) !== "2c01042d2d1d") return null;
  const text = bytes.toString("latin1", cell + 6, cell + 46);
  if (!/^[0-9a-f]{40}$/.test(text)) return null;
  return { page, id: text.slice(0, 16), previous: text.slice(16, 32), schemaCookie: text.slice(32) };
}

/** The cumulative checksum of a log, over words of 32 bits. */
class Checksum {
  readonly #littleEndian: boolean;
  #first = 0;
  #second = 0;

  constructor(littleEndian: boolean) {
    this.#littleEndian = littleEndian;
  }

  add(bytes: Buffer): void {
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.byteLength; at += 8) {
      this.#first = (this.#first + words.getUint32(at, this.#littleEndian) + this.#second) >>> 0;
      this.#second = (this.#second + words.getUint32(at + 4, this.#littleEndian) + this.#first) >>> 0;
    }
  }

  equals(bytes: Buffer, at: number): boolean {
    return bytes.readUInt32BE(at) === this.#first && bytes.readUInt32BE(at + 4) === this.#second;
  }
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
