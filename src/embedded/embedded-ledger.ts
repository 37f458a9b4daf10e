import { bounds } from "../bounds.ts";
import { messageOf } from "../errors.ts";
import { DecideMeasures } from "../metrics/hot-histogram.ts";
import type { Account, AccountId, Micros } from "../ledger/account.ts";
import type { Command } from "../ledger/command.ts";
import type { Entry, KeptEntry } from "../ledger/entry.ts";
import {
  type AccountFilter,
  type AllOrNone,
  type BalanceAt,
  type EntriesPage,
  type HoldFilter,
  type KeptTransaction,
  type Ledger,
  type LedgerTotals,
  LedgerUnavailable,
  type Listed,
  type ListPage,
  type Outcome,
  type Readiness,
  type Statement,
  type TransactionFilter,
} from "../ledger/ledger.ts";
import type { EventId, Hold, Transaction } from "../ledger/transaction.ts";
import type { Report } from "../log/report.ts";
import type { Tracing } from "../traces/tracing.ts";
import { BatchDecider } from "./decide-batch.ts";
import { listAccounts, listHolds, listTransactions, Turns } from "./lists.ts";
import { Pending, type Waiting } from "./pending.ts";
import type { TableReader } from "./read-tables.ts";
import { Store } from "./store.ts";
import { Totals, totalsOfTables, trialBalance } from "./totals.ts";

export interface EmbeddedLedgerOptions {
  /** The data file; it and its folder are created if they do not exist. */
  readonly file: string;
  /** Microseconds since 1970. It may step back: the ledger's time does not. */
  readonly clock?: () => Micros;
  /** Whether a new file has the contest's accounts; by default it has. */
  readonly initialAccounts?: boolean;
  /** For how long clients' keys are remembered that are decided from now on; by default as before, at first 24. */
  readonly keyHours?: number | null;
  /** Called once when commits begin to fail, and once when they work again. */
  readonly onOutage?: Report;
  /** Called after each commit, before what it decided is answered. */
  readonly onCommitted?: () => void;
  /** Default: nobody looks at them. */
  readonly measures?: DecideMeasures;
  /** Default: none. */
  readonly tracing?: Tracing | null;
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
 * Holds whose time has come are ended before anything else is decided or read, and once a second where nobody asks. So
 * that this costs nothing where none is due, the time of the next one is known.
 *
 * The file is the truth. Memory only holds a cache of the accounts in use, which is updated after a commit and cleared
 * after a failure. Nothing else runs between decision and commit, so a read never sees half a batch.
 */
export class EmbeddedLedger implements Ledger {
  readonly #store: Store;
  readonly #clock: () => Micros;
  readonly #onOutage: Report;
  readonly #onCommitted: () => void;
  readonly #measures: DecideMeasures;
  readonly #tracing: Tracing | null;
  /** Accounts as committed; the one that was changed longest ago comes first. */
  readonly #accounts = new Map<AccountId, Account>();
  readonly #turns = new Turns(() => this.#store.head.g);
  readonly #timer: ReturnType<typeof setInterval>;
  #pending: Waiting[] = [];
  /** The latest time that was given out. */
  #time: Micros;
  /** When the next open hold expires, or earlier. */
  #nextDue: Micros;
  /** Of the tables and all batches since; null until somebody asks. */
  #totals: { readonly since: Totals; readonly tables: Promise<Totals> } | null = null;
  #trouble: string | null = null;
  #closed = false;

  /** @throws StartError if the file cannot be used */
  constructor(options: EmbeddedLedgerOptions) {
    this.#clock = options.clock ?? (() => Date.now() * 1000);
    this.#onOutage = options.onOutage ?? (() => {});
    this.#onCommitted = options.onCommitted ?? (() => {});
    this.#measures = options.measures ?? new DecideMeasures();
    this.#tracing = options.tracing ?? null;
    const { file, initialAccounts = true, keyHours = null } = options;
    this.#store = new Store(file, this.#clock(), initialAccounts, keyHours);
    this.#time = this.#store.head.time;
    this.#nextDue = this.#store.firstDue;
    this.#timer = setInterval(() => this.#endDue(), bounds.expiry_look_milliseconds);
    this.#timer.unref();
  }

  submit(command: Command, isAborted?: () => boolean): Promise<Outcome> {
    return this.#decided([command], (batch) => batch.apply(command), isAborted);
  }

  submitEach(
    commands: readonly Command[],
    isAborted?: () => boolean,
  ): Promise<readonly PromiseSettledResult<Outcome>[]> {
    return Promise.allSettled(commands.map((command) => this.submit(command, isAborted)));
  }

