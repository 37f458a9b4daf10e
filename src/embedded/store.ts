import type { Database, Statement } from "bun:sqlite";
import {
  type Account,
  CONTEST_UNIT,
  INITIAL_CREDIT_LIMITS,
  type Micros,
  type AccountId,
} from "../ledger/account.ts";
import type { Entry } from "../ledger/entry.ts";
import { formatEvent, INITIAL } from "../ledger/event.ts";
import { type JournalHead, journalHash, type JournalRow, NO_HASH } from "../ledger/journal.ts";
import { type OpenFile, openFile } from "./open-file.ts";
import type { RememberedOutcome } from "./remembered-outcome.ts";

/** The one that there is, in the form of the journal. */
export const SHARD = 0;

const INSERT_JOURNAL = "INSERT INTO journal (g, time, events, previous, hash) VALUES (?, ?, ?, ?, ?)";

const INSERT_ACCOUNT = `
  INSERT INTO accounts (account, unit, name, state, held, command, opened_at) VALUES (?, ?, ?, ?, ?, ?, ?)`;

const INSERT_LIMIT = `
  INSERT INTO limits (account, version, credit_limit, after_seq, command, changed_at)
  SELECT ?1, coalesce(max(version), 0) + 1, ?2, ?3, ?4, ?5 FROM limits WHERE account = ?1`;

const SELECT_ACCOUNT = `
  SELECT a.account AS id, a.unit, a.name, a.state, l.credit_limit AS creditLimit, coalesce(e.balance, 0) AS balance,
    a.held, coalesce(e.seq, 0) AS seq, coalesce(e.time, a.opened_at) AS time, a.opened_at AS openedAt
  FROM accounts AS a
  JOIN limits AS l ON l.account = a.account
    AND l.version = (SELECT max(version) FROM limits WHERE account = a.account)
  LEFT JOIN entries AS e ON e.account = a.account
    AND e.seq = (SELECT max(seq) FROM entries WHERE account = a.account)
  WHERE a.account = ?`;

const FORGET = `
  DELETE FROM outcomes WHERE command IN
    (SELECT command FROM outcomes WHERE forget_at <= ? ORDER BY forget_at LIMIT ?)`;

/** Where the journal ends. */
type Head = Omit<JournalHead, "shard">;

function prepare(db: Database) {
  return {
    begin: db.prepare("BEGIN IMMEDIATE"),
    commit: db.prepare("COMMIT"),
    insertJournal: db.prepare(INSERT_JOURNAL),
    head: db.prepare<Head, []>("SELECT g, hash FROM journal ORDER BY g DESC LIMIT 1"),
    account: db.prepare<Account, [AccountId]>(SELECT_ACCOUNT),
    insertAccount: db.prepare(INSERT_ACCOUNT),
    insertLimit: db.prepare(INSERT_LIMIT),
    insertEntry: db.prepare(
      `INSERT INTO entries (account, seq, kind, value, balance, description, command, time)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    entries: db.prepare<Entry, [AccountId, number, number]>(
      `SELECT account, seq, kind, value, balance, description, command AS id, time
       FROM entries WHERE account = ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
    ),
    recall: db.prepare<RememberedOutcome, [string]>(
      "SELECT content, outcome, forget_at AS forgetAt FROM outcomes WHERE command = ?",
    ),
    remember: db.prepare(
      "INSERT OR REPLACE INTO outcomes (command, content, outcome, forget_at) VALUES (?, ?, ?, ?)",
    ),
    forget: db.prepare(FORGET),
  };
}

/** The SQL of the embedded ledger, with its transactions. Methods throw SQLiteError unless they say otherwise. */
export class Store {
  readonly #file: OpenFile<ReturnType<typeof prepare>>;
  readonly #sql: ReturnType<typeof prepare>;
  /** The journal's last row; null: to be read from the file. */
  #head: Head | null;

  /**
   * @param now the opening time of the initial accounts, if the file is new
   * @throws StartError if the file cannot be used
   */
  constructor(path: string, now: Micros) {
    this.#file = openFile(path, (db) => fill(db, now), prepare);
    this.#sql = this.#file.statements;
    this.#head = this.#readHead();
  }

  begin(): void {
    this.#sql.begin.run();
    this.#file.logLink.begun();
    this.#head ??= this.#readHead();
  }

  /** When it returns, the transaction is on disk. */
  commit(): void {
    this.#sql.commit.run();
    this.#file.logLink.committed();
  }

  rollback(): void {
    // Whatever went wrong, the next transaction follows what is really in the file.
    this.#head = null;
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
    const before = this.#head;
    if (before === null) throw new Error("no transaction was begun");
    this.#head = insertRow(this.#sql.insertJournal, {
      shard: SHARD,
      g: before.g + 1,
      time,
      events,
      previous: before.hash,
    });
  }

  account(id: AccountId): Account | null {
    return this.#sql.account.get(id);
  }

  insertAccount(account: Account, command: string): void {
    const { id, unit, name, state, held, openedAt } = account;
    this.#sql.insertAccount.run(id, unit, name, state, held, command, openedAt);
  }

  /** Makes the account's limit effective for the entries after its latest one. */
  insertLimit(account: Account, command: string, now: Micros): void {
    this.#sql.insertLimit.run(account.id, account.creditLimit, account.seq, command, now);
  }

  insertEntry(entry: Entry): void {
    const { account, seq, kind, value, balance, description, id, time } = entry;
    this.#sql.insertEntry.run(account, seq, kind, value, balance, description, id, time);
  }

  /** Up to `count` entries with a seq below `before`, newest first. */
  entries(account: AccountId, before: number, count: number): Entry[] {
    return this.#sql.entries.all(account, before, count);
  }

  recall(command: string): RememberedOutcome | null {
    return this.#sql.recall.get(command);
  }

  remember(command: string, remembered: RememberedOutcome): void {
    this.#sql.remember.run(command, remembered.content, remembered.outcome, remembered.forgetAt);
  }

  /** Deletes up to `count` expired outcomes. */
  forget(now: Micros, count: number): void {
    this.#sql.forget.run(now, count);
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
function fill(db: Database, now: Micros): void {
  const events: string[] = [];
  for (const [index, creditLimit] of INITIAL_CREDIT_LIMITS.entries()) {
    const account = String(index + 1);
    db.run(INSERT_ACCOUNT, [account, CONTEST_UNIT, null, "open", 0, INITIAL, now]);
    db.run(INSERT_LIMIT, [account, creditLimit, 0, INITIAL, now]);
    const opening = { account, time: now, creditLimit, id: INITIAL, unit: CONTEST_UNIT, name: null } as const;
    events.push(formatEvent({ type: "open", ...opening }));
  }
  const insert = db.prepare(INSERT_JOURNAL);
  insertRow(insert, { shard: SHARD, g: 0, time: now, events, previous: NO_HASH });
  insert.finalize();
}

function insertRow(insert: Statement, row: JournalRow): Head {
  const hash = journalHash(row);
  insert.run(row.g, row.time, JSON.stringify(row.events), row.previous, hash);
  return { g: row.g, hash };
}
