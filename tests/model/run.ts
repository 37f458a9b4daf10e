import type { Micros } from "../../src/ledger/account.ts";
import type { Command } from "../../src/ledger/command.ts";
import type { EntriesPage, Ledger } from "../../src/ledger/ledger.ts";
import { expect } from "bun:test";
import { Drafting } from "./drafting.ts";
import { listAccounts, listHolds, listTransactions, pageThrough } from "./lists.ts";
import { Model } from "./model.ts";
import type { Draft, ReadingStep, Step } from "./steps.ts";

/** After every real clock: a ledger whose clock can only be moved forward stands there from then on. */
const START: Micros = Date.UTC(2100, 0, 1) * 1000;

const ALL: EntriesPage = {
  count: Number.MAX_SAFE_INTEGER,
  order: "asc",
  from: null,
  before: null,
  fromTime: null,
  beforeTime: null,
};

/** Ids that nothing gets. */
const NO_ACCOUNTS = ["6", "01", "nobody"];
const NO_TRANSACTIONS = ["t0-9999999-0-1", "t9-1-0-1", "t", "h0-1-0-1"];
const NO_HOLDS = ["h0-9999999-0-1", "h9-1-0-1", "h", "t0-1-0-1"];

/** A place where a ledger keeps its state, new and empty at first. */
export interface LedgerPlace extends AsyncDisposable {
  /** Opens what the place holds; called again only after the ledger from before was closed. */
  open(clock: () => Micros): Promise<Ledger>;
  /** When the accounts 1 to 5 were opened; at the start, if it is left out. */
  readonly openedAt?: Micros;
  /** Where the ledger does not ask `clock` for the time, but is told it. That time stays over a reopening. */
  tellTime?(now: Micros): Promise<void>;
  /** Brings up to date what may be behind: the lists, and what is told of the past. */
  catchUp?(): Promise<void>;
  /** A command that does not keep its turn among those that are submitted at once. */
  isOutOfTurn?(command: Command): boolean;
}

/** One ledger and its model, side by side. */
export class Run implements AsyncDisposable {
  now: Micros = START;
  readonly #place: LedgerPlace;
  readonly #model: Model;
  readonly #drafting: Drafting;
  #ledger: Ledger | null = null;

  private constructor(place: LedgerPlace) {
    this.#place = place;
    this.#model = new Model(START, place.openedAt ?? START, place.tellTime === undefined);
    this.#drafting = new Drafting(this.#model);
  }

  static async start(place: LedgerPlace): Promise<Run> {
    const run = new Run(place);
    await run.open();
    await run.#tick();
    return run;
  }

  async open(): Promise<void> {
    this.#ledger = await this.#place.open(() => this.now);
  }

  async step(step: Step): Promise<void> {
    switch (step.type) {
      case "submit":
        await this.#submitDrafts(step.drafts);
        return this.#compareAccounts();
      case "group":
        await this.#submitGroup(step.drafts);
        return this.#compareAccounts();
      case "clock":
        this.now += step.by;
        return this.#compareAccounts();
      case "entries": {
        const account = this.#drafting.idOf(step.account);
        const known = this.#model.state.entries(account, ALL) ?? [];
        const timeOf = (seq: number | null): Micros | null =>
          seq === null ? null : (known[seq - 1]?.time ?? this.now);
        const { count, order, from, before } = step;
        const times = { fromTime: timeOf(step.fromTime), beforeTime: timeOf(step.beforeTime) };
        const page = { count, order, from, before, ...times };
        const expected = this.#model.state.entries(account, page);
        return this.#compare((ledger) => ledger.entries(this.#told(account), page), expected);
      }
      case "reading":
        await this.#place.catchUp?.();
        return this.#compareReading(step);
      case "reopen":
        return this.reopen();
    }
  }

  /** @param inCommit as many of them go into one commit */
  async submit(commands: readonly Command[], inCommit = commands.length): Promise<void> {
    await this.#tick();
    const expected = commands.map((command, index) => {
      if (index % inCommit === 0) this.#model.tick(this.now);
      return this.#model.submit(command);
    });
    this.#same(await Promise.all(commands.map((command) => this.#open.submit(command))), expected);
  }

