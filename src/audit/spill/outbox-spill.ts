import type { Database, Statement } from "bun:sqlite";
import type { AccountId } from "../../ledger/account.ts";
import type { OutboxEntry } from "../../decide/redis-client.ts";
import { bounds } from "../../bounds.ts";
import { accountsOf, moveKeyOf, parseDecision, statementTexts } from "../events.ts";

export interface OutboxEvent {
  readonly g: number;
  readonly text: string;
}

/** An event about a hold or a reversal, with its place in its batch. */
export interface OutboxMove extends OutboxEvent {
  readonly at: number;
}

/**
 * A shard's outbox as read so far, including what has been removed from Redis since. It may be larger than the memory
 * should hold, so it is stored in the spill database and returned piece by piece.
 */
export class OutboxSpill {
  readonly #db: Database;
  readonly #addBatch: Statement;
  readonly #addEvent: Statement;
  readonly #addOther: Statement;
  readonly #addMove: Statement;
  readonly #shard: number;
  readonly #eventsOf: Statement<OutboxEvent, [string, number, number, string, number, number]>;
  readonly #batch: Statement<{ text: string }, [number]>;
  #lastG = 0;

  /** @param db with the tables of spill-tables.sql; the outbox of another shard in them is deleted */
  constructor(db: Database, shard: number) {
    this.#shard = shard;
    db.run("DELETE FROM moves");
    db.run("DELETE FROM others");
    db.run("DELETE FROM events");
    db.run("DELETE FROM batches");
    this.#db = db;
    // query() makes statements that are finalized with the connection; otherwise the temporary file would remain.
    this.#addBatch = db.query("INSERT INTO batches (g) VALUES (?)");
    this.#addEvent = db.query("INSERT INTO events (g, account, is_event, text) VALUES (?, ?, ?, ?)");
    this.#addOther = db.query("INSERT INTO others (account, g, event) VALUES (?, ?, ?)");
    this.#addMove = db.query("INSERT INTO moves (key, g, at, event) VALUES (?, ?, ?, ?)");
    this.#eventsOf = db.query(
      `SELECT g, text, place FROM events WHERE account = ? AND g > ? AND g <= ?
       UNION ALL
       SELECT e.g, e.text, e.place FROM others AS o JOIN events AS e ON e.place = o.event
       WHERE o.account = ? AND o.g > ? AND o.g <= ?
       ORDER BY g, place`,
    );
    this.#batch = db.query("SELECT text FROM events WHERE g = ? ORDER BY place");
  }

  /** The number of the latest batch; 0 if there is none. */
  get lastG(): number {
    return this.#lastG;
  }

  /** Adds batches after the latest one, in order. */
  take(page: readonly OutboxEntry[]): void {
    this.#db.transaction(() => {
      for (const { g, events } of page) {
        this.#addBatch.run(g);
        for (const [at, text] of events.entries()) {
          const event = parseDecision(text);
          const [account = null, ...others] = event === null ? [] : accountsOf(event);
          const { lastInsertRowid } = this.#addEvent.run(g, account, event === null ? 0 : 1, text);
          for (const other of others) this.#addOther.run(other, g, lastInsertRowid);
          const key = event === null ? null : moveKeyOf(event, { shard: this.#shard, g, index: at });
          if (key !== null) this.#addMove.run(key, g, at, lastInsertRowid);
        }
        this.#lastG = g;
      }
    })();
  }

  /** The numbers of the batches after `g`, in order. */
  *batchNumbersAfter(g: number): Iterable<number> {
    const rows = this.#db.query<OutboxEvent, [number]>("SELECT g FROM batches WHERE g > ? ORDER BY place");
    for (const row of rows.iterate(g)) yield row.g;
  }

  /** The events of an account in the batches after `g`, up to `lastG`. */
  eventsOf(account: AccountId, g: number, lastG: number): Iterable<OutboxEvent> {
    return this.#eventsOf.iterate(account, g, lastG, account, g, lastG);
  }

  /** The events about a hold or a reversal, by its key, in the batches after `g`, in order. */
  movesOf(key: string, g: number): OutboxMove[] {
    return this.#db
      .query<OutboxMove, [string, number]>(
        `SELECT m.g, m.at, e.text FROM moves AS m JOIN events AS e ON e.place = m.event
         WHERE m.key = ? AND m.g > ? ORDER BY m.event`,
      )
      .all(key, g);
  }

  /** Adds the keys of all holds and reversals that it has events about to those that are to be compared. */
  addMoves(): void {
    const add = "INSERT OR IGNORE INTO changing_moves (shard, key) SELECT ?, key FROM moves ORDER BY event";
    this.#db.run(add, [this.#shard]);
  }

  /** Adds the accounts that are changed by batches after `g` to those that are to be compared. */
  addAccountsAfter(g: number, shard: number): void {
    this.#db.run(
      `INSERT OR IGNORE INTO changing (shard, key)
       SELECT ?1, account FROM events WHERE account IS NOT NULL AND g > ?2
       UNION SELECT ?1, account FROM others WHERE g > ?2`,
      [shard, g],
    );
  }

  /** How many entries the batches after `g` have. */
  entriesAfter(g: number): number {
    const short = this.#db
      .query<{ count: number }, [number]>(
        "SELECT count(*) AS count FROM events WHERE g > ? AND substr(text, 1, 1) IN ('c', 'd')",
      )
      .get(g);
    let entries = short?.count ?? 0;
    for (const { text } of this.eventsOfKinds("tpf", g)) {
      const event = parseDecision(text);
      if (event !== null) entries += statementTexts(event).length;
    }
    return entries;
  }

  /** The events that begin with one of these letters, in the batches after `g`, in order. */
  eventsOfKinds(letters: string, g: number): Iterable<OutboxEvent> {
    return this.#db
      .query<OutboxEvent, [number, string]>(
        "SELECT g, text FROM events WHERE g > ? AND instr(?, substr(text, 1, 1)) > 0 AND is_event = 1 ORDER BY place",
      )
      .iterate(g, letters);
  }

  /** Texts in the batches after `g` that are not events. */
  malformedAfter(g: number): OutboxEvent[] {
    return this.#db
      .query<OutboxEvent, [number, number]>(
        "SELECT g, text FROM events WHERE is_event = 0 AND g > ? ORDER BY place LIMIT ?",
      )
      .all(g, bounds.audit_rows_named_max);
  }

  /** The batches up to `g`, in pages. */
  *pagesUpTo(g: number): Iterable<OutboxEntry[]> {
    const rows = this.#db.query<{ place: number; g: number }, [number, number, number]>(
      "SELECT place, g FROM batches WHERE place > ? AND g <= ? ORDER BY place LIMIT ?",
    );
    for (let last = 0; ;) {
      const page = rows.all(last, g, bounds.audit_chunk_batches);
      if (page.length === 0) return;
      last = page.at(-1)?.place ?? last;
      yield page.map((row) => ({ g: row.g, events: this.batch(row.g) }));
    }
  }

  /** The texts of a batch; none if the batch is not here. */
  batch(g: number): string[] {
    return this.#batch.all(g).map(({ text }) => text);
  }
}
