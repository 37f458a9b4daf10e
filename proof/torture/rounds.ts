import { messageOf } from "../../src/errors.ts";
import { tortureBounds } from "./torture-bounds.ts";
import type { RestoreReport } from "../../src/restore/restore-report.ts";
import { decisionsOf, outageOf } from "./report/outages.ts";
import type { Checker, RoundCounts, RoundVerdict, Violation } from "./check/checker-types.ts";
import type { Fault, FaultDone } from "./plan/fault.ts";
import type { Attempt } from "./clients/history.ts";
import type { Load } from "./clients/client-load.ts";
import type { Progress, TortureOptions } from "./options.ts";
import { planRun, type RoundPlan } from "./plan/plan-run.ts";
import { NO_COUNTS, sumOf, type TortureResult } from "./report/torture-result.ts";
import type { RunFolder } from "./run-folder.ts";
import type { BooksSeen, Stage } from "./system/system-under-test.ts";
import { Tally } from "./report/fault-statistics.ts";

export interface RoundsOptions {
  readonly stage: Stage;
  readonly load: Load;
  readonly folder: RunFolder;
  readonly options: TortureOptions;
}

type Phase = Extract<Progress, { type: "load" }>["phase"];

const PROGRESS_MILLISECONDS = 250;
const LOOK_MILLISECONDS = 20;

/** Thrown where the run's signal says so; what is under way then is the stage's to end. */
class Interrupted extends Error {}

/**
 * The rounds of a run, and what they came to.
 *
 * A round: load and harm at the same time; then no load, until all requests have ended; the system is brought up
 * again; the books are read and held against the answers; the audit looks at it; and it has to answer again.
 */
export class Rounds {
  readonly tally = new Tally();
  readonly restores: TortureResult["restores"] = [];
  readonly #stage: Stage;
  readonly #load: Load;
  readonly #folder: RunFolder;
  readonly #options: TortureOptions;
  readonly #checker: Checker;
  readonly #plans: readonly RoundPlan[];
  readonly #interrupted: Promise<never>;
  /** By performance.now(), as in the history. */
  beganAt = 0;
  /** Rounds that have ended, with all that belongs to them. */
  ended = 0;
  loadSeconds = 0;
  counts: RoundCounts = NO_COUNTS;
  found: readonly Violation[] = [];
  violatedAfterSeconds: number | null = null;
  healSecondsMax = 0;
  /** Of the latest round. */
  lastAttempts: readonly Attempt[] = [];
  #phase: Phase = "load";
  #phaseAt = 0;

  constructor({ stage, load, folder, options }: RoundsOptions) {
    this.#stage = stage;
    this.#load = load;
    this.#folder = folder;
    this.#options = options;
    this.#checker = options.parts.createChecker();
    this.#plans = planRun(options, options.parts.planRound);
    this.#interrupted = interruption(options.signal);
  }

  /** Resolves after the last round, the first one with a violation, or the signal. */
  async run(): Promise<void> {
    this.beganAt = performance.now();
    const timer = setInterval(() => this.#tellLoad(), PROGRESS_MILLISECONDS);
    try {
      for (const plan of this.#plans) {
        if (this.found.length === 0) await this.#round(plan);
      }
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
    } finally {
      clearInterval(timer);
      this.#load.close();
      // Of the last proof, or of a round that was interrupted.
      this.#folder.addAttempts(await this.#load.stop());
    }
  }

  async #round(plan: RoundPlan): Promise<void> {
    const done = await this.#harmUnderLoad(plan);
    const attempts = await this.#unlessInterrupted(this.#load.stop());
    const loadEndedAt = performance.now();
    this.#enter("recovery");
    this.lastAttempts = attempts;
    this.#folder.addAttempts(attempts);
    this.#folder.addFaults(done);
    const decisions = decisionsOf(attempts);
    for (const one of done) this.tally.add(one, outageOf(one, done, decisions, loadEndedAt));

    const verdict = await this.#verdict(attempts, done);
    this.ended += 1;
    this.counts = sumOf(this.counts, verdict.counts);
    if (verdict.violations.length > 0) {
      this.found = verdict.violations;
      this.violatedAfterSeconds = this.#seconds();
      this.#folder.addViolations(verdict.violations);
    }
    this.#tell({ type: "round-checked", round: this.ended, verdict });
  }

  /** Resolves at the end of the round's time, when everything is undone and, if it comes back by itself, back. */
  async #harmUnderLoad({ faults, milliseconds }: RoundPlan): Promise<readonly FaultDone[]> {
    const beganAt = performance.now();
    this.#enter("load");
    this.#load.start();
    const done = await this.#unlessInterrupted(
      Promise.all(faults.map((fault) => this.#harm(fault, beganAt))),
    );
    await this.#unlessInterrupted(sleepUntil(beganAt + milliseconds));
    const undoneAt = Math.max(beganAt, ...done.map((one) => one.undoneAt));
    const deadline = performance.now() + tortureBounds.recovery_milliseconds;
    // What the last faults cost is known only when something was decided after them.
    while (this.#load.decidedAt < undoneAt && performance.now() < deadline) {
      await this.#unlessInterrupted(Bun.sleep(LOOK_MILLISECONDS));
    }
    return done;
  }

