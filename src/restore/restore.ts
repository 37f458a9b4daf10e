import type { AuditReport } from "../audit/report/audit-report.ts";
import type { StandbyConfig } from "../config/standby-config.ts";
import { sealedEpoch } from "../decide/fence.ts";
import { openRedisNodes } from "../decide/nodes/open-nodes.ts";
import type { RedisNodes } from "../decide/nodes/redis-nodes.ts";
import { headKey } from "../decide/redis-client.ts";
import { messageOf, StartError } from "../errors.ts";
import { codeOf, connectPostgres, INIT_LOCK, LOCK_CLASS, type Sql } from "../keep/postgres-client.ts";
import { migrate } from "../keep/migrate.ts";
import { readPostgresFault } from "../keep/postgres-settings.ts";
import { waitForRedis, waitForShards } from "../keep/redis/fill-redis.ts";
import { waitForServer } from "../keep/wait-for-server.ts";
import { commitRecovered } from "./commit-recovered.ts";
import { emptyRedis, loadRedis } from "./rebuild-redis.ts";
import { type Diagnosis, isWhole, diagnose, readSystem } from "./diagnose.ts";
import type { RestoreReport } from "./restore-report.ts";
import { planLines, resumeLines, unknownRefusal } from "./messages.ts";

export interface RestoreOptions extends StandbyConfig {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** How many replicas have to confirm what is read from Redis and written to it; default 0. */
  readonly minReplicas?: number;
  readonly natsUrl: string;
  /** False accepts a PostgreSQL that may lose committed rows when the machine loses its power. */
  readonly durable: boolean;
  /** Loads Redis anew even where nothing is known to be missing. */
  readonly force: boolean;
  /** Gives up what Redis or the feed hold of an epoch that the books do not know. */
  readonly discardUnknown: boolean;
  /** The source text of the Redis functions. */
  readonly library: string;
  /** Compares Redis with the books after Redis was loaded, before anyone is answered from it. */
  readonly audit: () => Promise<AuditReport>;
  /** Gets the lines of the plan; false leaves everything as it is. */
  readonly confirm: (plan: readonly string[]) => Promise<boolean>;
  /** Prints a line for the person who waits. */
  readonly say: (line: string) => void;
}

/**
 * Rebuilds Redis from the books, after everything that outbox and feed still have was brought into the books.
 *
 * 1. Diagnose: nothing is changed. The plan is shown and has to be confirmed.
 * 2. Seal Redis: it gets an epoch that no API knows, so nothing more is decided.
 * 3. Commit: in one transaction the books take the batches that can be recovered, and a new epoch that is not loaded
 *    yet. From here on there is no way back: if the restore is interrupted, the next one continues it.
 * 4. Rebuild: Redis is emptied, loaded and audited. Only then the books note `loaded`, for which the APIs wait.
 *
 * Before all this, the schema is brought up to date, as in `razonete init`.
 *
 * @throws StartError if a server cannot be reached, there are no books, or the audit finds disagreements
 */
export async function restore(options: RestoreOptions): Promise<RestoreReport> {
  const sql = connectPostgres({ url: options.databaseUrl, name: "razonete restore", connections_max: 1 });
  const { minReplicas = 0 } = options;
  const nodes = openRedisNodes(options.redisUrl, { minReplicas, isPatient: true });
  try {
    await waitForServer("PostgreSQL (DATABASE_URL)", () => sql`SELECT 1`);
    await waitForRedis(nodes);
    // Redis is emptied once the books have committed what it held.
    const fault = await readPostgresFault(sql, options.durable, options.standbysMin);
    if (fault !== null) throw new StartError(`${fault}.`);
    await sql`SET statement_timeout = 0`;
    await migrate(sql);
    // The pool has only one connection, which holds the lock until it is closed.
    await sql`SELECT pg_advisory_lock(${LOCK_CLASS}::int, ${INIT_LOCK}::int)`;
    return await restoreLocked(sql, nodes, options);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(
      `the restore was interrupted (${messageOf(error) || codeOf(error)}): nobody is answered until it is done, ` +
        "run razonete restore again.",
    );
  } finally {
    nodes.close();
    await sql.end({ timeout: 1 });
  }
}

