import type { Command } from "../ledger/command.ts";
import type { LedgerUnavailable } from "../ledger/ledger.ts";
import type { BatchDecider } from "./decide-batch.ts";

/** What waits for its batch, whatever it comes to. */
export interface Waiting {
  /** One, or a group. */
  readonly commands: readonly Command[];
  readonly isAborted: (() => boolean) | undefined;
  readonly reject: (reason: LedgerUnavailable) => void;
  decide(batch: BatchDecider): void;
  /** Call it after the commit of what was decided. */
  answer(): void;
}

/** One command, or a group of them. */
export class Pending<Result> implements Waiting {
  readonly commands: readonly Command[];
  readonly isAborted: (() => boolean) | undefined;
  readonly reject: (reason: LedgerUnavailable) => void;
  readonly #decide: (batch: BatchDecider) => Result;
  readonly #resolve: (result: Result) => void;
  #result: Result | null = null;

  constructor(
    commands: readonly Command[],
    decide: (batch: BatchDecider) => Result,
    isAborted: (() => boolean) | undefined,
    resolve: (result: Result) => void,
    reject: (reason: LedgerUnavailable) => void,
  ) {
    this.commands = commands;
    this.isAborted = isAborted;
    this.reject = reject;
    this.#decide = decide;
    this.#resolve = resolve;
  }

  decide(batch: BatchDecider): void {
    this.#result = this.#decide(batch);
  }

  answer(): void {
    if (this.#result !== null) this.#resolve(this.#result);
  }
}
