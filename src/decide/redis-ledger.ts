import type { Account, AccountId, Micros } from "../ledger/account.ts";
import { shardOf } from "../ledger/account-id.ts";
import type { Command } from "../ledger/command.ts";
import type { KeptEntry } from "../ledger/entry.ts";
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
import { placeOfEvent } from "../ledger/event-id.ts";
import type { EventId, Hold, Transaction } from "../ledger/transaction.ts";
import { bounds } from "../bounds.ts";
import type { PreparedCommand } from "./calls/call-arguments.ts";
import { FirstAdmission } from "./calls/first-admission.ts";
import type { Answer, Prepared } from "./function-codec.ts";
import { fromBooks, KeptTransactions } from "./kept-transactions.ts";
import { readEntriesPage } from "./entries-page.ts";
import { openRedisNodes } from "./nodes/open-nodes.ts";
import { OutageReports } from "./outage-reports.ts";
import type { BooksReader } from "./ports.ts";
import {
  areApart,
  changedDetails,
  isLookedUp,
  refusedAll,
  refusedFor,
  shardOfCommand,
  shardOfEvent,
  shardsOf,
} from "./prepare.ts";
import { AcrossShards } from "./transits/across-shards.ts";
import { CompletionRounds } from "./transits/completion-rounds.ts";
import { inOrder } from "./transits/in-order.ts";
import { newAccountIdOn } from "../new-account-id.ts";
import type { RedisLedgerOptions } from "./redis-ledger-options.ts";
import { Shard } from "./shard.ts";
import { type LedgerFence, ShardLinks } from "./shard-links.ts";
import { totalsOf } from "./totals.ts";
import { Turns } from "./turns.ts";

/**
 * The ledger of the cluster, as one API process uses it. Redis decides commands, in one function call for each batch.
 * The books in PostgreSQL have the history. Any number of API processes may run at once.
 */
export class RedisLedger implements Ledger {
  readonly #books: BooksReader;
  readonly #links: ShardLinks;
  /** What is known of a command that no shard was asked to decide. */
  readonly #unsent: LedgerUnavailable["outcome"];
  readonly #newShard: (number: number) => Shard;
  readonly #outages: OutageReports;
  readonly #checks: ReturnType<typeof setInterval>;
  /** When the last check was, in milliseconds of `performance.now`. */
  #checkedAt = performance.now();
  #checksToSkip = 0;
  /** Empty until Redis is admitted for the first time; after that their number never changes. */
  readonly #shards: Shard[] = [];
  readonly #firstAdmission = new FirstAdmission();
  readonly #turns = new Turns();
  readonly #kept: KeptTransactions;
  readonly #across: AcrossShards;
  readonly #completion: CompletionRounds;
  #closed = false;
  /** When it gives up what is not completed then, in milliseconds of `performance.now`. */
  #givesUpAt = Number.POSITIVE_INFINITY;
  #givesUp = false;

