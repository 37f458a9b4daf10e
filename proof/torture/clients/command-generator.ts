import { HOT_ACCOUNTS, type KnownAccount, type KnownThings, scaleOf, UNITS } from "./known-things.ts";
import { type Command, type Condition, type Posting, WORLD } from "./history.ts";
import type { Random } from "../plan/random.ts";

/** More than half: balances stay near their limits, where debits are refused. */
const DEBIT_PERCENT = 60;
/** Some marks contain a letter of two bytes. */
const WIDE_PERCENT = 5;
/** The largest amount on an account is what its amounts are in proportion to, divided by this. */
const SCALE_PART = 4;
const HOT_PERCENT = 75;
const HOT_LIMIT_PERCENT = 50;
const OWN_ID_PERCENT = 50;
const NO_CREDIT_PERCENT = 50;
const TAKEN_ID_PERCENT = 10;
/** Of the sides of postings. Money comes in more often than it goes out, since debits are refused. */
const FROM_WORLD_PERCENT = 25;
const TO_WORLD_PERCENT = 12;
const ONE_POSTING_PERCENT = 55;
const POSTINGS_MAX = 5;
const OTHER_UNIT_PERCENT = 2;
const CONDITION_PERCENT = 25;
const DRY_RUN_PERCENT = 6;
const SECONDS = [1, 1, 1, 2, 3, 5, 20, 600] as const;

/** Generates commands of each kind: some that will be refused, most that will not. */
export class CommandGenerator {
  readonly #random: Random;
  readonly #known: KnownThings;

  constructor(random: Random, known: KnownThings) {
    this.#random = random;
    this.#known = known;
  }

  mark(client: number, count: number): string {
    const wide = this.#random.chance(WIDE_PERCENT) ? "ç" : "";
    return `${client.toString(36)}-${count.toString(36)}${wide}`;
  }

