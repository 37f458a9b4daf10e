import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import type { Attempt } from "../clients/history.ts";
import type { BooksSnapshot } from "../system/system-under-test.ts";

/** Something that must never happen. `attempts` are the numbers of the attempts that show it. */
export interface Violation {
  readonly name:
    | "lost"
    | "doubled"
    | "unasked"
    | "wrong-answer"
    | "refused-and-applied"
    | "impossible-refusal"
    /** A command was accepted that the ledger, as it then was, has to refuse. */
    | "impossible-acceptance"
    /** Also of an account, a hold or a transaction that was read. */
    | "stale-statement"
    | "impossible-statement"
    | "order-reversed"
    | "chain-broken"
    | "limit-passed"
    /** Something of a transaction, a reversal or an atomic batch happened, and something of it did not. */
    | "partly-applied"
    | "sum-off"
    | "held-off"
    | "hold-ended-twice"
    /** A hold that ended otherwise after its expiry, or expired before it. */
    | "expired-wrongly"
    | "reversed-twice"
    /** A part of a transaction across shards was finished, and its home has not decided it; */
    | "finished-undecided"
    /** it was undone, and its home has decided it; */
    | "undone-decided"
    /** it was finished, or undone, a second time; */
    | "part-ended-twice"
    /** it was decided, and never prepared; */
    | "part-missing"
    /** the system is at rest, and it has not ended; */
    | "part-open"
    /** what ended it is not what was prepared or decided; */
    | "part-differs"
    /** one try of it was decided twice; */
    | "attempt-decided-twice"
    /** an account was changed while a part has locked it for a condition. */
    | "lock-broken"
    | "odd-answer"
    | "other-outcome"
    | "audit"
    | "does-not-heal"
    /** Redis had to be restored although no fault had damaged its data. */
    | "restored-without-need";
  readonly detail: string;
  readonly attempts: readonly number[];
}

/** How many commands of one kind were accepted, and refused. */
export interface KindCounts {
  readonly accepted: number;
  readonly refused: number;
}

/** Counts of one round. */
export interface RoundCounts {
  readonly requests: number;
  readonly accepted: number;
  readonly refused: number;
  /** Statements, and whatever else was read. */
  readonly statements: number;
  readonly notDone: number;
  readonly unknown: number;
  /** Commands with an unknown outcome that were found in the books. */
  readonly unknownApplied: number;
  /**
   * Commands that were answered and are not in the books. Those that a restore named as missing, which the promise does
   * not cover, count as `lostNamed`.
   */
  readonly lost: number;
  readonly lostNamed: number;
  readonly doubled: number;
  /**
   * Answers that were not checked against the order of the changes, because a restore of this round named
   * something as missing that may explain them.
   */
  readonly excused: number;
  /**
   * By the type of the command or the event; those of batches count one by one. As accepted count expiries, what was decided
   * across shards, and parts of such transactions that were undone.
   */
  readonly kinds: Readonly<Record<string, KindCounts>>;
}

export interface RoundVerdict {
  readonly counts: RoundCounts;
  readonly violations: readonly Violation[];
}

/**
 * Compares the answers that clients got with the books, round by round.
 *
 * See the implementation for the model. It is written independently of the ledger: it imports nothing from src/ledger,
 * src/decide, src/keep or src/embedded.
 */
export interface Checker {
  /**
   * @param attempts of this round, in any order; all have ended
   * @param books all rows, read after the system has recovered
   * @param restores the restores of this round
   * @throws Error if the attempts or the books are not what their types promise (two commands with one mark, books
   *   out of order): a defect of the torture, not of the system under test
   */
  round(attempts: readonly Attempt[], books: BooksSnapshot, restores: readonly RestoreReport[]): RoundVerdict;
}
