import { z } from "zod";
import { accountOfRow } from "../../src/decide/function-codec.ts";
import { connectRedis, headKey, outboxKey, type Redis } from "../../src/decide/redis-client.ts";
import { connectPostgres, type Sql } from "../../src/keep/postgres-client.ts";
import { openingHash } from "../../src/ledger/content-hash.ts";
import { type Account, CONTEST_UNIT, INITIAL_CREDIT_LIMITS } from "../../src/ledger/account.ts";
import { formatEvent, formatRow } from "../../src/ledger/event.ts";
import type { StackDescription } from "../../src/stack/stack-file.ts";
import { filledAccountId } from "./filled-account-id.ts";

/**
 * Makes a ledger large without sending a million requests. It writes into Redis what `ledger.lua` would have written for
 * them, with their batches in the outbox; from there the stack's own writer brings them into the books. So all agrees as
 * if it had come through the API.
 *
 * Only for a stack of one shard that nobody else uses meanwhile.
 */
export class Filler implements AsyncDisposable {
  readonly #sql: Sql;
  readonly #redis: Redis;
  readonly #onStep: (count: number) => void;

  private constructor(sql: Sql, redis: Redis, onStep: (count: number) => void) {
    this.#sql = sql;
    this.#redis = redis;
    this.#onStep = onStep;
  }

  /** @param onStep called with the number of accounts or entries that were added */
  static async connect(
    { databaseUrl, redisUrl }: StackDescription,
    onStep: (count: number) => void = () => {},
  ): Promise<Filler> {
    const sql = connectPostgres({ url: databaseUrl, name: "razonete bench", connections_max: 1 });
    // Applies to the only connection.
    await sql`SET statement_timeout = 0`;
    const redis = connectRedis(redisUrl, () => {});
    await redis.connect();
    return new Filler(sql, redis, onStep);
  }

  /** Opens accounts beside the five until there are `count`, all with a balance of 0 and a limit of 100,000.00. */
  async accounts(count: number): Promise<void> {
    for (let first = INITIAL_CREDIT_LIMITS.length + 1; first <= count; first += EVENTS_A_STEP) {
      const last = Math.min(count, first + EVENTS_A_STEP - 1);
      const time = await this.#now();
      const events: string[] = [];
      const rows: string[] = [];
      for (let number = first; number <= last; number += 1) {
        const account = filledAccountId(number);
        const opening = {
          account,
          time,
          creditLimit: CREDIT_LIMIT,
          unit: CONTEST_UNIT,
          name: null,
          metadata: {},
        };
        events.push(formatEvent({ type: "open", id: newRequestId(), content: null, ...opening }));
        rows.push(accountKey(account), formatRow({ ...OPENED, time, openedAt: time }));
        // What it was opened with, and no name or metadata.
        rows.push(`razonete:{${SHARD}}:details:${account}`, `${openingHash(opening)} `);
      }
      await this.#decided(events, rows, [], time);
      this.#onStep(last - first + 1);
    }
    await this.#sql`ANALYZE accounts, limits`;
  }

  /** Adds `each` credits of 0.01 to each of the accounts `first` to `last`, on top of what they have. */
  async entries(first: number, last: number, each: number): Promise<void> {
    const accountsAStep = Math.max(1, Math.floor(EVENTS_A_STEP / each));
    for (let from = first; from <= last; from += accountsAStep) {
      const to = Math.min(last, from + accountsAStep - 1);
      await this.#entriesOf(from, to, each);
      this.#onStep((to - from + 1) * each);
    }
    await this.#sql`ANALYZE entries`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#redis.destroy();
    await this.#sql.end({ timeout: 1 });
  }

