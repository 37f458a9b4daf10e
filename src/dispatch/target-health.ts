import { bounds } from "../bounds.ts";
import { latestAttempt, nextAttempt, TRIED_FOR } from "./retry-plan.ts";

/** While its target is down, it is tried at least so often, so that it soon goes on after that. */
const PROBE_MILLISECONDS_MAX = 600_000;

/** Whether the target of a webhook takes anything. Times are in milliseconds. */
export class TargetHealth {
  /** Attempts that failed since one did not, and the deliveries that these were of. */
  #failures = 0;
  readonly #failed = new Set<string>();
  #failingSince: number | null;
  #isProbing: boolean;
  #probes = 0;
  #probeAt = 0;

  /** @param failingSince as another dispatcher has noted it; `null`: it is not failing */
  constructor(failingSince: number | null) {
    this.#failingSince = failingSince;
    this.#isProbing = failingSince !== null;
  }

  /** `null`: nothing is known to be wrong with it. */
  get failingSince(): number | null {
    return this.#failingSince;
  }

  /** When a single delivery may be tried; `null`: all may, each by its own plan. */
  get probeAt(): number | null {
    return this.#isProbing ? this.#probeAt : null;
  }

  /** So many attempts of whatever can be tried had failed before this process looked. */
  noteBefore(failures: number): void {
    this.#failures = Math.max(this.#failures, failures);
  }

  /** @returns whether it was failing before */
  succeeded(): boolean {
    const wasFailing = this.#failingSince !== null;
    this.#failures = 0;
    this.#failed.clear();
    this.#failingSince = null;
    this.#isProbing = false;
    this.#probes = 0;
    return wasFailing;
  }

  /**
   * Where it is one delivery that is never taken, that one keeps to its own plan.
   *
   * @param key of the delivery
   * @returns whether it is failing by this one, or has been for so long that it is given up
   */
  failed(key: string, now: number, chance: number): "failing" | "given-up" | null {
    this.#failures += 1;
    this.#failed.add(key);
    const isNew = this.#failingSince === null && this.#failures >= bounds.webhook_failures_max;
    if (isNew) this.#failingSince = now;
    if (this.#failingSince === null) return null;
    if (this.#failed.size >= bounds.webhook_failures_max) this.#isProbing = true;
    if (this.#isProbing) {
      this.#probes += 1;
      const failure = { attempts: this.#probes, firstAt: now, now, retryAfter: null };
      this.#probeAt = Math.min(nextAttempt(failure, chance) ?? 0, now + PROBE_MILLISECONDS_MAX);
    }
    if (now - this.#failingSince >= TRIED_FOR) return "given-up";
    return isNew ? "failing" : null;
  }

  /** Where the clock went back, the next probe would wait for that long more. */
  clockWentBack(now: number): void {
    this.#probeAt = Math.min(this.#probeAt, latestAttempt(this.#probes, now));
  }
}
