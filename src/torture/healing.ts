import { messageOf } from "../errors.ts";
import { connectPostgres } from "../keep/connect.ts";
import { headKey } from "../decide/redis-client.ts";
import { limits } from "../limits.ts";
import type { RestoreReport } from "../restore/report.ts";
import { httpProbe, outboxLength, withRedis } from "../stack/probes.ts";
import type { ProcessPlan, StackPlan } from "../stack/processes.ts";
import type { StagedProcess } from "./staged-process.ts";

const LOOK_EVERY_MILLISECONDS = 100;
/**
 * The words of /readyz that send an operator to the restore. `init` too: of a Redis that has nothing at all the APIs
 * cannot tell whether it ever had anything; `razonete init` would refuse it and name the restore.
 */
const WAY_OUT = /razonete (restore|init)/;
/** So often in a row an API must have named the restore: it may have compared Redis while that was still loading. */
const FENCED_LOOKS = 3;
/** Where only some APIs name it, a person would first wait whether the others bring them round. */
const PARTLY_FENCED_LOOKS = 50;

export interface Patient {
  readonly plan: StackPlan;
  readonly processes: readonly StagedProcess[];
  /** @throws Error where it does not restore */
  readonly restore: () => Promise<RestoreReport>;
}

/**
 * Waits until the system does its work by itself and the books hold everything that was decided; restores, as an
 * operator does, where /readyz of the APIs says that this is the way out. Nothing is harmed any more.
 *
 * @throws Error with all that is still wrong after a bound, or at once where a writer has raised an alarm
 */
export async function heal({ plan, processes, restore }: Patient): Promise<RestoreReport[]> {
  const reports: RestoreReport[] = [];
  let deadline = performance.now() + limits.torture_heal_milliseconds_max;
  let fencedLooks = 0;
  let restoring: string | null = null;
  for (;;) {
    const alarms = processes.flatMap(({ plan: { name }, alarm }) =>
      alarm === null ? [] : `${name}: ${alarm}`,
    );
    if (alarms.length > 0) throw new Error(`a writer needs a person: ${alarms.join("; ")}`);

    const { ill, fenced } = await look(plan);
    if (ill.length === 0) return reports;
    fencedLooks = fenced === 0 ? 0 : fencedLooks + 1;
    if (fencedLooks >= (fenced === plan.apis.length ? FENCED_LOOKS : PARTLY_FENCED_LOOKS)) {
      const begun = performance.now();
      try {
        reports.push(await restore());
        restoring = null;
      } catch (error) {
        restoring = messageOf(error);
      }
      fencedLooks = 0;
      deadline += performance.now() - begun;
    }
    if (performance.now() > deadline) {
      const down = processes.filter(({ running }) => !running);
      const logs = down.map((process) => `${process.plan.name} is down, its log ends: ${process.logEnd()}`);
      const all = [...ill, ...logs, ...(restoring === null ? [] : [restoring])];
      throw new Error(`the system does not come up by itself: ${all.join("; ")}`);
    }
    await Bun.sleep(LOOK_EVERY_MILLISECONDS);
  }
}

/** What is wrong at present, and how many APIs name the restore as the way out. */
async function look(plan: StackPlan): Promise<{ ill: string[]; fenced: number }> {
  const asked = [plan.postgres, plan.redis, plan.nats, ...plan.apis, plan.haproxy];
  const answers = await Promise.all(
    asked.map(async ({ name, kind, probe }) => ({ name, kind, reason: await probe() })),
  );
  const ill = answers.flatMap(({ name, reason }) => (reason === null ? [] : `${name}: ${reason}`));
  const fenced = answers.filter(
    ({ kind, reason }) => kind === "api" && reason !== null && WAY_OUT.test(reason),
  ).length;
  if (ill.length > 0) return { ill, fenced };
  // Ready is also one that has just lost Redis and does not know yet what comes back: only an answer proves it.
  const silent = await Promise.all(
    plan.apis.map(async (api) => ({ name: api.name, reason: await whyMute(api) })),
  );
  const mute = silent.flatMap(({ name, reason }) => (reason === null ? [] : [`${name}: ${reason}`]));
  if (mute.length > 0) return { ill: mute, fenced: 0 };
  const behind = await backlog(plan).catch(messageOf);
  return { ill: behind === null ? [] : [behind], fenced: 0 };
}

/** Why the API does not show an account; null where it does. */
function whyMute({ socket, environment }: ProcessPlan): Promise<string | null> {
  const address = socket === undefined ? `127.0.0.1:${environment["PORT"]}` : "api";
  return httpProbe(`http://${address}/clientes/1/extrato`, socket)();
}

/** What the books do not hold yet; null where they hold everything. */
async function backlog({ redisUrl, databaseUrl }: StackPlan): Promise<string | null> {
  const waiting = await outboxLength(redisUrl);
  if (waiting > 0) return `${waiting} batches are not in the books yet`;
  const sql = connectPostgres({ url: databaseUrl, name: "razonete torture", connections_max: 1 });
  try {
    const cursors = await sql<{ shard: number; last_g: number }[]>`SELECT shard, last_g FROM cursors`;
    return await withRedis(redisUrl, async (redis) => {
      for (const { shard, last_g } of cursors) {
        const g = Number(await redis.hGet(headKey(shard), "g"));
        if (g !== last_g) return `the books are at batch ${last_g} of shard ${shard}, Redis is at ${g}`;
      }
      return null;
    });
  } finally {
    await sql.end({ timeout: 1 });
  }
}
