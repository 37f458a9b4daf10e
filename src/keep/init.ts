import {
  ClientClosedError,
  ClientOfflineError,
  ErrorReply,
  SocketClosedUnexpectedlyError,
} from "@redis/client";
import { z } from "zod";
import { CONTEST_UNIT, INITIAL_CREDIT_LIMITS } from "../ledger/account.ts";
import { shardOf } from "../ledger/account-id.ts";
import { formatEvent } from "../ledger/event.ts";
import { INITIAL } from "../ledger/command.ts";
import { journalHash, NO_HASH } from "../ledger/journal.ts";
import { bounds } from "../bounds.ts";
import { StartError } from "../errors.ts";
import { codeOf, connectPostgres, INIT_LOCK, LOCK_CLASS, type Sql } from "./postgres-client.ts";
import { callAddChanges } from "./call-keep-batches.ts";
import { migrate } from "./migrate.ts";
import { netChanges } from "./net-changes.ts";
import { type RolePasswords, setUpRoles } from "./roles.ts";
import { texts } from "./pg-array.ts";
import { waitForServer } from "./wait-for-server.ts";
import { openRedisNodes } from "../decide/nodes/open-nodes.ts";
import { type RedisNodes, Unconfirmed } from "../decide/nodes/redis-nodes.ts";
import { fillShard, loadFunctions, waitForRedis, waitForShards } from "./redis/fill-redis.ts";
import { headKey, setKeyHours } from "../decide/redis-client.ts";

export interface InitOptions {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** How many replicas have to confirm what is written to Redis; default 0. */
  readonly minReplicas?: number;
  /** `null`: as in the books; 1 at the first start. */
  readonly shards: number | null;
  /** Whether a new ledger has the contest's accounts; by default it has. */
  readonly initialAccounts?: boolean;
  /** For how long clients' keys are remembered that are decided from now on; by default as before, at first 24. */
  readonly keyHours?: number | null;
  /** The source text of the Redis functions. */
  readonly library: string;
  /** Of the roles of APIs and writers, which are made where a password is given; by default none is made. */
  readonly rolePasswords?: RolePasswords;
}

/** `begun`: this call completed the first start. `there`: the ledger already existed. */
export type Initialised = {
  readonly type: "begun" | "there";
  readonly epoch: string;
  readonly shards: number;
  readonly keyHours: number;
  /** Whether it began with the contest's accounts. */
  readonly initialAccounts: boolean;
};

/** What calls of Redis end with that had no answer, or another one than was asked for. */
const OF_REDIS = [
  ErrorReply,
  Unconfirmed,
  ClientClosedError,
  ClientOfflineError,
  SocketClosedUnexpectedlyError,
];

interface System {
  readonly epoch: string;
  readonly shards: number;
  readonly loaded: boolean;
  readonly keyHours: number;
}

/**
 * Creates a ledger, or completes a creation that was interrupted. First come the schema, the accounts of the start and an
 * epoch in the books; then Redis is filled; then the books note that it was. After that note this function never fills Redis
 * again, since an empty Redis has lost what it had decided. If the ledger already exists, only the schema, what the roles
 * may do, the Redis functions and the time for which keys are remembered are brought up to date.
 *
 * @throws StartError if books and Redis do not belong together, or a server cannot be reached
 */
export async function initialise(options: InitOptions): Promise<Initialised> {
  const sql = connectPostgres({ url: options.databaseUrl, name: "razonete init", connections_max: 1 });
  const { minReplicas = 0 } = options;
  const nodes = openRedisNodes(options.redisUrl, { minReplicas, isPatient: true });
  try {
    await waitForServer("PostgreSQL (DATABASE_URL)", () => sql`SELECT 1`);
    await waitForRedis(nodes);
    // A migration may take long, and so may waiting for another init that holds the lock.
    await sql`SET statement_timeout = 0`;
    await migrate(sql);
    // The pool has only one connection, which holds the lock until it is closed.
    await sql`SELECT pg_advisory_lock(${LOCK_CLASS}::int, ${INIT_LOCK}::int)`;
    await setUpRoles(sql, options.rolePasswords ?? {});
    return await begin(sql, nodes, options);
  } catch (error) {
    if (codeOf(error) === "" && !OF_REDIS.some((type) => error instanceof type)) throw error;
    const reason = error instanceof Error ? error.message : "";
    throw new StartError(
      `the ledger could not be made or brought up to date (${reason}): run razonete init again.`,
    );
  } finally {
    nodes.close();
    await sql.end({ timeout: 1 });
  }
}

