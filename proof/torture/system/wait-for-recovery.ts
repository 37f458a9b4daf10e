import { bounds } from "../../../src/bounds.ts";
import { openRedisNodes } from "../../../src/decide/nodes/open-nodes.ts";
import { reachNode } from "../../../src/decide/nodes/reach-node.ts";
import { headKey } from "../../../src/decide/redis-client.ts";
import { messageOf } from "../../../src/errors.ts";
import { connectPostgres } from "../../../src/keep/postgres-client.ts";
import { tortureBounds } from "../torture-bounds.ts";
import { outboxLength } from "../../../src/stack/probes.ts";
import type { StackPlan } from "../../../src/stack/stack-plan.ts";
import type { SimulatedOperator } from "./simulated-operator.ts";
import type { FaultedProcess } from "../faults/faulted-process.ts";

const POLL_MILLISECONDS = 100;

export interface RecoveringCluster {
  readonly plan: StackPlan;
  readonly processes: readonly FaultedProcess[];
  readonly operator: SimulatedOperator;
  /** What copies of data are not there, or behind. */
  readonly missingCopies: () => Promise<string[]>;
}

/**
 * Waits until the system works again, by itself or with its operator's help, the books hold everything that was decided,
 * and no transaction across shards is under way. No fault may be in progress.
 *
 * @throws Error with everything that is still wrong after a bound, or at once if a writer has raised an alarm
 */
export async function waitForRecovery({
  plan,
  processes,
  operator,
  missingCopies,
}: RecoveringCluster): Promise<void> {
  let deadline = performance.now() + tortureBounds.recovery_milliseconds_max;
  for (;;) {
    const alarms = processes.flatMap(({ plan: { name }, alarm }) =>
      alarm === null ? [] : `${name}: ${alarm}`,
    );
    if (alarms.length > 0) throw new Error(`a writer needs a person: ${alarms.join("; ")}`);

    const begun = performance.now();
    const problems = [...(await operator.check()), ...(await unreadyServers(plan))];
    problems.push(...(await missingCopies()));
    if (problems.length === 0) problems.push(...(await missingFromBooks(plan)));
    if (problems.length === 0) return;
    // The time of a restore does not count.
    deadline += Math.max(0, performance.now() - begun - tortureBounds.recovery_check_milliseconds_max);
    if (performance.now() > deadline) {
      const down = processes.filter(({ running }) => !running);
      const logs = down.map((process) => `${process.plan.name} is down, its log ends: ${process.logEnd()}`);
      const all = [...problems, ...logs, ...(operator.restoreError === null ? [] : [operator.restoreError])];
      throw new Error(`the system does not come up by itself: ${all.join("; ")}`);
    }
    await Bun.sleep(POLL_MILLISECONDS);
  }
}

/** What is wrong with the servers, HAProxy among them. */
async function unreadyServers({ postgres, redis, nats, haproxy }: StackPlan): Promise<string[]> {
  const answers = await Promise.all(
    [...postgres, ...redis, ...nats, haproxy].map(async ({ name, probe }) => ({
      name,
      reason: await probe(),
    })),
  );
  return answers.flatMap(({ name, reason }) => (reason === null ? [] : [`${name}: ${reason}`]));
}

/** What the books do not have yet. */
async function missingFromBooks({ redisUrl, databaseUrl }: StackPlan): Promise<string[]> {
  try {
    const waiting = await outboxLength(redisUrl);
    if (waiting > 0) return [`${waiting} batches are not in the books yet`];
    const sql = connectPostgres({ url: databaseUrl, name: "razonete torture", connections_max: 1 });
    try {
      const cursors = await sql<{ shard: number; last_g: number }[]>`SELECT shard, last_g FROM cursors`;
      const heads = await latestBatches(
        redisUrl,
        cursors.map(({ shard }) => shard),
      );
      const behind = cursors.flatMap(({ shard, last_g }, index) => {
        const g = heads[index];
        if (g === last_g) return [];
        return [`the books are at batch ${last_g} of shard ${shard}, Redis is at ${g}`];
      });
      // Whatever was begun is completed by some API, after a while. What that writes may not be kept yet.
      const open = await sql<{ attempt: string }[]>`SELECT attempt FROM parts WHERE state = 'open'`;
      return [...behind, ...open.map(({ attempt }) => `a part of the attempt ${attempt} is open`)];
    } finally {
      await sql.end({ timeout: 1 });
    }
  } catch (error) {
    return [messageOf(error)];
  }
}

/** Rejects if the Redis of one of the shards does not answer. */
async function latestBatches(redisUrl: string, shards: readonly number[]): Promise<number[]> {
  const nodes = openRedisNodes(redisUrl);
  try {
    return await Promise.all(
      shards.map(async (shard) => {
        const node = nodes.shard(shard);
        if (!(await reachNode(node, bounds.redis_connect_milliseconds_max))) throw new Error(node.trouble);
        return Number(await node.sendCommand(["HGET", headKey(shard), "g"]));
      }),
    );
  } finally {
    nodes.close();
  }
}