  async #entriesOf(first: number, last: number, each: number): Promise<void> {
    const ids = Array.from({ length: last - first + 1 }, (_, index) => filledAccountId(first + index));
    const found = texts.parse(await this.#redis.sendCommand(["MGET", ...ids.map(accountKey)]));
    const begun = await this.#now();
    let latest = begun;
    const events: string[] = [];
    const rows: string[] = [];
    const statements: string[][] = [];
    for (const [index, id] of ids.entries()) {
      const before = accountOfRow(id, found[index] ?? "", "");
      const added = creditsOn(before, each, begun);
      const after = added.at(-1)?.account ?? before;
      events.push(...added.map(({ event }) => event));
      rows.push(accountKey(id), formatRow(after));
      statements.push(...statementCommands(after, added));
      latest = Math.max(latest, after.time);
    }
    await this.#decided(events, rows, statements, latest);
  }

  /** Writes what one call after the other would have written, and waits until the books have it. */
  async #decided(
    events: readonly string[],
    rows: readonly string[],
    statements: readonly string[][],
    time: number,
  ): Promise<void> {
    const head = headKey(SHARD);
    let g = Number(await this.#redis.sendCommand(["HGET", head, "g"]));
    const transaction = this.#redis.multi();
    for (let at = 0; at < events.length; at += EVENTS_A_BATCH) {
      g += 1;
      const pairs = events.slice(at, at + EVENTS_A_BATCH).flatMap((event) => ["e", event]);
      transaction.addCommand(["XADD", outboxKey(SHARD), `${g}-0`, ...pairs]);
    }
    transaction.addCommand(["HSET", head, "g", String(g), "time", String(time)]);
    transaction.addCommand(["MSET", ...rows]);
    for (const command of statements) transaction.addCommand(command);
    await transaction.exec();
    while (Number(await this.#redis.sendCommand(["XLEN", outboxKey(SHARD)])) > 0) await Bun.sleep(10);
  }

  /** The time by Redis's clock, which the ledger uses too, in microseconds since 1970. */
  async #now(): Promise<number> {
    const [seconds = 0, micros = 0] = texts.parse(await this.#redis.sendCommand(["TIME"])).map(Number);
    return seconds * 1_000_000 + micros;
  }
}

interface Added {
  readonly account: Account;
  readonly event: string;
}

const SHARD = 0;
const CREDIT_LIMIT = 10_000_000;
const OPENED = {
  creditLimit: CREDIT_LIMIT,
  balance: 0,
  held: 0,
  seq: 0,
  unit: CONTEST_UNIT,
  state: "open",
} as const;
const EVENTS_A_STEP = 50_000;
/** About as many as come together at 32 connections. */
const EVENTS_A_BATCH = 32;
/** As in ledger.lua. */
const STATEMENT_ENTRIES = 10;
const TRIM_ENTRIES = 8;
const texts = z.array(z.string());

function accountKey(account: string): string {
  return `razonete:{${SHARD}}:account:${account}`;
}

/** As long as those that HAProxy gives. */
function newRequestId(): `req:${string}` {
  return `req:${crypto.randomUUID()}`;
}

/** Times rise within the account, even if its latest entry is newer than `begun`. */
function creditsOn(account: Account, count: number, begun: number): Added[] {
  const added: Added[] = [];
  let latest = { ...account, time: Math.max(begun, account.time) };
  for (let index = 0; index < count; index += 1) {
    latest = { ...latest, seq: latest.seq + 1, balance: latest.balance + 1, time: latest.time + 1 };
    const { id, seq, balance, time, creditLimit } = latest;
    const what = { kind: "credit", value: 1, description: "fill", id: newRequestId() } as const;
    const entry = { account: id, seq, balance, time, ...what };
    added.push({ account: latest, event: formatEvent({ type: "entry", entry, creditLimit }) });
  }
  return added;
}

/** What leads to the statement that there is after one entry at a time. */
function statementCommands({ id, seq }: Account, added: readonly Added[]): string[][] {
  const key = `razonete:{${SHARD}}:statement:${id}`;
  const length = STATEMENT_ENTRIES + (seq % TRIM_ENTRIES);
  const entries = added.slice(-length).flatMap(({ account, event }) => [String(account.seq), event]);
  if (entries.length === 0) return [];
  return [
    ["ZADD", key, ...entries],
    ["ZREMRANGEBYRANK", key, "0", String(-length - 1)],
  ];
}
