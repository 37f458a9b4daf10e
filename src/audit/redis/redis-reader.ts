import { ErrorReply, RESP_TYPES } from "@redis/client";
import { z } from "zod";
import type { AccountId } from "../../ledger/account.ts";
import { headKey, type OutboxEntry, readOutbox } from "../../decide/redis-client.ts";
import { scanKeys } from "../../decide/scan-keys.ts";
import { accountDetailsIn } from "../../ledger/details-text.ts";
import { detailsText } from "../journal/row-texts.ts";
import { bounds } from "../../bounds.ts";
import { requireReachable, REDIS } from "../unreachable-server.ts";
import { AuditedNodes } from "./audited-nodes.ts";

export interface Head {
  readonly epoch: string;
  readonly g: number;
  /** Batches up to this one were answered and some are gone, so this data answers nobody; null if it is not flagged. */
  readonly lost: number | null;
  /** An answered batch whose number another batch has now; null if none is flagged. */
  readonly other: number | null;
}

/** An account in Redis with its statement, read together. As bytes: of millions of texts few are needed as such. */
export interface RedisAccount {
  /** See `accountOfRow`; damage may have changed it to anything. */
  readonly row: Buffer;
  /** What it was opened with, a space, its details in the form of {@link detailsText}. */
  readonly details: string;
  /** The events, newest first. */
  readonly statement: readonly Buffer[];
}

/** `unreadable` has Redis's error. */
export type ReadResult = RedisAccount | "missing" | { readonly unreadable: string };

const headReply = z.array(z.string().nullable());
const timeReply = z.tuple([z.coerce.number(), z.coerce.number()]);
const scanReply = z.tuple([z.string(), z.array(z.string())]);
const AS_BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };
/** The rows are checked when they are parsed: there may be millions of texts in them. */
const readingsReply = z.array(z.unknown());

/** The read access of an audit to Redis. Methods throw StartError if Redis does not answer. */
export class RedisReader {
  readonly #nodes: AuditedNodes;

  private constructor(nodes: AuditedNodes) {
    this.#nodes = nodes;
  }

  /** Rejects if Redis cannot be reached. */
  static async connect(url: string): Promise<RedisReader> {
    return new RedisReader(await AuditedNodes.connect(url));
  }

  close(): void {
    this.#nodes.close();
  }

  /** To be called behind the last reading: throws if a shard is not where it was read. */
  requireSameNodes(): Promise<void> {
    return this.#nodes.requireSame();
  }

  /** `null`: Redis has nothing of the shard. */
  async head(shard: number): Promise<Head | null> {
    const fields = ["epoch", "g", "lost", "other"];
    const reply = await requireReachable(
      REDIS,
      this.#nodes.shard(shard).sendCommand(["HMGET", headKey(shard), ...fields]),
    );
    const [epoch, g, lost, other] = headReply.parse(reply);
    if (typeof epoch !== "string") return null;
    return { epoch, g: Number(g), lost: numberOf(lost), other: numberOf(other) };
  }

