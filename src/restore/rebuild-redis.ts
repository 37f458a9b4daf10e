import { z } from "zod";
import { headKey, type Redis } from "../decide/redis-client.ts";
import { type CommandId, contentOf } from "../ledger/command.ts";
import { formatEvent, type LedgerEvent } from "../ledger/event.ts";
import type { EntryKind } from "../ledger/entry.ts";
import type { Sql } from "../keep/postgres-client.ts";
import { bounds } from "../bounds.ts";
import { scanKeys } from "./scan-keys.ts";
import type { System } from "./diagnose.ts";

/** Ids of requests of this period are loaded: it is longer than a request is ever sent again. */
const REQUEST_IDS_SECONDS = 120;

/**
 * Deletes the ledger from Redis. Only the refusals that are remembered for clients' keys stay: the books do not have
 * them, and a client that asks again has to get the same refusal.
 *
 * @param forget deletes the refusals, too, since they are of another ledger
 */
export async function emptyRedis(redis: Redis, forget: boolean): Promise<void> {
  for await (const keys of scanKeys(redis, "razonete:{*}:*")) {
    const kept = new Set(forget ? [] : await refusalsAmong(redis, keys));
    const gone = keys.filter((key) => !kept.has(key));
    if (gone.length > 0) await redis.sendCommand(["UNLINK", ...gone]);
  }
}

async function refusalsAmong(redis: Redis, keys: readonly string[]): Promise<string[]> {
  const clientKeys = keys.filter((key) => /^razonete:\{\d+\}:key:/.test(key));
  const outcomes = await Promise.all(
    clientKeys.map((key) => redis.sendCommand(["GET", key]).catch(() => null)),
  );
  return clientKeys.filter((_, index) => {
    const outcome = outcomes[index];
    return typeof outcome === "string" && /^[^\n]*\n!/.test(outcome);
  });
}

/**
 * Loads Redis from the books: accounts, statements, and the ids of commands that may be sent again. The heads are
 * created last: until then nobody is answered.
 */
export async function loadRedis(sql: Sql, redis: Redis, system: System, library: string): Promise<void> {
  await redis.sendCommand(["FUNCTION", "LOAD", "REPLACE", library]);
  const loader = new Loader(redis, system.shards);
  await loadAccounts(sql, loader);
  await loadStatements(sql, loader);
  await loadIds(sql, loader, await timeOf(redis));
  await loader.finish();
  for (let shard = 0; shard < system.shards; shard += 1) {
    const [row] = await sql<{ last_g: number; next: number }[]>`
      SELECT last_g, greatest(
        (SELECT coalesce(max(account), 0) + 1 FROM accounts), (SELECT max(next_account) FROM restores)
      ) AS next
      FROM cursors WHERE shard = ${shard}`;
    let next = row?.next ?? 1;
    // An account belongs to the shard `number % shards`.
    while (next % system.shards !== shard) next += 1;
    const args = [system.epoch, String(system.shards), String(row?.last_g ?? 0), String(next)];
    await redis.sendCommand(["FCALL", "razonete_begin", "1", headKey(shard), ...args]);
  }
}

async function timeOf(redis: Redis): Promise<number> {
  const [seconds] = z.tuple([z.coerce.number(), z.coerce.number()]).parse(await redis.sendCommand(["TIME"]));
  return seconds * 1_000_000;
}

/** Collects the items of razonete_load for each shard, and sends them when there are enough for a call. */
class Loader {
  readonly #redis: Redis;
  readonly #items: string[][];
  #calls: Promise<unknown>[] = [];

  constructor(redis: Redis, shards: number) {
    this.#redis = redis;
    this.#items = Array.from({ length: shards }, () => []);
  }

  /** @returns undefined if there is nothing to wait for */
  add(account: number, item: readonly (string | number)[]): Promise<void> | undefined {
    const shard = account % this.#items.length;
    const items = this.#items[shard] ?? [];
    for (const value of item) items.push(String(value));
    return items.length >= bounds.load_values_max ? this.#send(shard) : undefined;
  }

