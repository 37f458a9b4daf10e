import { Database, SQLiteError } from "bun:sqlite";
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { messageOf, StartError } from "../errors.ts";
import { SCHEMA_VERSION } from "./create-schema.ts";
import { belongsTogether, readLog } from "./log-reader.ts";

/** "Razo", as schema.sql writes it. */
const APPLICATION_ID = 0x52617a6f;
const SQLITE_MAGIC = "SQLite format 3\0";
const HEADER_BYTES = 100;
/** For the moment in which another process asks whether the lock is held. */
const LOCK_WAIT_MILLISECONDS = 250;

/** What is found where a data file should be. */
export type DataFile =
  | { readonly type: "absent" }
  | { readonly type: "ledger" }
  /** A ledger's, but not whole. */
  | { readonly type: "damaged"; readonly finding: string }
  /** `sentence` says what it is instead, and what to do. */
  | { readonly type: "refused"; readonly sentence: string };

/**
 * Looks at a data file and its log before SQLite opens them. SQLite takes an empty file for a new one, applies whatever
 * log lies beside a file, and changes the files of other programs.
 *
 * Not in a process that has the file open: closing any descriptor of a file ends the process's POSIX locks on it.
 *
 * @param isOpen whether a ledger has the file open: then the log is its own, and changes meanwhile
 */
export function inspectDataFile(file: string, isOpen = false): DataFile {
  const log = `${file}-wal`;
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) {
    if (lstatSync(file, { throwIfNoEntry: false }) !== undefined)
      return refused(`${file} is a link to a file that is not there: mount its disk, or remove the link`);
    if (sizeOf(log) > 0) return damagedBy("it is gone, the log beside it is not");
    return { type: "absent" };
  }
  if (!found.isFile())
    return refused(`${file} is not a file: remove it, or choose another folder with --data`);
  if (found.size === 0) {
    // A log is only created beside a file that already has its first page, so this file was emptied.
    if (sizeOf(log) > 0) return damagedBy("it is empty, the log beside it is not");
    return refused(
      `the data file ${file} is empty, which no ledger's ever is: bring back a backup (razonete restore), ` +
        "or remove it to begin a new ledger",
    );
  }
  const descriptor = openSync(file, "r");
  try {
    return inspectContent(file, found.size, isOpen, isOpen ? null : readLog(log), (length, at) => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(descriptor, bytes, 0, length, at));
    });
  } finally {
    closeSync(descriptor);
  }
}

function inspectContent(
  file: string,
  size: number,
  isOpen: boolean,
  log: ReturnType<typeof readLog>,
  read: (length: number, at: number) => Buffer,
): DataFile {
  const own = read(HEADER_BYTES, 0);
  if (own.length < HEADER_BYTES) return damagedBy("it is cut off");
  if (own.toString("latin1", 0, 16) !== SQLITE_MAGIC) return damagedBy("it is not an SQLite file");
  // The first page may still be in the log.
  const header = log?.firstPage ?? own;
  const { applicationId, schemaVersion } = idsIn(header);
  if (applicationId !== APPLICATION_ID) {
    return refused(`${file} belongs to another program: choose another folder with --data`);
  }
  if (schemaVersion > SCHEMA_VERSION) {
    return refused(
      `the data file ${file} has schema version ${schemaVersion}, this program knows versions up to ` +
        `${SCHEMA_VERSION}: start the newer program that wrote it`,
    );
  }
  // No program wrote such a version.
  if (schemaVersion < 1) return damagedBy(`its schema version is ${schemaVersion}`);
  if (schemaVersion < SCHEMA_VERSION) {
    return refused(
      `the data file ${file} is of an earlier version of this program (schema version ${schemaVersion}), whose data ` +
        "is not carried over: begin with an empty folder (--data), or go on with the program that wrote it",
    );
  }
  if (isOpen) return { type: "ledger" };

  const readPage = (page: number): Buffer => read(pageSizeIn(own), (page - 1) * pageSizeIn(own));
  if (log !== null && !belongsTogether(log, own, readPage)) {
    return refused(
      `the log ${file}-wal was not written for the data file beside it, which was put there later, and would spoil ` +
        `it: bring the backup back with "razonete restore --data ${dirname(file)} --from <backup>", or move the log ` +
        "away to use the data file as it is",
    );
  }
  const pages = own.readUInt32BE(28);
  for (let page = Math.floor(size / pageSizeIn(own)) + 1; page <= pages; page += 1) {
    // A checkpoint that was killed may not have come to the last pages.
    if (log?.pages.has(page) !== true) return damagedBy("it is cut off");
  }
  return { type: "ledger" };
}

