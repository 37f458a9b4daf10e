import type { Accepted, Answer, Attempt, Batch, Command, Operation, Refused } from "../clients/history.ts";
import { type Across, commandIn, type Event } from "./journal-events.ts";
import type { PlacedEvent } from "./placed-event.ts";
import type { LedgerView } from "./ledger-history.ts";

/** What an attempt came to for one command: of a batch, for one of its commands. */
export interface Try extends Pick<Attempt, "number" | "sentAt" | "endedAt" | "by"> {
  readonly answer: Answer;
}

/** The outcome that a command was first answered with. */
export interface KnownOutcome {
  readonly answer: Accepted | Refused;
  readonly attempt: number;
}

/** The event of a command, the round in which it appeared, and what answers to it show. */
export interface Decision extends PlacedEvent {
  readonly round: number;
  readonly after: LedgerView;
}

/** A command of a batch: the ones before it, and whether all or none of them happen. */
export interface GroupPlace {
  readonly batch: Batch;
  /** The id of the command that bears the key of the batch; null where each has its own. */
  readonly bearer: string | null;
  readonly index: number;
  readonly members: RegisteredCommand[];
}

/** One command, with all its attempts and answers. */
export class RegisteredCommand {
  readonly operation: Command;
  /** The id that its key gives it; null for none. */
  readonly id: string | null;
  readonly group: GroupPlace | null;
  /** The first attempt's number. */
  readonly first: number;
  /** Attempts of this round. */
  attempts: Try[] = [];
  /**
   * The names of the access keys of all attempts that may have decided it, of all rounds; null where one came with none.
   */
  readonly names = new Set<string | null>();
  /** From an earlier round. */
  knownOutcome: KnownOutcome | null = null;
  /** An attempt of an earlier round ended without an outcome: it may still be applied. */
  open = false;
  decision: Decision | null = null;
  /** Whether it was answered and is not in the books. `named`: a restore named it as missing. */
  lost: "no" | "named" | "silently" = "no";

  constructor(operation: Command, id: string | null, group: GroupPlace | null, first: number) {
    this.operation = operation;
    this.id = id;
    this.group = group;
    this.first = first;
  }

  /** Attempts of this round that may have applied it. */
  get causes(): Try[] {
    return this.attempts.filter(({ answer }) => answer.type === "accepted" || answer.type === "unknown");
  }

  /** The names of which its event has to bear one. An answer that is not a replay says that this attempt decided it. */
  get namesOfDecision(): ReadonlySet<string | null> {
    const own = this.attempts.filter(({ answer }) => "replayed" in answer && !answer.replayed);
    return own.length > 0 ? new Set(own.map(({ by }) => by)) : this.names;
  }

  /** The id of the event that refuses it. An atomic batch is refused as a whole, under its key. */
  get refusalId(): string | null {
    return this.group?.batch.atomic === true ? (this.group.bearer ?? this.id) : this.id;
  }

  get numbers(): number[] {
    return this.attempts.length > 0 ? this.attempts.map(({ number }) => number) : [this.first];
  }

  /** Of a command that was decided across shards. */
  get across(): Across | null {
    const event = this.decision?.event;
    return event?.type === "transaction" || event?.type === "capture" ? event.details.across : null;
  }

  get isApplied(): boolean {
    return this.decision !== null && this.decision.event.type !== "refusal";
  }
}

/** Every command of a run, found by its id or by the mark that it leaves in the books. */
export class CommandRegistry {
  readonly #byId = new Map<string, RegisteredCommand>();
  readonly #byMark = new Map<string, RegisteredCommand>();

  /**
   * Adds an attempt to its commands.
   *
   * @returns them
   * @throws Error where the client gave two commands the same key or mark
   */
  attempt(attempt: Attempt, operation: Command | Batch): RegisteredCommand[] {
    const { number, sentAt, endedAt, answer, key, by } = attempt;
    if (operation.type !== "batch") {
      const command = this.#command(operation, key === null ? null : `key:${key}`, null, number);
      command.attempts.push({ number, sentAt, endedAt, by, answer });
      if (answer.type !== "not-done") command.names.add(by);
      return [command];
    }
    const members: RegisteredCommand[] = [];
    const bearerAt = operation.commands.findIndex(({ key: own }) => own === null);
    const bearer = bearerAt === -1 ? null : `key:${key}`;
    for (const [index, { command, key: own }] of operation.commands.entries()) {
      const id = own !== null ? `key:${own}` : index === bearerAt ? `key:${key}` : `bat:${index}:${key}`;
      const registered = this.#command(command, id, { batch: operation, bearer, index, members }, number);
      const result = answer.type === "batch" ? answer.results[index] : answer;
      if (result !== undefined) registered.attempts.push({ number, sentAt, endedAt, by, answer: result });
      if (answer.type !== "not-done") registered.names.add(by);
      members.push(registered);
    }
    return members;
  }

  /** @returns the command whose event this is */
  ofEvent(event: Event & { readonly id: string }, limitChanged: boolean): RegisteredCommand | undefined {
    const known = this.#byId.get(commandIn(event.id).id);
    if (event.type === "refusal" && event.refusal.command !== null)
      return known?.group?.members[event.refusal.command];
    if (known !== undefined) return known;
    const mark = markOfEvent(event, limitChanged);
    return mark === null ? undefined : this.#byMark.get(mark);
  }

  #command(
    operation: Command,
    id: string | null,
    group: GroupPlace | null,
    number: number,
  ): RegisteredCommand {
    const mark = markOf(operation);
    const isOpenedAgain = id === null && operation.type === "open" && operation.account !== null;
    const known =
      id === null ? (isOpenedAgain ? this.#byMark.get(mark ?? "") : undefined) : this.#byId.get(id);
    if (known !== undefined && known.id === id) {
      if (JSON.stringify(known.operation) === JSON.stringify(operation)) return known;
      throw new Error(`The clients used the key ${id} for two commands: fix the load.`);
    }
    const command = new RegisteredCommand(operation, id, group, number);
    if (id !== null) this.#byId.set(id, command);
    if (mark === null) return command;
    if (this.#byMark.has(mark)) {
      throw new Error(
        `The clients gave two commands the mark "${mark}", so they cannot be told apart: fix the load.`,
      );
    }
    this.#byMark.set(mark, command);
    return command;
  }
}

export function isCommand(operation: Operation): operation is Command | Batch {
  return operation.type !== "statement" && !operation.type.startsWith("read-");
}

function markOf(command: Command): string | null {
  switch (command.type) {
    case "transact":
      return `description ${command.description}`;
    case "open":
      return `name ${command.name}`;
    case "change-limit":
      return `limit ${command.account} ${command.creditLimit}`;
    case "transaction":
    case "hold":
    case "reversal":
      return `reference ${command.reference}`;
    case "change-state":
    case "capture":
    case "release":
      return null;
  }
}

function markOfEvent(event: Event & { readonly id: string }, limitChanged: boolean): string | null {
  switch (event.type) {
    case "entry":
      return `description ${event.description}`;
    case "open":
      return `name ${event.details.name}`;
    case "change":
      return limitChanged ? `limit ${event.account.id} ${event.account.creditLimit}` : null;
    case "transaction":
    case "part": {
      const { reference, description } = event.details;
      return reference === null ? `description ${description}` : `reference ${reference}`;
    }
    case "hold":
      return `reference ${event.details.reference}`;
    case "capture":
    case "release":
    case "expiry":
    case "finish":
    case "undo":
    case "refusal":
    case "missing":
      return null;
  }
}
