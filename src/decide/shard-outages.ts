import type { Report } from "../log/report.ts";
import { bounds } from "../bounds.ts";
import { messageOf } from "../errors.ts";
import { RefusedByNodes } from "./nodes/redis-nodes.ts";

/** How a shard is, at one look. */
export interface ShardLook {
  /** Whether what is asked of it now is decided. */
  readonly decides: boolean;
  /** Or did so before. That a start does not decide at once is no outage. */
  readonly hasDecided: boolean;
  /** Why it does not, where that has lasted for longer than requests wait; null before. For a person. */
  readonly reason: string | null;
}

export interface ShardOutagesOptions {
  readonly report: Report;
  /** For what a person has to look at. */
  readonly alarm: Report;
  /** What a person can do about a shard, as a sentence; null if nothing is known. */
  readonly advise: (shard: number) => Promise<string | null>;
}

/**
 * Lines about shards of a cluster that do not decide: one where it begins to be noticed, one where it is over, and an alarm
 * where it lasts for longer than a cluster takes to help itself. From then on it is also known what a person can do, as it is
 * now.
 */
export class ShardOutages {
  readonly #options: ShardOutagesOptions;
  readonly #outages = new Map<number, Outage>();

  constructor(options: ShardOutagesOptions) {
    this.#options = options;
  }

  look(shards: readonly ShardLook[]): void {
    for (const [shard, look] of shards.entries()) {
      if (look.decides) this.#end(shard);
      else this.#goOn(shard, look);
    }
  }

  /** What a person can do about a shard, as a sentence; null before the alarm, or if nothing is known. */
  adviceOn(shard: number): string | null {
    return this.#outages.get(shard)?.advice ?? null;
  }

  #goOn(shard: number, { hasDecided, reason }: ShardLook): void {
    const outage = this.#outages.get(shard) ?? new Outage();
    this.#outages.set(shard, outage);
    if (reason === null) return;
    if (!outage.isTold && hasDecided) {
      outage.isTold = true;
      this.#options.report(`shard ${shard} does not decide: ${reason}`, { shard, outage: "shard" });
    }
    if (outage.milliseconds < outage.advisedNext) return;
    outage.advisedNext = outage.milliseconds + bounds.shard_advice_milliseconds;
    outage.isTold = true;
    this.#advise(shard, outage, reason).catch(() => {});
  }

  async #advise(shard: number, outage: Outage, reason: string): Promise<void> {
    const advice = await this.#options.advise(shard).catch(adviceOnAll);
    outage.advice = advice;
    // It may be over by now.
    if (outage.isAlarmed || this.#outages.get(shard) !== outage) return;
    outage.isAlarmed = true;
    const since = outage.since.toISOString();
    const line = `ALARM: shard ${shard} has not decided since ${since}: ${reason}.`;
    this.#options.alarm(advice === null ? line : `${line} ${advice}`, { shard, since, outage: "shard" });
  }

  #end(shard: number): void {
    const outage = this.#outages.get(shard);
    if (outage === undefined) return;
    this.#outages.delete(shard);
    if (!outage.isTold) return;
    const seconds = (outage.milliseconds / 1000).toFixed(1);
    this.#options.report(`shard ${shard} decides again, after ${seconds} s`, { shard });
  }
}

/** Where the cluster cannot be asked. */
function adviceOnAll(error: unknown): string {
  const what =
    error instanceof RefusedByNodes
      ? "correct the user, the password or the nodes in REDIS_URL"
      : "start its nodes";
  return `The Redis Cluster cannot be asked (${messageOf(error)}): ${what}.`;
}

class Outage {
  readonly since = new Date();
  readonly #began = performance.now();
  isTold = false;
  isAlarmed = false;
  advice: string | null = null;
  /** At which age of it what a person can do is looked up next, in milliseconds. */
  advisedNext: number = bounds.shard_alarm_milliseconds;

  get milliseconds(): number {
    return performance.now() - this.#began;
  }
}