  constructor(options: RedisLedgerOptions) {
    const { redisUrl, minReplicas = 0, books, durable, onOutage: report = () => {} } = options;
    this.#books = books;
    const shards = { count: () => this.#shards.length, of: (number: number) => this.#open(number, "none") };
    this.#kept = new KeptTransactions(shards, books);
    this.#across = new AcrossShards(shards, books, options.balancerResends);
    this.#completion = new CompletionRounds(shards, options.completionMilliseconds);
    this.#unsent = options.balancerResends ? "unknown" : "none";
    this.#links = new ShardLinks({
      nodes: openRedisNodes(redisUrl, { minReplicas }),
      books,
      durable,
      report,
      alarm: options.onAlarm ?? report,
      onAdmitted: (...admitted) => this.#onAdmitted(...admitted),
    });
    this.#newShard = (number) =>
      new Shard(number, this.#links.of(number), this.#links.cycleOf(number), options);
    this.#outages = new OutageReports(this.readiness(), report);
    this.#checks = setInterval(() => {
      this.#outages.look(this.readiness(), this.#links.refusal);
      this.#checkDeadlines();
    }, bounds.deadline_check_milliseconds);
  }

  async submit(command: Command): Promise<Outcome> {
    if (this.#shards.length === 0) await this.#firstAdmission.wait();
    return this.#decided(command, null);
  }

  /** What has to be looked up is so before any of them is sent: then all of them are, one after the other. */
  async submitEach(commands: readonly Command[]): Promise<readonly PromiseSettledResult<Outcome>[]> {
    if (this.#shards.length === 0) await this.#firstAdmission.wait();
    const found = commands.some(isLookedUp)
      ? await Promise.allSettled(
          commands.map(async (command) => (isLookedUp(command) ? this.#prepare(command) : null)),
        )
      : [];
    const begin = (command: Command, index: number): Promise<Outcome> => {
      const one = found[index];
      return one?.status === "rejected"
        ? Promise.reject(one.reason)
        : this.#decided(command, one?.value ?? null);
    };
    const until = performance.now() + bounds.decision_milliseconds_max;
    const isOne = this.#shards.length <= 1 || commands.length <= 1;
    const across = isOne ? null : await this.#across.among(commands, found);
    if (across === null) return Promise.allSettled(commands.map(begin));
    return inOrder(
      across.map((step, index) => ({
        ...step,
        begin: async () => {
          const told = step.before === null ? null : this.#told(step.command, step.before, until);
          if (told !== null) return told;
          if (performance.now() < until) return begin(step.command, index);
          throw new LedgerUnavailable("those before it took too long", this.#unsent);
        },
      })),
    );
  }

  /** @param first what was looked up for it, if anything was */
  #decided(command: Command, first: Prepared | null): Promise<Outcome> {
    // A change of details is made of what the one before has left, so each waits for its turn.
    return command.type === "change" && isLookedUp(command)
      ? this.#turns.take(command.account, () => this.#decide(command, null))
      : this.#decide(command, first);
  }

  async #decide(command: Command, first: Prepared | null): Promise<Outcome> {
    const of = shardsOf(command, Math.max(1, this.#shards.length));
    const [home = 0] = of;
    const shard = this.#shard(home, this.#unsent);
    let isAcross = areApart(of);
    // Another API may change the same details meanwhile, or an account may be locked.
    const until = performance.now() + bounds.decision_milliseconds_max;
    for (let attempt = 0; attempt === 0 || performance.now() < until; attempt += 1) {
      // Where nothing has to be looked up, it is in the queue before anything else happens.
      const prepared =
        (attempt === 0 ? first : null) ?? this.#preparedAtOnce(command) ?? (await this.#prepare(command));
      // Nothing of a dry run is remembered, so that its refusal is none of the function's either.
      if (prepared.type === "refused" && command.type === "transaction" && command.isDryRun)
        return { type: "refused", ...prepared.refused, replayed: false };
      const answer: Answer =
        isAcross || this.#across.isReversalAcross(prepared, home)
          ? await this.#across.decide(command, prepared, home, until)
          : await shard.submit({ command, prepared });
      const told = this.#told(command, answer, until);
      if (told !== null) return told;
      isAcross ||= answer.type === "across";
      if (answer.type === "again" && this.#shards.length > 1) await pauseForOthers();
    }
    throw new LedgerUnavailable(NEVER_STILL, this.#unsent);
  }

  /** The outcome, if it was decided, now or before; else `null`. */
  #told(command: Command, answer: Answer, until: number): Outcome | Promise<Outcome> | null {
    if (answer.type === "accepted")
      return "decided" in answer ? this.#across.finished(answer, until) : answer;
    return answer.type === "refused" ? this.#completed(command, answer) : null;
  }

  async submitAll(commands: readonly Command[]): Promise<AllOrNone> {
    if (this.#shards.length === 0) await this.#firstAdmission.wait();
    const [first] = commands;
    if (first === undefined) return { type: "done", outcomes: [] };
    const count = Math.max(1, this.#shards.length);
    const [home = 0] = shardsOf(first, count);
    const shard = this.#shard(home, this.#unsent);
    const apart = commands.findIndex((command) => shardOfCommand(command, count) !== home);
    if (apart !== -1) return refusedAll(apart, APART);
    const until = performance.now() + bounds.decision_milliseconds_max;
    for (let attempt = 0; attempt === 0 || performance.now() < until; attempt += 1) {
      // At once, so that what they look up is read together.
      const preparing = commands.map(async (command) => ({
        command,
        prepared: await this.#prepare(command),
      }));
      const prepared: readonly PreparedCommand[] = await Promise.all(preparing);
      const across = prepared.findIndex((one) => this.#across.isReversalAcross(one.prepared, home));
      if (across !== -1) return refusedAll(across, APART);
      const answers = await shard.submitAll(prepared);
      if (answers.some(({ type }) => type === "again")) {
        if (count > 1) await pauseForOthers();
        continue;
      }
      const outcomes: Outcome[] = [];
      for (const [index, answer] of answers.entries()) {
        const command = commands[index];
        if (command === undefined || answer.type === "undone") continue;
        if (answer.type === "across") return refusedAll(index, APART);
        if (answer.type === "accepted") outcomes.push(answer);
        else if (answer.type === "refused") return refusedAll(index, await this.#completed(command, answer));
      }
      return { type: "done", outcomes };
    }
    throw new LedgerUnavailable(NEVER_STILL, this.#unsent);
  }

  async account(id: AccountId): Promise<Account | null> {
    if (this.#shards.length === 0) await this.#firstAdmission.wait();
    return (await this.#shardOf(id).account(id, false))?.account ?? null;
  }

  async statement(id: AccountId): Promise<Statement | null> {
    if (this.#shards.length === 0) await this.#firstAdmission.wait();
    const snapshot = await this.#shardOf(id).account(id, true);
    if (snapshot === null) return null;
    const { account, entries, readAt } = snapshot;
    return { account, entries, readAt };
  }

  async entries(id: AccountId, page: EntriesPage): Promise<readonly KeptEntry[] | null> {
    if (this.#shards.length === 0) await this.#firstAdmission.wait();
    const number = shardOf(id, Math.max(1, this.#shards.length));
    return readEntriesPage(this.#books, this.#shard(number), number, id, page);
  }

  async transaction(id: EventId): Promise<KeptTransaction | null> {
    if (this.#shards.length === 0) await this.#firstAdmission.wait();
    const transaction = await this.#kept.transaction(id);
    return transaction === null ? null : { transaction, reversedBy: await this.#kept.reversalOf(id) };
  }

  async hold(id: EventId): Promise<Hold | null> {
    if (this.#shards.length === 0) await this.#firstAdmission.wait();
    if (placeOfEvent("h", id) === null) return null;
    const shard = this.#shard(shardOfEvent("h", id, this.#shards.length));
    return (await shard.hold(id)) ?? (await fromBooks(this.#books.hold(id)));
  }

  async balanceAt(id: AccountId, time: Micros): Promise<BalanceAt | null> {
    return fromBooks(this.#books.balanceAt(id, time));
  }

  async accounts(filter: AccountFilter, page: ListPage): Promise<Listed<Account>> {
    return fromBooks(this.#books.accounts(filter, page), TOO_LONG);
  }

  async transactions(filter: TransactionFilter, page: ListPage): Promise<Listed<Transaction>> {
    return fromBooks(this.#books.transactions(filter, page));
  }

  async holds(filter: HoldFilter, page: ListPage): Promise<Listed<Hold>> {
    return fromBooks(this.#books.holds(filter, page));
  }

  async totals(): Promise<LedgerTotals> {
    if (this.#shards.length === 0) await this.#firstAdmission.wait();
    return totalsOf(this.#shards, this.#books);
  }

  readiness(): Readiness {
    return this.#links.readiness();
  }

  get fence(): LedgerFence {
    return this.#links.fence;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#firstAdmission.end();
    this.#givesUpAt = performance.now() + bounds.decision_milliseconds_max;
    const isIdle = (): boolean => this.#across.idle && this.#shards.every((shard) => shard.idle);
    while (!this.#givesUp && !isIdle()) await Bun.sleep(1);
    clearInterval(this.#checks);
    this.#completion.stop();
    this.#links.close();
    for (const shard of this.#shards) shard.abandon("the ledger is closed");
  }

  /**
   * Gives up the requests whose deadline has passed, and all of them at the end of a close. But if this process stood
   * still, Redis may have answered them in the meantime, and timers come before what waits in a socket. So it reads first.
   * (Only once in a row: a process that always lacks CPU gives up, too.)
   */
  #checkDeadlines(): void {
    const now = performance.now();
    const stoodStill = now - this.#checkedAt > 2 * bounds.deadline_check_milliseconds;
    this.#checkedAt = now;
    if (this.#checksToSkip > 0) this.#checksToSkip -= 1;
    else if (stoodStill) this.#checksToSkip = bounds.deadline_checks_skipped;
    if (this.#checksToSkip > 0) return;
    for (const shard of this.#shards) shard.expire(now);
    this.#givesUp = now >= this.#givesUpAt;
  }

  #onAdmitted(shards: number, newEpoch: boolean, only: number | null): void {
    while (this.#shards.length < shards) this.#shards.push(this.#newShard(this.#shards.length));
    for (const [number, shard] of this.#shards.entries())
      if (only === null || only === number) shard.wake(newEpoch);
    this.#firstAdmission.end();
  }

  /** `null`: something has to be looked up. */
  #preparedAtOnce(command: Command): Prepared | null {
    const shards = this.#shards.length;
    if (command.type === "transact") return AS_IS;
    if (command.type === "open" && command.account === null)
      return { type: "open", account: newAccountIdOn(shardOf(command.id, shards), shards) };
    return isLookedUp(command) ? null : AS_IS;
  }

  /**
   * What a command becomes for the function, where it has to be looked up first: the details of an account that are
   * changed, the postings of a transaction that is taken back.
   */
  async #prepare(command: Command): Promise<Prepared> {
    try {
      return this.#preparedAtOnce(command) ?? (await this.#lookedUp(command));
    } catch (error) {
      if (!(error instanceof LedgerUnavailable)) throw error;
      // Nothing was changed by looking; but another API may have the same command, and look longer.
      throw new LedgerUnavailable(error.message, this.#unsent, { cause: error });
    }
  }

  async #lookedUp(command: Command): Promise<Prepared> {
    if (command.type === "change") {
      const { account } = command;
      const before = (await this.#shardOf(account).account(account, false))?.details;
      return before === undefined
        ? AS_IS
        : { type: "details", before, after: changedDetails(before, command) };
    }
    return command.type === "reversal" ? this.#kept.opposite(command.transaction) : AS_IS;
  }

  /** Of a hold that Redis does not know any more, the books tell how it ended. */
  async #completed(command: Command, outcome: Outcome): Promise<Outcome> {
    if (outcome.type === "accepted" || outcome.refusal !== "hold-unknown") return outcome;
    if (command.type !== "capture" && command.type !== "release") return outcome;
    const hold =
      placeOfEvent("h", command.hold) === null ? null : await fromBooks(this.#books.hold(command.hold));
    return hold === null ? outcome : { ...outcome, refusal: "hold-not-open", other: hold.state };
  }

  #shardOf(account: AccountId): Shard {
    return this.#shard(shardOf(account, Math.max(1, this.#shards.length)));
  }

  /** @param outcome what to report about the request if its shard cannot be used */
  #shard(number: number, outcome: LedgerUnavailable["outcome"] = "none"): Shard {
    if (this.#closed) throw new LedgerUnavailable("the ledger is closed", outcome);
    return this.#open(number, outcome);
  }

  /** The same for what was begun before. */
  #open(number: number, outcome: LedgerUnavailable["outcome"]): Shard {
    const shard = this.#shards[number];
    if (shard === undefined) throw new LedgerUnavailable(this.#links.troubleOf(number), outcome);
    return shard;
  }
}

/** Where a filter may be what takes the time. */
const TOO_LONG = `, or not within ${bounds.history_milliseconds_max} ms: then ask for less, such as a longer beginning of a name`;

const NEVER_STILL =
  "its accounts changed, or were kept still by transactions across shards, for as long as it could be tried";

const APART: Outcome = { type: "refused", replayed: false, ...refusedFor("shards-apart") };
const AS_IS: Prepared = { type: "as-is" };

/** Before it is tried again: so two that wait for each other do not do it for ever. */
function pauseForOthers(): Promise<void> {
  return Bun.sleep(Math.random() * bounds.transit_pause_milliseconds_max);
}
