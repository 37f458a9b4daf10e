import { closeSync, openSync } from "node:fs";
import { messageOf, StartError } from "../../../src/errors.ts";
import { DIVERGENCE_EXIT_CODE } from "../../../src/keep/divergence.ts";
import type { DataFolder } from "../../../src/stack/data-folder.ts";
import { lastLines } from "../../../src/stack/logs.ts";
import type { ProcessPlan } from "../../../src/stack/process-plan.ts";
import { type Exit, logOf, spawnPlanned } from "../../../src/stack/supervised-process.ts";
import type { PairProcess } from "../../../src/stack/standby/postgres-pair.ts";
import { freezeTree, killTree, thawTree } from "./process-tree.ts";

const QUICK_EXIT_MILLISECONDS = 1_000;
const FIRST_DELAY_MILLISECONDS = 100;
const DELAY_MILLISECONDS_MAX = 1_000;
const LOG_LINES_SHOWN = 3;

/**
 * One process of the system under test, which faults kill or freeze.
 *
 * Several faults may hold it down, or frozen, at once: it is started, or thawed, when the last of them releases it. If
 * it ends without being held down it is started again after a delay, which grows with each quick exit in a row, as a
 * supervisor would do. Only a writer that ends with an alarm stays down: it says that it needs a person. One that may not
 * start by its plan says so, too, and is tried again after the longest delay. Who looks after two PostgreSQL holds and
 * starts them as it would those of a supervisor.
 *
 * A frozen process that is killed and started again is a new process, and not frozen.
 */
export class FaultedProcess implements PairProcess {
  readonly plan: ProcessPlan;
  readonly #folder: Pick<DataFolder, "run" | "logs">;
  #child: Bun.Subprocess | null = null;
  #ended: Promise<void> = Promise.resolve();
  #startedAt = 0;
  #quickExitsInARow = 0;
  #heldDown = 0;
  /** Whether it is to run where no fault holds it down. */
  #isWanted = false;
  /** While it is being asked whether it may start. */
  #asking: AbortController | null = null;
  #heldFrozen = 0;
  #pause: Timer | null = null;
  #stopped = false;
  /** How often it ended without being killed by the torture. */
  unexpectedExits = 0;
  /** What it said when it ended because it needs a person; null if it did not. */
  alarm: string | null = null;
  /** Why it may not start, and what a person is to do; null if it may. */
  refusal: string | null = null;

  constructor(plan: ProcessPlan, folder: Pick<DataFolder, "run" | "logs">) {
    this.plan = plan;
    this.#folder = folder;
  }

  /** Of the current process, or else of the last one; null before the first start. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  logEnd(): string {
    return lastLines(logOf(this.plan, this.#folder), LOG_LINES_SHOWN);
  }

  get crashesInARow(): number {
    return this.#quickExitsInARow;
  }

  lastWords(): string {
    return `Its log ends: ${this.logEnd()}`;
  }

  /** Does nothing if it runs or is held down. */
  start(): void {
    this.#isWanted = true;
    this.#startIfFree();
  }

  /** Kills it, and starts it no more until {@link start}. */
  async hold(): Promise<void> {
    this.#isWanted = false;
    await this.#end();
  }

  get #isFree(): boolean {
    return this.#isWanted && !this.running && this.#heldDown === 0 && !this.#stopped;
  }

  #startIfFree(): void {
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#pause = null;
    if (!this.#isFree || this.#asking !== null) return;
    const { mayStart } = this.plan;
    if (mayStart === undefined) this.#spawn();
    else this.#spawnOnceAllowed(mayStart).catch(() => this.#startLater());
  }

  async #spawnOnceAllowed(mayStart: NonNullable<ProcessPlan["mayStart"]>): Promise<void> {
    const stop = new AbortController();
    this.#asking = stop;
    const log = openSync(logOf(this.plan, this.#folder), "a");
    let isAllowed = false;
    try {
      await mayStart(log, stop.signal);
      isAllowed = true;
      this.refusal = null;
    } catch (error) {
      if (error instanceof StartError) this.refusal = messageOf(error);
    } finally {
      closeSync(log);
      this.#asking = null;
    }
    if (stop.signal.aborted) this.#startIfFree();
    else if (isAllowed && this.#isFree) this.#spawn();
    else if (!isAllowed) this.#pause = setTimeout(() => this.#startIfFree(), DELAY_MILLISECONDS_MAX);
  }

  #spawn(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = promise;
    this.#startedAt = performance.now();
    try {
      this.#child = spawnPlanned(this.plan, this.#folder, (exit) => {
        resolve();
        this.#onEnd(exit);
      });
    } catch {
      // As without its folder; who looks after it makes another one.
      resolve();
      this.#startLater();
    }
  }

  /** kill -9, with its descendants, and keeps it down until {@link release}. Resolves when it has ended. */
  async holdDown(): Promise<void> {
    this.#heldDown += 1;
    await this.#end();
  }

  /** Starts it, unless another fault still holds it down. */
  release(): void {
    this.#heldDown = Math.max(0, this.#heldDown - 1);
    this.#startIfFree();
  }

  /** SIGSTOP, with its descendants, until {@link thaw}. */
  async freeze(): Promise<void> {
    this.#heldFrozen += 1;
    if (this.running && this.pid !== null) await freezeTree(this.pid);
  }

  /** SIGCONT, unless another fault still freezes it. */
  thaw(): void {
    this.#heldFrozen = Math.max(0, this.#heldFrozen - 1);
    if (this.#heldFrozen === 0 && this.running && this.pid !== null) thawTree(this.pid);
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.holdDown();
  }

  async #end(): Promise<void> {
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#pause = null;
    this.#asking?.abort();
    if (this.running && this.pid !== null) await killTree(this.pid);
    await this.#ended;
  }

  #onEnd(exit: Exit): void {
    if (this.#heldDown > 0 || this.#stopped || !this.#isWanted) return;
    this.unexpectedExits += 1;
    if (this.plan.kind === "writer" && exit.code === DIVERGENCE_EXIT_CODE) {
      this.alarm = this.logEnd();
      return;
    }
    this.#startLater();
  }

  #startLater(): void {
    const lived = performance.now() - this.#startedAt;
    this.#quickExitsInARow = lived < QUICK_EXIT_MILLISECONDS ? this.#quickExitsInARow + 1 : 0;
    const delay = Math.min(FIRST_DELAY_MILLISECONDS * 2 ** this.#quickExitsInARow, DELAY_MILLISECONDS_MAX);
    this.#pause = setTimeout(() => this.#startIfFree(), delay);
  }
}
