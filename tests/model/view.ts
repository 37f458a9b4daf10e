import { expect } from "bun:test";
import type { Account, AccountId, Micros } from "../../src/ledger/account.ts";
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

/** To the last bit. */
export const sameView: View = {
  clockIsGiven: true,
  outcomes: same,
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
  readonly #times = new Map<AccountId, Micros[]>();

  outcomes(actual: readonly Outcome[], expected: readonly Outcome[]): void {
    same(actual, expected);
  }

  account(actual: Account | null, expected: Account | null): void {
    same(actual, expected && this.#timed(expected, actual));
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

  #timed({ id, seq, ...account }: Account, told: Account | null): Account {
    const openedAt = this.#time(id, 0, told?.openedAt);
    return { ...account, id, seq, openedAt, time: this.#time(id, seq, told?.time) };
  }

  /** The time of an entry (of the opening, where seq is 0): what was told of it first, which is `told` where nothing was before. */
  #time(account: AccountId, seq: number, told: Micros | undefined): Micros {
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
