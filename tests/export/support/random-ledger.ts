import type { Account, AccountId } from "../../../src/ledger/account.ts";
import type { Command } from "../../../src/ledger/command.ts";
import type { Ledger, Outcome, Result } from "../../../src/ledger/ledger.ts";
import type { EventId } from "../../../src/ledger/transaction.ts";
import {
  capture,
  hold,
  open,
  release,
  reversal,
  transact,
  transaction,
} from "../../support/ledger/commands.ts";
import { ALL_ACCOUNTS } from "../../support/ledger/filters.ts";
import type { Random } from "../../support/random.ts";

const MAX = Number.MAX_SAFE_INTEGER;
const MONTH = 30 * 24 * 60 * 60;

/** Among them such as differ in their decimals alone, and such as have names that other programs do not take. */
const UNITS = [
  "BRL/2",
  "BRL/3",
  "BRL",
  "JPY",
  "X",
  "MILES_/1",
  "WEI_2/18",
  "KWH/6",
  "TRUE/2",
  "NULL",
  "A/2",
  "AND",
  "E/2",
  "Z0123456789_ABCD/12",
];

const TEXTS = [
  null,
  "lunch",
  'a "quoted" \\ one; with; semicolons',
  "caf\u00e9 \u{1F600} \u{1F468}\u200D\u{1F469}\u200D\u{1F467}",
  "=1+1",
  "@SUM(A1)",
  "-x",
  "\n=1+1",
  "\uFF1D1+1",
  "two\nlines\r\nand\u2028more\u0085",
  "* ! (code) | date:2020-99-99 [2020-13-13] ; :tag: key: value",
  "  blanks   everywhere  ",
  "#hash ^link %percent 12.50 BRL @ 5 {6}",
  "\u0001\u007F\t",
];
const REFERENCES = [null, "order-1", "a,b;c[d]=date:x", '"\\', "%2C", "=1+1"];

const IDS = [
  "a:b:{c}",
  "{x}y",
  "..x",
  "-",
  "--a",
  "a-3ab",
  "a:b",
  "a-3Ab",
  "0",
  "Z".repeat(64),
  `:${"{}".repeat(31)}.`,
  "A.B_C",
];

/**
 * Tells a ledger all kinds of commands at random, of which many are refused.
 *
 * @returns what those were answered that were accepted, but for the contest's
 */
export async function fillAtRandom(
  ledger: Ledger,
  random: Random,
  commands: number,
): Promise<readonly Result[]> {
  const answers: Result[] = [];
  const ids = [...IDS];
  const accounts: AccountId[] = ["1", "2", "3", "4", "5"];
  const transactions: EventId[] = [];
  const holds: EventId[] = [];
  const learn = (outcome: Outcome): void => {
    if (outcome.type !== "accepted") return;
    const { result } = outcome;
    if (result.type !== "entry") answers.push(result);
    if (result.type === "transaction") transactions.push(result.transaction.id);
    if (result.type === "hold") holds.push(result.hold.id);
  };
  for (const unit of UNITS)
    for (const [index, name] of [null, 'the "name" \\ of\nit \u{1F600}'].entries()) {
      const account = ids.shift() ?? `${unit.toLowerCase().replaceAll(/[^a-z0-9]/g, ":")}{${index}}`;
      learn(await ledger.submit(open(random.pick([0, 1_000, MAX]), { account, unit, name })));
      accounts.push(account);
    }
  for (const account of accounts) {
    const known = await ledger.account(account);
    if (known !== null && random.chance(70))
      learn(
        await ledger.submit(transact(account, "credit", random.pick([1, 99, 12_345, MAX - known.balance]))),
      );
  }
  const amount = (): number => random.pick([1, 2, 10, 999, 100_000, MAX]);
  const details = () => ({ description: random.pick(TEXTS), reference: random.pick(REFERENCES) });
  const draft = (): Command => {
    const account = random.pick(accounts);
    switch (random.integer(1, 8)) {
      case 1:
      case 2: {
        const kind = random.pick(["credit", "debit"] as const);
        return { ...transact(account, kind, amount()), description: random.pick(TEXTS) ?? "x" };
      }
      case 3:
      case 4: {
        const moves = Array.from({ length: random.integer(1, 20) }, () => {
          const other = random.pick(accounts);
          const outside = random.chance(80) || other === account;
          return random.chance(50)
            ? ([outside ? "@world" : other, account, random.integer(1, 50)] as const)
            : ([account, outside ? "@world" : other, random.integer(1, 50)] as const);
        });
        return transaction(moves, details());
      }
      case 5:
        return hold(account, random.integer(1, 500), {
          ...details(),
          expiresInSeconds: random.pick([600, MONTH]),
        });
      case 6:
        return capture(random.pick(["h0-1-0-1", ...holds]), { amount: random.pick([null, 0, 1, 7]) });
      case 7:
        return release(random.pick(["h0-1-0-1", ...holds.slice(0, 5)]));
      default:
        return reversal(random.pick(["t0-1-0-1", ...transactions]), details());
    }
  };
  for (let left = commands; left > 0;) {
    const together = Math.min(left, random.integer(1, 12));
    left -= together;
    const outcomes = await Promise.allSettled(Array.from({ length: together }, () => ledger.submit(draft())));
    for (const outcome of outcomes) if (outcome.status === "fulfilled") learn(outcome.value);
  }
  // Whatever chance has made, each kind of end and each text is there.
  learn(await ledger.submit(open(MAX, { account: "{sure}:1" })));
  for (const end of [release, capture]) {
    learn(await ledger.submit(hold("{sure}:1", 10, { expiresInSeconds: MONTH })));
    learn(await ledger.submit(end(holds.at(-1) ?? "")));
  }
  for (const description of TEXTS)
    learn(await ledger.submit(transaction([["@world", "{sure}:1", 1]], { description })));
  learn(await ledger.submit(transaction([["{sure}:1", "@world", MAX - 10]])));
  return answers;
}

export async function allAccounts(ledger: Ledger): Promise<readonly Account[]> {
  const found: Account[] = [];
  for (let after: string | null = null; ;) {
    const { items, next } = await ledger.accounts(ALL_ACCOUNTS, { count: 100, after });
    found.push(...items);
    if (next === null) return found;
    after = next;
  }
}