  async finish(): Promise<void> {
    for (const shard of this.#items.keys()) await this.#send(shard);
    await Promise.all(this.#calls);
  }

  async #send(shard: number): Promise<void> {
    const items = this.#items[shard] ?? [];
    if (items.length === 0) return;
    this.#items[shard] = [];
    this.#calls.push(this.#redis.sendCommand(["FCALL", "razonete_load", "1", headKey(shard), ...items]));
    if (this.#calls.length < bounds.load_calls_max) return;
    const calls = this.#calls;
    this.#calls = [];
    await Promise.all(calls);
  }
}

interface EntryRow {
  readonly account: number;
  readonly seq: number;
  readonly kind: EntryKind;
  readonly value: number;
  readonly balance: number;
  readonly credit_limit: number;
  readonly description: string;
  readonly command: string;
  readonly time: number;
}

interface AccountRow {
  readonly account: number;
  readonly name: string;
  readonly credit_limit: number;
  readonly balance: number;
  readonly seq: number;
  readonly time: number;
}

async function loadAccounts(sql: Sql, loader: Loader): Promise<void> {
  const rows = sql<AccountRow[]>`
    SELECT a.account, coalesce(a.name, '') AS name, a.credit_limit, a.balance, a.seq,
      coalesce(e.time, a.opened_at) AS time
    FROM accounts AS a LEFT JOIN entries AS e ON e.account = a.account AND e.seq = a.seq`.cursor(
    bounds.load_rows_max,
  );
  for await (const page of rows) {
    for (const { account, credit_limit, balance, seq, time, name } of page)
      await loader.add(account, ["a", account, credit_limit, balance, seq, time, name]);
  }
}

/** In the order in which PostgreSQL finds them fastest: for an order by account it would have to sort millions of rows. */
async function loadStatements(sql: Sql, loader: Loader): Promise<void> {
  const rows = sql<EntryRow[]>`
    SELECT e.account, e.seq, e.kind, e.value, e.balance, e.credit_limit, e.description, e.command, e.time
    FROM accounts AS a JOIN entries AS e
      ON e.account = a.account AND e.seq > a.seq - ${bounds.statement_entries_max}::bigint`.cursor(
    bounds.load_rows_max,
  );
  for await (const page of rows) {
    for (const row of page)
      await loader.add(row.account, ["s", row.account, 1, row.seq, formatEvent(entryEvent(row))]);
  }
}

/** @param now the time of Redis's clock, from which the times in the books are */
async function loadIds(sql: Sql, loader: Loader, now: number): Promise<void> {
  const keysFrom = now - bounds.idempotency_key_kept_seconds * 1_000_000;
  const requestsFrom = now - REQUEST_IDS_SECONDS * 1_000_000;
  const add = async (event: LedgerEvent, id: CommandId, content: string, time: number): Promise<void> => {
    const account = event.type === "entry" ? event.entry.account : event.account;
    const outcome = `=${formatEvent(event)}`;
    if (id.startsWith("req:")) return loader.add(account, ["r", id, outcome]);
    const left = Math.ceil((time - keysFrom) / 1_000_000);
    const seconds = Math.min(Math.max(left, 1), bounds.idempotency_key_kept_seconds);
    return loader.add(account, ["k", id, content, outcome, seconds]);
  };

  const entries = sql<EntryRow[]>`
    SELECT account, seq, kind, value, balance, credit_limit, description, command, time FROM entries
    WHERE time > ${keysFrom} AND (time > ${requestsFrom} OR command LIKE 'key:%')`.cursor(
    bounds.load_rows_max,
  );
  for await (const page of entries) {
    for (const row of page) {
      const { account, kind, value, description, time } = row;
      const id = idOf(row.command);
      const content = contentOf({ type: "transact", id, account, kind, value, description });
      await add(entryEvent(row), id, content, time);
    }
  }

  const limitRows = sql<LimitRow[]>`
    SELECT l.account, l.version, l.credit_limit, l.after_seq, l.command, l.changed_at, a.name,
      coalesce((SELECT balance FROM entries AS e WHERE e.account = l.account AND e.seq = l.after_seq), 0::bigint)
        AS balance
    FROM limits AS l JOIN accounts AS a ON a.account = l.account
    WHERE l.changed_at > ${keysFrom} AND l.command <> 'initial'
      AND (l.changed_at > ${requestsFrom} OR l.command LIKE 'key:%')`.cursor(bounds.load_rows_max);
  for await (const page of limitRows) {
    for (const {
      account,
      version,
      credit_limit: creditLimit,
      after_seq: seq,
      changed_at: time,
      ...row
    } of page) {
      const id = idOf(row.command);
      // The first version of a limit is from the opening of the account.
      if (version === 1) {
        const content = contentOf({ type: "open", id, creditLimit, name: row.name });
        await add({ type: "open", account, time, creditLimit, id, name: row.name }, id, content, time);
      } else {
        const content = contentOf({ type: "change-limit", id, account, creditLimit });
        const { balance } = row;
        await add({ type: "limit", account, seq, time, balance, creditLimit, id }, id, content, time);
      }
    }
  }
}

interface LimitRow {
  readonly account: number;
  readonly version: number;
  readonly credit_limit: number;
  readonly after_seq: number;
  readonly command: string;
  readonly changed_at: number;
  readonly name: string | null;
  readonly balance: number;
}

function entryEvent({ command, credit_limit: creditLimit, ...entry }: EntryRow): LedgerEvent {
  return { type: "entry", entry: { ...entry, id: command }, creditLimit };
}

function idOf(command: string): CommandId {
  return command.startsWith("key:") ? `key:${command.slice(4)}` : `req:${command.replace(/^req:/, "")}`;
}
