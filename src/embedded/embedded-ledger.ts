import { bounds } from "../bounds.ts";
import type { Account, Micros, AccountId } from "../ledger/account.ts";
import type { Command } from "../ledger/command.ts";
import type { Entry } from "../ledger/entry.ts";
import {
  type HistoryPage,
  type Ledger,
  LedgerUnavailable,
  type Outcome,
  type Readiness,
  type Statement,
} from "../ledger/ledger.ts";
import { BatchDecider } from "./decide-batch.ts";
import { Store } from "./store.ts";
import { messageOf } from "../errors.ts";

export interface EmbeddedLedgerOptions {
  /** The data file; it and its folder are created if they do not exist. */
  readonly file: string;
  /** Microseconds since 1970. */
  readonly clock?: () => Micros;
  /** Called once when commits begin to fail, and once when they work again. */
  readonly onOutage?: (message: string) => void;
}

interface Pending {
  readonly command: Command;
  readonly isAborted: (() => boolean) | undefined;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (reason: LedgerUnavailable) => void;
}

/**
 * The ledger on one SQLite file, for one process.
 *
 * Group commit: commands are collected while the event loop reads from its sockets. Then the whole batch is decided,
 * one command after the other, and written and committed as one transaction with one fsync. Only then are its commands
 * answered. SQLite's calls block the event loop, so requests that arrive during a commit wait in the kernel and make up
 * the next batch. The busier the ledger, the larger its batches, and nobody waits for a timer.
 *
 * A command whose request was aborted until then is not decided: the HTTP server passes a body on before it has looked at
 * what follows, and if that is malformed, it answers 400 by itself. Nothing is read from a socket between this look and
 * the answers, so what is answered is what was done.
 *
 * The file is the truth. Memory only holds a cache of the accounts in use, which is updated after a commit and cleared
 * after a failure. Nothing else runs between decision and commit, so a read never sees half a batch.
 */
export class EmbeddedLedger implements Ledger {
  readonly #store: Store;
  readonly #clock: () => Micros;
  readonly #onOutage: (message: string) => void;
  /** Accounts as committed; the one that was changed longest ago comes first. */
  readonly #accounts = new Map<AccountId, Account>();
  #pending: Pending[] = [];
  #failing = false;
  #closed = false;

  /** @throws StartError if the file cannot be used */
  constructor(options: EmbeddedLedgerOptions) {
    this.#clock = options.clock ?? (() => Date.now() * 1000);
    this.#onOutage = options.onOutage ?? (() => {});
    this.#store = new Store(options.file, this.#clock());
  }

  submit(command: Command, isAborted?: () => boolean): Promise<Outcome> {
    if (this.#closed) return Promise.reject(new LedgerUnavailable("the ledger is closed", "none"));
    return new Promise((resolve, reject) => {
      if (this.#pending.push({ command, isAborted, resolve, reject }) === 1)
        setImmediate(() => this.#answerPending());
    });
  }

  // The reads are `async`, so that errors of the store reach the caller as rejections.

  async account(id: AccountId): Promise<Account | null> {
    return this.#read(() => this.#accounts.get(id) ?? this.#store.account(id));
  }

  async statement(id: AccountId): Promise<Statement | null> {
    return this.#read(() => {
      const account = this.#accounts.get(id) ?? this.#store.account(id);
      if (account === null) return null;
      const entries = this.#store.entries(id, account.seq + 1, bounds.statement_entries_max);
      return { account, entries, readAt: Math.max(this.#clock(), account.time) };
    });
  }

  async history(id: AccountId, page: HistoryPage): Promise<readonly Entry[] | null> {
    return this.#read(() => {
      const account = this.#accounts.get(id) ?? this.#store.account(id);
      if (account === null) return null;
      return this.#store.entries(id, page.before ?? account.seq + 1, page.count);
    });
  }

  readiness(): Readiness {
    return this.#closed ? { ready: false, reason: "the ledger is closed" } : { ready: true };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    while (this.#pending.length > 0) this.#answerPending();
    this.#store.close();
  }

  #answerPending(): void {
    const all = this.#pending;
    if (all.length === 0) return;
    const first = all.length <= bounds.batch_commands_max ? all : all.slice(0, bounds.batch_commands_max);
    this.#pending = first === all ? [] : all.slice(bounds.batch_commands_max);
    if (this.#pending.length > 0) setImmediate(() => this.#answerPending());
    const batch: Pending[] = [];
    for (const pending of first) {
      if (pending.isAborted?.() === true)
        pending.reject(new LedgerUnavailable("the request was aborted", "none"));
      else batch.push(pending);
    }
    if (batch.length === 0) return;

    let outcomes: Outcome[];
    try {
      outcomes = this.#commit(batch);
    } catch (error) {
      if (!(error instanceof LedgerUnavailable)) throw error;
      this.#reportOutage(error);
      for (const pending of batch) pending.reject(error);
      return;
    }
    if (this.#failing) {
      this.#failing = false;
      this.#onOutage("the data file can be written again");
    }
    // One outcome for each command of the batch, in the same order.
    for (const [index, outcome] of outcomes.entries()) batch[index]?.resolve(outcome);
  }

  /** @throws LedgerUnavailable; then nothing of the batch is in the cache */
  #commit(pending: readonly Pending[]): Outcome[] {
    const batch = new BatchDecider(this.#store, this.#accounts, this.#clock());
    let outcomes: Outcome[];
    try {
      this.#store.begin();
      outcomes = pending.map(({ command }) => batch.apply(command));
      batch.finish();
    } catch (error) {
      this.#store.rollback();
      throw this.#unavailable(error, "none");
    }
    try {
      this.#store.commit();
    } catch (error) {
      throw this.#unavailable(error, this.#store.eraseFailedCommit() ? "none" : "unknown");
    }
    this.#updateCache(batch.changed);
    return outcomes;
  }

  #updateCache(changed: ReadonlyMap<AccountId, Account>): void {
    for (const [id, account] of changed) {
      this.#accounts.delete(id);
      this.#accounts.set(id, account);
    }
    for (const id of this.#accounts.keys()) {
      if (this.#accounts.size <= bounds.accounts_cached_max) break;
      this.#accounts.delete(id);
    }
  }

  #unavailable(cause: unknown, outcome: "none" | "unknown"): LedgerUnavailable {
    // Another program may have written to the file, against all advice: the cache can no longer be trusted.
    this.#accounts.clear();
    const reason = messageOf(cause);
    return new LedgerUnavailable(`the data file could not be written (${reason})`, outcome, { cause });
  }

  #reportOutage(error: LedgerUnavailable): void {
    if (!this.#failing) this.#onOutage(`${error.message}: transactions are answered 503 until it can`);
    this.#failing = true;
  }

  #read<T>(reading: () => T): T {
    if (this.#closed) throw new LedgerUnavailable("the ledger is closed", "none");
    try {
      return reading();
    } catch (error) {
      const reason = messageOf(error);
      throw new LedgerUnavailable(`the data file could not be read (${reason})`, "none", { cause: error });
    }
  }
}