  submitAll(commands: readonly Command[], isAborted?: () => boolean): Promise<AllOrNone> {
    return this.#decided(commands, (batch) => batch.applyAll(commands), isAborted);
  }

  // The reads are `async`, so that errors of the store reach the caller as rejections.

  async account(id: AccountId): Promise<Account | null> {
    return this.#read(() => this.#account(id));
  }

  async statement(id: AccountId): Promise<Statement | null> {
    return this.#read((read) => {
      const account = this.#account(id);
      if (account === null) return null;
      const entries = read.statement(id, account.seq + 1, bounds.statement_entries_max);
      return { account, entries: entries.map(shortened), readAt: Math.max(this.#now(), account.time) };
    });
  }

  async entries(id: AccountId, page: EntriesPage): Promise<readonly KeptEntry[] | null> {
    return this.#read((read) => {
      const account = this.#account(id);
      return account === null ? null : read.entries(id, account.seq, page);
    });
  }

  async transaction(id: EventId): Promise<KeptTransaction | null> {
    return this.#read((read) => {
      const transaction = read.transaction(id);
      return transaction === null ? null : { transaction, reversedBy: read.reversal(id) };
    });
  }

  async hold(id: EventId): Promise<Hold | null> {
    return this.#read((read) => read.hold(id));
  }

  async balanceAt(id: AccountId, time: Micros): Promise<BalanceAt | null> {
    return this.#read((read) => {
      const account = this.#account(id);
      return account === null ? null : read.balanceAt(account, time);
    });
  }

  async accounts(filter: AccountFilter, page: ListPage): Promise<Listed<Account>> {
    return this.#readSlowly((read) => listAccounts(read, filter, page, this.#turns));
  }

  async transactions(filter: TransactionFilter, page: ListPage): Promise<Listed<Transaction>> {
    return this.#readSlowly((read) => listTransactions(read, this.#store.head.g, filter, page));
  }

  async holds(filter: HoldFilter, page: ListPage): Promise<Listed<Hold>> {
    return this.#readSlowly((read) => listHolds(read, filter, page));
  }

  /** The first time the tables are added up; from then on it is known. */
  async totals(): Promise<LedgerTotals> {
    return this.#readSlowly(async (read) => {
      read();
      this.#totals ??= this.#addUp();
      const { since, tables } = this.#totals;
      return trialBalance(await tables, since);
    });
  }

  readiness(): Readiness {
    return this.#closed ? { ready: false, reason: "the ledger is closed" } : { ready: true };
  }

  /** Why the latest batch could not be written; `null`: it was. */
  get trouble(): string | null {
    return this.#trouble;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    while (this.#pending.length > 0) this.#answerPending();
    await this.#totals?.tables.catch(() => {});
    this.#store.close();
  }

  /** Adds up the tables as of now. */
  #addUp() {
    const tables = totalsOfTables(this.#store.openReader(), () => this.#closed);
    tables.catch(() => {
      this.#totals = null;
    });
    return { since: new Totals(), tables };
  }

  /** Resolves when the batch is committed in which it was decided. */
  #decided<Result>(
    commands: readonly Command[],
    decide: (batch: BatchDecider) => Result,
    isAborted: (() => boolean) | undefined,
  ): Promise<Result> {
    if (this.#closed) return Promise.reject(new LedgerUnavailable("the ledger is closed", "none"));
    return new Promise((resolve, reject) => {
      const pending = new Pending(commands, decide, isAborted, resolve, reject);
      if (this.#pending.push(pending) === 1) setImmediate(() => this.#answerPending());
    });
  }

  /** Takes as many as fit into a batch, but for those whose answers nobody can get any more. */
  #nextBatch(): Waiting[] {
    const batch: Waiting[] = [];
    let size = 0;
    let taken = 0;
    for (const pending of this.#pending) {
      size += pending.commands.length;
      if (size > bounds.batch_commands_max && taken > 0) break;
      taken += 1;
      if (pending.isAborted?.() === true)
        pending.reject(new LedgerUnavailable("the request was aborted", "none"));
      else batch.push(pending);
    }
    this.#pending = taken === this.#pending.length ? [] : this.#pending.slice(taken);
    return batch;
  }

  #answerPending(): void {
    const batch = this.#nextBatch();
    const isScheduled = this.#pending.length > 0;
    if (isScheduled) setImmediate(() => this.#answerPending());
    if (batch.length === 0) return;
    const committed = this.#tryCommit(batch);
    if (committed === "more-due") {
      this.#pending = [...batch, ...this.#pending];
      if (!isScheduled) setImmediate(() => this.#answerPending());
      return;
    }
    for (const pending of batch) {
      if (committed === "done") pending.answer();
      else pending.reject(committed);
    }
  }

  /** Where nobody asks, or only reads. What cannot be done now is done later. */
  #endDue(): void {
    if (this.#closed || this.#now() < this.#nextDue) return;
    if (this.#tryCommit([]) === "more-due") setImmediate(() => this.#endDue());
  }

  /** @returns `more-due` if only holds were ended, and more of them are due. If it failed, nothing of it is in the cache */
  #tryCommit(batch: readonly Waiting[]): "done" | "more-due" | LedgerUnavailable {
    const span = this.#tracing?.batch("sqlite commit", firstOf(batch), {});
    let committed: "done" | "more-due";
    try {
      committed = this.#commit(batch);
      span?.end({ "razonete.g": this.#store.head.g });
    } catch (error) {
      span?.fail(error);
      if (!(error instanceof LedgerUnavailable)) throw error;
      this.#reportOutage(error);
      return error;
    }
    if (this.#trouble !== null) {
      this.#trouble = null;
      this.#onOutage("the data file can be written again", { server: "data file" });
    }
    this.#onCommitted();
    return committed;
  }

  /** @throws LedgerUnavailable */
  #commit(batch: readonly Waiting[]): "done" | "more-due" {
    const begunAt = performance.now();
    const now = this.#now();
    const isDue = now >= this.#nextDue;
    let decider: BatchDecider;
    let nextDue: Micros;
    let isAll: boolean;
    try {
      this.#store.begin();
      decider = new BatchDecider(this.#store, this.#accounts, now);
      isAll = !isDue || decider.endDue(bounds.expiries_in_batch_max);
      if (isAll) for (const pending of batch) pending.decide(decider);
      decider.finish();
      nextDue = isDue ? this.#store.read.nextDue() : Math.min(this.#nextDue, decider.nextExpiry);
    } catch (error) {
      this.#store.rollback();
      throw this.#unavailable(error, "none");
    }
    const decidedAt = performance.now();
    try {
      this.#store.commit();
    } catch (error) {
      throw this.#unavailable(error, this.#store.eraseFailedCommit() ? "none" : "unknown");
    }
    this.#measures.decided(isAll ? countOf(batch) : 0, begunAt, decidedAt);
    // An entry's time may be some microseconds after the clock, and no later row of the journal is of an earlier time.
    this.#time = Math.max(this.#time, this.#store.head.time);
    this.#nextDue = nextDue;
    this.#totals?.since.add(decider.state);
    this.#updateCache(decider.state.decided.accounts);
    return isAll ? "done" : "more-due";
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
    if (this.#trouble === null) {
      const about = { server: "data file", outage: "not written" };
      this.#onOutage(`${error.message}: transactions are answered 503 until it can`, about);
    }
    this.#trouble = error.message;
  }

  /** The ledger's time, which never goes back: not behind what was decided before, also by an earlier process. */
  #now(): Micros {
    this.#time = Math.max(this.#time, this.#clock());
    return this.#time;
  }

  #account(id: AccountId): Account | null {
    return this.#accounts.get(id) ?? this.#store.read.account(id);
  }

  #reader(): TableReader {
    if (this.#closed) throw new LedgerUnavailable("the ledger is closed", "none");
    return this.#store.read;
  }

  #read<T>(reading: (read: TableReader) => T): T {
    const read = this.#reader();
    this.#endDue();
    try {
      return reading(read);
    } catch (error) {
      throw unreadable(error);
    }
  }

  /** For reads that let decisions go on meanwhile. */
  async #readSlowly<T>(reading: (read: () => TableReader) => Promise<T>): Promise<T> {
    try {
      return await reading(() => this.#reader());
    } catch (error) {
      throw unreadable(error);
    }
  }
}

function unreadable(error: unknown): LedgerUnavailable {
  if (error instanceof LedgerUnavailable) return error;
  const reason = messageOf(error);
  return new LedgerUnavailable(`the data file could not be read (${reason})`, "none", { cause: error });
}

/** As the contest's statement shows it. */
function shortened(entry: Entry): Entry {
  const { description } = entry;
  if (description.length <= bounds.contest_description_characters_max) return entry;
  const characters = Array.from(description).slice(0, bounds.contest_description_characters_max);
  return { ...entry, description: characters.join("") };
}

const firstOf = (batch: readonly Waiting[]) => batch.map(({ commands: [first] }) => first);

function countOf(batch: readonly Waiting[]): number {
  let count = 0;
  for (const { commands } of batch) count += commands.length;
  return count;
}
