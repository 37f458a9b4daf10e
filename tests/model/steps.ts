import * as fc from "fast-check";
import type { AccountStatus, Metadata, Micros } from "../../src/ledger/account.ts";
import { ACCOUNT_ORDERS, type AccountOrder } from "../../src/ledger/account-order.ts";
import type { ChangeAccount } from "../../src/ledger/command.ts";
import type { Condition, HoldStatus } from "../../src/ledger/transaction.ts";

export const MAX = Number.MAX_SAFE_INTEGER;

/** What a run does next. Drawn without knowing the state; `Drafting` fits it to the state when its turn comes. */
export type Step =
  | { readonly type: "submit"; readonly drafts: readonly Draft[] }
  | { readonly type: "group"; readonly drafts: readonly Draft[] }
  | { readonly type: "clock"; readonly by: Micros }
  | {
      readonly type: "entries";
      readonly account: number;
      readonly count: number;
      readonly order: "asc" | "desc";
      readonly from: number | null;
      readonly before: number | null;
      /** Seqs, whose times are meant. */
      readonly fromTime: number | null;
      readonly beforeTime: number | null;
    }
  | ReadingStep
  | { readonly type: "reopen" };

/** Of the lists, and of the past; `null` for no filter. */
export interface ReadingStep {
  readonly type: "reading";
  /** In a page. */
  readonly count: number;
  /** Empty for all. */
  readonly idBeginning: string;
  readonly account: number | null;
  readonly unit: string | null;
  readonly status: AccountStatus | null;
  readonly name: string | null;
  readonly metadata: Metadata;
  readonly order: AccountOrder;
  /** Off the balance of the account, if there is one. */
  readonly lessThan: number | null;
  readonly greaterThan: number | null;
  readonly reference: string | null;
  /** How many transactions were made after that one whose time is meant. */
  readonly fromBack: number | null;
  readonly beforeBack: number | null;
  readonly holdStatus: HoldStatus | null;
}

type Key = string | null;

/** A side by the order of the accounts' opening, from 1; 0 is the outside. */
export interface MoveDraft {
  readonly from: number;
  readonly to: number;
  readonly amount: Amount;
}

interface Details {
  readonly description: string | null;
  readonly reference: string | null;
  readonly metadata: Metadata;
}

/**
 * A command to be. Accounts are named by the order of their opening, from 1; transactions and holds by how many were made
 * after them. An amount may hang on what the account has when its turn comes.
 */
export type Draft = { readonly key: Key } & (
  | {
      type: "transact";
      account: number;
      kind: "credit" | "debit";
      amount: Amount;
      description: string;
    }
  | {
      type: "open";
      account: string | null;
      unit: string;
      creditLimit: number;
      name: string | null;
      metadata: Metadata;
    }
  | { type: "change"; account: number; amount: Amount | null; change: Partial<ChangeAccount> }
  | {
      type: "transaction";
      moves: readonly MoveDraft[];
      conditions: readonly {
        account: number;
        what: Condition["what"];
        off: number;
        bound: "least" | "most" | "both";
      }[];
      isDryRun: boolean;
      details: Details;
    }
  | { type: "hold"; move: MoveDraft; expiresInSeconds: number; details: Details }
  | {
      type: "capture";
      back: number;
      amount: Amount | null;
      to: number | null;
      parts: readonly { to: number; share: number }[] | null;
    }
  | { type: "release"; back: number }
  | { type: "reversal"; back: number; details: Details }
  /** The same command again, with its key: the `back`th before it of those with one. */
  | { type: "resend"; back: number }
  /** The same under another key, or under none. */
  | { type: "again"; back: number }
);

/** So many of the smallest part; or so many off the edge, where one more would be refused. */
export type Amount = { readonly units: number } | { readonly offEdge: number };

/**
 * A clock that stands still, goes on, steps back, and jumps over the day for which keys are kept. The steps back of a
 * run together stay far under what the jump leaves over, so that a key is never both kept and forgotten.
 */
const clock = fc.oneof(
  fc.constantFrom(1, 2, 1_000, 999_999, 1_000_000, 1_000_000),
  fc.integer({ min: -1_000_000, max: -1 }),
  fc.constant(25 * 60 * 60 * 1_000_000),
);

/** Mostly accounts that are open, a few that are not: the sixth to the eighth may be opened on the way. */
const account = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(1, 2, 6, 7) },
  { weight: 1, arbitrary: fc.constantFrom(8, 9, 1_000, MAX) },
);
const party = fc.oneof({ weight: 4, arbitrary: account }, { weight: 1, arbitrary: fc.constant(0) });
const back = fc.nat({ max: 4 });

const units = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 60_000 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(1, 2, 2 ** 31 - 1, 2 ** 31, 2 ** 51 - 1, 2 ** 51, 2 ** 52, MAX - 1, MAX),
  },
);

const amount: fc.Arbitrary<Amount> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ units }) },
  { weight: 1, arbitrary: fc.record({ offEdge: fc.constantFrom(-1, 0, 0, 1) }) },
);

const creditLimit = fc.oneof(fc.constantFrom(0, 0, 1, MAX), fc.integer({ min: 0, max: 100_000 }));

