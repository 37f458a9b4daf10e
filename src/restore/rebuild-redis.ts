import { z } from "zod";
import type { Account, AccountId } from "../ledger/account.ts";
import { shardOf } from "../ledger/account-id.ts";
import { rememberedOf, rowOf } from "../decide/function-codec.ts";
import { headKey, type Redis } from "../decide/redis-client.ts";
import { type CommandId, contentOf, isClientKey } from "../ledger/command.ts";
import { formatEvent, INITIAL, type LedgerEvent, parseEvent, timeOf } from "../ledger/event.ts";
import type { EntryKind } from "../ledger/entry.ts";
import type { Sql } from "../keep/postgres-client.ts";
import { bounds } from "../bounds.ts";
import { scanKeys } from "../decide/scan-keys.ts";
import type { System } from "./diagnose.ts";

/** Ids of requests of this period are loaded: it is longer than a request is ever sent again. */
const REQUEST_IDS_SECONDS = 60;

/** Deletes the ledger from Redis. */
export async function emptyRedis(redis: Redis): Promise<void> {
  for await (const keys of scanKeys(redis, "razonete:{*}:*")) await redis.sendCommand(["UNLINK", ...keys]);
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
  await loadIds(sql, loader, await clockOf(redis));
  await loader.finish();
  for (let shard = 0; shard < system.shards; shard += 1) {
    const [row] = await sql<{ last_g: number }[]>`SELECT last_g FROM cursors WHERE shard = ${shard}`;
    const args = [system.epoch, String(system.shards), String(row?.last_g ?? 0)];
    await redis.sendCommand(["FCALL", "razonete_begin", "1", headKey(shard), ...args]);
  }
}

async function clockOf(redis: Redis): Promise<number> {
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
  addTo(account: AccountId, item: readonly (string | number)[]): Promise<void> | undefined {
    return this.add(shardOf(account, this.#items.length), item);
  }

  /** @returns as above */
  add(shard: number, item: readonly (string | number)[]): Promise<void> | undefined {
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
  readonly account: AccountId;
  readonly seq: number;
  readonly kind: EntryKind;
  readonly value: number;
  readonly balance: number;
  readonly credit_limit: number;
  readonly description: string;
  readonly command: string;
  readonly time: number;
}

async function loadAccounts(sql: Sql, loader: Loader): Promise<void> {
  const rows = sql<Account[]>`
    SELECT a.account AS id, a.unit, a.name, a.state, a.credit_limit AS "creditLimit", a.balance, a.held, a.seq,
      coalesce(e.time, a.opened_at) AS time, a.opened_at AS "openedAt"
    FROM accounts AS a LEFT JOIN entries AS e ON e.account = a.account AND e.seq = a.seq`.cursor(
    bounds.load_rows_max,
  );
  for await (const page of rows) {
    for (const account of page)
      await loader.addTo(account.id, ["a", account.id, rowOf(account), account.name ?? ""]);
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
      await loader.addTo(row.account, ["s", row.account, 1, row.seq, formatEvent(entryEvent(row))]);
  }
}

/**
 * What was decided under clients' keys as long as they are remembered, and under requests' ids just now.
 *
 * @param now the time of Redis's clock, from which the times in the books are
 */
async function loadIds(sql: Sql, loader: Loader, now: number): Promise<void> {
  const keysFrom = now - bounds.idempotency_key_kept_seconds * 1_000_000;
  const requestsFrom = now - REQUEST_IDS_SECONDS * 1_000_000;
  // In order: where a key was decided anew after its memory was lost, the latest outcome counts.
  const rows = sql<{ shard: number; text: string }[]>`
    SELECT j.shard, e.text FROM journal AS j CROSS JOIN unnest(j.events) AS e (text)
    WHERE j.time > ${keysFrom} AND (j.time > ${requestsFrom} OR e.text LIKE '% key:%')
    ORDER BY j.shard, j.g`.cursor(bounds.load_rows_max);
  for await (const page of rows) {
    for (const { shard, text } of page) {
      const event = parseEvent(text);
      const asked = askedBy(event);
      if (asked === null || event.type === "missing") continue;
      const { id, content } = asked;
      if (!isClientKey(id)) {
        if (timeOf(event) > requestsFrom) await loader.add(shard, ["r", id, rememberedOf(event)]);
        continue;
      }
      const left = Math.ceil((timeOf(event) - keysFrom) / 1_000_000);
      const seconds = Math.min(Math.max(left, 1), bounds.idempotency_key_kept_seconds);
      await loader.add(shard, ["k", id, content, rememberedOf(event), seconds]);
    }
  }
}

/** Id and content of the command that was decided; null where nobody can send it again. */
function askedBy(event: LedgerEvent): { readonly id: CommandId; readonly content: string } | null {
  switch (event.type) {
    case "entry": {
      const { entry } = event;
      const id = idOf(entry.id);
      return { id, content: contentOf({ type: "transact", ...entry }) };
    }
    case "open": {
      const { id } = event;
      return id === INITIAL ? null : { id, content: contentOf(event) };
    }
    case "limit": {
      const { id, account, creditLimit } = event;
      return { id, content: contentOf({ type: "change-limit", account, creditLimit }) };
    }
    case "refusal":
      return event;
    case "missing":
      return null;
  }
}

function idOf(text: string): CommandId {
  return text.startsWith("key:") ? `key:${text.slice(4)}` : `req:${text.replace(/^req:/, "")}`;
}

function entryEvent({ command, credit_limit: creditLimit, ...entry }: EntryRow): LedgerEvent {
  return { type: "entry", entry: { ...entry, id: command }, creditLimit };
}
