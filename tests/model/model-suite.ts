import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Micros } from "../../src/ledger/account.ts";
import type { Command } from "../../src/ledger/command.ts";
import type { EntriesPage, Ledger, Listed, ListPage } from "../../src/ledger/ledger.ts";
import { Model } from "./model.ts";
import { type Draft, type Step, steps } from "./steps.ts";
import { Drafting } from "./to-command.ts";
import { View } from "./view.ts";

const START: Micros = Date.UTC(2026, 0, 1) * 1000;
const DAY: Micros = 24 * 60 * 60 * 1_000_000;

const ALL: EntriesPage = {
  count: Number.MAX_SAFE_INTEGER,
  order: "asc",
  from: null,
  before: null,
  fromTime: null,
  beforeTime: null,
};

const ANY_ACCOUNT = {
  unit: null,
  state: null,
  name: null,
  metadata: {},
  balanceLessThan: null,
  balanceGreaterThan: null,
};

/** A place where a ledger keeps its state, new and empty at first. */
export interface LedgerPlace extends AsyncDisposable {
  /** Opens what the place holds; called again only after the ledger from before was closed. */
  open(clock: () => Micros): Promise<Ledger>;
}

export interface ModelSuiteOptions {
  readonly runs: number;
  /**
   * Why the ledger takes no clock from outside. Then the model cannot foretell times: everything else is compared, and
   * of the times that each entry has one, always the same, and that they rise within an account.
   */
  readonly ownClock?: string;
}

/** Runs random sequences of steps against a ledger and the model, and compares every single answer. */
export function modelSuite(
  name: string,
  newPlace: () => Promise<LedgerPlace>,
  { runs, ownClock }: ModelSuiteOptions,
): void {
  const clockIsGiven = ownClock === undefined;
  describe(`${name} against the model`, () => {
    test("random sequences of batches, clock steps, readings and reopenings", async () => {
      await fc.assert(
        fc.asyncProperty(steps, async (sequence) => {
          await using place = await newPlace();
          const run = new Run(place, clockIsGiven);
          await run.start();
          for (const step of sequence) await run.step(step);
          await run.compareAll();
          await run.reopen();
          await run.compareAll();
          await run.end();
        }),
        { numRuns: runs, endOnFailure: true },
      );
    }, 120_000);

    const keyName = "a key is kept for a day to the microsecond, also over a reopening";
    const keyReason = ownClock === undefined ? "" : ` (not here: ${ownClock})`;
    test.skipIf(ownClock !== undefined)(keyName + keyReason, async () => {
      await using place = await newPlace();
      const run = new Run(place, clockIsGiven);
      await run.start();
      const debit = { type: "transact", account: "1", kind: "debit", value: 7, description: "x" } as const;
      const again: Command[] = [
        { ...debit, id: "key:a" },
        { type: "open", id: "key:b", account: null, unit: "BRL/2", creditLimit: 0, name: null, metadata: {} },
        { ...debit, id: "key:c", account: "77" },
      ];
      await run.submit(again);
      run.now += DAY - 1;
      await run.submit(again);
      await run.reopen();
      await run.submit(again);
      run.now += 1;
      await run.submit(again);
      await run.submit(again);
      await run.compareAll();
      await run.end();
    });

    test("closing completes what was submitted, and takes no more", async () => {
      await using place = await newPlace();
      const run = new Run(place, clockIsGiven);
      await run.start();
      const commands = Array.from({ length: 3_000 }, (_, index): Command => ({
        type: "transact",
        id: `req:${index}`,
        account: "1",
        kind: "debit",
        value: 50,
        description: "x",
      }));
      const { late } = await run.submitAndClose(commands, {
        type: "open",
        id: "key:late",
        account: null,
        unit: "BRL/2",
        creditLimit: 1,
        name: null,
        metadata: {},
      });
      expect(late).toMatchObject({ name: "LedgerUnavailable", outcome: "none" });
      await run.start();
      await run.compareAll();
      await run.end();
    });

    test("more commands at once than go into one commit keep their order", async () => {
      await using place = await newPlace();
      const run = new Run(place, clockIsGiven);
      await run.start();
      // Decided in another order, other debits would be refused.
      const commands = Array.from({ length: 5_000 }, (_, index): Command => ({
        type: "transact",
        id: index % 7 === 0 ? `key:${index % 70}` : `req:${index}`,
        account: String(1 + (index % 2)),
        kind: index % 3 === 0 ? "credit" : "debit",
        value: 1 + ((index * 7_919) % 1_000),
        description: String(index),
      }));
      await run.submit(commands);
      await run.compareAll();
      await run.end();
    });
  });
}

