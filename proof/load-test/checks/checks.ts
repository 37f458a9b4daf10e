import { loadTestBounds } from "../load-test-bounds.ts";
import type { Failure, RequestKind } from "../run-result.ts";

/**
 * All checks by name. `inconsistency` means that a failure counts as a wrong balance, which the contest fines: the
 * server showed or stored a balance that no order of the transactions leads to. All others are ordinary failures.
 */
export const CHECKS = {
  "not-fresh": { inconsistency: false },
  "account-missing": { inconsistency: false },
  "unknown-account-found": { inconsistency: false },
  "concurrent-balance": { inconsistency: true },
  "accepts-fractional-value": { inconsistency: false },
  "accepts-unknown-type": { inconsistency: false },
  "accepts-long-description": { inconsistency: false },
  "accepts-empty-description": { inconsistency: false },
  "accepts-null-description": { inconsistency: false },
  "connection-refused": { inconsistency: false },
  "connection-dropped": { inconsistency: false },
  "no-socket": { inconsistency: false },
  "timed-out": { inconsistency: false },
  "answer-garbled": { inconsistency: false },
  "answer-malformed": { inconsistency: false },
  "status-unexpected": { inconsistency: false },
  "limit-wrong": { inconsistency: false },
  "limit-passed": { inconsistency: true },
  "refused-without-reason": { inconsistency: false },
  "statement-order": { inconsistency: false },
  "statement-entry": { inconsistency: false },
  "statement-stale": { inconsistency: true },
  "statement-torn": { inconsistency: true },
  "step-claimed-twice": { inconsistency: true },
  "final-balance": { inconsistency: true },
  "too-slow": { inconsistency: false },
} as const satisfies Record<string, { readonly inconsistency: boolean }>;

export type CheckName = keyof typeof CHECKS;

/** What a check found. The time and the kind of request are added later. */
export interface Finding {
  readonly check: CheckName;
  /** One sentence: the account, what was seen, what it should have been. */
  readonly message: string;
}

/** Counts all failures and records the first ones with their messages. */
export class FailureLog {
  readonly recorded: Failure[] = [];
  #total = 0;
  #inconsistencies = 0;

  get total(): number {
    return this.#total;
  }

  get inconsistencies(): number {
    return this.#inconsistencies;
  }

  /** @param atSeconds since the start of the run */
  add(kind: RequestKind, finding: Finding, atSeconds: number): void {
    const { check, message } = finding;
    const { inconsistency } = CHECKS[check];
    this.#total += 1;
    if (inconsistency) this.#inconsistencies += 1;
    if (this.recorded.length < loadTestBounds.failures_recorded_max) {
      this.recorded.push({
        check,
        kind,
        inconsistency,
        atSeconds: Math.round(atSeconds * 1000) / 1000,
        message,
      });
    }
  }
}
