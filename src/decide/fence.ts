import { z } from "zod";
import type { BooksFence, BooksReader } from "./neighbours.ts";
import { headKey, type Redis } from "./redis-client.ts";
import { messageOf } from "../errors.ts";

/** The version of ledger.lua that this program speaks to; a test holds the two together. */
export const FUNCTION_VERSION = "1";

/** What is known of a Redis that may be asked. */
export interface Admission {
  /** Of its process: another one after a restart. */
  readonly runId: string;
  readonly epoch: string;
  readonly shards: number;
  /** For each shard, the latest batch that is known. */
  readonly latestG: readonly number[];
}

/** Why Redis may not be asked, for a person. `passing`: it, or the books, could not tell; that may be over soon. */
export interface Fenced {
  readonly reason: string;
  readonly passing: boolean;
}

export interface FenceOptions {
  readonly books: BooksReader;
  /** Refuses a Redis that does not fsync before it answers. */
  readonly durable: boolean;
}

type Client = Pick<Redis, "sendCommand">;

/**
 * Compares Redis with the books: version of the function, number of shards, epoch, latest batch, durability.
 *
 * The process that was admitted before is admitted again without the books: it is what it was, as long as it says so.
 *
 * @param before what was known when Redis was admitted last, with all batches since; null where it never was
 */
export async function compare(
  client: Client,
  { books, durable }: FenceOptions,
  before: Admission | null,
): Promise<Admission | Fenced> {
  try {
    const runId = await runIdOf(client);
    const first = await statusOf(client, 0);
    if (first.version !== FUNCTION_VERSION) {
      return no(
        `Redis has another version than this program (${first.version}, not ${FUNCTION_VERSION}): run razonete init`,
      );
    }
    if (before !== null && isSame(before, runId, first)) return before;

    const fence = await fenceOf(books);
    if ("reason" in fence) return fence;
    if (fence.shards !== first.shards) return differs("number of shards", first.shards, fence.shards);
    const latestG: number[] = [];
    for (let shard = 0; shard < fence.shards; shard += 1) {
      const { epoch, g } = shard === 0 ? first : await statusOf(client, shard);
      if (epoch !== fence.epoch) return differs("epoch", epoch, fence.epoch);
      // Batches that were seen in an epoch that is over are no measure: the books have begun anew, maybe without them.
      const seen = before?.epoch === fence.epoch ? (before.latestG[shard] ?? 0) : 0;
      const lastG = Math.max(fence.lastG[shard] ?? 0, seen);
      if (g < lastG)
        return no(`Redis is older than the books (batch ${g} of ${lastG}): run razonete restore`);
      latestG.push(g);
    }
    if (durable && !(await fsyncsAlways(client))) {
      return no(
        "Redis does not fsync before it answers: set appendonly yes and appendfsync always, or DURABILITY=relaxed",
      );
    }
    return { runId, epoch: fence.epoch, shards: fence.shards, latestG };
  } catch (error) {
    return fencedBy(messageOf(error));
  }
}

type Status = z.infer<typeof statusReply>;

function isSame(before: Admission, runId: string, first: Status): boolean {
  return runId === before.runId && first.epoch === before.epoch && first.g >= (before.latestG[0] ?? 0);
}

async function fenceOf(books: BooksReader): Promise<BooksFence | Fenced> {
  let fence: BooksFence | null;
  try {
    fence = await books.fence();
  } catch {
    const reason = "the books in PostgreSQL cannot be asked whether Redis is what it should be";
    return { reason, passing: true };
  }
  if (fence === null) return no("the books in PostgreSQL are empty: run razonete init");
  return fence.loaded ? fence : no("Redis has not been loaded yet: run razonete init");
}

async function runIdOf(client: Client): Promise<string> {
  const info = z.string().parse(await client.sendCommand(["INFO", "server"]));
  return /run_id:(\w+)/.exec(info)?.[1] ?? "";
}

async function statusOf(client: Client, shard: number): Promise<Status> {
  return statusReply.parse(await client.sendCommand(["FCALL_RO", "razonete_status", "1", headKey(shard)]));
}

const statusReply = z
  .tuple([
    z.string(),
    z.string(),
    z.coerce.number(),
    z.coerce.number(),
    z.coerce.number(),
    z.coerce.number(),
    z.string(),
  ])
  .transform(([epoch, version, shards, g]) => ({ epoch, version, shards, g }));

async function fsyncsAlways(client: Client): Promise<boolean> {
  for (const [name, wanted] of [
    ["appendonly", "yes"],
    ["appendfsync", "always"],
  ] as const) {
    const reply = z
      .tuple([z.string(), z.string()])
      .safeParse(await client.sendCommand(["CONFIG", "GET", name]));
    if (!reply.success || reply.data[1] !== wanted) return false;
  }
  return true;
}

function fencedBy(message: string): Fenced {
  if (message.startsWith("EMPTY"))
    return no("Redis holds no ledger: run razonete init, or razonete restore where it held one");
  if (message.startsWith("ERR Function not found"))
    return no("Redis has no functions of the ledger: run razonete init");
  return { reason: `Redis cannot be asked (${message})`, passing: true };
}

function differs(what: string, redis: string | number, books: string | number): Fenced {
  return no(
    `Redis has another ${what} than the books (${redis}, not ${books}): run razonete init, or razonete restore`,
  );
}

function no(reason: string): Fenced {
  return { reason, passing: false };
}