function text(maxLength: number): fc.Arbitrary<string> {
  const unit = fc.oneof(
    fc.constantFrom("a", "|", '"', "'", "\\", "\n", "\u007f", "\ufeff", "\uffff", "é", "\u0301", "😀"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }).filter((character) => character !== "\0"),
  );
  return fc.array(unit, { minLength: 1, maxLength }).map((parts) => parts.join(""));
}

/** Few keys, so that most are used again: for the same content, for another, on another account. */
const key = fc.option(fc.constantFrom("a", "b", "c", "A", "!", "~".repeat(255)), { freq: 2 });

const memberName = fc.constantFrom("a", "b", "order id");
const metadata = fc.oneof(
  fc.constant({}),
  fc.dictionary(memberName, text(5), { maxKeys: 2, noNullPrototype: true }),
);
const details: fc.Arbitrary<Details> = fc.oneof(
  fc.constant({ description: null, reference: null, metadata: {} }),
  fc.record({
    description: fc.option(text(20)),
    reference: fc.option(fc.constantFrom("r1", "r2", "#~!")),
    metadata,
  }),
);

const move = fc.record({ from: party, to: party, amount });

const change: fc.Arbitrary<Partial<ChangeAccount>> = fc.record(
  {
    state: fc.constantFrom("open", "open", "frozen", "closed"),
    name: fc.option(text(10)),
    metadata: fc.dictionary(memberName, fc.option(text(5)), { maxKeys: 2, noNullPrototype: true }),
  },
  { requiredKeys: [] },
);

const drafts: fc.Arbitrary<Draft> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("transact"),
      account,
      kind: fc.constantFrom("credit", "credit", "debit"),
      amount,
      description: text(10),
      key,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("open"),
      account: fc.option(fc.constantFrom("a:1", "{t}.b", "1")),
      unit: fc.constantFrom("BRL/2", "BRL/2", "BRL/2", "POINTS"),
      creditLimit,
      name: fc.option(text(10)),
      metadata,
      key,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("change"), account, amount: fc.option(amount), change, key }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("transaction"),
      moves: fc.oneof(
        { weight: 9, arbitrary: fc.array(move, { minLength: 1, maxLength: 5 }) },
        { weight: 1, arbitrary: fc.array(move, { minLength: 6, maxLength: 20 }) },
      ),
      conditions: fc.oneof(
        { weight: 3, arbitrary: fc.constant([]) },
        {
          weight: 1,
          arbitrary: fc.array(
            fc.record({
              account,
              what: fc.constantFrom("balance", "available", "seq"),
              off: fc.constantFrom(-1, 0, 0, 1),
              bound: fc.constantFrom("least", "most", "both"),
            }),
            { minLength: 1, maxLength: 10, size: "small" },
          ),
        },
      ),
      isDryRun: fc.oneof(
        { weight: 5, arbitrary: fc.constant(false) },
        { weight: 1, arbitrary: fc.constant(true) },
      ),
      details,
      key,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("hold"),
      move,
      expiresInSeconds: fc.constantFrom(1, 1, 2, 600, 90_000, 2_592_000),
      details,
      key,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("capture"),
      back,
      amount: fc.option(fc.oneof(amount, fc.constant({ units: 0 }))),
      to: fc.option(party),
      parts: fc.option(
        fc.array(fc.record({ to: party, share: fc.integer({ min: 0, max: 60 }) }), {
          minLength: 1,
          maxLength: 3,
        }),
      ),
      key,
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("release"), back, key }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("reversal"), back, details, key }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("resend"), back: fc.nat({ max: 5 }), key }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("again"), back: fc.nat({ max: 9 }), key }) },
);

function rarely<T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: values });
}

const seqBound = fc.option(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(MAX)), { freq: 2 });

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        type: fc.constant("submit"),
        drafts: fc.array(drafts, { minLength: 1, maxLength: 10 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant("group"),
        drafts: fc.array(drafts, { minLength: 1, maxLength: 4 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ type: fc.constant("clock"), by: clock }) },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant("entries"),
        account,
        count: fc.integer({ min: 1, max: 101 }),
        order: fc.constantFrom("asc", "desc"),
        from: seqBound,
        before: seqBound,
        fromTime: seqBound,
        beforeTime: seqBound,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constant("reading"),
        count: fc.integer({ min: 1, max: 20 }),
        idBeginning: fc.constantFrom("", "", "1", "a", "{t}"),
        account: fc.option(account),
        unit: rarely(fc.constantFrom("BRL/2", "POINTS", "NONE")),
        status: rarely(fc.constantFrom("open", "frozen", "closed")),
        name: rarely(fc.constantFrom("a", "|", "é", "%", "_")),
        metadata: fc.oneof(fc.constant({}), metadata),
        order: fc.constantFrom(...ACCOUNT_ORDERS),
        lessThan: rarely(fc.constantFrom(-1, 0, 1)),
        greaterThan: rarely(fc.constantFrom(-1, 0, 1)),
        reference: rarely(fc.constantFrom("r1", "r2", "#~!", "none")),
        fromBack: rarely(fc.nat({ max: 20 })),
        beforeBack: rarely(fc.nat({ max: 20 })),
        holdStatus: rarely(fc.constantFrom("open", "captured", "released", "expired")),
      }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("reopen") }) },
  ),
  { minLength: 1, maxLength: 40 },
);
