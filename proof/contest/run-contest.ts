import { join } from "node:path";
import { executableProgram } from "../../src/build/build-executable.ts";
import { SOURCE_PROGRAM } from "../../src/build/programs.ts";
import { cgroupsMissing } from "../cgroup/cgroup.ts";
import { StartError } from "../../src/errors.ts";
import { makeFolder, writeText } from "../load-test/result-files.ts";
import type { RunResult } from "../load-test/run-result.ts";
import { measure, reportFolder, writeReport } from "../load-test/run-command.ts";
import type { Shape } from "../load-test/phases/schedule.ts";
import { summaryOf } from "../load-test/summary.ts";
import { findTarget } from "../load-test/http/load-target.ts";
import { type DataFolder, openDataFolder } from "../../src/stack/data-folder.ts";
import { ensurePrograms } from "../../src/stack/install-servers.ts";
import { endOrphanedProcesses } from "../../src/stack/orphaned-processes.ts";
import { choosePort, freePorts } from "../../src/stack/ports.ts";
import { choosePostgresUser, prepareBooks } from "../../src/stack/postgres.ts";
import { outboxLength } from "../../src/stack/probes.ts";
import { DEPLOY, planStack, PORTS_BESIDE_APIS, type StackPlan } from "../../src/stack/stack-plan.ts";
import type { StackSignals } from "../../src/stack/run-stack.ts";
import { PROGRAM_NAMES } from "../../src/stack/server-programs.ts";
import { readStackFile } from "../../src/stack/stack-file.ts";
import { Stack, StartInterrupted } from "../../src/stack/stack.ts";

import { deathsSince, endedForMemory } from "./crashes-and-oom-kills.ts";
import { type DiskTimes, DiskWatch } from "./disk-watch.ts";
import { Meter } from "./resource-usage.ts";
import { ownCommands, underSubmission } from "./submission-processes.ts";
import { contestSection, contestSummary } from "./contest-report.ts";
import { contestResult, type Measured } from "./contest-result.ts";
import { CONTEST_BOUNDS, fileOf, readSubmission, serviceNamed, type Submission } from "./submission.ts";

export interface ContestOptions extends Shape {
  /** A new one, if not given. */
  readonly seed?: number;
  /** The folder for the files; `reports/` and the time, if not given. */
  readonly out?: string;
  /** Where the system keeps its data and logs; emptied first. */
  readonly data: string;
  /** Of HAProxy, on 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  /** Runs the ledger's own processes from the source, not from the executable. */
  readonly source: boolean;
  /** What every process takes over from the present environment, PATH among it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly say: (line: string) => void;
}

/** The books catch up with the load's last answers within this, or the figures are taken without. */
const DRAIN_MILLISECONDS_MAX = 10_000;

/**
 * Runs the submission natively under its limits, lays the contest's load test on it, and tells how both did.
 *
 * @returns the exit code: 0 where the load test passed, everything was ready in time and no process ended by itself
 * @throws StartError where the system or the test cannot start; then nothing is left running
 */
export async function runContest(options: ContestOptions, signals: StackSignals): Promise<number> {
  const { say } = options;
  const submission = readSubmission();
  const program = options.source ? SOURCE_PROGRAM : executableProgram(say);
  const out = options.out ?? reportFolder();
  makeFolder(out);
  const folder = await openDataFolder(options.data, true, (run) => endOrphanedProcesses(run, say));
  let meter: Meter | null = null;
  let measured: Measured | null;
  try {
    // After the folder was opened: what a killed run has left in its groups is ended in order by then.
    const unlimited = cgroupsMissing();
    if (unlimited === null) meter = new Meter(submission);
    else say(`Running without limits, which cannot be set here: ${unlimited}.`);
    measured = await new Run(options, submission, program, folder, meter, unlimited).run(signals);
  } finally {
    meter?.remove();
    folder.release();
  }
  if (measured === null) return 130;

  const result = contestResult(measured);
  const written = writeReport(out, measured.load, contestSection(result));
  const path = join(out, "contest.json");
  writeText(path, `${JSON.stringify(result, null, 2)}\n`);
  say(`\n${summaryOf(measured.load)}\n\n${contestSummary(result)}\n\n${written}\nSystem: ${path}`);
  say(`Again:  ${result.command}`);
  const ready = measured.readySeconds <= CONTEST_BOUNDS.ready_seconds;
  return measured.load.verdict.passed && ready && measured.deaths.length === 0 ? 0 : 1;
}

/** One run, from the making of the database to the stop of the last process. */
class Run {
  readonly #options: ContestOptions;
  readonly #submission: Submission;
  readonly #program: readonly string[];
  readonly #folder: DataFolder;
  readonly #meter: Meter | null;
  readonly #unlimited: string | null;

