import { cpus } from "node:os";
import packageJson from "../../package.json" with { type: "json" };
import { messageOf, StartError } from "../../src/errors.ts";
import { findTarget } from "../load-test/http/load-target.ts";
import { tortureBounds } from "./torture-bounds.ts";
import type { Violation } from "./check/checker-types.ts";
import { Load } from "./clients/client-load.ts";
import type { TortureOptions } from "./options.ts";
import { APIS, WRITERS } from "./plan/plan-run.ts";
import { RESULT_FORMAT, type TortureResult } from "./report/torture-result.ts";
import { Rounds } from "./rounds.ts";
import { RunFolder } from "./run-folder.ts";
import type { Stage } from "./system/system-under-test.ts";
import { wordsOfAttempt } from "./report/fault-text.ts";

/**
 * A run of the torture: starts its own system, harms it under load, round after round, and holds after each of them
 * what was answered against what was kept. The first violation ends it, after its round.
 *
 * The folder of the run is removed where nothing was found, and kept with everything where something was.
 *
 * @throws {StartError} (exit code 2) where it cannot run here
 */
export async function torture(options: TortureOptions): Promise<TortureResult> {
  const startedAt = new Date().toISOString();
  const folder = new RunFolder(options.folder);
  const stage = await start(options, folder);
  let result: TortureResult;
  try {
    result = await tortureOn(stage, options, folder, startedAt);
  } finally {
    await stage.stop();
  }
  if (result.violations.length === 0) folder.remove();
  return result;
}

async function start(options: TortureOptions, folder: RunFolder): Promise<Stage> {
  const { kinds, embedded, own, parts, onProgress = () => {} } = options;
  const say = (line: string) => onProgress({ type: "starting", folder: folder.path, line });
  say(`starting ${embedded ? "the embedded ledger" : "the whole cluster"} in ${folder.path}`);
  try {
    const stage = await parts.startStage({
      folder: folder.path,
      kinds,
      embedded,
      apis: APIS,
      writers: WRITERS,
      ...(own === undefined ? {} : { own }),
      say,
    });
    onProgress({ type: "started", cannot: stage.cannot });
    return stage;
  } catch (error) {
    const where = folder.removeIfEmpty() ? "" : `; what it said is in ${folder.path}`;
    throw new StartError(`the system did not start (${messageOf(error)})${where}.`, 2);
  }
}

async function tortureOn(
  stage: Stage,
  options: TortureOptions,
  folder: RunFolder,
  startedAt: string,
): Promise<TortureResult> {
  const { seconds, seed, kinds, embedded } = options;
  const load = new Load({ target: await findTarget(stage.url), seed });
  const rounds = new Rounds({ stage, load, folder, options });
  await rounds.run();
  const { found } = rounds;
  return {
    format: RESULT_FORMAT,
    startedAt,
    command: commandOf(options),
    seed,
    system: embedded ? "embedded" : "cluster",
    kinds: [...kinds],
    secondsWanted: seconds,
    loadSeconds: rounds.loadSeconds,
    rounds: rounds.ended,
    interrupted: options.signal?.aborted ?? false,
    counts: rounds.counts,
    harms: rounds.tally.harms(),
    cannot: stage.cannot.map((one) => ({ ...one })),
    restores: [...rounds.restores],
    violationsInAll: found.length,
    violations: found.slice(0, tortureBounds.violations_told_max).map((violation) => told(violation, rounds)),
    violatedAfterSeconds: rounds.violatedAfterSeconds,
    healSecondsMax: rounds.healSecondsMax,
    folder: found.length === 0 ? null : folder.path,
    versions: {
      razonete: packageJson.version,
      bun: Bun.version,
      platform: `${process.platform} ${process.arch}`,
      cores: cpus().length,
    },
  };
}

function told({ name, detail, attempts }: Violation, rounds: Rounds): TortureResult["violations"][number] {
  const words = attempts.slice(0, tortureBounds.attempts_told_max).map((number) => {
    const attempt = rounds.lastAttempts.find((one) => one.number === number);
    if (attempt === undefined) return `attempt ${number}, of an earlier round: see history.jsonl`;
    return wordsOfAttempt(attempt, rounds.beganAt);
  });
  if (attempts.length > words.length) words.push(`and ${attempts.length - words.length} more attempts`);
  return { round: rounds.ended, name, detail, attempts: words };
}

/** The command that repeats a run. */
export function commandOf({ seconds, seed, kinds, embedded }: TortureOptions): string {
  const shape = embedded ? " --embedded" : "";
  return `npm run torture -- --seconds ${seconds} --seed ${seed} --faults ${kinds.join(",")}${shape}`;
}
