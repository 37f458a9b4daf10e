import { constants, Database } from "bun:sqlite";
import { z } from "zod";
import { bounds } from "../bounds.ts";
import { SHARD } from "../embedded/read-tables.ts";
import { messageOf } from "../errors.ts";
import type { AccountId, Micros } from "../ledger/account.ts";
import type { Place } from "../ledger/event-results.ts";
import { LedgerUnavailable } from "../ledger/ledger.ts";
import type { AccountFacts, JournalEnd, JournalSource, KeptRow } from "./journal-source.ts";

const ROWS_BYTES = 256 * 1024;
const BUSY_MILLISECONDS = 250;

/**
 * Whether the ledger is in this process, and calls {@link FileJournal.committed}; or in another one, so that the file has
 * to be looked at; or nowhere: then nothing is made beside a file that was closed properly.
 */
export type Writer = "here" | "elsewhere" | "nowhere";

/**
 * The journal of a data file, on a connection of its own that only reads, opened when it is first used. Each read is short,
 * and over when its method returns. In the ledger's process it has to be closed before the ledger, which moves the log into
 * the file when it is the last to close it.
 */
export class FileJournal implements JournalSource {
  readonly #path: string;
  readonly #writer: Writer;
  #file: { readonly db: Database; readonly sql: ReturnType<typeof prepare> } | null = null;
  readonly #listeners = new Set<() => void>();
  #telling = false;
  #looking: ReturnType<typeof setInterval> | null = null;
  #version = -1;
  #closed = false;

  constructor(path: string, writer: Writer) {
    this.#path = path;
    this.#writer = writer;
  }

  async ends(): Promise<readonly JournalEnd[]> {
    return this.#read(({ end }) => end.all().map(({ g, hash }) => ({ shard: SHARD, g, hash })));
  }

  async rows(shard: number, from: number, count: number): Promise<readonly KeptRow[]> {
    return this.#read(({ rowFrom }) => {
      const rows: KeptRow[] = [];
      if (shard !== SHARD) return rows;
      let bytes = 0;
      for (let g = from; rows.length < count && bytes < ROWS_BYTES;) {
        const row = rowFrom.get(g);
        if (row === null) break;
        rows.push({ ...row, shard, events: eventTexts.parse(JSON.parse(row.events)) });
        bytes += row.events.length;
        g = row.g + 1;
      }
      return rows;
    });
  }

  async hashesAt(
    rows: readonly { readonly shard: number; readonly g: number }[],
  ): Promise<readonly (Uint8Array | null)[]> {
    return this.#read(({ hashAt }) =>
      rows.map(({ shard, g }) => (shard === SHARD ? (hashAt.get(g)?.hash ?? null) : null)),
    );
  }

  async firstSince(_shard: number, time: Micros): Promise<number> {
    return this.#read(({ end, timeFrom }) => {
      let low = 0;
      let high = (end.get()?.g ?? -1) + 1;
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        const next = timeFrom.get(middle);
        if (next !== null && next.time < time) low = next.g + 1;
        else high = middle;
      }
      return low;
    });
  }

  async eventTexts(places: readonly Place[]): Promise<readonly (string | null)[]> {
    return this.#read(({ eventText }) =>
      places.map(({ shard, g, index }) =>
        shard === SHARD ? (eventText.get(`$[${index}]`, g)?.text ?? null) : null,
      ),
    );
  }

  async facts(accounts: readonly AccountId[]): Promise<ReadonlyMap<AccountId, AccountFacts>> {
    return this.#read(({ facts }) => {
      const found = accounts.flatMap((account) => {
        const known = facts.get(account);
        return known === null ? [] : [[account, known] as const];
      });
      return new Map(found);
    });
  }

  onKept(listener: () => void): () => void {
    // Of its own, so that a function that listens twice is called twice.
    const own = (): void => listener();
    this.#listeners.add(own);
    if (this.#writer === "elsewhere") {
      this.#looking ??= setInterval(() => this.#look(), bounds.events_file_look_milliseconds);
    }
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) this.#stopLooking();
    };
  }

  /** To be called by the ledger after each commit. Listeners are called soon, once for all commits until then. */
  readonly committed = (): void => {
    if (this.#listeners.size === 0 || this.#telling) return;
    this.#telling = true;
    setImmediate(() => {
      this.#telling = false;
      this.#tell();
    });
  };

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    this.#stopLooking();
    if (this.#file === null) return;
    for (const statement of Object.values(this.#file.sql)) statement.finalize();
    this.#file.db.close(true);
    this.#file = null;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #look(): void {
    let version = -1;
    try {
      version = this.#read(({ version: read }) => read.get()?.["data_version"] ?? -1);
    } catch {
      // The next look finds it, where it can be read.
    }
    if (version === this.#version) return;
    this.#version = version;
    if (version !== -1) this.#tell();
  }

  #stopLooking(): void {
    if (this.#looking !== null) clearInterval(this.#looking);
    this.#looking = null;
    this.#version = -1;
  }

  #read<T>(reading: (sql: ReturnType<typeof prepare>) => T): T {
    if (this.#closed) throw new LedgerUnavailable("the ledger is closed", "none");
    try {
      this.#file ??= open(this.#path, this.#writer === "nowhere");
      return reading(this.#file.sql);
    } catch (error) {
      const reason = messageOf(error);
      throw new LedgerUnavailable(`the data file could not be read (${reason})`, "none", { cause: error });
    }
  }
}

const eventTexts = z.array(z.string());

/** @param isImmutable SQLite makes files beside any other one */
function open(path: string, isImmutable: boolean) {
  const uri = `file:${encodeURI(path).replaceAll("?", "%3f").replaceAll("#", "%23")}?immutable=1`;
  const db = isImmutable
    ? new Database(uri, constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI)
    : new Database(path, { readonly: true });
  try {
    db.run(`PRAGMA busy_timeout = ${BUSY_MILLISECONDS}`);
    return { db, sql: prepare(db) };
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepare(db: Database) {
  return {
    end: db.prepare<{ g: number; hash: Uint8Array }, []>(
      "SELECT g, hash FROM journal ORDER BY g DESC LIMIT 1",
    ),
    rowFrom: db.prepare<{ g: number; time: Micros; hash: Uint8Array; events: string }, [number]>(
      "SELECT g, time, hash, events FROM journal WHERE g >= ? ORDER BY g LIMIT 1",
    ),
    hashAt: db.prepare<{ hash: Uint8Array }, [number]>("SELECT hash FROM journal WHERE g = ?"),
    timeFrom: db.prepare<{ g: number; time: Micros }, [number]>(
      "SELECT g, time FROM journal WHERE g >= ? ORDER BY g LIMIT 1",
    ),
    eventText: db.prepare<{ text: string | null }, [string, number]>(
      "SELECT events ->> ? AS text FROM journal WHERE g = ?",
    ),
    facts: db.prepare<AccountFacts, [AccountId]>(
      "SELECT unit, opened_at AS openedAt FROM accounts WHERE account = ?",
    ),
    version: db.prepare<{ data_version: number }, []>("PRAGMA data_version"),
  };
}
