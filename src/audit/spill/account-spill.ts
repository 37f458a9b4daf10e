import type { Database, Statement } from "bun:sqlite";
import type { AccountId } from "../../ledger/account.ts";

interface Row {
  readonly place: number;
  readonly account: AccountId;
}

/**
 * The accounts of each shard that are to be compared together with the outbox, each once. They may be more than memory
 * should hold.
 */
export class AccountSpill {
  readonly #db: Database;
  readonly #add: Statement;
  /** By shard, the place of the account that was taken last. */
  readonly #taken = new Map<number, number>();

  /** @param db with the tables of spill-tables.sql */
  constructor(db: Database) {
    this.#db = db;
    // As in OutboxSpill, the statement is finalized with the connection.
    this.#add = db.query("INSERT OR IGNORE INTO changing (shard, account) VALUES (?, ?)");
  }

  add(shard: number, account: AccountId): void {
    this.#add.run(shard, account);
  }

  /** How many of the shard were not taken yet. */
  count(shard: number): number {
    const query = this.#db.query<{ count: number }, [number, number]>(
      "SELECT count(*) AS count FROM changing WHERE shard = ? AND place > ?",
    );
    return query.get(shard, this.#taken.get(shard) ?? 0)?.count ?? 0;
  }

  /** Takes up to `count` of the shard, in the order in which they were added; none if there are no more. */
  take(shard: number, count: number): AccountId[] {
    const query = this.#db.query<Row, [number, number, number]>(
      "SELECT place, account FROM changing WHERE shard = ? AND place > ? ORDER BY place LIMIT ?",
    );
    const rows = query.all(shard, this.#taken.get(shard) ?? 0, count);
    const last = rows.at(-1)?.place;
    if (last !== undefined) this.#taken.set(shard, last);
    return rows.map(({ account }) => account);
  }
}
