import { type Database, SQLiteError } from "bun:sqlite";
import { closeSync, openSync, readSync } from "node:fs";
import renewSchemaCookie from "./renew-schema-cookie.sql" with { type: "text" };

const NEW_ID = "lower(hex(randomblob(8)))";
const RENEW = `UPDATE log_link SET previous = id, id = ${NEW_ID}`;
const COOKIE = "(SELECT printf('%08x', schema_version) FROM pragma_schema_version)";

/**
 * Keeps file and log together while a ledger runs; schema.sql says what for.
 *
 * SQLite begins its log anew with the first transaction after all of it was moved into the file. Whether the next
 * transaction is such a one is read in the index of the log (razonete.db-shm, sqlite.org/walformat.html, section 2): one
 * `pread` of memory for each batch.
 */
export class LogLink {
  readonly #renew;
  readonly #indexFile: number;
  readonly #index = new Uint32Array(25);
  readonly #indexBytes = new Uint8Array(this.#index.buffer);
  /** The log in which the link stands, by its salt; null: none yet. */
  #salt: string | null = null;
  #renewing = false;

  /** @param file the data file, without symbolic links; it is open in WAL mode */
  constructor(db: Database, file: string) {
    this.#renew = db.prepare(RENEW);
    this.#indexFile = openSync(`${file}-shm`, "r");
  }

  /** Call it at the beginning of each transaction that writes. Throws SQLiteError. */
  begun(): void {
    this.#readIndex();
    this.#renewing = this.#index[4] === this.#index[24] || this.#saltOfIndex() !== this.#salt;
    if (this.#renewing) this.#renew.run();
  }

  /** Call it after each commit. */
  committed(): void {
    if (!this.#renewing) return;
    this.#readIndex();
    this.#salt = this.#saltOfIndex();
  }

  finalize(): void {
    this.#renew.finalize();
  }

  /** Only after the database was closed: closing any descriptor of a file ends all POSIX locks on it. */
  close(): void {
    closeSync(this.#indexFile);
  }

  #readIndex(): void {
    readSync(this.#indexFile, this.#indexBytes, 0, this.#indexBytes.length, 0);
  }

  #saltOfIndex(): string {
    return `${this.#index[8]}-${this.#index[9]}`;
  }
}

/**
 * Gives the file a new id at the start of a ledger, so that a copy of it from before no longer fits its log. Without
 * room on the disk the id stays: statements can be answered then, and the log is still told from others.
 */
export function renewLink(db: Database): void {
  try {
    db.transaction(() => {
      db.run(renewSchemaCookie);
      db.run(`${RENEW}, schema_cookie = ${COOKIE}`);
    }).immediate();
    db.query("PRAGMA wal_checkpoint(TRUNCATE)").get();
  } catch (error) {
    if (!(error instanceof SQLiteError && /^SQLITE_(FULL|IOERR)/.test(error.code ?? ""))) throw error;
  }
}

/** In a transaction that changes the schema: the link tells of the schema that file and log have after it. */
export function noteSchema(db: Database): void {
  db.run(`UPDATE log_link SET schema_cookie = ${COOKIE}`);
}

/** Makes a copy of a data file one to which no log belongs. */
export function unlinkCopy(db: Database): void {
  db.run(`UPDATE log_link SET id = ${NEW_ID}, previous = '0000000000000000', schema_cookie = ${COOKIE}`);
}
