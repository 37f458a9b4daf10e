import { nameOf, type ProblemName } from "./problem.ts";
import type { Problem } from "./types.ts";

/** What became of a command. */
export type Outcome<T> = Done<T> | Refused | NotDone | Unknown<T>;

/** It is applied, once, and durable. */
export interface Done<T> {
  readonly type: "done";
  readonly value: T;
  /** An earlier attempt had applied it; `value` is how things stood then. */
  readonly replayed: boolean;
  readonly key: string;
}

/** It was refused, and changed nothing. Sent again with its key it would be refused again. */
export interface Refused {
  readonly type: "refused";
  /** Such as `limit-exceeded`. */
  readonly reason: ProblemName;
  readonly problem: Problem;
  readonly key: string;
}

/** Nothing was changed until the deadline: every attempt was answered so. */
export interface NotDone {
  readonly type: "not-done";
  /** What the last attempt met, for people. */
  readonly detail: string;
  readonly problem: Problem | null;
  readonly key: string;
}

/** It may have been applied or not, and may still be. `settle(request)` tells, within 24 hours. */
export interface Unknown<T> {
  readonly type: "unknown";
  readonly detail: string;
  readonly problem: Problem | null;
  readonly key: string;
  readonly request: Unsettled<T>;
  /** What is known so far: of a batch the commands that were decided. */
  readonly partly: T | null;
}

/** A command that may have been sent, with all that it takes to send it again. Plain JSON: it can be stored. */
export interface Unsettled<T> {
  readonly method: "POST" | "PATCH" | "DELETE";
  readonly path: string;
  /** JSON; of a DELETE an empty text. */
  readonly body: string;
  readonly key: string;
  /** Never there: what its answer would be. */
  readonly answer?: T;
}

/** Every error of the ledger's. `instanceof` one of the three below, or `type`, tells them apart. */
export abstract class RazoneteError extends Error {
  abstract readonly type: "refused" | "not-done" | "unknown" | "hold";
}

export class RefusedError extends RazoneteError {
  override readonly name: string = "RefusedError";
  readonly type = "refused";
  readonly reason: ProblemName;
  readonly problem: Problem;
  /** Of the answer. */
  readonly status: number;
  /** The account because of which it was refused. */
  readonly account: string | undefined;
  /** The place of the posting, condition or command because of which it was refused, from 0. */
  readonly index: number | undefined;
  readonly key: string;

  constructor({ problem, key }: Refused) {
    const whose = problem.account === undefined ? "" : ` (${problem.account})`;
    super(`${problem.title}${whose}. ${problem.detail}`);
    this.reason = nameOf(problem);
    this.problem = problem;
    this.key = key;
    this.status = problem.status;
    this.account = problem.account;
    this.index = problem.index;
  }

  /** No member of its own: whoever prints the error would read all of it twice. */
  get outcome(): Refused {
    const { type, reason, problem, key } = this;
    return { type, reason, problem, key };
  }
}

/**
 * The place that a reader of events would go on from is no more: the books were put back to an older state, and not all
 * that had come after it could be recovered. Read anew what was made of the events, and go on from `after: "latest"`, or
 * from the beginning, without `after`.
 */
export class CursorGoneError extends RefusedError {
  override readonly name = "CursorGoneError";
}

/** Nothing was changed, or nothing could be read, until the deadline. */
export class NotDoneError extends RazoneteError {
  override readonly name = "NotDoneError";
  readonly type = "not-done";
  readonly outcome: NotDone;

  constructor(outcome: NotDone) {
    super(`Nothing was done: ${outcome.detail}. Try again later.`);
    this.outcome = outcome;
  }
}

/** Whether it was applied is not known. `ledger.settle(error.request)` tells. */
export class UnknownError extends RazoneteError {
  override readonly name = "UnknownError";
  readonly type = "unknown";
  readonly key: string;
  readonly request: Unsettled<unknown>;
  readonly outcome: Unknown<unknown>;

  constructor(outcome: Unknown<unknown>) {
    super(
      `Whether it was applied is not known: ${outcome.detail}. ` +
        `Settle it within 24 hours, with the same key: ${outcome.key}`,
    );
    this.outcome = outcome;
    this.key = outcome.key;
    this.request = outcome.request;
  }
}

export function refusedError(problem: Problem, key: string): RefusedError {
  const reason = nameOf(problem);
  const refused: Refused = { type: "refused", reason, problem, key };
  return reason === "cursor-gone" ? new CursorGoneError(refused) : new RefusedError(refused);
}

/** @throws RefusedError, NotDoneError, UnknownError */
export function valueOf<T>(outcome: Outcome<T>): T {
  switch (outcome.type) {
    case "done":
      return outcome.value;
    case "refused":
      throw refusedError(outcome.problem, outcome.key);
    case "not-done":
      throw new NotDoneError(outcome);
    case "unknown":
      throw new UnknownError(outcome);
  }
}

/** A command on its way. Awaited, it is its answer, or throws; `outcome()` tells instead of throwing. */
export interface Sent<T> extends Promise<T> {
  /** Its idempotency key. Store it before you wait if the command is to outlive this process. */
  readonly key: string;
  /** Rejects only where the command is not one that could be sent. */
  outcome(): Promise<Outcome<T>>;
}
