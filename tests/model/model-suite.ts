import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Micros } from "../../src/ledger/account.ts";
import type { Command } from "../../src/ledger/command.ts";
import type { Ledger, Outcome } from "../../src/ledger/ledger.ts";
import { type Expected, Model } from "./model.ts";
import { sameView, TimelessView, type View } from "./view.ts";
import { type Step, steps, toCommand } from "./steps.ts";

const START: Micros = Date.UTC(2026, 0, 1) * 1000;
const DAY: Micros = 24 * 60 * 60 * 1_000_000;

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
  const newView = () => (ownClock === undefined ? sameView : new TimelessView());
  describe(`${name} against the model`, () => {
    test("random sequences of batches, clock steps, readings and reopenings", async () => {
      await fc.assert(
        fc.asyncProperty(steps, async (sequence) => {
          await using place = await newPlace();
          const run = new Run(place, newView());
          await run.start();
          for (const step of sequence) await run.step(step);
          await run.compareAll();
          await run.reopen();
          await run.compareAll();
          await run.end();
        }),
        { numRuns: runs },
      );
    }, 120_000);

    const keyName = "a key is kept for a day to the microsecond, also over a reopening";
    const keyReason = ownClock === undefined ? "" : ` (not here: ${ownClock})`;
    test.skipIf(ownClock !== undefined)(keyName + keyReason, async () => {
      await using place = await newPlace();
      const run = new Run(place, newView());
      await run.start();
      const debit = { type: "transact", account: "1", kind: "debit", value: 7, description: "x" } as const;
      const again: Command[] = [
        { ...debit, id: "key:a" },
        { type: "open", id: "key:b", unit: "BRL/2", creditLimit: 0, name: null },
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
      const run = new Run(place, newView());
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
        unit: "BRL/2",
        creditLimit: 1,
        name: null,
      });
      expect(late).toMatchObject({ name: "LedgerUnavailable", outcome: "none" });
      await run.start();
      await run.compareAll();
      await run.end();
    });

    test("more commands at once than go into one commit keep their order", async () => {
      await using place = await newPlace();
      const run = new Run(place, newView());
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
  readonly #sent: Command[] = [];
  readonly #view: View;
  #ledger: Ledger | null = null;

  constructor(place: LedgerPlace, view: View) {
    this.#place = place;
    this.#view = view;
  }

  async start(): Promise<void> {
    this.#ledger = await this.#place.open(() => this.now);
  }

  async step(step: Step): Promise<void> {
    switch (step.type) {
      case "submit": {
        const outcomes = step.drafts.flatMap((draft) => {
          const command = toCommand(draft, this.#model, this.#sent);
          if (command === null) return [];
          this.#sent.push(command);
          return [{ command, expected: this.#model.submit(command, this.now) }];
        });
        // All at once: the ledger is free to put them into one commit, and has to apply them in this order.
        const actual = await Promise.all(outcomes.map(({ command }) => this.#open.submit(command)));
        this.#compareOutcomes(
          actual,
          outcomes.map(({ expected }) => expected),
        );
        await this.#compareBalances();
        return;
      }
      case "clock":
        if (this.#view.clockIsGiven) this.now += step.by;
        return;
      case "history": {
        const { count, before } = step;
        const [account, page] = [this.#model.idOf(step.account), { count, before }];
        this.#view.entries(await this.#open.history(account, page), this.#model.history(account, page));
        return;
      }
      case "reopen":
        await this.reopen();
        return;
    }
  }

  async submit(commands: readonly Command[]): Promise<void> {
    const expected = commands.map((command) => this.#model.submit(command, this.now));
    this.#compareOutcomes(await Promise.all(commands.map((command) => this.#open.submit(command))), expected);
  }

  /** @param late a command that comes after the close has begun; what it is refused with is returned */
  async submitAndClose(commands: readonly Command[], late: Command): Promise<{ late: unknown }> {
    const ledger = this.#open;
    const expected = commands.map((command) => this.#model.submit(command, this.now));
    const outcomes = Promise.all(commands.map((command) => ledger.submit(command)));
    await ledger.close();
    this.#ledger = null;
    this.#compareOutcomes(await outcomes, expected);
    const [refused] = await Promise.allSettled([ledger.submit(late)]);
    return { late: refused.status === "rejected" ? refused.reason : null };
  }

  async reopen(): Promise<void> {
    await this.end();
    await this.start();
  }

  async end(): Promise<void> {
    await this.#ledger?.close();
    this.#ledger = null;
  }

  /** Every reading of every account, and of some that there are not. */
  async compareAll(): Promise<void> {
    for (const id of [...this.#model.ids, ...NO_ACCOUNTS]) {
      this.#view.statement(await this.#open.statement(id), this.#model.statement(id, this.now));
      let before: number | null = null;
      do {
        const page = { count: 100, before };
        const entries = await this.#open.history(id, page);
        this.#view.entries(entries, this.#model.history(id, page));
        before = entries?.at(-1)?.seq ?? null;
      } while (before !== null);
    }
    await this.#compareBalances();
  }

  async #compareBalances(): Promise<void> {
    for (const id of [...this.#model.ids, ...NO_ACCOUNTS]) {
      this.#view.account(await this.#open.account(id), this.#model.account(id));
    }
  }

  #compareOutcomes(actual: readonly Outcome[], expected: readonly Expected[]): void {
    this.#view.outcomes(
      actual,
      expected.map((one, index) => this.#model.told(one, actual[index])),
    );
  }

  get #open(): Ledger {
    if (this.#ledger === null) throw new Error("the ledger is not open");
    return this.#ledger;
  }
}
