import { closeSync, existsSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf, StartError } from "../errors.ts";
import { DIVERGENCE_EXIT_CODE } from "../keep/divergence.ts";
import type { Report } from "../log/report.ts";
import { stackBounds } from "./stack-bounds.ts";
import type { DataFolder } from "./data-folder.ts";
import { STOP_SIGNALS } from "./process-kinds.ts";
import { forgetProcess, recordProcess } from "./orphaned-processes.ts";
import { lastLines } from "./logs.ts";
import type { ProcessPlan } from "./process-plan.ts";

/** A process that ran for less than this crashed at once: its reason may still exist, so the restart is delayed. */
const QUICK_CRASH_MILLISECONDS = 1_000;
const FIRST_DELAY_MILLISECONDS = 100;
const DELAY_MILLISECONDS_MAX = 5_000;
/** The delay after an exit code that asks for a person: once that person has restored, nothing should wait long. */
const ALARM_DELAY_MILLISECONDS = 5_000;
/** But the person is told only so often. */
const ALARM_TOLD_EVERY_MILLISECONDS = 60_000;
const LOG_LINES_SHOWN = 3;

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/**
 * Starts a process with its log, its files and its record. The terminal's Ctrl-C does not reach it.
 *
 * @throws Error if it cannot be started now (no program, memory, process or open file left); then it does not run, and
 * `onExit` is not called
 */
export function spawnPlanned(
  plan: ProcessPlan,
  folder: Pick<DataFolder, "run" | "logs">,
  onExit: (exit: Exit) => void,
): Bun.Subprocess {
  if (plan.socket !== undefined) rmSync(plan.socket, { force: true });
  let log: number | null = null;
  let handedOver: number | null = null;
  let isRecorded = false;
  try {
    // Someone may have removed them while the stack runs.
    for (const part of [folder.logs, folder.run]) mkdirSync(part, { recursive: true });
    log = openSync(logOf(plan, folder), "a");
    if (plan.handedOver !== undefined) handedOver = openFolder(plan.handedOver);
    plan.beforeStart?.(log);
    const child = Bun.spawn([...plan.command], {
      // PostgreSQL's user may not be able to enter the current directory.
      cwd: "/",
      env: { ...plan.environment },
      stdio: [
        plan.input === undefined ? "ignore" : Buffer.from(plan.input),
        log,
        log,
        ...(handedOver === null ? [] : [handedOver]),
      ],
      // In its own session: otherwise the terminal's Ctrl-C would stop all processes at once and not in their order.
      detached: true,
      onExit: (_child, code, signal, error) => {
        forgetProcess(folder.run, plan.name);
        if (plan.socket !== undefined) rmSync(plan.socket, { force: true });
        if (isRecorded) onExit({ code, signal: signal === null ? null : (error?.message ?? String(signal)) });
      },
    });
    try {
      recordProcess(folder.run, plan.name, plan.kind, child.pid);
      isRecorded = true;
    } catch (error) {
      // Without its record, the stack after a killed one would start a second one beside it.
      child.kill("SIGKILL");
      throw error;
    }
    return child;
  } finally {
    if (log !== null) closeSync(log);
    if (handedOver !== null) closeSync(handedOver);
  }
}

function openFolder(folder: string): number {
  if (!existsSync(folder)) throw new Error(`its folder ${folder} is missing`);
  return openSync(folder, "r");
}

/** Runs a process to its end on this terminal, so that it can ask questions there. */
export function spawnAtTerminal(
  plan: ProcessPlan,
  folder: Pick<DataFolder, "run" | "logs">,
  onExit: (exit: Exit) => void,
): Bun.Subprocess {
  const child = Bun.spawn([...plan.command], {
    cwd: "/",
    env: { ...plan.environment },
    stdio: ["inherit", "inherit", "inherit"],
    onExit: (_child, code, signal, error) => {
      forgetProcess(folder.run, plan.name);
      onExit({ code, signal: signal === null ? null : (error?.message ?? String(signal)) });
    },
  });
  recordProcess(folder.run, plan.name, plan.kind, child.pid);
  return child;
}

export function logOf(plan: ProcessPlan, folder: Pick<DataFolder, "logs">): string {
  return join(folder.logs, `${plan.name}.log`);
}

