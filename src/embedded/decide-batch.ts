import { bounds } from "../bounds.ts";
import type { Account, Micros } from "../ledger/account.ts";
import { type Command, contentOf, isClientKey } from "../ledger/command.ts";
import { decide, open } from "../ledger/decide.ts";
import type { Outcome } from "../ledger/ledger.ts";
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
      if (remembered.content !== content) return { type: "refused", refusal: "key-reused", replayed: false };
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
    if (command.type === "open") {
      const opened = open(command, this.#store.lastAccount() + 1, this.#now);
      this.#store.insertAccount(opened, command.id);
      this.#store.insertLimit(opened, command.id, this.#now);
      return this.#accept(opened);
    }
    const decision = decide(this.#find(command.account), command, this.#now);
    if (decision.type === "refused") return { type: "refused", refusal: decision.refusal, replayed: false };
    if (decision.entry !== null) this.#store.insertEntry(decision.entry);
    else this.#store.insertLimit(decision.account, command.id, this.#now);
    return this.#accept(decision.account);
  }

  #accept(account: Account): Outcome {
    this.changed.set(account.id, account);
    return { type: "accepted", account, replayed: false };
  }

  #find(id: number): Account | null {
    return this.changed.get(id) ?? this.#committed.get(id) ?? this.#store.account(id);
  }
}
