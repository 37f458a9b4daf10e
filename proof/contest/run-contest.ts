import { join } from "node:path";
import { executableProgram } from "../../src/build/build-executable.ts";
import { SOURCE_PROGRAM } from "../../src/build/programs.ts";
import { cgroupsMissing } from "../cgroup/cgroup.ts";
import { StartError } from "../../src/errors.ts";
import { makeFolder, writeText } from "../load-test/result-files.ts";
import type { RunResult } from "../load-test/run-result.ts";
import { runShowingProgress, defaultReportFolder, writeReport } from "../load-test/run-command.ts";
import type { LoadShape } from "../load-test/phases/schedule.ts";
import { summaryOf } from "../load-test/summary.ts";
import { findTarget } from "../load-test/http/load-target.ts";
import { type DataFolder, openDataFolder } from "../../src/stack/data-folder.ts";
import { ensurePrograms } from "../../src/stack/install-servers.ts";
import { endOrphanedProcesses } from "../../src/stack/orphaned-processes.ts";
import { choosePort, freePorts } from "../../src/stack/ports.ts";
import { choosePostgresUser, prepareBooks } from "../../src/stack/postgres.ts";
import { outboxLength } from "../../src/stack/probes.ts";
import { DEPLOY } from "../../src/stack/process-plan.ts";
import { planStack, PORTS_BESIDE_APIS, type StackPlan } from "../../src/stack/stack-plan.ts";
import type { StackSignals } from "../../src/stack/run-stack.ts";
import { PROGRAM_NAMES } from "../../src/stack/server-programs.ts";
import { readStackFile } from "../../src/stack/stack-file.ts";
import { Stack, StartInterrupted } from "../../src/stack/stack.ts";

import { crashesSince, oomKillsIn } from "./crashes-and-oom-kills.ts";
import { type DiskTimes, DiskWatch } from "./disk-watch.ts";
import { ResourceUsageMonitor } from "./resource-usage.ts";
import { ownCommands, withSubmissionSettings } from "./submission-processes.ts";
import { contestSection, contestSummary } from "./contest-report.ts";
import { contestResult, type ContestMeasurement } from "./contest-result.ts";
import {
  SUBMISSION_BOUNDS,
  submissionFileFor,
  readSubmission,
  serviceNamed,
  type Submission,
} from "./submission.ts";

export interface ContestOptions extends LoadShape {
  /** Default: a new one. */
  readonly seed?: number;
  /** The folder for the files. Default: `reports/` and the time. */
  readonly out?: string;
  /** Where the system keeps its data and logs; emptied first. */
  readonly data: string;
  /** Port of HAProxy on 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  /** Into how many parts the accounts are split, all on the submission's one Redis. */
  readonly shards: number;
  /** Runs the ledger's own processes from the source, not from the executable. */
  readonly source: boolean;
  /** The environment that every process inherits, including PATH. */
  readonly environment: Readonly<Record<string, string>>;
  readonly say: (line: string) => void;
}

/** How long to wait until the last answers of the load are in the books. After that the figures are taken anyway. */
const DRAIN_MILLISECONDS_MAX = 10_000;

/**
 * Runs the submission natively under its limits, runs the contest's load test against it, and reports on both.
 *
 * @returns the exit code: 0 if the load test passed, everything was ready in time and no process crashed or was killed;
 *   1 if not; 130 if it was stopped before the load
 * @throws StartError if the system or the test cannot start; then nothing is left running
 */
export async function runContest(options: ContestOptions, signals: StackSignals): Promise<number> {
  const { say } = options;
  const submission = readSubmission();
  const program = options.source ? SOURCE_PROGRAM : executableProgram(say);
  const out = options.out ?? defaultReportFolder();
  makeFolder(out);
  const folder = await openDataFolder(options.data, true, (run) => endOrphanedProcesses(run, say));
  let monitor: ResourceUsageMonitor | null = null;
  let measured: ContestMeasurement | null;
  try {
    // After the folder was opened: by then, processes that a killed run left in its groups have been ended in order.
    const unlimited = cgroupsMissing();
    if (unlimited === null) monitor = new ResourceUsageMonitor(submission);
    else say(`Running without limits, which cannot be set here: ${unlimited}.`);
    measured = await new ContestRun(options, submission, program, folder, monitor, unlimited).run(signals);
  } finally {
    monitor?.remove();
    folder.release();
  }
  if (measured === null) return 130;

  const result = contestResult(measured);
  const written = writeReport(out, measured.load, contestSection(result));
  const path = join(out, "contest.json");
  writeText(path, `${JSON.stringify(result, null, 2)}\n`);
  say(`\n${summaryOf(measured.load)}\n\n${contestSummary(result)}\n\n${written}\nSystem: ${path}`);
  say(`Again:  ${result.command}`);
  const ready = measured.readySeconds <= SUBMISSION_BOUNDS.ready_seconds;
  return measured.load.verdict.passed && ready && measured.crashesAndOomKills.length === 0 ? 0 : 1;
}

