import { Database, type Statement } from "bun:sqlite";
import { CONTEST_UNIT, INITIAL_CREDIT_LIMITS, type Micros } from "../ledger/account.ts";
import { formatEvent, type LedgerEvent, timeOf } from "../ledger/event.ts";
import { INITIAL } from "../ledger/command.ts";
import { type JournalHead, journalHash, type JournalRow, NO_HASH } from "../ledger/journal.ts";
import { EventKeeper, prepareKeeping } from "./keep-event.ts";
import { readKeyHours } from "./key-hours.ts";
import { explain } from "./data-file.ts";
import { type OpenFile, openFile } from "./open-file.ts";
import { prepareReads, SHARD, TableReader } from "./read-tables.ts";
import { clientKeyOf, forgetAt } from "./remembered-outcome.ts";

const INSERT_JOURNAL = "INSERT INTO journal (g, time, events, previous, hash) VALUES (?, ?, ?, ?, ?)";

const FORGET = `
  DELETE FROM outcomes WHERE command IN
    (SELECT command FROM outcomes WHERE forget_at <= ? ORDER BY forget_at LIMIT ?)`;

/** Where the journal ends. No later row is of an earlier time. */
interface Head extends Omit<JournalHead, "shard"> {
  readonly time: Micros;
}

function prepare(db: Database) {
  return {
    begin: db.prepare("BEGIN IMMEDIATE"),
    commit: db.prepare("COMMIT"),
    insertJournal: db.prepare(INSERT_JOURNAL),
    head: db.prepare<Head, []>("SELECT g, hash, time FROM journal ORDER BY g DESC LIMIT 1"),
    remember: db.prepare(
      "INSERT OR REPLACE INTO outcomes (command, g, place, forget_at) VALUES (?, ?, ?, ?)",
    ),
    forget: db.prepare(FORGET),
    ...prepareKeeping(db),
    ...prepareReads(db),
  };
}

/** The SQL of the embedded ledger, with its transactions. Methods throw SQLiteError unless they say otherwise. */
export class Store {
  /** What is committed, and in a transaction also what was written in it. */
  readonly read: TableReader;
  /** When the next open hold expired or will, as the file was opened. */
  readonly firstDue: Micros;
  readonly #file: OpenFile<ReturnType<typeof prepare>>;
  readonly #sql: ReturnType<typeof prepare>;
  readonly #keeper: EventKeeper;
  /** For so long clients' keys are remembered that are decided from now on. */
  readonly #keyHours: number;
  /** The journal's last row; null: to be read from the file. */
  #head: Head | null;

