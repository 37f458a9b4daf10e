import { bounds } from "../bounds.ts";
import type { Account, Micros } from "../ledger/account.ts";
import {
  type ChangeLimit,
  type Command,
  contentOf,
  isClientKey,
  type OpenAccount,
  type Transact,
} from "../ledger/command.ts";
import type { Outcome } from "../ledger/ledger.ts";
import type { Refusal } from "../ledger/refusal.ts";
import { changeLimit, openAccount, transact } from "../ledger/rules.ts";
import type { Store } from "./store.ts";

const KEPT_MICROS = bounds.idempotency_key_kept_seconds * 1_000_000;

/** Decides the commands of one batch. Each command sees the changes of those before it; nobody else does before commit. */
export class BatchDecider {
  readonly changed = new Map<number, Account>();
  readonly #store: Store;
  readonly #committed: ReadonlyMap<number, Account>;
  readonly #now: Micros;
  #remembered = 0;

  constructor(store: Store, committed: ReadonlyMap<number, Account>, now: Micros) {
    this.#store = store;
    this.#committed = committed;
    this.#now = now;
  }

  apply(command: Command): Outcome {
    if (!isClientKey(command.id)) return this.#decide(command);

    const content = contentOf(command);
    const remembered = this.#store.recall(command.id);
    if (remembered !== null && remembered.forgetAt > this.#now) {
      if (remembered.content !== content) return refuse("key-reused");
      const first: Outcome = JSON.parse(remembered.outcome);
      return { ...first, replayed: true };
    }
    const outcome = this.#decide(command);
    const forgetAt = this.#now + KEPT_MICROS;
    this.#store.remember(command.id, { content, outcome: JSON.stringify(outcome), forgetAt });
    this.#remembered += 1;
    return outcome;
  }

  /** Forgets at least as many expired keys as the batch added, so that they never pile up and need no other clean-up. */
  forgetOld(): void {
    if (this.#remembered > 0) this.#store.forget(this.#now, 2 * this.#remembered);
  }

  #decide(command: Command): Outcome {
    switch (command.type) {
      case "open":
        return this.#open(command);
      case "transact":
        return this.#transact(command);
      case "change-limit":
        return this.#changeLimit(command);
    }
  }

  #open(command: OpenAccount): Outcome {
    const { id, name, creditLimit } = command;
    const account = { id: this.#store.lastAccount() + 1, name, ...openAccount(creditLimit, this.#now) };
    this.#store.insertAccount(account, id);
    this.#store.insertLimit(account, id, this.#now);
    return this.#accept(account);
  }

  #transact(command: Transact): Outcome {
    const account = this.#copy(command.account);
    if (account === null) return refuse("account-unknown");
    const { kind, value, description, id } = command;
    const refusal = transact(account, kind, value, this.#now);
    if (refusal !== null) return refuse(refusal);
    const { seq, balance, time } = account;
    this.#store.insertEntry({ account: account.id, seq, kind, value, balance, description, id, time });
    return this.#accept(account);
  }

  #changeLimit(command: ChangeLimit): Outcome {
    const account = this.#copy(command.account);
    if (account === null) return refuse("account-unknown");
    const refusal = changeLimit(account, command.creditLimit);
    if (refusal !== null) return refuse(refusal);
    this.#store.insertLimit(account, command.id, this.#now);
    return this.#accept(account);
  }

  #accept(account: Account): Outcome {
    this.changed.set(account.id, account);
    return { type: "accepted", account, replayed: false };
  }

  /** A copy for the rules, which change it: an account that is committed, or in an outcome, stays as it is. */
  #copy(id: number): Account | null {
    const account = this.changed.get(id) ?? this.#committed.get(id) ?? this.#store.account(id);
    return account === null ? null : { ...account };
  }
}

function refuse(refusal: Refusal): Outcome {
  return { type: "refused", refusal, replayed: false };
}
