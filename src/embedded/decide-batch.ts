import type { Account, Micros } from "../ledger/account.ts";
import { type Command, contentOf, isClientKey } from "../ledger/command.ts";
import { decide, open } from "../ledger/decide.ts";
import { formatEvent, timeOf } from "../ledger/event.ts";
import type { Outcome } from "../ledger/ledger.ts";
import type { Refusal } from "../ledger/refusal.ts";
import { type DecisionEvent, outcomeOf, rememberedOutcome } from "./remembered-outcome.ts";
import type { Store } from "./store.ts";

/** Decides the commands of one batch. Each command sees the changes of those before it; nobody else does before commit. */
export class BatchDecider {
  readonly changed = new Map<number, Account>();
  readonly #store: Store;
  readonly #committed: ReadonlyMap<number, Account>;
  readonly #now: Micros;
  /** What was decided, for the journal. */
  readonly #events: string[] = [];
  /** The latest time among the events. */
  #time = 0;
  #remembered = 0;

  constructor(store: Store, committed: ReadonlyMap<number, Account>, now: Micros) {
    this.#store = store;
    this.#committed = committed;
    this.#now = now;
  }

  apply(command: Command): Outcome {
    if (!isClientKey(command.id)) {
      const event = this.#decide(command);
      // Nobody can ask for it again, and it changed nothing.
      if (event.type !== "refusal") this.#note(event);
      return outcomeOf(event);
    }
    const remembered = this.#store.recall(command.id);
    if (remembered !== null && remembered.forgetAt > this.#now) {
      if (remembered.content !== contentOf(command))
        return { type: "refused", refusal: "key-reused", replayed: false };
      const first: Outcome = JSON.parse(remembered.outcome);
      return { ...first, replayed: true };
    }
    const event = this.#decide(command);
    this.#note(event);
    this.#store.remember(command.id, rememberedOutcome(event));
    this.#remembered += 1;
    return outcomeOf(event);
  }

  /** Call it once, when all commands are applied. */
  finish(): void {
    // At least as many expired keys as the batch added, so that they never pile up and need no other clean-up.
    if (this.#remembered > 0) this.#store.forget(this.#now, 2 * this.#remembered);
    if (this.#events.length > 0) this.#store.insertJournal(this.#events, this.#time);
  }

  #decide(command: Command): DecisionEvent {
    const now = this.#now;
    if (command.type === "open") {
      const opened = open(command, this.#store.lastAccount() + 1, now);
      this.#store.insertAccount(opened, command.id);
      this.#store.insertLimit(opened, command.id, now);
      this.changed.set(opened.id, opened);
      const { id: account, creditLimit, name } = opened;
      return { type: "open", account, time: now, creditLimit, id: command.id, name };
    }
    const decision = decide(this.#find(command.account), command, now);
    if (decision.type === "refused") return this.#refusal(command, decision.refusal);
    const { account, entry } = decision;
    const { creditLimit } = account;
    this.changed.set(account.id, account);
    if (entry !== null) {
      this.#store.insertEntry(entry);
      return { type: "entry", entry, creditLimit };
    }
    this.#store.insertLimit(account, command.id, now);
    const { seq, balance } = account;
    return { type: "limit", account: account.id, seq, time: now, balance, creditLimit, id: command.id };
  }

  #refusal(command: Command, refusal: Refusal): DecisionEvent {
    return { type: "refusal", time: this.#now, refusal, id: command.id, content: contentOf(command) };
  }

  #note(event: DecisionEvent): void {
    this.#events.push(formatEvent(event));
    this.#time = Math.max(this.#time, timeOf(event));
  }

  #find(id: number): Account | null {
    return this.changed.get(id) ?? this.#committed.get(id) ?? this.#store.account(id);
  }
}
