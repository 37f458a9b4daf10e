import { Database, SQLiteError } from "bun:sqlite";
import { chownSync, closeSync, existsSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { bounds } from "../bounds.ts";
import { syncFile } from "../embedded/data-file.ts";
import { messageOf, StartError } from "../errors.ts";
import schema from "../keep/migrations/007_webhooks.sql" with { type: "text" };
import { LedgerUnavailable } from "../ledger/ledger.ts";
import type { HookDatabase, HookQueries, Value } from "./hook-database.ts";

/** The one schema version (`user_version`) that this program writes and reads. */
const SCHEMA_VERSION = 1;
/** "Razh": tells this file from others. */
const APPLICATION_ID = 0x52617a68;

/** Where the webhooks and watches of a data file are. */
export function hookFileOf(dataFile: string): string {
  return `${dataFile}-hooks`;
}

/**
 * Webhooks and watches of an embedded ledger, in a file of their own beside its data file: what is written here never
 * waits for the ledger's commits, nor they for it. The first webhook makes it. Server and dispatcher both write it: who
 * finds it locked waits without holding up its thread.
 */
export class FileHooks implements HookDatabase {
  readonly #path: string;
  #open: { readonly db: Database; readonly inode: number } | null = null;
  /** Ends when all that was begun before has ended: a connection has one transaction at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  all<Row extends object>(sql: string, values: readonly Value[] = []): Promise<readonly Row[]> {
    return this.#inTurn(() =>
      existsSync(this.#path) ? queriesOf(this.#database()).all<Row>(sql, values) : [],
    );
  }

  change<T>(make: (queries: HookQueries) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      createHookFile(this.#path);
      const db = this.#database();
      db.run("BEGIN IMMEDIATE");
      try {
        const made = await make(queriesOf(db));
        db.run("COMMIT");
        return made;
      } catch (error) {
        if (db.inTransaction) db.run("ROLLBACK");
        throw error;
      }
    });
  }

  async close(): Promise<void> {
    await this.#turn.catch(() => {});
    this.#close();
  }

  #inTurn<T>(action: () => T | Promise<T>): Promise<T> {
    const done = this.#turn.then(() => this.#patiently(action));
    this.#turn = done.catch(() => {});
    return done;
  }

  async #patiently<T>(action: () => T | Promise<T>): Promise<T> {
    const until = Date.now() + bounds.hook_file_busy_milliseconds;
    for (;;) {
      try {
        return await action();
      } catch (error) {
        if (isBusy(error) && Date.now() < until) {
          await Bun.sleep(BUSY_LOOK_MILLISECONDS);
          continue;
        }
        // What is wrong with a connection may be so for good.
        if (error instanceof SQLiteError && !isBusy(error)) this.#close();
        throw unavailable(this.#path, error);
      }
    }
  }

  /** A copy may have been put in place of the file. */
  #database(): Database {
    const inode = statSync(this.#path).ino;
    if (this.#open?.inode !== inode) {
      this.#close();
      this.#open = { db: openHooks(this.#path), inode };
    }
    return this.#open.db;
  }

  #close(): void {
    this.#open?.db.close();
    this.#open = null;
  }
}

const BUSY_LOOK_MILLISECONDS = 5;

/**
 * Copies the webhooks of a ledger beside a copy of it, whole or not at all; nothing where there are none. On disk when it
 * returns.
 *
 * @throws StartError
 */
export function copyHookFile(from: string, to: string): void {
  if (!existsSync(from)) return;
  const partial = `${to}.partial`;
  try {
    rmSync(partial, { force: true });
    createHookFile(partial);
    const db = openHooks(from);
    try {
      db.run("PRAGMA busy_timeout = 5000");
      // Into the empty file that is there, which SQLite would make for everyone to read.
      db.run("VACUUM INTO ?", [partial]);
    } finally {
      db.close();
    }
    syncFile(partial);
    renameSync(partial, to);
    syncFile(dirname(to));
  } catch (error) {
    throw new StartError(`${unavailable(from, error).message}.`);
  }
}

/** Only its owner may read it: it has secrets. Made by root, it belongs to whom the ledger belongs. */
function createHookFile(path: string): void {
  if (existsSync(path)) return;
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return;
    throw error;
  }
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  chownSync(path, uid, gid);
}

function openHooks(path: string): Database {
  const db = new Database(path, { create: false, readwrite: true, strict: true });
  try {
    db.run("PRAGMA busy_timeout = 0");
    const version = numberOf(db, "user_version");
    if (version > SCHEMA_VERSION) {
      throw new StartError(
        `${path} has schema version ${version}, this program knows version ${SCHEMA_VERSION}: ` +
          "use the newer program that wrote it.",
      );
    }
    if (version > 0 ? numberOf(db, "application_id") !== APPLICATION_ID : numberOf(db, "page_count") > 0)
      throw new StartError(`${path} is not a file of webhooks: move it away, and put back a copy of yours.`);
    // A reader then never waits for a writer. A commit is on disk all the same.
    db.run("PRAGMA journal_mode = WAL");
    db.run("PRAGMA synchronous = FULL");
    if (version === 0) {
      db.transaction(() => {
        if (numberOf(db, "user_version") > 0) return;
        db.run(schema);
        db.run(`PRAGMA application_id = ${APPLICATION_ID}`);
        db.run(`PRAGMA user_version = ${SCHEMA_VERSION}`);
      }).immediate();
    }
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function numberOf(db: Database, pragma: string): number {
  const [value] = Object.values(db.query<Record<string, number>, []>(`PRAGMA ${pragma}`).get() ?? {});
  return value ?? 0;
}

function queriesOf(db: Database): HookQueries {
  return {
    // SQLite would take $1 for a name.
    all: async <Row extends object>(sql: string, values: readonly Value[] = []) =>
      db.query<Row, Value[]>(sql.replaceAll(/\$(\d+)/g, "?$1")).all(...values),
  };
}

function isBusy(error: unknown): boolean {
  return error instanceof SQLiteError && /^SQLITE_(BUSY|LOCKED)/.test(error.code ?? "");
}

function unavailable(path: string, error: unknown): LedgerUnavailable {
  if (error instanceof LedgerUnavailable) return error;
  const code = error instanceof SQLiteError ? (error.code ?? "") : "";
  const todo = /^SQLITE_(CORRUPT|NOTADB)/.test(code)
    ? "put back a copy of it"
    : isBusy(error)
      ? "another process is writing it; try again"
      : "free the disk, or mend the permissions of file and folder";
  const reason =
    error instanceof StartError
      ? error.message.replace(/\.$/, "")
      : `the webhooks in ${path} cannot be used (${messageOf(error)}): ${todo}`;
  return new LedgerUnavailable(reason, "unknown", { cause: error });
}
