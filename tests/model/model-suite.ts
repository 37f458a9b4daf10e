import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { bounds } from "../../src/bounds.ts";
import type { Micros } from "../../src/ledger/account.ts";
import type { Command } from "../../src/ledger/command.ts";
import { type LedgerPlace, Run } from "./run.ts";
import { steps } from "./steps.ts";

/** More than two commits of the embedded ledger, and than four calls of Redis; each is to be decided within 2 s. */
const MANY = 2_100;
const DAY: Micros = 24 * 60 * 60 * 1_000_000;

export interface ModelSuiteOptions {
  readonly runs: number;
  /** Why it cannot be told to the microsecond when a key is forgotten. */
  readonly forgetsByOwnClock?: string;
}

/** Runs random sequences of steps against a ledger and the model, and compares every single answer. */
export function modelSuite(
  name: string,
  newPlace: () => Promise<LedgerPlace>,
  { runs, forgetsByOwnClock }: ModelSuiteOptions,
): void {
  describe(`${name} against the model`, () => {
    test("random sequences of commands, clock steps, readings and reopenings", async () => {
      await fc.assert(
        fc.asyncProperty(steps, async (sequence) => {
          await using place = await newPlace();
          await using run = await Run.start(place);
          for (const step of sequence) await run.step(step);
          await run.compareAll();
          await run.reopen();
          await run.compareAll();
        }),
        { numRuns: runs },
      );
    }, 600_000);

    const keyName = "a key is kept for a day to the microsecond, also over a reopening";
    const keyReason = forgetsByOwnClock === undefined ? "" : ` (not here: ${forgetsByOwnClock})`;
    test.skipIf(forgetsByOwnClock !== undefined)(keyName + keyReason, async () => {
      await using place = await newPlace();
      await using run = await Run.start(place);
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
    });

    test("closing completes what was submitted, and takes no more", async () => {
      await using place = await newPlace();
      await using run = await Run.start(place);
      const commands = Array.from({ length: MANY }, (_, index): Command => ({
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
      await run.open();
      await run.compareAll();
    });

    test("more commands at once than go into one commit keep their order", async () => {
      await using place = await newPlace();
      await using run = await Run.start(place);
      // Decided in another order, other debits would be refused.
      const commands = Array.from({ length: MANY }, (_, index): Command => ({
        type: "transact",
        id: index % 7 === 0 ? `key:${index % 70}` : `req:${index}`,
        account: String(1 + (index % 2)),
        kind: index % 3 === 0 ? "credit" : "debit",
        value: 1 + ((index * 7_919) % 1_000),
        description: String(index),
      }));
      await run.submit(commands, bounds.batch_commands_max);
      await run.compareAll();
    });
  });
}
