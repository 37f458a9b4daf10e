import postgres from "postgres";
import { LOCK_CLASS, writerLock } from "../../src/keep/postgres-client.ts";
import { messageOf } from "../../src/errors.ts";
import type { Probe } from "../../src/stack/probes.ts";
import { DEPLOY, type ProcessPlan } from "../../src/stack/process-plan.ts";
import type { OwnCommands, StackPlan } from "../../src/stack/stack-plan.ts";
import { submissionFileFor, serviceNamed, type Submission } from "./submission.ts";

/**
 * The ledger's own commands, as in the submission.
 *
 * @param program stands for the image's entry point: the executable, or Bun and the source
 */
export function ownCommands(submission: Submission, program: readonly string[]): OwnCommands {
  const commandOf = (name: string): string[] => [...program, ...serviceNamed(submission, name).command];
  // The submission has no service for `init`: its writer does that work. The rest is never run.
  const never = { restore: ["false"], dispatch: ["false"], console: ["false"] };
  return { ...never, init: ["true"], api: commandOf("api-1"), writer: commandOf("writer-1") };
}

/**
 * The processes of a stack with the settings of the submission.
 *
 * @param commandPrefix put in front of a process's command to start it in its control group
 * @param shards how many the books are begun with
 */
export function withSubmissionSettings(
  plan: StackPlan,
  submission: Submission,
  commandPrefix: (name: string) => readonly string[],
  shards: number,
): StackPlan {
  const process = (planned: ProcessPlan): ProcessPlan => {
    const service = serviceNamed(submission, planned.name);
    const command = planned.command.map((word) =>
      word.startsWith(DEPLOY) ? submissionFileFor(service, word) : word,
    );
    // HAProxy reads several files. Those of the submission come after the stack's.
    const more = planned.kind === "haproxy" ? service.files.flatMap((file) => ["-f", file]) : [];
    return {
      ...planned,
      command: [...commandPrefix(planned.name), ...command, ...more],
      environment: { ...service.environment, ...planned.environment },
    };
  };
  // In the submission one user does everything, and the writer the work of init, too.
  const ownProcess = (planned: ProcessPlan): ProcessPlan => {
    const made = process(planned);
    return { ...made, environment: { ...made.environment, ...plan.operatorAddresses } };
  };
  return {
    ...plan,
    haproxy: process(plan.haproxy),
    apis: plan.apis.map(ownProcess),
    redis: plan.redis.map(process),
    nats: plan.nats.map(process),
    writers: plan.writers.map((writer) => ({
      ...ownProcess(writer),
      probe: writerProbe(plan.databaseUrl, shards),
    })),
    postgres: plan.postgres.map(process),
  };
}

/** The writer is ready when the books exist and it holds the locks of all their shards. */
function writerProbe(databaseUrl: string, shards: number): Probe {
  const wanted = Array.from({ length: shards }, (_, shard) => writerLock(shard));
  return async () => {
    const sql = postgres(databaseUrl, { max: 1, connect_timeout: 2, onnotice: () => {} });
    try {
      const locks = await sql`
        SELECT 1 FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND classid = ${LOCK_CLASS} AND objid IN ${sql(wanted)}`;
      if (locks.length === shards) return null;
      return `it does not hold the locks of all shards yet, but ${locks.length} of ${shards}`;
    } catch (error) {
      return messageOf(error);
    } finally {
      await sql.end({ timeout: 0 });
    }
  };
}
