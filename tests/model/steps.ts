import * as fc from "fast-check";
import type { Micros } from "../../src/ledger/account.ts";
import type { Command, CommandId } from "../../src/ledger/command.ts";
import type { Model } from "./model.ts";

const MAX = Number.MAX_SAFE_INTEGER;

/** What a run does next. Drawn without knowing the state; {@link toCommand} fits it to the state when its turn comes. */
export type Step =
  | { readonly type: "submit"; readonly drafts: readonly Draft[] }
  | { readonly type: "clock"; readonly by: Micros }
  | {
      readonly type: "history";
      readonly account: number;
      readonly count: number;
      readonly before: number | null;
    }
  | { readonly type: "reopen" };

type Key = string | null;

/** A command to be. Accounts are named by the order of their opening, from 1. An amount may hang on the balance that the account has when its turn comes. */
type Draft =
  | {
      type: "transact";
      account: number;
      kind: "credit" | "debit";
      amount: Amount;
      description: string;
      key: Key;
    }
  | { type: "open"; unit: string; creditLimit: number; name: string | null; key: Key }
  | { type: "change-limit"; account: number; amount: Amount; key: Key }
  /** The same command again, the `back`th before it of those with a key. */
  | { type: "resend"; back: number };

/** Cents; or so many cents off the edge, where one more would be refused. */
type Amount = { readonly cents: number } | { readonly offEdge: number };

/**
 * A clock that stands still, goes on, steps back, and jumps over the day for which keys are kept. The steps back of a
 * run together stay far under what the jump leaves over, so that a key is never both kept and forgotten.
 */
const clock = fc.oneof(
  fc.constantFrom(1, 2, 1_000, 1_000_000),
  fc.integer({ min: -1_000_000, max: -1 }),
  fc.constant(25 * 60 * 60 * 1_000_000),
);

/** Mostly accounts that are open, a few that are not: the sixth to the eighth may be opened on the way. */
const account = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(1, 2, 6, 7) },
  { weight: 1, arbitrary: fc.constantFrom(8, 9, 1_000, MAX) },
);

const cents = fc.oneof(
  fc.integer({ min: 1, max: 200_000 }),
  fc.constantFrom(1, 2, 2 ** 31 - 1, 2 ** 31, 2 ** 51 - 1, 2 ** 51, 2 ** 52, MAX - 1, MAX),
);

const amount: fc.Arbitrary<Amount> = fc.oneof(
  fc.record({ cents }),
  fc.record({ offEdge: fc.constantFrom(-1, 0, 0, 1) }),
);

const creditLimit = fc.oneof(fc.constantFrom(0, 0, 1, MAX), fc.integer({ min: 0, max: 100_000 }));

function text(maxLength: number): fc.Arbitrary<string> {
  const unit = fc.oneof(
    fc.constantFrom("a", "|", '"', "'", "\\", "\n", "\u007f", "\ufeff", "\uffff", "é", "\u0301", "😀"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }).filter((character) => character !== "\0"),
  );
  return fc.array(unit, { minLength: 1, maxLength }).map((units) => units.join(""));
}

/** Few keys, so that most are used again: for the same content, for another, on another account. */
const key = fc.option(fc.constantFrom("a", "b", "c", "A", "!", "~".repeat(255)), { freq: 2 });

const drafts: fc.Arbitrary<Draft> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("transact"),
      account,
      kind: fc.constantFrom("credit", "debit"),
      amount,
      description: text(10),
      key,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("open"),
      unit: fc.constantFrom("BRL/2", "BRL/2", "PONTOS"),
      creditLimit,
      name: fc.option(text(100)),
      key,
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("change-limit"), account, amount, key }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("resend"), back: fc.nat({ max: 5 }) }) },
);

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        type: fc.constant("submit"),
        drafts: fc.array(drafts, { minLength: 1, maxLength: 12 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ type: fc.constant("clock"), by: clock }) },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant("history"),
        account,
        count: fc.integer({ min: 1, max: 100 }),
        before: fc.option(fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constant(MAX))),
      }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("reopen") }) },
  ),
  { minLength: 1, maxLength: 40 },
);

/** @param sent what was sent before, oldest first; `null` where the draft resends and there was nothing */
export function toCommand(draft: Draft, model: Model, sent: readonly Command[]): Command | null {
  if (draft.type === "resend") {
    return sent.filter(({ id }) => id.startsWith("key:")).at(-1 - draft.back) ?? null;
  }
  const id: CommandId = draft.key === null ? `req:${sent.length}` : `key:${draft.key}`;
  switch (draft.type) {
    case "open": {
      const { unit, creditLimit: limit, name } = draft;
      return { type: "open", id, unit, creditLimit: limit, name };
    }
    case "change-limit": {
      const accountId = model.idOf(draft.account);
      const edge = -(model.account(accountId)?.balance ?? 0);
      return {
        type: "change-limit",
        id,
        account: accountId,
        creditLimit: toCents(draft.amount, edge, 0),
      };
    }
    case "transact": {
      const { kind, description } = draft;
      const accountId = model.idOf(draft.account);
      const { balance, creditLimit: limit } = model.account(accountId) ?? { balance: 0, creditLimit: 0 };
      // Sums beyond 2^53 are rounded; they are cut to the range of values all the same.
      const edge = kind === "debit" ? balance + limit : MAX - balance;
      const value = toCents(draft.amount, edge, 1);
      return { type: "transact", id, account: accountId, kind, value, description };
    }
  }
}

function toCents(wanted: Amount, edge: number, min: number): number {
  if ("cents" in wanted) return wanted.cents;
  return Math.min(Math.max(edge + wanted.offEdge, min), MAX);
}