async function begin(sql: Sql, nodes: RedisNodes, options: InitOptions): Promise<Initialised> {
  const unfinished = await sql`SELECT FROM restores WHERE finished_at IS NULL`;
  if (unfinished.length > 0) {
    throw new StartError("a restore of this ledger was begun and not finished: run razonete restore.");
  }
  const system = await openBooks(sql, options);
  const { epoch, shards, loaded, keyHours } = system;
  if (options.shards !== null && options.shards !== shards) {
    throw new StartError(
      `the books were begun with ${shards} shards, which cannot be changed to ${options.shards}: set SHARDS=${shards}.`,
    );
  }
  await waitForShards(nodes, shards);
  // All shards are checked before the first one is filled.
  const empty: number[] = [];
  for (let shard = 0; shard < shards; shard += 1) {
    if (!(await holdsShard(sql, nodes, system, shard))) empty.push(shard);
  }
  await loadFunctions(nodes, options.library);
  for (const shard of empty) await fillShard(sql, nodes, system, shard);
  for (let shard = 0; shard < shards; shard += 1)
    await setKeyHours(nodes.shard(shard).confirmed, shard, keyHours);
  if (!loaded) await sql`UPDATE system SET loaded = true`;
  const initial = await sql`
    SELECT FROM limits WHERE account = '1' AND version = 1 AND command = ${INITIAL}`;
  const type = loaded ? "there" : "begun";
  return { type, epoch, shards, keyHours, initialAccounts: initial.length > 0 };
}

/** Reads the system from the books; if they are empty, it is created. */
async function openBooks(sql: Sql, options: InitOptions): Promise<System> {
  const { initialAccounts = true, keyHours = null } = options;
  // What is decided under a key just now may have the one or the other time: the audit goes by the least there was.
  if (keyHours !== null)
    await sql`UPDATE system SET key_hours = ${keyHours}, key_hours_least = least(key_hours_least, ${keyHours})`;
  const [found] = await sql<System[]>`
    SELECT epoch, shards, loaded, key_hours AS "keyHours" FROM system`;
  if (found !== undefined) return found;
  const shards = options.shards ?? 1;
  const hours = keyHours ?? bounds.idempotency_key_kept_seconds / 3600;
  const system: System = { epoch: crypto.randomUUID(), shards, loaded: false, keyHours: hours };
  const now = Date.now() * 1000;
  const openings = (initialAccounts ? INITIAL_CREDIT_LIMITS : []).map((creditLimit, index) => {
    const account = String(index + 1);
    const opened = {
      type: "open",
      account,
      creditLimit,
      unit: CONTEST_UNIT,
      time: now,
      id: INITIAL,
    } as const;
    return { ...opened, content: null, name: null, metadata: {} };
  });
  await sql.begin(async (transaction) => {
    await transaction`
      INSERT INTO system (epoch, shards, loaded, key_hours, key_hours_least)
      VALUES (${system.epoch}, ${shards}, false, ${hours}, ${hours})`;
    for (let shard = 0; shard < shards; shard += 1) {
      await transaction`INSERT INTO cursors (shard, last_g) VALUES (${shard}, 0)`;
      const events = openings.filter(({ account }) => shardOf(account, shards) === shard).map(formatEvent);
      const batch = { epoch: system.epoch, shard, g: 0, events };
      const row = { shard, g: 0, time: now, events, previous: NO_HASH };
      await transaction`
        INSERT INTO journal (shard, g, time, events, previous, hash)
        VALUES (${shard}, 0, ${now}, ${texts(events, (event) => event)}::text::text[],
          ${Buffer.from(NO_HASH)}, ${Buffer.from(journalHash(row))})`;
      await callAddChanges(transaction, shard, [batch], netChanges([batch]));
    }
  });
  return system;
}

const headReply = z.tuple([z.string().nullable(), z.string().nullable()]);

/**
 * Whether Redis has the shard. Throws if Redis should have it, or more of it, or has another ledger's.
 *
 * @throws StartError
 */
async function holdsShard(sql: Sql, nodes: RedisNodes, system: System, shard: number): Promise<boolean> {
  const reply = await nodes.shard(shard).confirmed.sendCommand(["HMGET", headKey(shard), "epoch", "g"]);
  const [epoch, g] = headReply.parse(reply);
  const [cursor] = await sql<{ last_g: number }[]>`SELECT last_g FROM cursors WHERE shard = ${shard}`;
  const lastG = cursor?.last_g ?? 0;
  if (epoch === null) {
    if (!system.loaded && lastG === 0) return false;
    throw new StartError(
      `Redis is empty, but the books say that it held their accounts (shard ${shard}, ${lastG} batches are kept): ` +
        "give it its data back, or run razonete restore.",
    );
  }
  if (epoch !== system.epoch) {
    throw new StartError(
      `Redis holds another ledger (epoch ${epoch}) than the books (epoch ${system.epoch}): ` +
        "set REDIS_URL and DATABASE_URL to the same system, or run razonete restore.",
    );
  }
  if (Number(g) < lastG) {
    throw new StartError(
      `Redis is older than the books (shard ${shard}: batch ${Number(g)}, the books have ${lastG}): ` +
        "give it its data back, or run razonete restore.",
    );
  }
  return true;
}
