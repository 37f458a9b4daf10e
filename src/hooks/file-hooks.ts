import { Database, SQLiteError } from "bun:sqlite";
import { existsSync, statSync } from "node:fs";
import { bounds } from "../bounds.ts";
import {
  copySideFile,
  createSideFile,
  isBusy,
  pragmaNumber,
  requireKind,
  type SideFileKind,
  whatToDo,
} from "../embedded/side-file.ts";
import { messageOf, StartError } from "../errors.ts";
import schema from "../keep/migrations/007_webhooks.sql" with { type: "text" };
import { LedgerUnavailable } from "../ledger/ledger.ts";
import type { HookDatabase, HookQueries, Value } from "./hook-database.ts";

/** Its application id is "Razh". */
const KIND: SideFileKind = { schemaVersion: 1, applicationId: 0x52617a68, name: "a file of webhooks" };

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
      createSideFile(this.#path);
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
  try {
    copySideFile(from, to, (path) => {
      const db = openHooks(path);
      db.run("PRAGMA busy_timeout = 5000");
      return db;
    });
  } catch (error) {
    throw new StartError(`${unavailable(from, error).message}.`);
  }
}

function openHooks(path: string): Database {
  const db = new Database(path, { create: false, readwrite: true, strict: true });
  try {
    db.run("PRAGMA busy_timeout = 0");
    const version = pragmaNumber(db, "user_version");
    requireKind(db, path, KIND, version > 0);
    // A reader then never waits for a writer. A commit is on disk all the same.
    db.run("PRAGMA journal_mode = WAL");
    db.run("PRAGMA synchronous = FULL");
    if (version === 0) {
      db.transaction(() => {
        if (pragmaNumber(db, "user_version") > 0) return;
        db.run(schema);
        db.run(`PRAGMA application_id = ${KIND.applicationId}`);
        db.run(`PRAGMA user_version = ${KIND.schemaVersion}`);
      }).immediate();
    }
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function queriesOf(db: Database): HookQueries {
  return {
    // SQLite would take $1 for a name.
    all: async <Row extends object>(sql: string, values: readonly Value[] = []) =>
      db.query<Row, Value[]>(sql.replaceAll(/\$(\d+)/g, "?$1")).all(...values),
  };
}

function unavailable(path: string, error: unknown): LedgerUnavailable {
  if (error instanceof LedgerUnavailable) return error;
  const reason =
    error instanceof StartError
      ? error.message.replace(/\.$/, "")
      : `the webhooks in ${path} cannot be used (${messageOf(error)}): ${whatToDo(error)}`;
  return new LedgerUnavailable(reason, "unknown", { cause: error });
}
