import { expect } from "bun:test";
import type { Micros } from "../../src/ledger/account.ts";
import type { Names } from "./names.ts";

/** How a ledger's answer is compared with the model's, whose ids it learns to know by it. */
export class View {
  readonly clockIsGiven: boolean;
  readonly #names: Names;
  readonly #times = new Map<string, Micros>();

  /**
   * @param clockIsGiven false for a ledger with a clock of its own. Then the model's times are not its times: those that
   * the ledger told first are the truth from then on, in every answer and over every reopening, and rise within an account
   */
  constructor(names: Names, clockIsGiven: boolean) {
    this.#names = names;
    this.clockIsGiven = clockIsGiven;
  }

  same(actual: unknown, expected: unknown): void {
    this.#names.learn(expected, actual);
    const told = this.#names.told(expected);
    if (this.clockIsGiven) {
      expect(actual).toEqual(told);
    } else {
      this.#note(actual);
      expect(timeless(actual)).toEqual(timeless(told));
    }
  }

  #note(value: unknown): void {
    if (typeof value !== "object" || value === null) return;
    const { id, account, seq, time, openedAt, expiresAt } = Object(value);
    if (typeof openedAt === "number") {
      this.#isAlways(`opening of ${id}`, openedAt);
      if (typeof seq === "number") this.#isInOrder(id, seq, time);
    } else if (typeof account === "string" && typeof seq === "number") this.#isInOrder(account, seq, time);
    else if (typeof time === "number") this.#isAlways(`time of ${id}`, time);
    if (typeof expiresAt === "number") this.#isAlways(`expiry of ${id}`, expiresAt);
    for (const member of Object.values(value)) this.#note(member);
  }

  #isInOrder(account: string, seq: number, time: number): void {
    this.#isAlways(`${account} ${seq}`, time);
    expect(time).toBeGreaterThan(this.#times.get(`${account} ${seq - 1}`) ?? -1);
    expect(time).toBeLessThan(this.#times.get(`${account} ${seq + 1}`) ?? Number.POSITIVE_INFINITY);
  }

  #isAlways(what: string, time: number): void {
    expect([what, time]).toEqual([what, this.#times.get(what) ?? time]);
    this.#times.set(what, time);
  }
}

const TIMES = new Set(["time", "openedAt", "expiresAt", "readAt"]);

function timeless(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(timeless);
  if (typeof value !== "object" || value === null) return value;
  const others = Object.entries(value).filter(([name]) => !TIMES.has(name));
  return Object.fromEntries(others.map(([name, member]) => [name, timeless(member)]));
}
