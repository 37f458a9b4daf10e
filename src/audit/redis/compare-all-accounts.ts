import type { AccountId } from "../../ledger/account.ts";
import { isAccountId, shardOf } from "../../ledger/account-id.ts";
import { texts } from "../../keep/pg-array.ts";
import { bounds } from "../../bounds.ts";
import type { BooksMetadata } from "../books/books-metadata.ts";
import type { KnownAccounts } from "../books/known-accounts.ts";
import { type QueryBooks, quote, STATEMENT_OF_ENTRY } from "../events.ts";
import type { Findings } from "../findings.ts";
import { type ProgressEstimate, COMPARISON_COST } from "../progress-estimate.ts";
import type { KeySpill } from "../spill/key-spill.ts";
import type { RedisAccount, RedisReader } from "./redis-reader.ts";

export interface CompareAllOptions {
  readonly queryBooks: QueryBooks;
  readonly redis: RedisReader;
  readonly system: BooksMetadata;
  /** Those that Redis has in the epoch of the books. */
  readonly shards: readonly number[];
  readonly known: KnownAccounts;
  /** Gets the accounts that are to be compared together with the outbox. */
  readonly changing: KeySpill;
  /** Gets the keys of holds and reversals. */
  readonly onMove: (key: string) => void;
  readonly findings: Findings;
  readonly progress: ProgressEstimate;
}

interface FoundKey {
  readonly id: AccountId;
  readonly isKnown: boolean;
}

const CHUNKS_BETWEEN_COLLECTIONS = 20;
const ACCOUNT_KEY = /^razonete:\{(\d+)\}:account:(.*)$/s;

/**
 * Compares all accounts that Redis has with the books: first with what is known of the books already, which is enough
 * for an account that has not changed since they were read; then those that differ with the books a moment later. What
 * differs from both is left for the comparison with the outbox, and so is what only one of Redis and the books has.
 */
export class CompareAllAccounts {
  readonly #options: CompareAllOptions;
  readonly #chunks = new Map<number, FoundKey[]>();
  readonly #running = new Set<Promise<void>>();
  #chunksSoFar = 0;
  #statements = 0;

  constructor(options: CompareAllOptions) {
    this.#options = options;
  }

  /** How many statements were read from Redis. */
  get statements(): number {
    return this.#statements;
  }

  async compare(): Promise<void> {
    for await (const keys of this.#options.redis.keys()) {
      for (const key of keys) {
        const shard = this.#add(key);
        if (this.#chunks.get(shard)?.length === bounds.audit_chunk_accounts) await this.#compareChunk(shard);
      }
    }
    for (const shard of this.#chunks.keys()) await this.#compareChunk(shard);
    await Promise.all(this.#running);
    await this.#addMissing();
  }

  /** @returns the shard of the key; -1 if it is not one to be compared */
  #add(key: string): number {
    const { known, system, shards, findings, onMove } = this.#options;
    const [, shardText, id = ""] = ACCOUNT_KEY.exec(key) ?? [];
    if (shardText === undefined) onMove(key);
    const shard = Number(shardText);
    if (!shards.includes(shard)) return -1;
    if (!isAccountId(id)) {
      findings.add(
        "redis-differs",
        null,
        null,
        `Redis has ${quote(key)}, which no account can have as its key`,
      );
      return -1;
    }
    const right = shardOf(id, system.shards);
    if (right !== shard) {
      const detail = `Redis has the account in shard ${shard}, it belongs into shard ${right}`;
      findings.add("redis-differs", id, null, detail);
      return -1;
    }
    const found = known.lookUp(id);
    if (found === "again") return -1;
    const chunk = this.#chunks.get(shard) ?? [];
    chunk.push({ id, isKnown: found === "first" });
    this.#chunks.set(shard, chunk);
    return shard;
  }

  /** A few chunks run at once, so that Redis and this process are both busy. */
  async #compareChunk(shard: number): Promise<void> {
    const chunk = this.#chunks.get(shard) ?? [];
    this.#chunks.set(shard, []);
    this.#chunksSoFar += 1;
    // As for the rows of the books, see binary-copy-reader.ts.
    if (this.#chunksSoFar % CHUNKS_BETWEEN_COLLECTIONS === 0) Bun.gc(true);
    const planned = chunk.filter(({ isKnown }) => isKnown).length;
    const done = this.#compareSome(shard, chunk)
      .then(() => this.#options.progress.did(planned * COMPARISON_COST))
      .finally(() => this.#running.delete(done));
    // Promise.all rejects with the first failure; this keeps the others from being unhandled.
    done.catch(() => {});
    this.#running.add(done);
    if (this.#running.size >= bounds.audit_chunks_at_once_max) await Promise.race(this.#running);
  }

  async #compareSome(shard: number, chunk: readonly FoundKey[]): Promise<void> {
    const { redis, system, known, changing } = this.#options;
    const ids = chunk.map(({ id }) => id);
    const found = await redis.read(system.epoch, shard, ids);
    // This is reported at the end, when Redis is read again.
    if (found === null) return;
    const others = new Map<AccountId, RedisAccount>();
    for (const [index, id] of ids.entries()) {
      const shown = found[index];
      if (shown === undefined || shown === "missing" || "unreadable" in shown) {
        changing.add(shard, id);
        continue;
      }
      this.#statements += 1;
      if (!known.isSame(id, shown)) others.set(id, shown);
    }
    if (others.size === 0) return;
    const same = await this.#sameInBooks(others);
    for (const id of others.keys()) if (!same.has(id)) changing.add(shard, id);
  }

  /** The accounts that are exactly the same in the books a moment later, including their statements. */
  async #sameInBooks(accounts: ReadonlyMap<AccountId, RedisAccount>): Promise<Set<AccountId>> {
    const rows = await this.#options.queryBooks(
      `SELECT a.account, concat_ws(E'\\n', concat_ws(' ', a.credit_limit, a.balance, a.held, a.seq, coalesce(
           (SELECT e.time FROM entries AS e WHERE e.account = a.account AND e.seq = a.seq), a.opened_at
         ), a.unit, a.state, a.opened_at), concat_ws(' ', a.opening, a.metadata::text, a.name), (
         SELECT string_agg(${STATEMENT_OF_ENTRY}, E'\\n' ORDER BY e.seq DESC) FROM entries AS e
         WHERE e.account = a.account AND e.seq > a.seq - ${bounds.statement_entries_max} AND e.seq <= a.seq
       )) AS kept
       FROM accounts AS a WHERE a.account = ANY($1::text::text[])`,
      [texts([...accounts.keys()], (account) => account)],
    );
    const same = new Set<AccountId>();
    for (const row of rows) {
      const id = String(row["account"]);
      const shown = accounts.get(id);
      if (shown === undefined) continue;
      if ([shown.row, shown.details, ...shown.statement].join("\n") === row["kept"]) same.add(id);
    }
    return same;
  }

  /** Adds the accounts that the books had, and Redis was not found to have. */
  async #addMissing(): Promise<void> {
    const { known, system, shards, changing, progress, queryBooks } = this.#options;
    const some = bounds.audit_odd_accounts;
    for (let last = ""; known.unseenCount > 0;) {
      const rows = await queryBooks(
        `SELECT account FROM accounts WHERE account > $1 ORDER BY account LIMIT ${some}`,
        [last],
      );
      for (const row of rows) {
        last = String(row["account"]);
        const shard = shardOf(last, system.shards);
        if (!shards.includes(shard) || !known.isUnseen(last)) continue;
        changing.add(shard, last);
        progress.did(COMPARISON_COST);
      }
      if (rows.length < some) return;
    }
  }
}
