import { Database } from "bun:sqlite";
import { mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { bounds } from "../bounds.ts";
import { messageOf, StartError } from "../errors.ts";
import { createSchema } from "./create-schema.ts";
import { damaged, explain, inspectDataFile, inUse, resolveFile, syncFile, tryLock } from "./data-file.ts";
import { LogLink, renewLink } from "./log-link.ts";

const BUSY_MILLISECONDS = 250;
const WAL_KEPT_BYTES = 16 * 1024 * 1024;
/** A batch on many accounts changes a page for each. What has no room in SQLite's own 2 MB is written more than once. */
const PAGE_CACHE_KIBIBYTES = 16 * 1024;

export interface OpenFile<Statements> {
  readonly db: Database;
  readonly statements: Statements;
  readonly logLink: LogLink;
  /** Held as long as the process uses the file; see {@link openFile}. */
  readonly lock: Database;
}

/**
 * Opens the ledger's file. Creates folder and file if they do not exist.
 *
 * Only one process uses a file at a time. As a lock, it keeps an exclusive transaction open on an empty database beside
 * the file; the kernel releases it however the process ends. The data file itself can be read by others (the sqlite3
 * shell, a backup) while the ledger runs.
 *
 * @param fill fills a new file, in the transaction that creates its schema
 * @param prepare prepares the statements that the file is used with; if it throws, the schema itself is damaged
 * @throws StartError if folder or file cannot be used: in use, not writable, damaged, another program's, of another version
 */
export function openFile<Statements>(
  path: string,
  fill: (db: Database) => void,
  prepare: (db: Database) => Statements,
): OpenFile<Statements> {
  createFolder(dirname(path));
  // Two names of the same file must lead to the same lock.
  const file = resolveFile(path);
  const lock = takeLock(file);
  let db: Database | null = null;
  try {
    const found = inspectDataFile(file);
    if (found.type === "refused") throw new StartError(found.sentence);
    if (found.type === "damaged") throw damaged(file, found.finding);
    if (found.type === "absent") createFile(file, fill);
    db = new Database(file, { create: false, readwrite: true, strict: true });
    db.run(`PRAGMA busy_timeout = ${BUSY_MILLISECONDS}`);
    db.run("PRAGMA journal_mode = WAL");
    // With FULL each commit waits for the fsync of the log. NORMAL could lose answered transactions in a power failure.
    db.run("PRAGMA synchronous = FULL");
    db.run(`PRAGMA journal_size_limit = ${WAL_KEPT_BYTES}`);
    db.run(`PRAGMA cache_size = -${PAGE_CACHE_KIBIBYTES}`);
    assertSound(db, file);
    const statements = prepare(db);
    const hasJournal = db.query("SELECT 1 FROM journal LIMIT 1").get() !== null;
    if (!hasJournal) throw damaged(file, "its journal is empty");
    renewLink(db);
    return { db, statements, logLink: new LogLink(db, file), lock };
  } catch (error) {
    db?.close();
    lock.close();
    throw explain(error, file);
  }
}

function createFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartError(
      `the data folder ${folder} cannot be created (${messageOf(error)}): choose another one with --data.`,
    );
  }
}

function takeLock(file: string): Database {
  let lock: Database | null;
  try {
    lock = tryLock(file);
  } catch (error) {
    throw explain(error, file);
  }
  if (lock === null) throw inUse(file);
  return lock;
}

/** Makes the file under another name: one with the ledger's name is a whole ledger, however early this process ends. */
function createFile(file: string, fill: (db: Database) => void): void {
  const unfinished = `${file}-new`;
  for (const ending of ["", "-journal", "-wal", "-shm"]) rmSync(`${unfinished}${ending}`, { force: true });
  const db = new Database(unfinished, { create: true, strict: true });
  try {
    createSchema(db, () => fill(db));
    db.run("PRAGMA journal_mode = WAL");
  } finally {
    db.close();
  }
  syncFile(unfinished);
  renameSync(unfinished, file);
  // The names of new files are on disk only after their folders were synced.
  const folder = dirname(file);
  syncFile(folder);
  syncFile(join(folder, ".."));
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
