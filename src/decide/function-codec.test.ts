import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Account } from "../ledger/account.ts";
import { CONTEST_UNIT } from "../ledger/account.ts";
import { type Command, contentOf, type CommandId } from "../ledger/command.ts";
import { formatEvent, type LedgerEvent } from "../ledger/event.ts";
import { REFUSALS } from "../ledger/refusal.ts";
import { accountOfRow, argumentsOf, parseAnswer, rememberedOf, rowOf } from "./function-codec.ts";

const MAX = Number.MAX_SAFE_INTEGER;

const amount = fc.oneof(fc.constantFrom(0, 1, MAX - 1, MAX), fc.maxSafeNat());
const balance = fc.oneof(fc.constantFrom(-MAX, -1, 0, 1, MAX), fc.maxSafeInteger());
const accountId = fc.stringMatching(/^[A-Za-z0-9_:{}-][A-Za-z0-9._:{}-]{0,63}$/);
const unit = fc.stringMatching(/^[A-Z][A-Z0-9_]{0,15}(\/[0-9]{1,2})?$/);
const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
const commandId = fc
  .tuple(fc.constantFrom("key", "req"), fc.stringMatching(/^[!-~]{1,40}$/))
  .map(([kind, rest]) => `${kind}:${rest}` as CommandId);

const account: fc.Arbitrary<Account> = fc.record({
  id: accountId,
  name: fc.option(text),
  unit,
  state: fc.constantFrom("open", "frozen", "closed"),
  creditLimit: amount,
  balance,
  held: amount,
  seq: amount,
  time: amount,
  openedAt: amount,
});

/** What follows a command that was accepted. The account may have the same text for an id as the command has. */
const accepted: fc.Arbitrary<{ command: Command; event: Exclude<LedgerEvent, { type: "missing" }> }> = fc
  .record({
    own: accountId,
    id: commandId,
    same: fc.boolean(),
    value: amount,
    balance,
    seq: amount,
    time: amount,
  })
  .chain(({ own, id, same, value, balance: after, seq, time }) => {
    const accountOf = same && /^[A-Za-z0-9._:{}-]{1,64}$/.test(id) ? id : own;
    return fc.oneof(
      fc
        .record({ kind: fc.constantFrom("credit", "debit"), description: text, creditLimit: amount })
        .map(({ kind, description, creditLimit }) => ({
          command: { type: "transact", id, account: accountOf, kind, value, description } as const,
          event: {
            type: "entry",
            entry: { account: accountOf, seq, time, kind, value, balance: after, id, description },
            creditLimit,
          } as const,
        })),
      fc.record({ unit, name: fc.option(text) }).map((opened) => ({
        command: { type: "open", id, creditLimit: value, ...opened } as const,
        event: { type: "open", account: accountOf, time, creditLimit: value, id, ...opened } as const,
      })),
      fc.constant({
        command: { type: "change-limit", id, account: accountOf, creditLimit: value } as const,
        event: {
          type: "limit",
          account: accountOf,
          seq,
          time,
          balance: after,
          creditLimit: value,
          id,
        } as const,
      }),
    );
  });

/** What the function puts together of what it remembers and of the command that was sent again. */
function replayed(remembered: string, [kind = "", id = "", , , , rest = ""]: readonly string[]): string {
  if (remembered.startsWith("!")) return `?${remembered.slice(1)}`;
  return `+${remembered.slice(1)} ${id}${kind === "l" ? "" : ` ${rest}`}`;
}

describe("the row of an account", () => {
  test("is read as it is written", () => {
    fc.assert(
      fc.property(account, (one) => {
        const { id, name, ...rest } = one;
        expect(accountOfRow(id, rowOf(rest), name ?? "")).toEqual(one);
      }),
    );
  });

  test("has this form", () => {
    const one: Account = {
      id: "1",
      name: null,
      unit: CONTEST_UNIT,
      state: "open",
      creditLimit: 1000,
      balance: -5,
      held: 7,
      seq: 3,
      time: 20,
      openedAt: 10,
    };
    expect(rowOf(one)).toBe("1000 -5 7 3 20 BRL/2 open 10");
    expect(accountOfRow("1", "1000 -5 7 3 20 BRL/2 open 10", "")).toEqual(one);
  });

  test.each([
    "",
    "1000 -5 7 3 20 BRL/2 open",
    "1000 -5 7 3 20 BRL/2 open 10 ",
    " 1000 -5 7 3 20 BRL/2 open 10",
    "1000  -5 7 3 20 BRL/2 open 10",
    "1000 -5 7 3 20 BRL/2 open 10\n",
    "-1000 -5 7 3 20 BRL/2 open 10",
    "1000 --5 7 3 20 BRL/2 open 10",
    "1000 - 7 3 20 BRL/2 open 10",
    "1000 -5 -7 3 20 BRL/2 open 10",
    "1000 -5 7 3.5 20 BRL/2 open 10",
    "1e3 -5 7 3 20 BRL/2 open 10",
    "1000 9007199254740992 7 3 20 BRL/2 open 10",
    "1000 -9007199254740992 7 3 20 BRL/2 open 10",
    "9007199254740993 -5 7 3 20 BRL/2 open 10",
    "1000 -5 7 3 20 brl/2 open 10",
    "1000 -5 7 3 20 BRL/ open 10",
    "1000 -5 7 3 20 BRL/2 opened 10",
    "1000 -5 7 3 20 BRL/2  10",
    "1000 -5 7 3 20 open 10",
  ])("%j is none", (row) => {
    expect(() => accountOfRow("1", row, "")).toThrow("not the row of an account");
  });
});

describe("what is remembered of a command", () => {
  test("is enough to answer it again as it was answered first", () => {
    fc.assert(
      fc.property(accepted, ({ command, event }) => {
        const first = formatEvent(event);
        const again = replayed(
          rememberedOf(event),
          argumentsOf(command, () => "another"),
        );
        expect(again).toBe(`+${first}`);
        expect(parseAnswer(again)).toMatchObject({ ...parseAnswer(`=${first}`), replayed: true });
      }),
    );
  });

  test("of a refusal is the refusal, whatever was asked for", () => {
    for (const refusal of REFUSALS) {
      const content = contentOf({ type: "change-limit", account: "1", creditLimit: 0 });
      expect(rememberedOf({ type: "refusal", time: 5, refusal, id: "key:k", content })).toBe(`!${refusal}`);
      expect(parseAnswer(replayed(`!${refusal}`, ["l"]))).toEqual({
        type: "refused",
        refusal,
        replayed: true,
      });
    }
  });

  test("ends before the command's id, also where the account or a text has the same", () => {
    const id = "key:a";
    const common = { account: id, time: 5, id, creditLimit: 100 } as const;
    const entry = { seq: 1, kind: "credit", value: 7, balance: 7, description: id, ...common } as const;
    expect(rememberedOf({ type: "entry", entry, creditLimit: 100 })).toBe("=c key:a 1 5 7 7 100");
    expect(rememberedOf({ type: "open", unit: "X", name: id, ...common })).toBe("=o key:a 5 100");
    expect(rememberedOf({ type: "limit", seq: 1, balance: 7, ...common })).toBe("=l key:a 1 5 7 100");
  });
});