  async #harm(fault: Fault, roundBeganAt: number): Promise<FaultDone> {
    await sleepUntil(roundBeganAt + fault.afterMilliseconds);
    if (this.#options.signal?.aborted === true) {
      const now = performance.now();
      return { fault, beganAt: now, undoneAt: now, skipped: "the run was interrupted" };
    }
    this.#tell({ type: "fault-begins", atSeconds: this.#seconds(), fault });
    const done = await this.#stage.do(fault);
    this.#tell({ type: "fault-ended", atSeconds: this.#seconds(), done });
    return done;
  }

  async #verdict(attempts: readonly Attempt[], done: readonly FaultDone[]): Promise<RoundVerdict> {
    let restores: readonly RestoreReport[];
    const healingAt = performance.now();
    try {
      restores = await this.#unlessInterrupted(this.#stage.heal());
    } catch (error) {
      return failed(attempts, "does-not-heal", error);
    } finally {
      this.healSecondsMax = Math.max(this.healSecondsMax, (performance.now() - healingAt) / 1000);
    }
    this.#enter("check");
    for (const report of restores) this.restores.push(inShort(report, this.ended + 1));
    let books: BooksSeen;
    try {
      books = await this.#unlessInterrupted(this.#stage.books());
    } catch (error) {
      return failed(attempts, "does-not-heal", error);
    }
    const redisData = done.some(harmsRedisData);
    const { counts, violations } = this.#checker.round(attempts, books, restores, { redisData });
    const all = [...violations, ...(await this.#audited())];
    if (!redisData && restores.some(({ type }) => type === "restored")) all.push(WITHOUT_NEED);
    // Where something was found already, it is left as it was found.
    if (all.length === 0) all.push(...(await this.#answering()));
    if (all.length > 0) this.#folder.writeBooks(books);
    return { counts, violations: all };
  }

  async #audited(): Promise<Violation[]> {
    const disagreement = await this.#unlessInterrupted(this.#stage.audit()).catch((error: unknown) => {
      if (error instanceof Interrupted) throw error;
      return `the audit could not look: ${messageOf(error)}`;
    });
    return disagreement === null ? [] : [{ name: "audit", detail: disagreement, attempts: [] }];
  }

  async #answering(): Promise<Violation[]> {
    const wrong = await this.#unlessInterrupted(this.#load.proof());
    if (wrong === null) return [];
    return [{ name: "does-not-heal", detail: `healed, and yet it does not answer: ${wrong}`, attempts: [] }];
  }

  #enter(phase: Phase): void {
    if (this.#phase === "load" && this.#phaseAt > 0) {
      this.loadSeconds += (performance.now() - this.#phaseAt) / 1000;
    }
    this.#phase = phase;
    this.#phaseAt = performance.now();
  }

  #tellLoad(): void {
    const milliseconds = this.#plans[0]?.milliseconds ?? 0;
    const underWay = this.#phase === "load" ? performance.now() - this.#phaseAt : milliseconds;
    const wanted = this.ended * milliseconds + Math.min(underWay, milliseconds);
    this.#tell({
      type: "load",
      phase: this.#phase,
      round: this.ended + 1,
      rounds: this.#plans.length,
      loadSeconds: wanted / 1000,
      requests: this.#load.requests,
      unknown: this.#load.unknown,
    });
  }

  #tell(progress: Progress): void {
    this.#options.onProgress?.(progress);
  }

  #seconds(): number {
    return (performance.now() - this.beganAt) / 1000;
  }

  #unlessInterrupted<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#interrupted]);
  }
}

/** Rejects with `Interrupted` once the signal says so. */
function interruption(signal: AbortSignal | undefined): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    if (signal?.aborted === true) reject(new Interrupted());
    signal?.addEventListener("abort", () => reject(new Interrupted()), { once: true });
  });
  // It may come while nobody waits; whoever waits next hears of it.
  interrupted.catch(() => {});
  return interrupted;
}

async function sleepUntil(time: number): Promise<void> {
  await Bun.sleep(Math.max(0, time - performance.now()));
}

const WITHOUT_NEED: Violation = {
  name: "restored-without-need",
  detail: "Redis had to be restored, and nothing was done to its data but what it promises to stand",
  attempts: [],
};

function harmsRedisData({ fault: { harm }, skipped }: FaultDone): boolean {
  return skipped === null && ["redis-cut", "redis-zeroed", "redis-emptied"].includes(harm.type);
}

/** The verdict on a round whose books could not be compared: the answers alone are counted. */
function failed(attempts: readonly Attempt[], name: Violation["name"], error: unknown): RoundVerdict {
  if (error instanceof Interrupted) throw error;
  const of = (type: Attempt["answer"]["type"]) =>
    attempts.filter(({ answer }) => answer.type === type).length;
  const counts = {
    ...NO_COUNTS,
    requests: attempts.length,
    accepted: of("accepted"),
    refused: of("refused"),
    statements: of("statement"),
    notDone: of("not-done"),
    unknown: of("unknown"),
  };
  return { counts, violations: [{ name, detail: messageOf(error), attempts: [] }] };
}

function inShort({ type, shards, missing }: RestoreReport, round: number): TortureResult["restores"][number] {
  const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
  return {
    round,
    type,
    found: shards.map(({ found }) => found),
    fromOutbox: sum(shards.map(({ fromOutbox }) => fromOutbox)),
    fromFeed: sum(shards.map(({ fromFeed }) => fromFeed)),
    missingBatches: sum(missing.batches.map(({ from, to }) => to - from + 1)),
    missingAccounts: missing.accounts.length,
  };
}