/** One run, from the creation of the database to the stop of the last process. */
class ContestRun {
  readonly #options: ContestOptions;
  readonly #submission: Submission;
  readonly #program: readonly string[];
  readonly #folder: DataFolder;
  readonly #monitor: ResourceUsageMonitor | null;
  readonly #unlimited: string | null;

  constructor(
    options: ContestOptions,
    submission: Submission,
    program: readonly string[],
    folder: DataFolder,
    monitor: ResourceUsageMonitor | null,
    unlimited: string | null,
  ) {
    this.#options = options;
    this.#submission = submission;
    this.#program = program;
    this.#folder = folder;
    this.#monitor = monitor;
    this.#unlimited = unlimited;
  }

  /** `null` if it was stopped before the load. */
  async run(signals: StackSignals): Promise<ContestMeasurement | null> {
    const { say } = this.#options;
    const begun = performance.now();
    const plan = await this.#prepare();
    const readyMilliseconds = new Map<string, number>();
    const stack = new Stack(plan, this.#folder, say, (name, milliseconds) =>
      readyMilliseconds.set(name, milliseconds),
    );
    const onKill = (): void => stack.kill();
    signals.kill.addEventListener("abort", onKill);
    try {
      await stack.start(signals.stop);
      const readySeconds = (performance.now() - begun) / 1000;
      say(`Ready on ${plan.url} after ${readySeconds.toFixed(1)} s.`);
      const atStart = readStackFile(this.#folder.stackFile);
      const before = this.#read();
      const diskWatch = new DiskWatch(this.#folder.path);
      let load: RunResult;
      let disk: DiskTimes;
      try {
        load = await this.#load(plan, signals.stop);
      } finally {
        disk = await diskWatch.end();
      }
      await outboxDrained(plan.redisUrl);
      const after = this.#read();
      return {
        submission: this.#submission,
        program: this.#options.source ? "source" : "executable",
        shards: this.#options.shards,
        unlimited: this.#unlimited,
        readySeconds,
        readyMilliseconds,
        before,
        after,
        disk,
        crashesAndOomKills: [
          ...crashesSince(atStart, readStackFile(this.#folder.stackFile)),
          ...oomKillsIn(after),
        ],
        load,
      };
    } catch (error) {
      if (!(error instanceof StartInterrupted)) throw error;
      return null;
    } finally {
      await stack.stop();
      signals.kill.removeEventListener("abort", onKill);
    }
  }

  async #prepare(): Promise<StackPlan> {
    const { environment: given, say, port, shards } = this.#options;
    const folder = this.#folder;
    const programs = ensurePrograms(PROGRAM_NAMES, { path: given["PATH"] ?? "", say });
    const user = choosePostgresUser();
    // Marks each process with the stack that it belongs to.
    const environment = { ...given, RAZONETE_STACK: folder.path };
    const commandPrefix = (name: string): readonly string[] => this.#monitor?.commandPrefix(name) ?? [];
    await prepareBooks({
      programs,
      // In PostgreSQL's image, too, the database is created within the limits of the service.
      user: { ...user, prefix: [...commandPrefix("postgres"), ...user.prefix] },
      folder: folder.postgres,
      settings: submissionFileFor(
        serviceNamed(this.#submission, "postgres"),
        join(DEPLOY, "postgresql.conf"),
      ),
      password: folder.password,
      environment,
    });
    const apis = [...this.#submission.keys()].filter((name) => name.startsWith("api-")).length;
    const plan = planStack({
      folder,
      programs,
      postgresUser: user,
      own: ownCommands(this.#submission, this.#program),
      restore: null,
      port: await choosePort(port),
      apis,
      writers: 1,
      redisMegabytes: null,
      ports: await freePorts(PORTS_BESIDE_APIS + apis),
      environment,
      // For the writer, which does the work of init.
      ownEnvironment: { SHARDS: String(shards) },
    });
    return withSubmissionSettings(plan, this.#submission, commandPrefix, shards);
  }

  async #load(plan: StackPlan, stop: AbortSignal): Promise<RunResult> {
    const { scale, rate, seed, shards, source, say } = this.#options;
    const shape = { scale, rate, ...(seed === undefined ? {} : { seed }) };
    const load = await runShowingProgress(await findTarget(plan.url), shape, say, stop);
    const command =
      `npm run contest -- --scale ${scale} --rate ${rate} --seed ${load.seed}` +
      (shards === 1 ? "" : ` --shards ${shards}`) +
      (source ? " --source" : "");
    return { ...load, command };
  }

  #read(): ReturnType<ResourceUsageMonitor["read"]> {
    return this.#monitor?.read() ?? new Map();
  }
}

/** Waits until the writer has caught up, since the cost of the last answers is part of the load. */
async function outboxDrained(redisUrl: string): Promise<void> {
  const deadline = performance.now() + DRAIN_MILLISECONDS_MAX;
  while (performance.now() < deadline) {
    const length = await outboxLength(redisUrl).catch(() => {
      throw new StartError("Redis did not answer after the load; its log is in the data folder.");
    });
    if (length === 0) return;
    await Bun.sleep(100);
  }
}
