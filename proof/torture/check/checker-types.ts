import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import type { Attempt } from "../clients/history.ts";
import type { BooksSnapshot } from "../system/system-under-test.ts";

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
    | "does-not-heal"
    /** Redis had to be restored after harms that are none to its data. */
    | "restored-without-need";
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
  /**
   * Answers that were not held against the order of their account, because a restore of this round named something as
   * missing that may explain them.
   */
  readonly excused: number;
}

/** What was done in a round and is not seen in its restores. */
export interface RoundFaults {
  /**
   * Redis's own data was harmed. Refusals are remembered in it alone: with the tail of its log it may lose some, and
   * no batch, and then no restore is needed and none tells of it.
   */
  readonly redisData: boolean;
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
   * @param harm without it, Redis's data is taken for unharmed unless there was a restore
   * @throws Error where the attempts or the books are not what their types promise (two commands with one mark, books
   *   out of order): a defect of the torture, not of what it tortures
   */
  round(
    attempts: readonly Attempt[],
    books: BooksSnapshot,
    restores: readonly RestoreReport[],
    harm?: RoundFaults,
  ): RoundVerdict;
}
