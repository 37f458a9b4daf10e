import { shardOf } from "../../../src/ledger/account-id.ts";
import type { Random } from "../plan/random.ts";
import type { Answer, Attempt } from "./history.ts";

/** The accounts of a new ledger, as in the contract. They are the hot ones: every client uses them all the time. */
export const HOT_ACCOUNTS = [
  { account: "1", unit: "BRL/2", creditLimit: 100_000 },
  { account: "2", unit: "BRL/2", creditLimit: 80_000 },
  { account: "3", unit: "BRL/2", creditLimit: 1_000_000 },
  { account: "4", unit: "BRL/2", creditLimit: 10_000_000 },
  { account: "5", unit: "BRL/2", creditLimit: 500_000 },
] as const;

export const UNITS = ["BRL/2", "USD/2", "CREDITS/6", "TOKENS"] as const;

const COLD_LIMIT_MIN = 10_000;
const COLD_LIMIT_MAX = 5_000_000;
/** Amounts on an account without credit are chosen in proportion to this. */
const SCALE_MIN = 10_000;
/** The first accounts of each unit are used by many clients at once. */
const SHARED_MAX = 6;
const SHARED_PERCENT = 60;
/** Only so many of the latest holds and transactions are gone on with: so several clients go on with the same one. */
const RECENT_MAX = 40;

/** What the clients know of an account. */
export interface KnownAccount {
  readonly account: string;
  readonly unit: string;
  /** At its opening. Amounts and later limits are chosen in proportion to it. */
  readonly creditLimit: number;
}

export interface KnownHold {
  readonly hold: string;
  readonly from: string;
  readonly amount: number;
}

/**
 * What the clients were told of, and all credit limits that were ever requested. No limit is requested twice for one
 * account, so that a limit tells which command set it. Openings get odd limits, or 0, and changes even ones.
 */
export class KnownThings {
  readonly #cold: KnownAccount[] = [];
  readonly #byUnit = new Map<string, KnownAccount[]>([["BRL/2", [...HOT_ACCOUNTS]]]);
  readonly #known = new Map<string, KnownAccount>(HOT_ACCOUNTS.map((known) => [known.account, known]));
  readonly #opened = new Set<number>();
  readonly #changed = new Map<string, Set<number>>(
    HOT_ACCOUNTS.map(({ account, creditLimit }) => [account, new Set([creditLimit])]),
  );
  readonly #shards: number;
  readonly #holds: KnownHold[] = [];
  readonly #transactions: string[] = [];

  constructor(shards = 1) {
    this.#shards = shards;
  }

  get shards(): number {
    return this.#shards;
  }

  shardOf(account: string): number {
    return shardOf(account, this.#shards);
  }

  /** An account's id that begins so and is on this shard: without braces, which are written otherwise in a path. */
  idOn(shard: number, beginning: string): string {
    let number = 0;
    while (this.shardOf(`${beginning}.${number}`) !== shard) number += 1;
    return `${beginning}.${number}`;
  }

  get cold(): readonly KnownAccount[] {
    return this.#cold;
  }

  get holds(): readonly KnownHold[] {
    return this.#holds;
  }

  get transactions(): readonly string[] {
    return this.#transactions;
  }

  account(id: string): KnownAccount | undefined {
    return this.#known.get(id);
  }

  /** Call it with each answer. */
  learn({ operation, answer }: Pick<Attempt, "operation" | "answer">): void {
    if (operation.type === "batch") {
      const results = answer.type === "batch" ? answer.results : [];
      for (const [index, { command }] of operation.commands.entries()) {
        const result = results[index];
        if (result !== undefined) this.#learn(command, result);
      }
    } else if (answer.type === "accepted") {
      if (operation.type !== "statement" && !operation.type.startsWith("read-"))
        this.#learn(operation, answer);
    }
  }

  #learn(command: { readonly type: string }, answer: Answer): void {
    if (answer.type !== "accepted") return;
    const { accounts, hold, transaction } = answer;
    if (command.type === "open")
      for (const { id, creditLimit, rest } of accounts) this.#open(id, rest?.unit, creditLimit);
    if (command.type === "hold" && hold !== null && !answer.replayed)
      remember(this.#holds, { hold: hold.id, from: hold.from, amount: hold.amount });
    const made = transaction?.id ?? hold?.transaction ?? null;
    if (made !== null && !answer.replayed) remember(this.#transactions, made);
  }

  #open(account: string, unit = "BRL/2", creditLimit = 0): void {
    if (this.#known.has(account)) return;
    const known = { account, unit, creditLimit };
    this.#known.set(account, known);
    this.#cold.push(known);
    this.#byUnit.set(unit, [...(this.#byUnit.get(unit) ?? []), known]);
  }

  /**
   * Several clients at once choose the same ones.
   *
   * @param shard that it is to be on; null for any
   */
  ofUnit(random: Random, unit: string, shard: number | null): KnownAccount | null {
    const ofAll = this.#byUnit.get(unit) ?? [];
    const all = shard === null ? ofAll : ofAll.filter(({ account }) => this.shardOf(account) === shard);
    const some = random.chance(SHARED_PERCENT) ? all.slice(0, SHARED_MAX) : all;
    return some.length === 0 ? null : random.pick(some);
  }

  limitToOpen(random: Random): number {
    return unused(this.#opened, () => random.integer(COLD_LIMIT_MIN, COLD_LIMIT_MAX) | 1);
  }

  /** Around its first limit, so that debits and changes of the limit are refused again and again. */
  limitToChange(random: Random, known: KnownAccount): number {
    let used = this.#changed.get(known.account);
    if (used === undefined) this.#changed.set(known.account, (used = new Set()));
    const scale = scaleOf(known);
    const draw = () => random.integer(Math.floor(scale / 4), Math.floor(scale * 0.75)) * 2;
    return unused(used, draw);
  }
}

/** What amounts on an account are chosen in proportion to. */
export function scaleOf({ creditLimit }: Pick<KnownAccount, "creditLimit">): number {
  return creditLimit === 0 ? SCALE_MIN : creditLimit;
}

function remember<Thing>(things: Thing[], thing: Thing): void {
  things.push(thing);
  if (things.length > RECENT_MAX) things.shift();
}

/** Draws a value that was not used yet, and marks it as used. A range of tens of thousands is never used up. */
function unused(used: Set<number>, draw: () => number): number {
  let value = draw();
  while (used.has(value)) value += 2;
  used.add(value);
  return value;
}
