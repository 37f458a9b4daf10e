import type { RestoreReport } from "../restore/report.ts";
import type { Attempt } from "./history.ts";
import type { BooksSeen } from "./stage.ts";

/** Something that must never be. `attempts` are those that show it. */
export interface Violation {
  readonly name:
    | "lost"
    | "doubled"
    | "unasked"
    | "wrong-answer"
    | "refused-and-applied"
    | "impossible-refusal"
    | "stale-statement"
    | "impossible-statement"
    | "order-reversed"
    | "chain-broken"
    | "limit-passed"
    | "odd-answer"
    | "other-outcome"
    | "audit"
    | "does-not-heal";
  readonly detail: string;
  readonly attempts: readonly number[];
}

/** Counts of one round. */
export interface RoundCounts {
  readonly requests: number;
  readonly accepted: number;
  readonly refused: number;
  readonly statements: number;
  readonly notDone: number;
  readonly unknown: number;
  /** Commands with no known outcome that were found in the books after all. */
  readonly unknownApplied: number;
  /** Commands that were answered and are not in the books. Beyond the promise and named by a restore: `lostNamed`. */
  readonly lost: number;
  readonly lostNamed: number;
  readonly doubled: number;
}

export interface RoundVerdict {
  readonly counts: RoundCounts;
  readonly violations: readonly Violation[];
}

/**
 * Holds what the clients were told against the books, round by round.
 *
 * See the implementation for the model. Written apart from the ledger: it imports nothing of src/ledger, src/decide,
 * src/keep or src/embedded.
 */
export interface Checker {
  /**
   * @param attempts of this round, in any order; all have ended
   * @param books whole, read after the round's heal
   * @param restores what was restored in this round
   */
  round(attempts: readonly Attempt[], books: BooksSeen, restores: readonly RestoreReport[]): RoundVerdict;
}
