import type { Answer, Attempt, Operation } from "../clients/history.ts";

/** What changes something. */
export type Command = Exclude<Operation, { type: "statement" }>;
export type Accepted = Extract<Answer, { type: "accepted" }>;
export type Refused = Extract<Answer, { type: "refused" }>;

/** Where a change stands in the books: entry `entry` of its account, or none, and its place among all its changes. */
export interface RowPosition {
  readonly account: number;
  /** From 1; null for openings and new limits. */
  readonly entry: number | null;
  /** From 1, the opening. */
  readonly change: number;
  /** The round in which it was found. */
  readonly round: number;
}

/** The outcome that a command was first told. */
export interface KnownOutcome {
  readonly answer: Accepted | Refused;
  readonly attempt: number;
  readonly round: number;
}

/** One command, with everything that was said of it. */
export class RegisteredCommand {
  readonly operation: Command;
  readonly key: string | null;
  /** The first attempt's number. */
  readonly first: number;
  /** The changes that its account had before the round of the first attempt: earlier ones cannot have decided it. */
  readonly floor: number;
  /** Those of this round. */
  attempts: Attempt[] = [];
  /** By an earlier round. */
  knownOutcome: KnownOutcome | null = null;
  /** An attempt of an earlier round ended without an outcome: it may still be applied. */
  open = false;
  position: RowPosition | null = null;
  /** It was answered and is not in the books; `named`: a restore said so. */
  lost: "no" | "named" | "silently" = "no";

  constructor(attempt: Attempt, operation: Command, floor: number) {
    this.operation = operation;
    this.key = attempt.key;
    this.first = attempt.number;
    this.floor = floor;
  }

  /** Attempts of this round that may have applied it. */
  get causes(): Attempt[] {
    return this.attempts.filter(({ answer }) => answer.type === "accepted" || answer.type === "unknown");
  }

  get numbers(): number[] {
    return this.attempts.length > 0 ? this.attempts.map(({ number }) => number) : [this.first];
  }

  /** Null for an opening that nobody was told the account of. */
  get account(): number | null {
    if (this.operation.type !== "open") return this.operation.account;
    for (const { answer } of this.attempts) if (answer.type === "accepted") return answer.account;
    return this.knownOutcome?.answer.type === "accepted" ? this.knownOutcome.answer.account : null;
  }

  /** An opening that was lost and sent again opened several. */
  get accounts(): Set<number> {
    const answers = [this.knownOutcome?.answer, ...this.attempts.map(({ answer }) => answer)];
    const accounts = new Set(
      answers.flatMap((answer) => (answer?.type === "accepted" ? [answer.account] : [])),
    );
    if (this.operation.type !== "open") accounts.add(this.operation.account);
    if (this.position !== null) accounts.add(this.position.account);
    return accounts;
  }
}

/** Every command of a run, found by its key and by the mark that it leaves in the books. */
export class CommandRegistry {
  readonly #byKey = new Map<string, RegisteredCommand>();
  readonly #byDescription = new Map<string, RegisteredCommand>();
  readonly #byName = new Map<string, RegisteredCommand>();
  readonly #byLimit = new Map<string, RegisteredCommand>();

  /**
   * Notes an attempt with its command.
   *
   * @param floorOf the changes of an account that stood before this round
   * @throws Error where the client gave two commands the same key or mark
   */
  attempt(attempt: Attempt, operation: Command, floorOf: (account: number) => number): RegisteredCommand {
    const known = attempt.key === null ? undefined : this.#byKey.get(attempt.key);
    if (known !== undefined && !isSame(known.operation, operation)) {
      throw new Error(`The clients used the key ${attempt.key} for two commands: mend the load.`);
    }
    const registered =
      known ??
      new RegisteredCommand(attempt, operation, operation.type === "open" ? 0 : floorOf(operation.account));
    if (known === undefined) this.#register(registered);
    registered.attempts.push(attempt);
    return registered;
  }

  byDescription(description: string): RegisteredCommand | undefined {
    return this.#byDescription.get(description);
  }

  byName(name: string): RegisteredCommand | undefined {
    return this.#byName.get(name);
  }

  byLimit(account: number, creditLimit: number): RegisteredCommand | undefined {
    return this.#byLimit.get(`${account} ${creditLimit}`);
  }

  #register(registered: RegisteredCommand): void {
    const { operation, key } = registered;
    if (key !== null) this.#byKey.set(key, registered);
    switch (operation.type) {
      case "transact":
        return setOnce(this.#byDescription, operation.description, registered);
      case "open":
        return setOnce(this.#byName, operation.name, registered);
      case "change-limit":
        return setOnce(this.#byLimit, `${operation.account} ${operation.creditLimit}`, registered);
    }
  }
}

function setOnce(
  commands: Map<string, RegisteredCommand>,
  mark: string,
  registered: RegisteredCommand,
): void {
  if (commands.has(mark)) {
    throw new Error(
      `The clients gave two commands the mark "${mark}", so they cannot be told apart: mend the load.`,
    );
  }
  commands.set(mark, registered);
}

function isSame(a: Command, b: Command): boolean {
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