  /** @param shard where all that it names is to be; null for anywhere */
  command(type: Command["type"], mark: string, shard: number | null = null): Command {
    const random = this.#random;
    switch (type) {
      case "transact":
        return this.#transact(mark);
      case "open":
        return this.open(mark, shard);
      case "change-limit": {
        const known = random.chance(HOT_LIMIT_PERCENT) ? random.pick(HOT_ACCOUNTS) : this.#withCredit();
        const creditLimit = this.#known.limitToChange(random, known);
        return { type, account: known.account, creditLimit };
      }
      case "change-state":
        return this.#changeState(mark);
      case "transaction":
        return this.#transaction(mark, shard);
      case "hold":
        return this.#hold(mark, shard);
      case "capture":
      case "release": {
        const holds = this.#known.holds.filter(
          ({ from }) => shard === null || this.#known.shardOf(from) === shard,
        );
        if (holds.length === 0) return this.#hold(mark, shard);
        const { hold, from, amount } = random.pick(holds);
        return type === "release" ? { type, hold } : this.#capture(hold, from, amount, shard);
      }
      case "reversal": {
        const transactions = this.#known.transactions.filter(
          (id) => shard === null || id.startsWith(`t${shard}-`),
        );
        if (transactions.length === 0) return this.#transaction(mark, shard);
        return { type, transaction: random.pick(transactions), reference: referenceOf(mark) };
      }
    }
  }

  open(name: string, shard: number | null = null): Command {
    const random = this.#random;
    const cold = this.#known.cold.filter(
      ({ account }) => shard === null || this.#known.shardOf(account) === shard,
    );
    const isTaken = cold.length > 0 && random.chance(TAKEN_ID_PERCENT);
    const account = isTaken
      ? random.pick(cold).account
      : shard !== null
        ? this.#known.idOn(shard, `own:${referenceOf(name)}`)
        : random.chance(OWN_ID_PERCENT)
          ? `own:${referenceOf(name)}`
          : null;
    const creditLimit = random.chance(NO_CREDIT_PERCENT) ? 0 : this.#known.limitToOpen(random);
    return { type: "open", account, unit: random.pick(UNITS), creditLimit, name };
  }

  #transact(description: string): Command {
    const random = this.#random;
    const known = random.chance(HOT_PERCENT) ? random.pick(HOT_ACCOUNTS) : this.#cold();
    const kind = random.chance(DEBIT_PERCENT) ? "debit" : "credit";
    return { type: "transact", account: known.account, kind, value: this.#amount(known), description };
  }

  /** Mostly to open: in a frozen account nothing happens. */
  #changeState(name: string): Command {
    const drawn = this.#random.integer(1, 100);
    const state = drawn <= 65 ? "open" : drawn <= 90 ? "frozen" : "closed";
    return { type: "change-state", account: this.#cold().account, state, name };
  }

  #transaction(mark: string, shard: number | null): Command {
    const random = this.#random;
    const unit = random.pick(UNITS);
    const count = random.chance(ONE_POSTING_PERCENT) ? 1 : random.integer(2, POSTINGS_MAX);
    const begin = this.#account(unit, shard);
    const first = this.#posting(begin, unit, shard);
    const more = () => this.#posting(this.#account(unit, shard, begin), unit, shard);
    const postings = [first, ...Array.from({ length: count - 1 }, more)];
    const conditions: Condition[] = [];
    const { from, to, amount } = first;
    const of = from === WORLD ? to : from;
    if (random.chance(CONDITION_PERCENT)) conditions.push(this.#condition(of, amount));
    // Also on one that it does not move anything of.
    const other = random.chance(50) ? of : this.#account(unit, shard, begin).account;
    if (conditions.length > 0 && random.chance(30)) conditions.push(this.#condition(other, amount));
    const dryRun = random.chance(DRY_RUN_PERCENT);
    return { type: "transaction", postings, conditions, dryRun, reference: referenceOf(mark) };
  }

  #posting(one: KnownAccount, unit: string, shard: number | null): Posting {
    const random = this.#random;
    if (random.chance(FROM_WORLD_PERCENT))
      return { from: WORLD, to: one.account, amount: this.#amount(one) * 2 };
    const other = this.#account(random.chance(OTHER_UNIT_PERCENT) ? random.pick(UNITS) : unit, shard, one);
    const isOut = random.chance(TO_WORLD_PERCENT) || other.account === one.account;
    return { from: one.account, to: isOut ? WORLD : other.account, amount: this.#amount(one) };
  }

  #condition(account: string, amount: number): Condition {
    const random = this.#random;
    switch (random.integer(1, 4)) {
      case 1:
        return { account, what: "available", is: "gte", value: amount };
      case 2:
        return { account, what: "balance", is: "gte", value: random.integer(-amount, amount) };
      case 3:
        return { account, what: "balance", is: "lte", value: random.integer(0, amount * 8) };
      default:
        return { account, what: "seq", is: random.pick(["gte", "lte"]), value: random.integer(0, 30) };
    }
  }

  #hold(mark: string, shard: number | null): Command {
    const random = this.#random;
    const unit = random.pick(UNITS);
    const from = this.#account(unit, shard);
    const other = this.#account(unit, shard, from).account;
    const to = random.chance(50) || other === from.account ? WORLD : other;
    const seconds = random.pick(SECONDS);
    const amount = this.#amount(from);
    return { type: "hold", from: from.account, to, amount, seconds, reference: referenceOf(mark) };
  }

  #capture(hold: string, from: string, held: number, shard: number | null): Command {
    const random = this.#random;
    const all = { type: "capture", hold, amount: null, to: null, parts: null } as const;
    const known = this.#known.account(from) ?? { account: from, unit: "BRL/2", creditLimit: 0 };
    const other = this.#account(known.unit, shard, known).account;
    const to = other === from ? WORLD : other;
    const drawn = random.integer(1, 100);
    if (drawn <= 35) return all;
    if (drawn <= 55) return { ...all, amount: random.integer(0, held) };
    if (drawn <= 62) return { ...all, amount: 0 };
    if (drawn <= 77) return { ...all, amount: held + random.integer(1, held) };
    if (drawn <= 87) return { ...all, to };
    const first = random.integer(1, held);
    const second = random.integer(1, Math.max(1, held - first));
    return {
      ...all,
      parts: [
        { to, amount: first },
        { to: WORLD, amount: second },
      ],
    };
  }

  #amount(known: KnownAccount): number {
    return this.#random.integer(1, Math.max(1, Math.floor(scaleOf(known) / SCALE_PART)));
  }

  /**
   * One of those that the clients know, on that shard; where there is none of the unit yet, a hot one.
   *
   * @param otherwise what to take where no hot one is there either
   */
  #account(unit: string, shard: number | null, otherwise?: KnownAccount): KnownAccount {
    const found = this.#known.ofUnit(this.#random, unit, shard);
    if (found !== null) return found;
    const hot = HOT_ACCOUNTS.filter(
      ({ account }) => shard === null || this.#known.shardOf(account) === shard,
    );
    return hot.length === 0 ? (otherwise ?? this.#random.pick(HOT_ACCOUNTS)) : this.#random.pick(hot);
  }

  #cold(): KnownAccount {
    const { cold } = this.#known;
    return cold.length === 0 ? this.#random.pick(HOT_ACCOUNTS) : this.#random.pick(cold);
  }

  #withCredit(): KnownAccount {
    const known = this.#cold();
    return known.creditLimit > 0 ? known : this.#random.pick(HOT_ACCOUNTS);
  }
}

/** References, and ids, have visible ASCII characters only. */
function referenceOf(mark: string): string {
  return mark.replace("ç", "_");
}