  /** The keys of accounts, holds, parts and reversals, of any shard, in lists, and a few others. A key may come twice. */
  async *keys(): AsyncGenerator<readonly string[]> {
    for (const primary of await requireReachable(REDIS, this.#nodes.primaries())) {
      const keys = scanKeys(primary, "razonete:{*}:[ahpr]*");
      for (;;) {
        const next = await requireReachable(REDIS, keys.next());
        if (next.done === true) break;
        yield next.value;
      }
    }
  }

  /** The clock of the shard's Redis, in microseconds. */
  async micros(shard: number): Promise<number> {
    const time = await requireReachable(REDIS, this.#nodes.shard(shard).sendCommand(["TIME"]));
    const [seconds, micros] = timeReply.parse(time);
    return seconds * 1_000_000 + micros;
  }

  /** What some keys of holds, reversals and parts have, and the expiries or times of these; `now` is Redis's clock before. */
  async moves(
    shard: number,
    keys: readonly string[],
  ): Promise<{
    readonly texts: readonly (string | null)[];
    readonly expiries: readonly (string | null)[];
    /** By which time a part is among those that are open. */
    readonly listed: readonly (string | null)[];
    readonly now: number;
  }> {
    const prefix = `razonete:{${shard}}:`;
    const now = await this.micros(shard);
    const texts = this.#nodes.shard(shard).sendCommand(["MGET", ...keys.map((key) => `${prefix}${key}`)]);
    const ids = keys.map((key) => key.slice(key.indexOf(":") + 1));
    const scores = async (set: string) => {
      const reply = this.#nodes.shard(shard).sendCommand(["ZMSCORE", `${prefix}${set}`, ...ids]);
      return headReply.parse((await requireReachable(REDIS, ifRightType(reply))) ?? ids.map(() => null));
    };
    const [expiries, listed] = [scores("expiries"), scores("parts")];
    return {
      texts: headReply.parse(await requireReachable(REDIS, texts)),
      expiries: await expiries,
      listed: await listed,
      now,
    };
  }

  /** What a key of a shard has, without its prefix; `null`: it is not there, or of another type. */
  async text(shard: number, key: string): Promise<string | null> {
    return (await this.texts(shard, [key]))[0] ?? null;
  }

  /** The same of some keys, in their order. */
  async texts(shard: number, keys: readonly string[]): Promise<readonly (string | null)[]> {
    const named = keys.map((key) => `razonete:{${shard}}:${key}`);
    const reply = this.#nodes.shard(shard).sendCommand(["MGET", ...named]);
    return headReply.parse(await requireReachable(REDIS, reply));
  }

  /**
   * The holds that Redis has expiries of, the open parts, or the decisions with their shards, that it lists, in lists. One
   * may come twice.
   */
  async *members(shard: number, set: "expiries" | "parts" | "transits"): AsyncGenerator<readonly string[]> {
    for (let cursor = "0"; ;) {
      const key = `razonete:{${shard}}:${set}`;
      const args = ["ZSCAN", key, cursor, "COUNT", String(bounds.scan_keys_max)];
      const reply = await requireReachable(REDIS, ifRightType(this.#nodes.shard(shard).sendCommand(args)));
      if (reply === null) return;
      const [next, members] = scanReply.parse(reply);
      yield members.filter((_, index) => index % 2 === 0);
      if (next === "0") return;
      cursor = next;
    }
  }

  /** In the order of `accounts`, which are of one shard; `null` if Redis is of another epoch, or answers nobody. */
  async read(epoch: string, shard: number, accounts: readonly AccountId[]): Promise<ReadResult[] | null> {
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

  /** A statement of a wrong type fails the whole call. Then the accounts are split in two halves, to find it. */
  async #readChunk(epoch: string, shard: number, accounts: readonly AccountId[]): Promise<ReadResult[]> {
    const args = accounts.flatMap((account) => ["k", account]);
    try {
      const reply: unknown = await this.#nodes
        .shard(shard)
        .sendCommand(["FCALL_RO", "razonete_read", "1", headKey(shard), epoch, "0", ...args], AS_BYTES);
      const rows = readingsReply.parse(reply).slice(1);
      // The function leaves out what an account was opened with, which never changes.
      const keys = accounts.map((account) => `razonete:{${shard}}:details:${account}`);
      const details = headReply.parse(await this.#nodes.shard(shard).sendCommand(["MGET", ...keys]));
      return rows.map((row, index) =>
        Array.isArray(row) ? parseAccount(row, details[index] ?? "") : "missing",
      );
    } catch (error) {
      if (!(error instanceof ErrorReply) || !error.message.includes("WRONGTYPE")) throw error;
      if (accounts.length === 1) return [{ unreadable: error.message.slice(0, 100) }];
      const half = Math.ceil(accounts.length / 2);
      const first = await this.#readChunk(epoch, shard, accounts.slice(0, half));
      return [...first, ...(await this.#readChunk(epoch, shard, accounts.slice(half)))];
    }
  }

  /** Up to `count` batches of the outbox, beginning at `g`, in order. */
  outbox(shard: number, g: number, count: number): Promise<OutboxEntry[]> {
    return requireReachable(REDIS, readOutbox(this.#nodes.shard(shard), shard, g, count));
  }
}

/** `null`: the key is of another type, so nothing of the ledger's is there. */
async function ifRightType(reply: Promise<unknown>): Promise<unknown> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof ErrorReply && error.message.startsWith("WRONGTYPE")) return null;
    throw error;
  }
}

function numberOf(field: string | null | undefined): number | null {
  return typeof field === "string" ? Number(field) : null;
}

/** Row and details, then the statement: see the top of head.lua. */
function parseAccount([row, details, ...statement]: readonly unknown[], stored: string): RedisAccount {
  const opening = stored.split(" ", 1)[0] ?? "";
  const text = bytesOf(details).toString();
  return { row: bytesOf(row), details: `${opening} ${canonical(text)}`, statement: statement.map(bytesOf) };
}

/** What is no JSON stays as it is. */
function canonical(details: string): string {
  try {
    return detailsText(accountDetailsIn(details));
  } catch {
    return details;
  }
}

/** A missing field counts as an empty one. */
function bytesOf(field: unknown): Buffer {
  return field instanceof Buffer ? field : NOTHING;
}

const NOTHING = Buffer.alloc(0);