/** Ids that no account gets. */
const NO_ACCOUNTS = ["6", "01", "nobody"];

/** One ledger and its model, side by side. */
class Run {
  now: Micros = START;
  readonly #place: LedgerPlace;
  readonly #model = new Model(START);
  readonly #view: View;
  readonly #drafting: Drafting;
  #ledger: Ledger | null = null;

  constructor(place: LedgerPlace, clockIsGiven: boolean) {
    this.#place = place;
    this.#view = new View(this.#model.names, clockIsGiven);
    this.#drafting = new Drafting(this.#model, clockIsGiven);
  }

  async start(): Promise<void> {
    this.#ledger = await this.#place.open(() => this.now);
  }

  async step(step: Step): Promise<void> {
    switch (step.type) {
      case "submit":
        await this.#submitDrafts(step.drafts);
        await this.#compareAccounts();
        return;
      case "group":
        await this.#submitGroup(step.drafts);
        await this.#compareAccounts();
        return;
      case "clock":
        if (!this.#view.clockIsGiven) return;
        this.now += step.by;
        // The ledger looks at its clock now, as the model does.
        await this.#compareAccounts();
        return;
      case "entries": {
        const account = this.#drafting.idOf(step.account);
        const known = this.#model.entries(account, ALL) ?? [];
        // Times of a ledger with its own clock are not the model's.
        const timeOf = (seq: number | null): Micros | null =>
          seq === null || !this.#view.clockIsGiven ? null : (known[seq - 1]?.time ?? this.now);
        const { count, order, from, before } = step;
        const times = { fromTime: timeOf(step.fromTime), beforeTime: timeOf(step.beforeTime) };
        const page = { count, order, from, before, ...times };
        await this.#compare(
          (ledger) => ledger.entries(this.#told(account), page),
          this.#model.entries(account, page),
        );
        return;
      }
      case "reopen":
        await this.reopen();
        return;
    }
  }

  async submit(commands: readonly Command[]): Promise<void> {
    this.#model.tick(this.now);
    const expected = commands.map((command) => this.#model.submit(command));
    const actual = await Promise.all(commands.map((command) => this.#open.submit(command)));
    this.#view.same(actual, expected);
  }

  /** @param late a command that comes after the close has begun; what it is refused with is returned */
  async submitAndClose(commands: readonly Command[], late: Command): Promise<{ late: unknown }> {
    const ledger = this.#open;
    this.#model.tick(this.now);
    const expected = commands.map((command) => this.#model.submit(command));
    const outcomes = Promise.all(commands.map((command) => ledger.submit(command)));
    await ledger.close();
    this.#ledger = null;
    this.#view.same(await outcomes, expected);
    this.#model.reopen();
    const [refused] = await Promise.allSettled([ledger.submit(late)]);
    return { late: refused.status === "rejected" ? refused.reason : null };
  }

  async reopen(): Promise<void> {
    await this.end();
    this.#model.reopen();
    await this.start();
  }

  async end(): Promise<void> {
    await this.#ledger?.close();
    this.#ledger = null;
  }

  /** Every reading of everything, and of some that there is not. */
  async compareAll(): Promise<void> {
    const model = this.#model;
    await this.#compareAccounts();
    for (const id of [...model.ids, ...NO_ACCOUNTS]) {
      const told = this.#told(id);
      await this.#compare((ledger) => ledger.statement(told), model.statement(id));
      for (let from = 1; ; from += 100) {
        const page = { ...ALL, count: 100, from };
        const expected = model.entries(id, page);
        await this.#compare((ledger) => ledger.entries(told, page), expected);
        if (expected === null || expected.length === 0) break;
      }
    }
    for (const id of [...model.transactionIds.slice(-60), "t0-9999999-0-1"])
      await this.#compare((ledger) => ledger.transaction(this.#told(id)), model.transaction(id));
    for (const id of [...model.holdIds, "h0-9999999-0-1"])
      await this.#compare((ledger) => ledger.hold(this.#told(id)), model.hold(id));
    // Lists, and what is told of a time, may be a second behind where the books are elsewhere.
    if (this.#view.clockIsGiven) await this.#compareLists();
  }

  async #compareLists(): Promise<void> {
    const model = this.#model;
    await this.#compare((ledger) => ledger.totals(), model.totals());
    for (const id of model.ids) {
      for (const time of [this.now, START, START + 1_000_000, START + DAY]) {
        await this.#compare((ledger) => ledger.balanceAt(this.#told(id), time), model.balanceAt(id, time));
      }
      const holds = model.holdIds.flatMap((hold) => model.hold(hold) ?? []).toReversed();
      const account = this.#told(id);
      await this.#compare(
        (ledger) => allOf((page) => ledger.holds({ account, state: "open" }, page)),
        holds.filter(({ from, state }) => from === id && state === "open"),
      );
      const transactions = model.transactionIds.flatMap((one) => model.transaction(one)?.transaction ?? []);
      const filter = { reference: null, account, fromTime: null, beforeTime: null };
      await this.#compare(
        (ledger) => allOf((page) => ledger.transactions(filter, page)),
        transactions
          .filter(({ postings }) => postings.some(({ from, to }) => from === id || to === id))
          .toReversed(),
      );
    }
    await this.#compare(
      (ledger) => allOf((page) => ledger.accounts(ANY_ACCOUNT, page)),
      model.ids.toSorted((a, b) => (this.#told(a) < this.#told(b) ? -1 : 1)).map((id) => model.account(id)),
    );
  }

  async #submitDrafts(drafts: readonly Draft[]): Promise<void> {
    this.#model.tick(this.now);
    const sent = drafts.flatMap((draft) => {
      const command = this.#drafting.command(draft);
      return command === null
        ? []
        : [{ command: this.#told(command), expected: this.#model.submit(command) }];
    });
    // All at once: the ledger is free to put them into one commit, and has to apply them in this order.
    const actual = await Promise.all(sent.map(({ command }) => this.#open.submit(command)));
    this.#view.same(
      actual,
      sent.map(({ expected }) => expected),
    );
  }

  async #submitGroup(drafts: readonly Draft[]): Promise<void> {
    this.#model.tick(this.now);
    const commands = drafts.flatMap((draft) => this.#drafting.command(draft) ?? []);
    if (commands.length === 0) return;
    const expected = this.#model.submitAll(commands);
    this.#view.same(await this.#open.submitAll(commands.map((command) => this.#told(command))), expected);
  }

  async #compareAccounts(): Promise<void> {
    this.#model.tick(this.now);
    for (const id of [...this.#model.ids, ...NO_ACCOUNTS]) {
      await this.#compare((ledger) => ledger.account(this.#told(id)), this.#model.account(id));
    }
  }

  async #compare(read: (ledger: Ledger) => Promise<unknown>, expected: unknown): Promise<void> {
    this.#view.same(await read(this.#open), expected);
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

/** In pages of a few. */
async function allOf<Item>(read: (page: ListPage) => Promise<Listed<Item>>): Promise<Item[]> {
  const items: Item[] = [];
  let after: string | null = null;
  do {
    const page: Listed<Item> = await read({ count: 7, after });
    items.push(...page.items);
    after = page.next;
  } while (after !== null);
  return items;
}
