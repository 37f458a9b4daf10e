import { Database, SQLiteError } from "bun:sqlite";
import { closeSync, fsyncSync, mkdirSync, openSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { bounds } from "../bounds.ts";
import { messageOf, StartError } from "../errors.ts";
import { migrate } from "./migrate.ts";

/** "Razo", as 001_ledger.sql writes it. */
const APPLICATION_ID = 0x52617a6f;

const BUSY_MILLISECONDS = 250;
const WAL_KEPT_BYTES = 16 * 1024 * 1024;

export interface OpenFile<Statements> {
  readonly db: Database;
  readonly statements: Statements;
  /** Held as long as the process uses the file; see {@link openFile}. */
  readonly lock: Database;
}

/**
 * Opens the ledger's file and brings its schema up to date. Creates folder and file if they do not exist.
 *
 * Only one process uses a file at a time. As a lock, it keeps an exclusive transaction open on an empty database beside
 * the file; the kernel releases it however the process ends. The data file itself can be read by others (the sqlite3
 * shell, a backup) while the ledger runs.
 *
 * @param onCreated fills a new file, in the transaction that creates its schema
 * @param prepare prepares the statements that the file is used with; if it throws, the schema itself is damaged
 * @throws StartError if folder or file cannot be used: in use, not writable, damaged, another program's, too new
 */
export function openFile<Statements>(
  path: string,
  onCreated: (db: Database) => void,
  prepare: (db: Database) => Statements,
): OpenFile<Statements> {
  const folder = createFolder(dirname(path));
  const file = join(folder, path.slice(dirname(path).length + 1));
  const lock = takeLock(file);
  let db: Database | null = null;
  try {
    assertNotEmptied(file);
    db = new Database(file, { create: true, strict: true });
    db.run(`PRAGMA busy_timeout = ${BUSY_MILLISECONDS}`);
    assertOurs(db, file);
    db.run("PRAGMA journal_mode = WAL");
    // With FULL each commit waits for the fsync of the log. NORMAL could lose answered transactions in a power failure.
    db.run("PRAGMA synchronous = FULL");
    db.run(`PRAGMA journal_size_limit = ${WAL_KEPT_BYTES}`);
    assertSound(db, file);
    const opened = db;
    migrate(opened, () => onCreated(opened));
    const statements = prepare(opened);
    // The names of new files are on disk only after their folders were synced.
    syncFolder(folder);
    syncFolder(dirname(folder));
    return { db, statements, lock };
  } catch (error) {
    db?.close();
    lock.close();
    throw explain(error, file);
  }
}

function createFolder(folder: string): string {
  try {
    mkdirSync(folder, { recursive: true });
    // Two names of the same folder must lead to the same lock.
    return realpathSync(folder);
  } catch (error) {
    throw new StartError(
      `the data folder ${folder} cannot be created (${messageOf(error)}): choose another one with --data.`,
    );
  }
}

function takeLock(file: string): Database {
  try {
    const lock = new Database(`${file}-lock`, { create: true });
    lock.run("PRAGMA locking_mode = EXCLUSIVE");
    lock.run("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    if (codeOf(error) === "SQLITE_BUSY") {
      throw new StartError(
        `the data file ${file} is in use by another process: stop that one first, or choose another folder with --data.`,
      );
    }
    throw explain(error, file);
  }
}

/**
 * SQLite takes an empty file for a new one and deletes the log beside it, which may hold the last answered
 * transactions. But a log is only created beside a file that already has its first page, so this file was emptied or
 * lost.
 */
function assertNotEmptied(file: string): void {
  if (sizeOf(file) === 0 && sizeOf(`${file}-wal`) > 0)
    throw damaged(file, "it is empty, the log beside it is not");
}

/** @returns 0 if there is no such file */
function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function assertOurs(db: Database, file: string): void {
  const id = db.query<{ application_id: number }, []>("PRAGMA application_id").get()?.application_id;
  if (id !== APPLICATION_ID && statSync(file).size > 0 && hasTables(db)) {
    throw new StartError(`${file} belongs to another program: choose another folder with --data.`);
  }
}

function hasTables(db: Database): boolean {
  return db.query("SELECT 1 FROM sqlite_master LIMIT 1").get() !== null;
}

/**
 * Checks the whole file if it is not over a bound; it takes half a second for each million entries. In a larger file,
 * damage shows when it is read.
 */
function assertSound(db: Database, file: string): void {
  if (statSync(file).size > bounds.start_check_bytes_max) return;
  const finding = db.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get()?.quick_check;
  if (finding !== "ok") throw damaged(file, finding ?? "no answer to quick_check");
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** SQLite's error as one sentence for the person who starts the ledger. */
function explain(error: unknown, file: string): unknown {
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

function damaged(file: string, finding: string): StartError {
  return new StartError(
    `the data file ${file} is damaged (${finding.replaceAll("\n", " ")}): bring it back from a backup, ` +
      "or choose another folder with --data.",
  );
}

function codeOf(error: unknown): string {
  return error instanceof SQLiteError ? (error.code ?? "") : "";
}
