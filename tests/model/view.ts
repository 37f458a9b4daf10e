import { expect } from "bun:test";
import type { Account, Micros } from "../../src/ledger/account.ts";
import type { Entry } from "../../src/ledger/entry.ts";
import type { Outcome, Statement } from "../../src/ledger/ledger.ts";

/** How a ledger's answer is compared with the model's. */
export interface View {
  readonly clockIsGiven: boolean;
  outcomes(actual: readonly Outcome[], expected: readonly Outcome[]): void;
  account(actual: Account | null, expected: Account | null): void;
  statement(actual: Statement | null, expected: Statement | null): void;
  entries(actual: readonly Entry[] | null, expected: readonly Entry[] | null): void;
}

const same = (actual: unknown, expected: unknown): void => expect(actual).toEqual(expected);

/** Outcomes are bare standings, without name and time. */
function sameOutcomes(actual: readonly Outcome[], expected: readonly Outcome[]): void {
  same(
    actual,
    expected.map((outcome) => {
      if (outcome.type === "refused") return outcome;
      const { id, creditLimit, balance, seq } = outcome.account;
      return { ...outcome, account: { id, creditLimit, balance, seq } };
    }),
  );
}

/** To the last bit. */
export const sameView: View = {
  clockIsGiven: true,
  outcomes: sameOutcomes,
  account: same,
  statement: same,
  entries: same,
};

/**
 * For a ledger with a clock of its own. The model's times are not its times, and are replaced by those that the ledger
 * gave: the first time that it says when an entry was made is the truth from then on, in every answer and over every
 * reopening, and has to lie behind that of the entry before.
 */
export class TimelessView implements View {
  readonly clockIsGiven = false;
  /** For each account the time of opening, and then that of each entry. */
  readonly #times = new Map<number, Micros[]>();

  outcomes(actual: readonly Outcome[], expected: readonly Outcome[]): void {
    sameOutcomes(actual, expected);
  }

  account(actual: Account | null, expected: Account | null): void {
    same(actual, expected && this.#timed(expected, actual?.time));
  }

  statement(actual: Statement | null, expected: Statement | null): void {
    this.account(actual?.account ?? null, expected?.account ?? null);
    this.entries(actual?.entries ?? null, expected?.entries ?? null);
    if (actual !== null) expect(actual.readAt).toBeGreaterThanOrEqual(actual.account.time);
  }

  entries(actual: readonly Entry[] | null, expected: readonly Entry[] | null): void {
    same(
      actual,
      expected &&
        expected.map((entry, index) => ({
          ...entry,
          time: this.#time(entry.account, entry.seq, actual?.[index]?.time),
        })),
    );
  }

  #timed(account: Account, told: Micros | undefined): Account {
    return { ...account, time: this.#time(account.id, account.seq, told) };
  }

  /** The time of an entry (of the opening, where seq is 0): what was told of it first, which is `told` where nothing was before. */
  #time(account: number, seq: number, told: Micros | undefined): Micros {
    const times = this.#times.get(account) ?? [];
    this.#times.set(account, times);
    const known = times[seq];
    if (known !== undefined || told === undefined) return known ?? Number.NaN;
    expect(told).toBeGreaterThan(times[seq - 1] ?? -1);
    expect(told).toBeLessThan(times[seq + 1] ?? Number.POSITIVE_INFINITY);
    times[seq] = told;
    return told;
  }
}