  /** @param late a command that comes after the close has begun; what it is refused with is returned */
  async submitAndClose(commands: readonly Command[], late: Command): Promise<{ late: unknown }> {
    const ledger = this.#open;
    await this.#tick();
    const expected = commands.map((command) => this.#model.submit(command));
    const outcomes = Promise.all(commands.map((command) => ledger.submit(command)));
    await ledger.close();
    this.#ledger = null;
    this.#same(await outcomes, expected);
    this.#reopened();
    const [refused] = await Promise.allSettled([ledger.submit(late)]);
    return { late: refused.status === "rejected" ? refused.reason : null };
  }

  async reopen(): Promise<void> {
    await this[Symbol.asyncDispose]();
    this.#reopened();
    await this.open();
    // Whatever is asked first, and its timer, makes the ledger look at the clock: so the model looks now, too.
    await this.#compareAccounts();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ledger?.close();
    this.#ledger = null;
  }

  /** Every reading of everything, and of some that there is not. */
  async compareAll(): Promise<void> {
    const { state } = this.#model;
    await this.#compareAccounts();
    for (const id of [...state.accountIds, ...NO_ACCOUNTS]) {
      const told = this.#told(id);
      await this.#compare((ledger) => ledger.statement(told), state.statement(id, this.#model.now));
      for (let from = 1; ; from += 100) {
        const page = { ...ALL, count: 100, from };
        const expected = state.entries(id, page);
        await this.#compare((ledger) => ledger.entries(told, page), expected);
        if (expected === null || expected.length === 0) break;
      }
    }
    for (const id of [...state.transactionIds.slice(-60), ...NO_TRANSACTIONS])
      await this.#compare((ledger) => ledger.transaction(this.#told(id)), state.transaction(id));
    for (const id of [...state.holdIds, ...NO_HOLDS])
      await this.#compare((ledger) => ledger.hold(this.#told(id)), state.hold(id));
    await this.#place.catchUp?.();
    await this.#compare((ledger) => ledger.totals(), state.totals());
    for (const number of state.accountIds.keys()) {
      await this.#compareReading({ ...EVERYTHING, account: number + 1 });
    }
    await this.#compareReading(EVERYTHING);
  }

  /** The lists, with filters, and a balance of the past. */
  async #compareReading(step: ReadingStep): Promise<void> {
    const { count, unit, status, name, metadata, reference, holdStatus } = step;
    const model = this.#model;
    const id = step.account === null ? null : this.#drafting.idOf(step.account);
    const account = this.#told(id);
    const edge = (off: number | null): number | null =>
      off === null || id === null ? off : (model.state.account(id)?.balance ?? 0) + off;
    const { idBeginning } = step;
    const accounts = {
      idBeginning,
      unit,
      state: status,
      name,
      metadata,
      balanceLessThan: edge(step.lessThan),
      balanceGreaterThan: edge(step.greaterThan),
      order: step.order,
    };
    await this.#compare(
      (ledger) => pageThrough(count, (page) => ledger.accounts(accounts, page)),
      listAccounts(model, accounts),
    );
    const timeOf = (back: number | null): Micros | null =>
      back === null ? null : (model.state.transactions.at(-1 - back)?.time ?? this.now);
    const times = { fromTime: timeOf(step.fromBack), beforeTime: timeOf(step.beforeBack) };
    const transactions = { idBeginning, reference, account, ...times };
    await this.#compare(
      (ledger) => pageThrough(count, (page) => ledger.transactions(transactions, page)),
      listTransactions(model, transactions),
    );
    const holds = { idBeginning, account, state: holdStatus };
    await this.#compare(
      (ledger) => pageThrough(count, (page) => ledger.holds(holds, page)),
      listHolds(model, holds),
    );
    for (const time of [times.fromTime ?? START - 1, times.beforeTime ?? this.now]) {
      const expected = model.state.balanceAt(id ?? "1", time);
      await this.#compare((ledger) => ledger.balanceAt(account ?? "1", time), expected);
    }
  }

  async #submitDrafts(drafts: readonly Draft[]): Promise<void> {
    await this.#tick();
    // All at once: the ledger is free to put them into one commit, and has to apply them in this order.
    let pending: { readonly actual: Promise<unknown>; readonly expected: unknown }[] = [];
    const settle = async (): Promise<void> => {
      this.#same(
        await Promise.all(pending.map(({ actual }) => actual)),
        pending.map(({ expected }) => expected),
      );
      pending = [];
    };
    for (const draft of drafts) {
      const command = this.#drafting.command(draft);
      if (command === null) continue;
      const isOutOfTurn = this.#place.isOutOfTurn?.(command) ?? false;
      if (isOutOfTurn) await settle();
      const expected = this.#model.submit(command);
      pending.push({ actual: this.#open.submit(this.#told(command)), expected });
      if (isOutOfTurn) await settle();
    }
    await settle();
  }

  async #submitGroup(drafts: readonly Draft[]): Promise<void> {
    await this.#tick();
    const commands = drafts.flatMap((draft) => this.#drafting.command(draft) ?? []);
    if (commands.length === 0) return;
    const expected = this.#model.submitAll(commands);
    this.#same(await this.#open.submitAll(commands.map((command) => this.#told(command))), expected);
  }

  async #compareAccounts(): Promise<void> {
    await this.#tick();
    for (const id of [...this.#model.state.accountIds, ...NO_ACCOUNTS]) {
      await this.#compare((ledger) => ledger.account(this.#told(id)), this.#model.state.account(id));
    }
  }

  async #compare(read: (ledger: Ledger) => Promise<unknown>, expected: unknown): Promise<void> {
    this.#same(await read(this.#open), expected);
  }

  #same(actual: unknown, expected: unknown): void {
    this.#model.names.learn(expected, actual);
    expect(actual).toEqual(this.#told(expected));
  }

  async #tick(): Promise<void> {
    await this.#place.tellTime?.(this.now);
    this.#model.tick(this.now);
  }

  #reopened(): void {
    if (this.#place.tellTime === undefined) this.#model.reopen();
  }

  /** With the ledger's ids. */
  #told<T>(value: T): T {
    return this.#model.names.told(value);
  }

  get #open(): Ledger {
    if (this.#ledger === null) throw new Error("the ledger is not open");
    return this.#ledger;
  }
}

const EVERYTHING: ReadingStep = {
  type: "reading",
  count: 7,
  account: null,
  idBeginning: "",
  unit: null,
  status: null,
  name: null,
  metadata: {},
  order: "id",
  lessThan: null,
  greaterThan: null,
  reference: null,
  fromBack: null,
  beforeBack: null,
  holdStatus: null,
};