/**
 * A process that is kept running.
 *
 * It is idle until `start`, and running from then on. If it ends by itself, it is started again at once. If it ran for
 * less than a second, or could not be started at all, there is a delay before the next start, which grows from 0.1 to 5
 * seconds with each such crash in a row, so that a process that cannot run does not take up the machine. A writer that
 * finds a divergence between books and outbox says so by its exit code: it needs a person, and is tried again every 5
 * seconds. So does one that may not start by its plan. `stop` and `kill` end it for good, also during a delay; `hold` ends it
 * until the next `start`. Between two runs, `pid` is the last one.
 */
export class SupervisedProcess {
  readonly plan: ProcessPlan;
  readonly #folder: DataFolder;
  readonly #say: Report;
  readonly #onStart: () => void;
  #child: Bun.Subprocess | null = null;
  #startedAt = 0;
  #crashesInARow = 0;
  #pause: Timer | null = null;
  /** While it is being asked whether it may start. */
  #asking: { readonly stop: AbortController; readonly ended: Promise<void> } | null = null;
  /** Why the last start failed; null if it did not. */
  #startFailure: string | null = null;
  #toldFailure: string | null = null;
  #alarmToldAt = -Infinity;
  /** That it does not run was said, and not yet that it does. */
  #isToldEnded = false;
  /** Its last end was an alarm. */
  #alarmed = false;
  #stopping = false;
  #held = false;
  readonly #stopped = Promise.withResolvers<void>();

  /** @param onStart called after each start, when `pid` is the new one */
  constructor(plan: ProcessPlan, folder: DataFolder, say: Report, onStart: () => void) {
    this.plan = plan;
    this.#folder = folder;
    this.#say = (line, about) => say(line, { ...about, process: plan.name });
    this.#onStart = onStart;
  }

