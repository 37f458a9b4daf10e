import { z } from "zod";
import { SOURCE_PROGRAM } from "../../../src/build/programs.ts";
import { tortureBounds } from "../torture-bounds.ts";
import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import { OWN_COMMANDS, type OwnCommands } from "../../../src/stack/stack-plan.ts";

/** The command lines of the program under test; tests replace them by altered ones. */
export interface CommandsUnderTest extends OwnCommands {
  readonly restore: readonly string[];
  readonly audit: readonly string[];
  readonly keys: readonly string[];
  /** The embedded ledger. */
  readonly serve: readonly string[];
}

export const COMMANDS_UNDER_TEST: CommandsUnderTest = {
  ...OWN_COMMANDS,
  restore: [...SOURCE_PROGRAM, "restore"],
  audit: [...SOURCE_PROGRAM, "audit"],
  keys: [...SOURCE_PROGRAM, "keys"],
  serve: [...SOURCE_PROGRAM, "serve"],
};

type Environment = Readonly<Record<string, string>>;

/**
 * Restores, as an operator does who has read /readyz.
 *
 * @throws Error with its output, if it does not restore
 */
export async function runRestore(
  command: readonly string[],
  environment: Environment,
): Promise<RestoreReport> {
  const ended = await run(
    [...command, "--yes", "--json"],
    environment,
    tortureBounds.restore_milliseconds_max,
  );
  if (ended.code !== 0) throw new Error(`razonete restore ended with ${ended.code}: ${ended.said}`);
  const report = restoreReportJson.safeParse(ended.stdout);
  if (!report.success) throw new Error(`razonete restore said something else than a report: ${ended.stdout}`);
  return report.data;
}

/**
 * @returns what the audit found, as text; null if it found nothing
 * @throws Error if the audit failed
 */
export async function runAudit(command: readonly string[], environment: Environment): Promise<string | null> {
  const ended = await run([...command, "--json"], environment, tortureBounds.audit_milliseconds_max);
  if (ended.code === 0) return null;
  if (ended.code !== 1) throw new Error(`razonete audit ended with ${ended.code}: ${ended.said}`);
  const report = auditReportJson.safeParse(ended.stdout);
  if (!report.success) return ended.stdout.trim();
  const { findings, findingsInAll } = report.data;
  const shown = findings.map(({ name, detail }) => `${name}: ${detail}`);
  return [`${findingsInAll} findings`, ...shown].join("\n");
}

/**
 * Makes an access key for everything.
 *
 * @param target flags that name the ledger, where the environment does not
 * @returns its secret
 * @throws Error with its output, if it is not made
 */
export async function createKey(
  command: readonly string[],
  name: string,
  environment: Environment,
  target: readonly string[] = [],
): Promise<string> {
  const made = await runKeys(
    [...command, "create", "--name", name, "--scopes", "admin", ...target],
    environment,
  );
  const key = keyJson.safeParse(made);
  if (!key.success) throw new Error(`razonete keys create said something else than a key: ${made}`);
  return key.data.key;
}

/** @throws Error with its output, if it is not revoked */
export async function revokeKey(
  command: readonly string[],
  name: string,
  environment: Environment,
  target: readonly string[] = [],
): Promise<void> {
  await runKeys([...command, "revoke", name, ...target], environment);
}

async function runKeys(command: readonly string[], environment: Environment): Promise<string> {
  const ended = await run([...command, "--json"], environment, tortureBounds.keys_milliseconds_max);
  if (ended.code !== 0) throw new Error(`razonete keys ended with ${ended.code}: ${ended.said}`);
  return ended.stdout;
}

async function run(
  command: readonly string[],
  environment: Environment,
  milliseconds: number,
): Promise<{ code: number; stdout: string; said: string }> {
  const child = Bun.spawn([...command], {
    cwd: "/",
    env: { ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: milliseconds,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, said: (stderr || stdout).trim() };
}

function json<Output>(schema: z.ZodType<Output>) {
  return z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue({ code: "custom", message: "no JSON" });
        return z.NEVER;
      }
    })
    .pipe(schema);
}

const number = z.int();

/** Strict, since what is left out of it would be a loss that was not named. */
const restoreReportJson = json<RestoreReport>(
  z.strictObject({
    type: z.enum(["restored", "not-needed", "declined"]),
    epoch: z.string(),
    shards: z.array(
      z.strictObject({
        shard: number,
        found: z.enum(["empty", "older", "another epoch", "ahead of the books", "whole"]),
        keptG: number,
        fromOutbox: number,
        fromFeed: number,
        lastG: number,
      }),
    ),
    missing: z.strictObject({
      batches: z.array(z.strictObject({ shard: number, from: number, to: number })),
      accounts: z.array(
        z.strictObject({
          account: z.string(),
          seq: number,
          balance: number,
          knownSeq: number,
          knownBalance: number,
        }),
      ),
      transits: z.array(
        z.strictObject({
          attempt: z.string(),
          transaction: z.string(),
          shard: number,
          accounts: z.array(z.string()),
        }),
      ),
    }),
    unknown: z.array(
      z.strictObject({
        shard: number,
        epoch: z.string(),
        lastG: number,
        heldBy: z.enum(["Redis", "the feed"]),
      }),
    ),
  }),
);

const keyJson = json(z.object({ key: z.string() }));

const auditReportJson = json(
  z.object({
    findings: z.array(z.object({ name: z.string(), detail: z.string() })),
    findingsInAll: number,
  }),
);
