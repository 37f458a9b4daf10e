import { messageOf } from "../../src/errors.ts";
import { tortureBounds } from "./torture-bounds.ts";
import type { RestoreReport } from "../../src/restore/restore-report.ts";
import { decisionsOf, outageOfShards } from "./report/outages.ts";
import type { Checker, RoundCounts, RoundVerdict, Violation } from "./check/checker-types.ts";
import type { Fault, FaultRecord } from "./plan/fault.ts";
import type { Attempt } from "./clients/history.ts";
import { exchangeKey } from "./access.ts";
import { tookTwoCopies } from "./nodes/copies-taken.ts";
import type { ClientKeys } from "./clients/client-keys.ts";
import type { ClientLoad } from "./clients/client-load.ts";
import type { TortureProgress, TortureOptions } from "./options.ts";
import { planRun, type RoundPlan } from "./plan/plan-run.ts";
import { NO_COUNTS, sumOfCounts, type TortureResult } from "./report/torture-result.ts";
import type { RunFolder } from "./run-folder.ts";
import type { BooksSnapshot, SystemUnderTest } from "./system/system-under-test.ts";
import { FaultStatistics } from "./report/fault-statistics.ts";

export interface RoundsOptions {
  readonly system: SystemUnderTest;
  readonly load: ClientLoad;
  /** That its requests come with; `null`: with none. */
  readonly keys: ClientKeys | null;
  readonly folder: RunFolder;
  readonly options: TortureOptions;
}

type Phase = Extract<TortureProgress, { type: "load" }>["phase"];

const PROGRESS_MILLISECONDS = 250;
const POLL_MILLISECONDS = 20;

/** Thrown when the run's signal aborts. The system under test ends what is still in progress. */
class Interrupted extends Error {}

/**
 * The rounds of a run, and their results.
 *
 * A round: load and faults at the same time; then the load stops and all requests end; the system recovers; the books
 * are read and compared with the answers; the audit runs; and the system has to answer requests again.
 */
export class Rounds {
  readonly faultStatistics = new FaultStatistics();
  readonly restores: TortureResult["restores"] = [];
  readonly commandsDone: string[] = [];
  readonly #system: SystemUnderTest;
  readonly #load: ClientLoad;
  readonly #keys: ClientKeys | null;
  readonly #folder: RunFolder;
  readonly #options: TortureOptions;
  readonly #checker: Checker;
  readonly #plans: readonly RoundPlan[];
  readonly #interrupted: Promise<never>;
  /** By performance.now(), as in the history. */
  beganAt = 0;
  /** Rounds that have ended, checks included. */
  ended = 0;
  loadSeconds = 0;
  counts: RoundCounts = NO_COUNTS;
  found: readonly Violation[] = [];
  violatedAfterSeconds: number | null = null;
  recoverySecondsMax = 0;
  /** Of the latest round. */
  lastAttempts: readonly Attempt[] = [];
  #phase: Phase = "load";
  #phaseAt = 0;

  constructor({ system, load, keys, folder, options }: RoundsOptions) {
    this.#system = system;
    this.#load = load;
    this.#keys = keys;
    this.#folder = folder;
    this.#options = options;
    this.#checker = options.dependencies.createChecker();
    this.#plans = planRun(options, options.dependencies.planRound);
    this.#interrupted = interruption(options.signal);
  }