  /** `null` before its first start. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** How often in a row it has now crashed at once, or could not be started. */
  get crashesInARow(): number {
    return this.#crashesInARow;
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** It ended with an alarm, and was not started again yet. */
  get needsPerson(): boolean {
    return this.#alarmed && !this.running;
  }

  /** Why it does not run, as far as it is known: a sentence. */
  lastWords(): string {
    if (this.#startFailure !== null) return `It cannot be started: ${this.#startFailure}.`;
    return `Its log ends: ${lastLines(logOf(this.plan, this.#folder), LOG_LINES_SHOWN)}`;
  }

  /** If it cannot be started now, this says so and tries again later. */
  start(): void {
    this.#held = false;
    const { mayStart } = this.plan;
    if (mayStart === undefined) {
      this.#startNow();
      return;
    }
    const stop = new AbortController();
    this.#asking = { stop, ended: this.#startOnceAllowed(mayStart, stop.signal) };
  }

  #startNow(): void {
    if (this.#tryStart()) return;
    this.#startLater(`${this.plan.name} does not run`);
  }

  async #startOnceAllowed(mayStart: NonNullable<ProcessPlan["mayStart"]>, stop: AbortSignal): Promise<void> {
    let log: number | null = null;
    let refusal: unknown = null;
    try {
      mkdirSync(this.#folder.logs, { recursive: true });
      log = openSync(logOf(this.plan, this.#folder), "a");
      await mayStart(log, stop);
    } catch (error) {
      refusal = error;
    } finally {
      if (log !== null) closeSync(log);
    }
    if (this.#stopping) return;
    if (refusal === null) {
      this.#startNow();
      return;
    }
    this.#startFailure = messageOf(refusal).replace(/\.$/, "");
    if (refusal instanceof StartError) {
      this.#startAfterAlarm();
      return;
    }
    this.#crashesInARow += 1;
    this.#startLater(`${this.plan.name} does not run`);
  }

  #tryStart(): boolean {
    this.#pause = null;
    this.#startedAt = performance.now();
    try {
      this.#child = spawnPlanned(this.plan, this.#folder, (exit) => this.#onExit(exit));
      this.#startFailure = this.#toldFailure = null;
      this.#alarmed = false;
    } catch (error) {
      this.#startFailure = messageOf(error);
      this.#crashesInARow += 1;
      return false;
    }
    this.#onStart();
    if (this.#isToldEnded) this.#tellRunning(this.#child);
    return true;
  }

  /** Once it has not crashed at once. */
  #tellRunning(child: Bun.Subprocess): void {
    const timer = setTimeout(() => {
      if (this.#child !== child || !this.running || this.#stopping) return;
      this.#isToldEnded = false;
      this.#say(`${this.plan.name} runs again (${child.pid}).`);
    }, QUICK_CRASH_MILLISECONDS);
    // A stop does not wait for it.
    timer.unref();
  }

  /** @param what why, as the beginning of a sentence */
  #startLater(what: string): void {
    const delay = Math.min(FIRST_DELAY_MILLISECONDS * 2 ** (this.#crashesInARow - 1), DELAY_MILLISECONDS_MAX);
    this.#pause = setTimeout(() => this.start(), delay);
    this.#isToldEnded = true;
    const failure = this.#startFailure;
    // The same again would be told ten times a minute.
    if (failure !== null && failure === this.#toldFailure) return;
    this.#toldFailure = failure;
    const next =
      failure === null
        ? `next start in ${delay / 1000} s`
        : `it is tried again, at least every ${DELAY_MILLISECONDS_MAX / 1000} s`;
    this.#say(`${what}; ${next}. ${this.lastWords()}`, { outage: "ended" });
  }

  /** A person is told, and asked to do something; it is tried again meanwhile. */
  #startAfterAlarm(): void {
    this.#alarmed = true;
    this.#pause = setTimeout(() => this.start(), ALARM_DELAY_MILLISECONDS);
    this.#tellAlarm();
  }

  #tellAlarm(): void {
    const now = performance.now();
    if (now - this.#alarmToldAt < ALARM_TOLD_EVERY_MILLISECONDS) return;
    this.#alarmToldAt = now;
    this.#isToldEnded = true;
    const every = ALARM_DELAY_MILLISECONDS / 1000;
    this.#say(`${this.plan.name} needs you; until then it is tried every ${every} s. ${this.lastWords()}`, {
      outage: "alarm",
    });
  }

  /** Lets the process complete its work, and kills it after a time-out. Resolves when it has ended. */
  async stop(): Promise<void> {
    const isRunning = this.#end(STOP_SIGNALS[this.plan.kind].stop);
    await this.#asking?.ended;
    if (!isRunning) return;
    const bound = setTimeout(() => {
      this.#say(`${this.plan.name} does not stop: killing it.`);
      this.#child?.kill("SIGKILL");
    }, stackBounds.stop_milliseconds_max);
    await this.#stopped.promise;
    clearTimeout(bound);
  }

  /** Ends it at once. */
  kill(): void {
    this.#end(STOP_SIGNALS[this.plan.kind].kill);
  }

  /** Kills it, and starts it no more until {@link start}. Resolves when it has ended. */
  async hold(): Promise<void> {
    this.#held = true;
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
  }

  /** @returns whether there is a process to wait for */
  #end(signal: NodeJS.Signals): boolean {
    this.#stopping = true;
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#asking?.stop.abort();
    if (!this.running) {
      this.#stopped.resolve();
      return false;
    }
    this.#child?.kill(signal);
    return true;
  }

  #onExit(exit: Exit): void {
    if (this.#stopping) {
      this.#stopped.resolve();
      return;
    }
    if (this.#held) return;
    if (exit.code === DIVERGENCE_EXIT_CODE && this.plan.kind === "writer") {
      this.#startAfterAlarm();
      return;
    }
    const lived = performance.now() - this.#startedAt;
    this.#crashesInARow = lived < QUICK_CRASH_MILLISECONDS ? this.#crashesInARow + 1 : 0;
    const how = exit.signal === null ? `code ${exit.code}` : `signal ${exit.signal}`;
    const ended = `${this.plan.name} ended (${how}) after ${(lived / 1000).toFixed(1)} s`;
    if (this.#crashesInARow === 0 && this.plan.mayStart !== undefined) {
      this.#isToldEnded = true;
      this.#say(`${ended}; it is started again as soon as it may.`, { outage: "ended" });
      this.start();
      return;
    }
    if (this.#crashesInARow === 0 && this.#tryStart()) {
      this.#say(`${ended}; started again (${this.pid}).`);
      return;
    }
    this.#startLater(ended);
  }
}