  constructor(
    options: ContestOptions,
    submission: Submission,
    program: readonly string[],
    folder: DataFolder,
    meter: Meter | null,
    unlimited: string | null,
  ) {
    this.#options = options;
    this.#submission = submission;
    this.#program = program;
    this.#folder = folder;
    this.#meter = meter;
    this.#unlimited = unlimited;
  }

  /** `null` where it was stopped before the load. */
  async run(signals: StackSignals): Promise<Measured | null> {
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
      const atFirst = readStackFile(this.#folder.stackFile);
      const before = this.#read();
      const diskWatch = new DiskWatch(this.#folder.path);
      let load: RunResult;
      let disk: DiskTimes;
      try {
        load = await this.#load(plan, signals.stop);
      } finally {
        disk = await diskWatch.end();
      }
      await drained(plan.redisUrl);
      const after = this.#read();
      return {
        submission: this.#submission,
        program: this.#options.source ? "source" : "executable",
        unlimited: this.#unlimited,
        readySeconds,
        readyMilliseconds,
        before,
        after,
        disk,
        deaths: [...deathsSince(atFirst, readStackFile(this.#folder.stackFile)), ...endedForMemory(after)],
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
    const { environment: given, say, port } = this.#options;
    const folder = this.#folder;
    const programs = ensurePrograms(PROGRAM_NAMES, { path: given["PATH"] ?? "", say });
    const user = choosePostgresUser();
    // Says of each process on the machine whose it is.
    const environment = { ...given, RAZONETE_STACK: folder.path };
    const enter = (name: string): readonly string[] => this.#meter?.enter(name) ?? [];
    await prepareBooks({
      programs,
      // PostgreSQL's image makes the database within the service's limits, too.
      user: { ...user, prefix: [...enter("postgres"), ...user.prefix] },
      folder: folder.postgres,
      settings: fileOf(serviceNamed(this.#submission, "postgres"), join(DEPLOY, "postgresql.conf")),
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
      ports: await freePorts(PORTS_BESIDE_APIS + apis),
      environment,
      ownEnvironment: {},
    });
    return underSubmission(plan, this.#submission, enter);
  }

  async #load(plan: StackPlan, stop: AbortSignal): Promise<RunResult> {
    const { scale, rate, seed, source, say } = this.#options;
    const shape = { scale, rate, ...(seed === undefined ? {} : { seed }) };
    const load = await measure(await findTarget(plan.url), shape, say, stop);
    const command =
      `npm run contest -- --scale ${scale} --rate ${rate} --seed ${load.seed}` + (source ? " --source" : "");
    return { ...load, command };
  }

  #read(): ReturnType<Meter["read"]> {
    return this.#meter?.read() ?? new Map();
  }
}

/** What the last answers cost belongs to the load: the writer is let catch up. */
async function drained(redisUrl: string): Promise<void> {
  const deadline = performance.now() + DRAIN_MILLISECONDS_MAX;
  while (performance.now() < deadline) {
    const length = await outboxLength(redisUrl).catch(() => {
      throw new StartError("Redis did not answer after the load; its log is in the data folder.");
    });
    if (length === 0) return;
    await Bun.sleep(100);
  }
}