function pageSizeIn(header: Buffer): number {
  const size = header.readUInt16BE(16);
  return size === 1 ? 65_536 : size;
}

function idsIn(header: Buffer): { readonly applicationId: number; readonly schemaVersion: number } {
  return { applicationId: header.readUInt32BE(68), schemaVersion: header.readInt32BE(60) };
}

function damagedBy(finding: string): DataFile {
  return { type: "damaged", finding };
}

function refused(sentence: string): DataFile {
  return { type: "refused", sentence: `${sentence}.` };
}

/** @returns 0 if there is no such file */
function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** The file without symbolic links: its lock and its log are beside the file itself. */
export function resolveFile(path: string): string {
  return existsSync(path) ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path));
}

/**
 * The lock that keeps other processes away from a data file: an exclusive transaction on an empty database beside it,
 * which ends with the process.
 *
 * @returns null if another process has it
 * @throws SQLiteError
 */
export function tryLock(file: string): Database | null {
  const lock = new Database(`${file}-lock`, { create: true });
  try {
    lock.run(`PRAGMA busy_timeout = ${LOCK_WAIT_MILLISECONDS}`);
    lock.run("PRAGMA locking_mode = EXCLUSIVE");
    lock.run("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    if (codeOf(error).startsWith("SQLITE_BUSY")) return null;
    throw error;
  }
}

/** Whether a process has the lock. Creates nothing. */
export function isLocked(file: string): boolean {
  if (!existsSync(`${file}-lock`)) return false;
  const lock = new Database(`${file}-lock`, { readonly: true });
  try {
    lock.query("SELECT 1 FROM sqlite_master").get();
    return false;
  } catch (error) {
    if (codeOf(error).startsWith("SQLITE_BUSY")) return true;
    throw error;
  } finally {
    lock.close();
  }
}

export function syncFile(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** SQLite's error as one sentence for the person who runs the command. */
export function explain(error: unknown, file: string): unknown {
  const code = codeOf(error);
  if (/^SQLITE_(CANTOPEN|READONLY|PERM|IOERR|FULL)/.test(code)) {
    return new StartError(
      `the data file ${file} cannot be written (${messageOf(error)}): free the disk, mend the permissions, ` +
        "or choose another folder with --data.",
    );
  }
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    return new StartError(
      `the data file ${file} is locked by another program: close it there, then start again.`,
    );
  }
  // All other errors mean damage: not only SQLITE_CORRUPT and SQLITE_NOTADB, but any error of SQL, for example a file
  // format that SQLite does not know, or tables that should not exist at this schema version.
  return error instanceof SQLiteError ? damaged(file, messageOf(error)) : error;
}

export function damaged(file: string, finding: string): StartError {
  return new StartError(
    `the data file ${file} is damaged (${finding.replaceAll("\n", " ")}): bring it back from a backup ` +
      "(razonete restore), or choose another folder with --data.",
  );
}

export function inUse(file: string): StartError {
  return new StartError(
    `the data file ${file} is in use by another process: stop that one first, or choose another folder with --data.`,
  );
}

function codeOf(error: unknown): string {
  return error instanceof SQLiteError ? (error.code ?? "") : "";
}