  /**
   * @param now the time of the journal's first row, if the file is new
   * @param initialAccounts whether a new file has the contest's accounts
   * @param keyHours for how long clients' keys are remembered that are decided from now on; `null`: as it was
   * @throws StartError if the file cannot be used
   */
  constructor(path: string, now: Micros, initialAccounts: boolean, keyHours: number | null) {
    this.#file = openFile(path, (db) => fill(db, now, initialAccounts), prepare);
    this.#sql = this.#file.statements;
    this.read = new TableReader(this.#sql);
    this.#keeper = new EventKeeper(this.#sql);
    try {
      this.#head = this.#readHead();
      this.firstDue = this.read.nextDue();
      this.#keyHours = this.#setKeyHours(this.#head.g + 1, keyHours);
    } catch (error) {
      this.close();
      throw explain(error, this.#file.db.filename);
    }
  }

  /** Where the journal ends. Throws SQLiteError. */
  get head(): Head {
    this.#head ??= this.#readHead();
    return this.#head;
  }

  begin(): void {
    this.#sql.begin.run();
    this.#file.logLink.begun();
  }

  /** When it returns, the transaction is on disk. */
  commit(): void {
    this.#sql.commit.run();
    this.#file.logLink.committed();
  }

  rollback(): void {
    // Whatever went wrong, the next transaction follows what is really in the file.
    this.#head = null;
    this.#keeper.reset();
    // After some errors SQLite has already rolled back by itself.
    if (this.#file.db.inTransaction) this.#file.db.run("ROLLBACK");
  }

  /**
   * After a failed commit: ensures that its transaction does not reappear. All of its pages may be in the log, and only
   * the fsync after them failed. A process that opens the file after a crash would then take them for committed. So this
   * rolls back and moves the log into the data file, which leaves the log empty.
   *
   * @returns whether it is certain that the transaction is gone
   */
  eraseFailedCommit(): boolean {
    try {
      this.rollback();
      const result = this.#file.db.query<{ busy: number }, []>("PRAGMA wal_checkpoint(TRUNCATE)").get();
      return result?.busy === 0;
    } catch {
      return false;
    }
  }

  /** @param time the latest time among the events */
  insertJournal(events: readonly string[], time: Micros): void {
    const { g, hash: previous } = this.head;
    this.#head = insertRow(this.#sql.insertJournal, { shard: SHARD, g: g + 1, time, events, previous });
  }

  /**
   * Writes what follows from the events of a row of the journal.
   *
   * @returns how many of them are remembered under clients' keys
   */
  keep(events: readonly LedgerEvent[], g: number): number {
    let keys = 0;
    let index = 0;
    for (const event of events) {
      this.#keeper.keep(event, { shard: SHARD, g, index });
      const key = clientKeyOf(event);
      if (key !== null) {
        this.#sql.remember.run(key, g, index, forgetAt(timeOf(event), this.#keyHours));
        keys += 1;
      }
      index += 1;
    }
    this.#keeper.flush();
    return keys;
  }

  /** Deletes up to `count` expired outcomes. */
  forget(now: Micros, count: number): void {
    this.#sql.forget.run(now, count);
  }

  /** Another connection, which only reads, in a transaction that sees what is committed now. */
  openReader(): Database {
    const db = new Database(this.#file.db.filename, { readonly: true });
    db.run("BEGIN");
    db.query("SELECT 1 FROM journal LIMIT 1").get();
    return db;
  }

  #setKeyHours(fromG: number, wanted: number | null): number {
    const { db } = this.#file;
    const hours = readKeyHours(db)(fromG);
    if (wanted === null || wanted === hours) return hours;
    this.begin();
    db.run("INSERT OR REPLACE INTO key_hours (from_g, hours) VALUES (?, ?)", [fromG, wanted]);
    this.commit();
    return wanted;
  }

  #readHead(): Head {
    const head = this.#sql.head.get();
    if (head === null) throw new Error("its journal is empty");
    return head;
  }

  /** Moves the log into the data file, so that this one file is the whole ledger, and closes it. */
  close(): void {
    const { db, logLink, lock } = this.#file;
    for (const statement of Object.values(this.#sql)) statement.finalize();
    logLink.finalize();
    db.close(true);
    logLink.close();
    lock.close();
  }
}

/** What a new file begins with: the accounts of the start, and the journal's row that has them. */
function fill(db: Database, now: Micros, initialAccounts: boolean): void {
  const sql = prepareKeeping(db);
  const keeper = new EventKeeper(sql);
  const events: string[] = [];
  for (const [index, creditLimit] of (initialAccounts ? INITIAL_CREDIT_LIMITS : []).entries()) {
    const opening = {
      type: "open",
      account: String(index + 1),
      time: now,
      creditLimit,
      id: INITIAL,
      content: null,
      unit: CONTEST_UNIT,
      name: null,
      metadata: {},
    } as const;
    keeper.keep(opening, { shard: SHARD, g: 0, index });
    events.push(formatEvent(opening));
  }
  const insert = db.prepare(INSERT_JOURNAL);
  insertRow(insert, { shard: SHARD, g: 0, time: now, events, previous: NO_HASH });
  for (const statement of [insert, ...Object.values(sql)]) statement.finalize();
}

function insertRow(insert: Statement, row: JournalRow): Head {
  const hash = journalHash(row);
  const { g, time } = row;
  insert.run(g, time, JSON.stringify(row.events), row.previous, hash);
  return { g, time, hash };
}