async function restoreLocked(sql: Sql, nodes: RedisNodes, options: RestoreOptions): Promise<RestoreReport> {
  await waitForShards(nodes, (await readSystem(sql)).shards);
  const [unfinished] = await sql<{ report: RestoreReport }[]>`
    SELECT report FROM restores WHERE finished_at IS NULL ORDER BY restore DESC LIMIT 1`;
  if (unfinished !== undefined) {
    const { report } = unfinished;
    if (!(await options.confirm(resumeLines(report)))) return { ...report, type: "declined" };
    return finish(sql, nodes, options, report);
  }

  const diagnosis = await diagnose(sql, nodes, options.natsUrl);
  if (diagnosis.feedError !== null)
    options.say(`The feed in NATS could not be read (${diagnosis.feedError}).`);
  if (isWhole(diagnosis) && !options.force) return notNeeded(diagnosis);
  const epoch = crypto.randomUUID();
  const plan = await commitRecovered(sql, nodes, diagnosis, epoch, false);
  if (plan.unknown.length > 0 && !options.discardUnknown) throw new StartError(unknownRefusal(plan.unknown));
  if (!(await options.confirm(planLines(diagnosis, plan)))) {
    return { ...plan, type: "declined", epoch: diagnosis.system.epoch };
  }
  await seal(nodes, diagnosis);
  // More may have been decided until Redis was sealed.
  const atSeal = await diagnose(sql, nodes, options.natsUrl);
  const merged = {
    ...atSeal,
    shards: atSeal.shards.map((shard, index) => withFirstState(shard, diagnosis.shards[index])),
  };
  return finish(sql, nodes, options, await commitRecovered(sql, nodes, merged, epoch, true));
}

/** The state of a shard now, but with the diagnosis that was made before anything was changed. */
function withFirstState(
  now: Diagnosis["shards"][number],
  first: Diagnosis["shards"][number] | undefined,
): Diagnosis["shards"][number] {
  return first === undefined ? now : { ...now, found: first.found };
}

/** Rebuilds Redis and audits it. If it is interrupted at any point, it can be repeated from the beginning. */
async function finish(
  sql: Sql,
  nodes: RedisNodes,
  { library, audit, say }: RestoreOptions,
  report: RestoreReport,
): Promise<RestoreReport> {
  say("Loading Redis from the books ...");
  const system = await readSystem(sql);
  await emptyRedis(nodes);
  await loadRedis(sql, nodes, system, library);
  say("Comparing Redis with the books ...");
  const { agreed, findings, findingsInAll } = await audit();
  if (!agreed) {
    for (const { name, detail } of findings) say(`  ${name}: ${detail}`);
    throw new StartError(
      `the audit found ${findingsInAll} disagreements after Redis was loaded: nobody is answered from it; ` +
        "mend what it names, and run razonete restore again.",
    );
  }
  await sql.begin(async (transaction) => {
    await transaction`UPDATE system SET loaded = true`;
    await transaction`UPDATE restores SET finished_at = now() WHERE finished_at IS NULL`;
  });
  return report;
}

async function seal(nodes: RedisNodes, { shards }: Diagnosis): Promise<void> {
  for (const { shard, head } of shards) {
    if (head === null || head.isSealed) continue;
    const { confirmed } = nodes.shard(shard);
    await confirmed.sendCommand(["HSET", headKey(shard), "epoch", sealedEpoch(head.epoch)]);
  }
}

function notNeeded({ system, shards }: Diagnosis): RestoreReport {
  return {
    type: "not-needed",
    epoch: system.epoch,
    shards: shards.map(({ shard, found, lastG, knownG }) => {
      return { shard, found, keptG: lastG, fromOutbox: 0, fromFeed: 0, lastG: knownG };
    }),
    missing: { batches: [], accounts: [], transits: [] },
    unknown: [],
  };
}
