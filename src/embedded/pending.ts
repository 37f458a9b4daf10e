import type { Command } from "../ledger/command.ts";
import type { AllOrNone, LedgerUnavailable, Outcome } from "../ledger/ledger.ts";
import type { BatchDecider } from "./decide-batch.ts";

/** What waits for its batch. */
export interface Pending {
  /** How many commands it has. */
  readonly size: number;
  readonly isAborted: (() => boolean) | undefined;
  decide(batch: BatchDecider): void;
  /** After the commit of what was decided. */
  answer(): void;
  reject(reason: LedgerUnavailable): void;
}

export class PendingCommand implements Pending {
  readonly size = 1;
  readonly isAborted: (() => boolean) | undefined;
  readonly reject: (reason: LedgerUnavailable) => void;
  readonly #command: Command;
  readonly #resolve: (outcome: Outcome) => void;
  #outcome: Outcome | null = null;

  constructor(
    command: Command,
    isAborted: (() => boolean) | undefined,
    resolve: (outcome: Outcome) => void,
    reject: (reason: LedgerUnavailable) => void,
  ) {
    this.#command = command;
    this.isAborted = isAborted;
    this.#resolve = resolve;
    this.reject = reject;
  }

  decide(batch: BatchDecider): void {
    this.#outcome = batch.apply(this.#command);
  }

  answer(): void {
    if (this.#outcome !== null) this.#resolve(this.#outcome);
  }
}

/** Commands of which all are done or none. */
export class PendingGroup implements Pending {
  readonly size: number;
  readonly isAborted: (() => boolean) | undefined;
  readonly reject: (reason: LedgerUnavailable) => void;
  readonly #commands: readonly Command[];
  readonly #resolve: (outcome: AllOrNone) => void;
  #outcome: AllOrNone | null = null;

  constructor(
    commands: readonly Command[],
    isAborted: (() => boolean) | undefined,
    resolve: (outcome: AllOrNone) => void,
    reject: (reason: LedgerUnavailable) => void,
  ) {
    this.size = commands.length;
    this.#commands = commands;
    this.isAborted = isAborted;
    this.#resolve = resolve;
    this.reject = reject;
  }

  decide(batch: BatchDecider): void {
    this.#outcome = batch.applyAll(this.#commands);
  }

  answer(): void {
    if (this.#outcome !== null) this.#resolve(this.#outcome);
  }
}
