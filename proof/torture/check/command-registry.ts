import type { Answer, Attempt, Operation } from "../clients/history.ts";

/** An operation that changes something. */
export type CommandOperation = Exclude<Operation, { type: "statement" }>;
export type Accepted = Extract<Answer, { type: "accepted" }>;
export type Refused = Extract<Answer, { type: "refused" }>;

/** Where a change is in the books: as entry `entry` of its account, or as no entry, and as which of all its changes. */
export interface RowPosition {
  readonly account: string;
  /** From 1; null for openings and new limits. */
  readonly entry: number | null;
  /** From 1, the opening. */
  readonly change: number;
  /** The round in which it appeared. */
  readonly round: number;
}

/** The outcome that a command was first answered with. */
export interface KnownOutcome {
  readonly answer: Accepted | Refused;
  readonly attempt: number;
  /** It is a refusal of a round in which a restore named something as missing: that may have been its batch. */
  readonly mayBeForgotten: boolean;
}

/** One command, with all its attempts and answers. */
export class RegisteredCommand {
  readonly operation: CommandOperation;
  readonly key: string | null;
  /** The first attempt's number. */
  readonly first: number;
  /** How many changes its account had before the round of its first attempt: it was decided after all of these. */
  readonly changesBefore: number;
  /** Attempts of this round. */
  attempts: Attempt[] = [];
  /** From an earlier round. */
  knownOutcome: KnownOutcome | null = null;
  /** An attempt of an earlier round ended without an outcome: it may still be applied. */
  open = false;
  position: RowPosition | null = null;
  /** Whether it was answered and is not in the books. `named`: a restore named it as missing. */
  lost: "no" | "named" | "silently" = "no";

  constructor(attempt: Attempt, operation: CommandOperation, changesBefore: number) {
    this.operation = operation;
    this.key = attempt.key;
    this.first = attempt.number;
    this.changesBefore = changesBefore;
  }

  /** Attempts of this round that may have applied it. */
  get causes(): Attempt[] {
    return this.attempts.filter(({ answer }) => answer.type === "accepted" || answer.type === "unknown");
  }

  get numbers(): number[] {
    return this.attempts.length > 0 ? this.attempts.map(({ number }) => number) : [this.first];
  }

  /** Null for an opening if no answer gave its account. */
  get account(): string | null {
    if (this.operation.type !== "open") return this.operation.account;
    for (const { answer } of this.attempts) if (answer.type === "accepted") return answer.account;
    return this.knownOutcome?.answer.type === "accepted" ? this.knownOutcome.answer.account : null;
  }

  /** Several for an opening that was lost and then sent again. */
  get accounts(): Set<string> {
    const answers = [this.knownOutcome?.answer, ...this.attempts.map(({ answer }) => answer)];
    const accounts = new Set(
      answers.flatMap((answer) => (answer?.type === "accepted" ? [answer.account] : [])),
    );
    if (this.operation.type !== "open") accounts.add(this.operation.account);
    if (this.position !== null) accounts.add(this.position.account);
    return accounts;
  }
}

/** Every command of a run, found by its key or by the mark that it leaves in the books. */
export class CommandRegistry {
  readonly #byKey = new Map<string, RegisteredCommand>();
  readonly #byDescription = new Map<string, RegisteredCommand>();
  readonly #byName = new Map<string, RegisteredCommand>();
  readonly #byLimit = new Map<string, RegisteredCommand>();

  /**
   * Adds an attempt to its command.
   *
   * @param changesBefore how many changes an account had before this round
   * @throws Error where the client gave two commands the same key or mark
   */
  attempt(
    attempt: Attempt,
    operation: CommandOperation,
    changesBefore: (account: string) => number,
  ): RegisteredCommand {
    const known = attempt.key === null ? undefined : this.#byKey.get(attempt.key);
    if (known !== undefined && !isSame(known.operation, operation)) {
      throw new Error(`The clients used the key ${attempt.key} for two commands: fix the load.`);
    }
    const command =
      known ??
      new RegisteredCommand(
        attempt,
        operation,
        operation.type === "open" ? 0 : changesBefore(operation.account),
      );
    if (known === undefined) this.#register(command);
    command.attempts.push(attempt);
    return command;
  }

  byDescription(description: string): RegisteredCommand | undefined {
    return this.#byDescription.get(description);
  }

  byName(name: string): RegisteredCommand | undefined {
    return this.#byName.get(name);
  }

  byLimit(account: string, creditLimit: number): RegisteredCommand | undefined {
    return this.#byLimit.get(`${account} ${creditLimit}`);
  }

  #register(command: RegisteredCommand): void {
    const { operation, key } = command;
    if (key !== null) this.#byKey.set(key, command);
    switch (operation.type) {
      case "transact":
        return setOnce(this.#byDescription, operation.description, command);
      case "open":
        return setOnce(this.#byName, operation.name, command);
      case "change-limit":
        return setOnce(this.#byLimit, `${operation.account} ${operation.creditLimit}`, command);
    }
  }
}

function setOnce(commands: Map<string, RegisteredCommand>, mark: string, command: RegisteredCommand): void {
  if (commands.has(mark)) {
    throw new Error(
      `The clients gave two commands the mark "${mark}", so they cannot be told apart: fix the load.`,
    );
  }
  commands.set(mark, command);
}

function isSame(a: CommandOperation, b: CommandOperation): boolean {
  switch (a.type) {
    case "transact":
      return (
        b.type === "transact" &&
        a.account === b.account &&
        a.kind === b.kind &&
        a.value === b.value &&
        a.description === b.description
      );
    case "open":
      return b.type === "open" && a.name === b.name && a.creditLimit === b.creditLimit;
    case "change-limit":
      return b.type === "change-limit" && a.account === b.account && a.creditLimit === b.creditLimit;
  }
}
