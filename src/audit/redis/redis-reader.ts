import { ErrorReply } from "@redis/client";
import { z } from "zod";
import {
  connectRedis,
  headKey,
  type OutboxEntry,
  readOutbox,
  type Redis,
} from "../../decide/redis-client.ts";
import { bounds } from "../../bounds.ts";
import { requireReachable, REDIS } from "../unreachable-server.ts";

export interface Head {
  readonly epoch: string;
  readonly g: number;
  readonly next: number;
  /** A batch up to this one was answered and is gone, so that this data answers nobody; null: nobody has said so. */
  readonly lost: number | null;
  /** The batch in whose place another one was answered; null where nobody has said so. */
  readonly other: number | null;
}

/** An account as Redis has it, and its statement, of one moment. Numbers as they stand: damage may be anything. */
export interface RedisAccount {
  readonly limit: string;
  readonly balance: string;
  readonly seq: string;
  readonly name: string;
  /** Newest first. */
  readonly statement: readonly string[];
}

/** `unreadable`: with what Redis said. */
export type ReadResult = RedisAccount | "missing" | { readonly unreadable: string };

const headReply = z.array(z.string().nullable());
/** The rows are looked at one by one where they are taken apart: there may be millions of texts in them. */
const readingsReply = z.array(z.unknown());

/** Redis, as an audit looks at it. Methods throw StartError where it does not answer. */
export class RedisReader {
  readonly #redis: Redis;

  private constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** Rejects where Redis cannot be reached. */
  static async connect(url: string): Promise<RedisReader> {
    let reason: Error | null = null;
    const redis = connectRedis(url, (error) => {
      reason = error;
    });
    const connected = redis.connect().then(() => true);
    // It goes on trying for ever, and is told to stop below.
    connected.catch(() => {});
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), bounds.audit_connect_milliseconds_max);
    });
    try {
      if (await Promise.race([connected, late])) return new RedisReader(redis);
    } catch (error) {
      redis.destroy();
      throw error;
    } finally {
      // It would keep the process.
      clearTimeout(timer);
    }
    redis.destroy();
    throw reason ?? new Error("it does not answer");
  }

  close(): void {
    this.#redis.destroy();
  }

  /** `null`: Redis holds nothing of the shard. */
  async head(shard: number): Promise<Head | null> {
    const fields = ["epoch", "g", "next", "lost", "other"];
    const reply = await requireReachable(
      REDIS,
      this.#redis.sendCommand(["HMGET", headKey(shard), ...fields]),
    );
    const [epoch, g, next, lost, other] = headReply.parse(reply);
    if (typeof epoch !== "string") return null;
    return { epoch, g: Number(g), next: Number(next), lost: numberOf(lost), other: numberOf(other) };
  }

  /** In the order of `accounts`, which are of one shard; `null` where Redis is of another epoch, or answers nobody. */
  async read(epoch: string, shard: number, accounts: readonly number[]): Promise<ReadResult[] | null> {
    const found: ReadResult[] = [];
    try {
      for (let at = 0; at < accounts.length; at += bounds.audit_chunk_accounts) {
        const chunk = accounts.slice(at, at + bounds.audit_chunk_accounts);
        found.push(...(await this.#readChunk(epoch, shard, chunk)));
      }
      return found;
    } catch (error) {
      if (error instanceof ErrorReply && /^(EPOCH|STALE|EMPTY)/.test(error.message)) return null;
      return requireReachable(REDIS, Promise.reject(error));
    }
  }

  /** A key of a wrong type fails the whole call: then each half is asked for by itself. */
  async #readChunk(epoch: string, shard: number, accounts: readonly number[]): Promise<ReadResult[]> {
    const args = accounts.flatMap((account) => ["s", String(account)]);
    try {
      const reply: unknown = await this.#redis.sendCommand([
        "FCALL_RO",
        "razonete_read",
        "1",
        headKey(shard),
        epoch,
        "0",
        ...args,
      ]);
      return readingsReply
        .parse(reply)
        .slice(1)
        .map((row) => (Array.isArray(row) ? parseAccount(row) : "missing"));
    } catch (error) {
      if (!(error instanceof ErrorReply) || !error.message.includes("WRONGTYPE")) throw error;
      if (accounts.length === 1) return [{ unreadable: error.message.slice(0, 100) }];
      const half = Math.ceil(accounts.length / 2);
      const first = await this.#readChunk(epoch, shard, accounts.slice(0, half));
      return [...first, ...(await this.#readChunk(epoch, shard, accounts.slice(half)))];
    }
  }

  /** Up to `count` batches of the outbox from `g` on, in their order. */
  outbox(shard: number, g: number, count: number): Promise<OutboxEntry[]> {
    return requireReachable(REDIS, readOutbox(this.#redis, shard, g, count));
  }
}

function numberOf(field: string | null | undefined): number | null {
  return typeof field === "string" ? Number(field) : null;
}

function parseAccount(row: readonly unknown[]): RedisAccount {
  const statement: string[] = [];
  for (let index = FIELDS_BEFORE_STATEMENT; index < row.length; index += 1)
    statement.push(textOf(row[index]));
  return {
    limit: textOf(row[0]),
    balance: textOf(row[1]),
    seq: textOf(row[2]),
    name: textOf(row[4]),
    statement,
  };
}

/** Limit, balance, seq, time, name: see the head of ledger.lua. */
const FIELDS_BEFORE_STATEMENT = 5;

/** A field that is missing is told as an empty one. */
function textOf(field: unknown): string {
  return typeof field === "string" ? field : "";
}
