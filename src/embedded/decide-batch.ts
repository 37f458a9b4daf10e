import type { Account, Micros, AccountId } from "../ledger/account.ts";
import { newAccountId } from "../new-account-id.ts";
import {
  type ChangeLimit,
  type Command,
  contentOf,
  isClientKey,
  type OpenAccount,
  type Transact,
} from "../ledger/command.ts";
import { formatEvent, timeOf } from "../ledger/event.ts";
import type { Outcome } from "../ledger/ledger.ts";
import type { Refusal } from "../ledger/refusal.ts";
import { changeLimit, openAccount, transact } from "../ledger/rules.ts";
import { type DecisionEvent, outcomeOf, rememberedOutcome } from "./remembered-outcome.ts";
import type { Store } from "./store.ts";

/** Decides the commands of one batch. Each command sees the changes of those before it; nobody else does before commit. */
export class BatchDecider {
  readonly changed = new Map<AccountId, Account>();
  readonly #store: Store;
  readonly #committed: ReadonlyMap<AccountId, Account>;
  readonly #now: Micros;
  /** What was decided, for the journal. */
  readonly #events: string[] = [];
  /** The latest time among the events. */
  #time = 0;
  #remembered = 0;

  constructor(store: Store, committed: ReadonlyMap<AccountId, Account>, now: Micros) {
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
    switch (command.type) {
      case "open":
        return this.#open(command);
      case "transact":
        return this.#transact(command);
      case "change-limit":
        return this.#changeLimit(command);
    }
  }

  #open(command: OpenAccount): DecisionEvent {
    const { id, unit, name, creditLimit } = command;
    const row = openAccount(creditLimit, this.#now);
    const account: Account = { id: newAccountId(), unit, name, state: "open", openedAt: this.#now, ...row };
    this.#store.insertAccount(account, id);
    this.#store.insertLimit(account, id, this.#now);
    this.changed.set(account.id, account);
    return { type: "open", account: account.id, time: this.#now, creditLimit, id, unit, name };
  }

  #transact(command: Transact): DecisionEvent {
    const account = this.#copy(command.account);
    if (account === null) return this.#refusal(command, "account-unknown");
    const { kind, value, description, id } = command;
    const refusal = transact(account, kind, value, this.#now);
    if (refusal !== null) return this.#refusal(command, refusal);
    const { seq, balance, time, creditLimit } = account;
    const entry = { account: account.id, seq, kind, value, balance, description, id, time };
    this.#store.insertEntry(entry);
    this.changed.set(account.id, account);
    return { type: "entry", entry, creditLimit };
  }

  #changeLimit(command: ChangeLimit): DecisionEvent {
    const account = this.#copy(command.account);
    if (account === null) return this.#refusal(command, "account-unknown");
    const { id, creditLimit } = command;
    const refusal = changeLimit(account, creditLimit);
    if (refusal !== null) return this.#refusal(command, refusal);
    this.#store.insertLimit(account, id, this.#now);
    this.changed.set(account.id, account);
    const { seq, balance } = account;
    return { type: "limit", account: account.id, seq, time: this.#now, balance, creditLimit, id };
  }

  #refusal(command: Command, refusal: Refusal): DecisionEvent {
    return { type: "refusal", time: this.#now, refusal, id: command.id, content: contentOf(command) };
  }

  #note(event: DecisionEvent): void {
    this.#events.push(formatEvent(event));
    this.#time = Math.max(this.#time, timeOf(event));
  }

  /** A copy for the rules, which change it: an account that is committed, or in an outcome, stays as it is. */
  #copy(id: AccountId): Account | null {
    const account = this.changed.get(id) ?? this.#committed.get(id) ?? this.#store.account(id);
    return account === null ? null : { ...account };
  }
}
