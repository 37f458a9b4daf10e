import { cpus } from "node:os";
import packageJson from "../../package.json" with { type: "json" };
import { messageOf, StartError } from "../../src/errors.ts";
import { findTarget } from "../load-test/http/load-target.ts";
import { tortureBounds } from "./torture-bounds.ts";
import type { Violation } from "./check/checker-types.ts";
import { ClientLoad } from "./clients/client-load.ts";
import type { TortureOptions } from "./options.ts";
import { makeKeys } from "./access.ts";
import { ONE_OF_EACH } from "./plan/torture-form.ts";
import { APIS, asksForKeys, WRITERS } from "./plan/plan-run.ts";
import { RESULT_FORMAT, type TortureResult } from "./report/torture-result.ts";
import { Rounds } from "./rounds.ts";
import { RunFolder } from "./run-folder.ts";
import type { SystemUnderTest } from "./system/system-under-test.ts";
import { attemptText } from "./report/fault-text.ts";

/**
 * A run of the torture: starts a system of its own, injects faults under load, round after round, and after each round
 * compares the answers with the books. The first round with a violation is the last.
 *
 * The folder of the run is removed if nothing was found, and kept if something was.
 *
 * @throws {StartError} (exit code 2) if it cannot run here
 */
export async function torture(options: TortureOptions): Promise<TortureResult> {
  const startedAt = new Date().toISOString();
  const folder = new RunFolder(options.folder);
  const system = await startSystem(options, folder);
  let result: TortureResult;
  try {
    result = await tortureSystem(system, options, folder, startedAt);
  } finally {
    await system.stop();
  }
  if (result.violations.length === 0) folder.remove();
  return result;
}

async function startSystem(options: TortureOptions, folder: RunFolder): Promise<SystemUnderTest> {
  const { kinds, embedded, form = ONE_OF_EACH, own, dependencies, onProgress = () => {} } = options;
  const say = (line: string) => onProgress({ type: "starting", folder: folder.path, line });
  say(`starting ${embedded ? "the embedded ledger" : "the whole cluster"} in ${folder.path}`);
  try {
    const system = await dependencies.startSystem({
      folder: folder.path,
      kinds,
      embedded,
      apis: APIS,
      writers: WRITERS,
      form,
      ...(own === undefined ? {} : { own }),
      say,
    });
    onProgress({ type: "started", unsupportedFaults: system.unsupportedFaults });
    return system;
  } catch (error) {
    const where = folder.removeIfEmpty() ? "" : `; what it said is in ${folder.path}`;
    throw new StartError(`the system did not start (${messageOf(error)})${where}.`, 2);
  }
}

async function tortureSystem(
  system: SystemUnderTest,
  options: TortureOptions,
  folder: RunFolder,
  startedAt: string,
): Promise<TortureResult> {
  const { seconds, seed, kinds, embedded, form = ONE_OF_EACH } = options;
  const target = await findTarget(system.url);
  const keys = asksForKeys(seed) ? await makeKeys(system, seed) : null;
  const load = new ClientLoad({ target, seed, shards: form.shards, ...(keys === null ? {} : { keys }) });
  const rounds = new Rounds({ system, load, keys, folder, options });
  await rounds.run();
  const { found } = rounds;
  return {
    format: RESULT_FORMAT,
    startedAt,
    command: commandOf(options),
    seed,
    system: embedded ? "embedded" : "cluster",
    ...form,
    kinds: [...kinds],
    secondsWanted: seconds,
    loadSeconds: rounds.loadSeconds,
    rounds: rounds.ended,
    interrupted: options.signal?.aborted ?? false,
    counts: rounds.counts,
    harms: rounds.faultStatistics.summaries(),
    cannot: system.unsupportedFaults.map((one) => ({ ...one })),
    restores: [...rounds.restores],
    commandsDone: [...rounds.commandsDone],
    violationsInAll: found.length,
    violations: found
      .slice(0, tortureBounds.violations_shown_max)
      .map((violation) => shownViolation(violation, rounds)),
    violatedAfterSeconds: rounds.violatedAfterSeconds,
    healSecondsMax: rounds.recoverySecondsMax,
    folder: found.length === 0 ? null : folder.path,
    versions: {
      razonete: packageJson.version,
      bun: Bun.version,
      platform: `${process.platform} ${process.arch}`,
      cores: cpus().length,
    },
  };
}

function shownViolation(
  { name, detail, attempts }: Violation,
  rounds: Rounds,
): TortureResult["violations"][number] {
  const words = attempts.slice(0, tortureBounds.attempts_shown_max).map((number) => {
    const attempt = rounds.lastAttempts.find((one) => one.number === number);
    if (attempt === undefined) return `attempt ${number}, of an earlier round: see history.jsonl`;
    return attemptText(attempt, rounds.beganAt);
  });
  if (attempts.length > words.length) words.push(`and ${attempts.length - words.length} more attempts`);
  return { round: rounds.ended, name, detail, attempts: words };
}

/** The command that repeats a run. */
export function commandOf({ seconds, seed, kinds, embedded, form = ONE_OF_EACH }: TortureOptions): string {
  const shards = form.shards === 1 ? "" : ` --shards ${form.shards}`;
  const replicas = form.replicas === 0 ? "" : ` --replicas ${form.replicas}`;
  const shape = embedded ? " --embedded" : `${shards}${replicas}`;
  return `npm run torture -- --seconds ${seconds} --seed ${seed} --faults ${kinds.join(",")}${shape}`;
}