  /** Resolves after the last round, the first one with a violation, or the signal. */
  async run(): Promise<void> {
    this.beganAt = performance.now();
    const timer = setInterval(() => this.#reportLoad(), PROGRESS_MILLISECONDS);
    try {
      for (const plan of this.#plans) {
        if (this.found.length === 0) await this.#round(plan);
      }
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
    } finally {
      clearInterval(timer);
      this.#load.close();
      // From the last probe, or from a round that was interrupted.
      this.#folder.addAttempts(await this.#load.stop());
    }
  }

  async #round(plan: RoundPlan): Promise<void> {
    const records = await this.#injectUnderLoad(plan);
    const attempts = await this.#unlessInterrupted(this.#load.stop());
    const loadEndedAt = performance.now();
    this.#enterPhase("recovery");
    this.lastAttempts = attempts;
    this.#folder.addAttempts(attempts);
    this.#folder.addFaults(records);
    const decisions = decisionsOf(attempts, this.#options.form?.shards);
    for (const record of records)
      this.faultStatistics.add(record, outageOfShards(record, records, decisions, loadEndedAt));

    const verdict = await this.#checkRound(attempts, records);
    this.ended += 1;
    this.counts = sumOfCounts(this.counts, verdict.counts);
    if (verdict.violations.length > 0) {
      this.found = verdict.violations;
      this.violatedAfterSeconds = this.#seconds();
      this.#folder.addViolations(verdict.violations);
    }
    this.#report({ type: "round-checked", round: this.ended, verdict });
  }

  /**
   * Resolves at the end of the round's time, when all faults are undone and transactions are decided again, or a bound
   * for that has passed.
   */
  async #injectUnderLoad({ faults, milliseconds }: RoundPlan): Promise<readonly FaultRecord[]> {
    this.#enterPhase("load");
    this.#load.start();
    // In the second round, if there is one: before it nothing is harmed, so that the time of the promise counts.
    if (this.#keys !== null && this.ended === Math.min(1, this.#plans.length - 1))
      await this.#unlessInterrupted(exchangeKey(this.#system, this.#load, this.#keys));
    const beganAt = performance.now();
    const records = await this.#unlessInterrupted(
      Promise.all(faults.map((fault) => this.#inject(fault, beganAt))),
    );
    await this.#unlessInterrupted(sleepUntil(beganAt + milliseconds));
    const undoneAt = Math.max(beganAt, ...records.map((record) => record.undoneAt));
    const deadline = performance.now() + tortureBounds.outage_search_milliseconds;
    // The outage of the last faults is known only when something was decided after them.
    while (this.#load.decidedAt < undoneAt && performance.now() < deadline) {
      await this.#unlessInterrupted(Bun.sleep(POLL_MILLISECONDS));
    }
    return records;
  }

  async #inject(fault: Fault, roundBeganAt: number): Promise<FaultRecord> {
    await sleepUntil(roundBeganAt + fault.afterMilliseconds);
    if (this.#options.signal?.aborted === true) {
      const now = performance.now();
      return { fault, beganAt: now, undoneAt: now, skipped: "the run was interrupted" };
    }
    this.#report({ type: "fault-begins", atSeconds: this.#seconds(), fault });
    const record = await this.#system.inject(fault);
    this.#report({ type: "fault-ended", atSeconds: this.#seconds(), record });
    return record;
  }

  async #checkRound(attempts: readonly Attempt[], records: readonly FaultRecord[]): Promise<RoundVerdict> {
    let restores: readonly RestoreReport[];
    const recoveryStartedAt = performance.now();
    try {
      restores = await this.#unlessInterrupted(this.#system.recover());
      this.commandsDone.push(...(this.#system.takeCommands?.() ?? []));
    } catch (error) {
      return failedVerdict(attempts, "does-not-heal", error);
    } finally {
      this.recoverySecondsMax = Math.max(
        this.recoverySecondsMax,
        (performance.now() - recoveryStartedAt) / 1000,
      );
    }
    this.#enterPhase("check");
    for (const report of restores) this.restores.push(restoreSummary(report, this.ended + 1));
    let books: BooksSnapshot;
    try {
      books = await this.#unlessInterrupted(this.#system.books());
    } catch (error) {
      return failedVerdict(attempts, "does-not-heal", error);
    }
    const redisDataDamaged = records.some(damagesRedisData) || tookTwoCopies(records);
    const { counts, violations } = this.#checker.round(attempts, books, restores);
    const all = [...violations, ...(await this.#audit())];
    if (!redisDataDamaged && restores.some(({ type }) => type === "restored"))
      all.push(RESTORED_WITHOUT_NEED);
    // If something was found already, the system is left as it is.
    if (all.length === 0) all.push(...(await this.#checkAnswering()));
    if (all.length > 0) this.#folder.writeBooks(books);
    return { counts, violations: all };
  }

  async #audit(): Promise<Violation[]> {
    const disagreement = await this.#unlessInterrupted(this.#system.audit()).catch((error: unknown) => {
      if (error instanceof Interrupted) throw error;
      return `the audit could not look: ${messageOf(error)}`;
    });
    return disagreement === null ? [] : [{ name: "audit", detail: disagreement, attempts: [] }];
  }

  async #checkAnswering(): Promise<Violation[]> {
    const wrong = await this.#unlessInterrupted(this.#load.probe());
    if (wrong === null) return [];
    return [{ name: "does-not-heal", detail: `healed, and yet it does not answer: ${wrong}`, attempts: [] }];
  }

  #enterPhase(phase: Phase): void {
    if (this.#phase === "load" && this.#phaseAt > 0) {
      this.loadSeconds += (performance.now() - this.#phaseAt) / 1000;
    }
    this.#phase = phase;
    this.#phaseAt = performance.now();
  }

  #reportLoad(): void {
    const milliseconds = this.#plans[0]?.milliseconds ?? 0;
    const underWay = this.#phase === "load" ? performance.now() - this.#phaseAt : milliseconds;
    const wanted = this.ended * milliseconds + Math.min(underWay, milliseconds);
    this.#report({
      type: "load",
      phase: this.#phase,
      round: this.ended + 1,
      rounds: this.#plans.length,
      loadSeconds: wanted / 1000,
      requests: this.#load.requests,
      unknown: this.#load.unknown,
    });
  }

  #report(progress: TortureProgress): void {
    this.#options.onProgress?.(progress);
  }

  #seconds(): number {
    return (performance.now() - this.beganAt) / 1000;
  }

  #unlessInterrupted<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#interrupted]);
  }
}

/** Rejects with `Interrupted` when the signal aborts. */
function interruption(signal: AbortSignal | undefined): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    if (signal?.aborted === true) reject(new Interrupted());
    signal?.addEventListener("abort", () => reject(new Interrupted()), { once: true });
  });
  // It may reject while nobody waits for it; whoever waits next gets the rejection.
  interrupted.catch(() => {});
  return interrupted;
}

async function sleepUntil(time: number): Promise<void> {
  await Bun.sleep(Math.max(0, time - performance.now()));
}

const RESTORED_WITHOUT_NEED: Violation = {
  name: "restored-without-need",
  detail:
    "Redis had to be restored, although nothing was done to its data that it does not promise to survive",
  attempts: [],
};

function damagesRedisData({ fault: { action }, skipped }: FaultRecord): boolean {
  return skipped === null && ["redis-cut", "redis-zeroed", "redis-emptied"].includes(action.type);
}

/** The verdict on a round whose books could not be compared: only the answers are counted. */
function failedVerdict(attempts: readonly Attempt[], name: Violation["name"], error: unknown): RoundVerdict {
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

function restoreSummary(
  { type, shards, missing }: RestoreReport,
  round: number,
): TortureResult["restores"][number] {
  const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
  return {
    round,
    type,
    found: shards.map(({ found }) => found),
    fromOutbox: sum(shards.map(({ fromOutbox }) => fromOutbox)),
    fromFeed: sum(shards.map(({ fromFeed }) => fromFeed)),
    missingBatches: sum(missing.batches.map(({ from, to }) => to - from + 1)),
    missingAccounts: missing.accounts.length,
    missingTransits: missing.transits?.length ?? 0,
  };
}
