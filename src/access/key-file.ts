import { Database } from "bun:sqlite";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { bounds } from "../bounds.ts";
import {
  copySideFile,
  createSideFile,
  requireKind,
  type SideFileKind,
  whatToDo,
} from "../embedded/side-file.ts";
import { messageOf, StartError } from "../errors.ts";
import schema from "./key-file.sql" with { type: "text" };
import {
  type AccessKeySource,
  type AccessKeyStore,
  type KeptKey,
  keyOfRow,
  type KeyRow,
  rowOfKey,
} from "./kept-key.ts";

/** Its application id is "Razk", as key-file.sql writes it. */
const KIND: SideFileKind = { schemaVersion: 1, applicationId: 0x52617a6b, name: "a file of access keys" };

const SELECT = `
  SELECT name, hash, scopes, accounts, rate, created_at AS createdAt, expires_at AS expiresAt, revoked_at AS revokedAt
  FROM access_keys`;

/** Where the access keys of a data file are. */
export function keyFileOf(dataFile: string): string {
  return `${dataFile}-keys`;
}

/**
 * The access keys of an embedded ledger, in a file of their own: what is written here never waits for the ledger's
 * commits, nor they for it. Each change is one transaction, on disk when the promise resolves.
 *
 * All methods throw StartError where the file cannot be used.
 */
export class KeyFile implements AccessKeyStore {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async create(key: KeptKey): Promise<boolean> {
    return (
      explained(this.#path, () => {
        createFile(this.#path);
        return this.#write((db) => {
          const { name, hash, scopes, accounts, rate, createdAt, expiresAt, revokedAt } = rowOfKey(key);
          const values = [name, hash, scopes, accounts, rate, createdAt, expiresAt, revokedAt];
          return db.run(
            "INSERT INTO access_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
            values,
          ).changes;
        });
      }) === 1
    );
  }

  async list(): Promise<readonly KeptKey[]> {
    if (!existsSync(this.#path)) return [];
    return explained(this.#path, () => {
      const db = openKeys(this.#path, bounds.access_key_file_busy_milliseconds);
      try {
        return readKeys(db);
      } finally {
        db.close();
      }
    });
  }

  async revoke(name: string, at: number): Promise<KeptKey | null> {
    if (!existsSync(this.#path)) return null;
    return explained(this.#path, () =>
      this.#write((db) => {
        db.run("UPDATE access_keys SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL", [at, name]);
        const row = db.query<KeyRow, [string]>(`${SELECT} WHERE name = ?`).get(name);
        return row === null ? null : keyOfRow(row);
      }),
    );
  }

  async close(): Promise<void> {}

  #write<T>(change: (db: Database) => T): T {
    const db = openKeys(this.#path, bounds.access_key_file_busy_milliseconds);
    try {
      // With EXTRA a commit also waits until the removal of the journal is on disk: else a power failure could undo it.
      db.run("PRAGMA synchronous = EXTRA");
      return db
        .transaction(() => {
          if (!hasTable(db)) {
            db.run(schema);
            db.run(`PRAGMA user_version = ${KIND.schemaVersion}`);
          }
          return change(db);
        })
        .immediate();
    } finally {
      db.close();
    }
  }
}

/** The same file as a running server reads it: it never waits, and asks one number where nothing has changed. */
export class KeyFileSource implements AccessKeySource {
  readonly #path: string;
  /** `file`: which one it is, and when it was last written. */
  #open: { readonly db: Database; readonly file: string } | null = null;
  /** SQLite's `data_version` at the last reading. */
  #version = -1;
  #wasRead = false;

  constructor(path: string) {
    this.#path = path;
  }

  async readChanged(): Promise<readonly KeptKey[] | null> {
    const stat = statSync(this.#path, { throwIfNoEntry: false });
    if (stat === undefined) {
      if (this.#open !== null) throw new Error(`${this.#path} is gone`);
      if (this.#wasRead) return null;
      this.#wasRead = true;
      return [];
    }
    return explained(this.#path, () => {
      // A copy may have been put in place of the file, or written over it: then SQLite's number may be the same again.
      const file = `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
      if (this.#open?.file !== file) {
        this.#close();
        this.#open = { db: openKeys(this.#path, 0), file };
      }
      const { db } = this.#open;
      const version = db.query<{ data_version: number }, []>("PRAGMA data_version").get()?.data_version ?? -1;
      if (version === this.#version) return null;
      const keys = readKeys(db);
      // What was committed between the two readings makes for one reading more.
      this.#version = version;
      this.#wasRead = true;
      return keys;
    });
  }

  async close(): Promise<void> {
    this.#close();
  }

  #close(): void {
    this.#open?.db.close();
    this.#open = null;
    this.#version = -1;
  }
}

/**
 * Copies the keys of a ledger beside a copy of it, whole or not at all; nothing where there are none. On disk when it
 * returns.
 */
export function copyKeyFile(from: string, to: string): void {
  const open = (path: string) => openKeys(path, bounds.access_key_file_busy_milliseconds);
  explained(from, () => copySideFile(from, to, open));
}

function createFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  createSideFile(path);
}

/** For writing, too: a reader has to undo what another one has left half-done. */
function openKeys(path: string, busyMilliseconds: number): Database {
  const db = new Database(path, { create: false, readwrite: true, strict: true });
  try {
    db.run(`PRAGMA busy_timeout = ${busyMilliseconds}`);
    requireKind(db, path, KIND, hasTable(db));
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** An empty file is one whose first key is just being made. */
function hasTable(db: Database): boolean {
  return db.query("SELECT 1 FROM sqlite_master WHERE name = 'access_keys'").get() !== null;
}

function readKeys(db: Database): KeptKey[] {
  return hasTable(db) ? db.query<KeyRow, []>(`${SELECT} ORDER BY rowid`).all().map(keyOfRow) : [];
}

function explained<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(
      `the access keys in ${path} cannot be used (${messageOf(error)}): ${whatToDo(error)}.`,
    );
  }
}
