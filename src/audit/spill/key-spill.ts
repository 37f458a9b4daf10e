import type { Database, Statement } from "bun:sqlite";

interface Row {
  readonly place: number;
  readonly key: string;
}

/**
 * The accounts of each shard that are to be compared together with the outbox, each once; or the keys of holds and
 * reversals. They may be more than memory should hold.
 */
export class KeySpill {
  readonly #db: Database;
  readonly #table: "changing" | "changing_moves";
  readonly #add: Statement;
  /** By shard, the place of the key that was taken last. */
  readonly #taken = new Map<number, number>();

  /** @param db with the tables of spill-tables.sql */
  constructor(db: Database, table: "changing" | "changing_moves") {
    this.#db = db;
    this.#table = table;
    // As in OutboxSpill, the statement is finalized with the connection.
    this.#add = db.query(`INSERT OR IGNORE INTO ${table} (shard, key) VALUES (?, ?)`);
  }

  add(shard: number, key: string): void {
    this.#add.run(shard, key);
  }

  /** How many of the shard were not taken yet. */
  count(shard: number): number {
    const query = this.#db.query<{ count: number }, [number, number]>(
      `SELECT count(*) AS count FROM ${this.#table} WHERE shard = ? AND place > ?`,
    );
    return query.get(shard, this.#taken.get(shard) ?? 0)?.count ?? 0;
  }

  /** Takes up to `count` of the shard, in the order in which they were added; none if there are no more. */
  take(shard: number, count: number): string[] {
    const query = this.#db.query<Row, [number, number, number]>(
      `SELECT place, key FROM ${this.#table} WHERE shard = ? AND place > ? ORDER BY place LIMIT ?`,
    );
    const rows = query.all(shard, this.#taken.get(shard) ?? 0, count);
    const last = rows.at(-1)?.place;
    if (last !== undefined) this.#taken.set(shard, last);
    return rows.map(({ key }) => key);
  }
}
