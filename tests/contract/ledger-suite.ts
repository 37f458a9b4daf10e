import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type AccountId, INITIAL_CREDIT_LIMITS } from "../../src/ledger/account.ts";
import { isAccountId } from "../../src/ledger/account-id.ts";
import { type Ledger, LedgerUnavailable } from "../../src/ledger/ledger.ts";
import { bounds } from "../../src/bounds.ts";
import { MONEY_CENTS_MAX } from "../../src/ledger/rules.ts";
import {
  accepted,
  because,
  change,
  type LedgerUnderTest,
  open,
  page,
  refused,
  requestId,
  type Skips,
  transact,
} from "./support/commands.ts";

/** The contract of the port, as far as the contest's routes need it: every adapter passes it whole. */
export function ledgerSuite(name: string, start: () => Promise<LedgerUnderTest>, skips: Skips = {}): void {
  describe(`the ledger's contract: ${name}`, () => {
    let subject: LedgerUnderTest;
    let ledger: Ledger;

    beforeEach(async () => {
      subject = await start();
      ledger = subject.ledger;
    });
    afterEach(() => subject.dispose());

    /** Opens an account of its own and brings it to a balance. */
    async function account(creditLimit: number, balance = 0): Promise<AccountId> {
      const opened = accepted(await ledger.submit(open(creditLimit)));
      if (balance !== 0) {
        const kind = balance > 0 ? "credit" : "debit";
        accepted(await ledger.submit(transact(opened.id, kind, Math.abs(balance))));
      }
      return opened.id;
    }

    test("starts with the accounts 1 to 5, without entries, and no others", async () => {
      for (const [index, creditLimit] of INITIAL_CREDIT_LIMITS.entries()) {
        const id = String(index + 1);
        const initial = await ledger.account(id);
        expect(initial).toEqual({
          id,
          name: null,
          metadata: {},
          unit: "BRL/2",
          state: "open",
          creditLimit,
          balance: 0,
          held: 0,
          seq: 0,
          time: expect.any(Number),
          openedAt: expect.any(Number),
        });
        expect(initial?.time).toBe(initial?.openedAt ?? Number.NaN);
        expect(await ledger.entries(id, page())).toEqual([]);
      }
      for (const id of NO_ACCOUNTS) {
        expect(await ledger.account(id)).toBeNull();
        expect(await ledger.statement(id)).toBeNull();
        expect(await ledger.entries(id, page())).toBeNull();
      }
      expect(ledger.readiness()).toEqual({ ready: true });
    });

    test("credits and debits change the balance and leave an entry each", async () => {
      expect(accepted(await ledger.submit(transact("1", "credit", 500)))).toMatchObject({
        balance: 500,
        seq: 1,
      });
      expect(accepted(await ledger.submit(transact("1", "debit", 700)))).toMatchObject({
        balance: -200,
        seq: 2,
      });
      const statement = await ledger.statement("1");
      expect(statement?.account).toMatchObject({ balance: -200, creditLimit: 100_000, seq: 2 });
      expect(statement?.entries).toMatchObject([
        { account: "1", seq: 2, kind: "debit", value: 700, balance: -200, description: "test" },
        { account: "1", seq: 1, kind: "credit", value: 500, balance: 500, description: "test" },
      ]);
      expect(await ledger.account("2")).toMatchObject({ balance: 0, seq: 0 });
    });

    test("entries carry the id of their command", async () => {
      const id = requestId();
      await ledger.submit(transact("1", "credit", 1, id));
      expect((await ledger.entries("1", page({ count: 1 })))?.[0]?.id).toBe(id);
    });

    test("a debit may take the balance to the limit and not a cent further", async () => {
      const id = await account(1000);
      expect(await ledger.submit(transact(id, "debit", 1001))).toEqual(
        refused("limit-exceeded", { account: id }),
      );
      expect(accepted(await ledger.submit(transact(id, "debit", 1000)))).toMatchObject({
        balance: -1000,
        seq: 1,
      });
      expect(await ledger.submit(transact(id, "debit", 1))).toEqual(
        refused("limit-exceeded", { account: id }),
      );
      expect(await ledger.account(id)).toMatchObject({ balance: -1000, seq: 1 });
    });

    test("a balance reaches 2^53 - 1 cents and no further, and the same below zero", async () => {
      const rich = await account(0, MONEY_CENTS_MAX);
      expect(await ledger.submit(transact(rich, "credit", 1))).toEqual(
        refused("balance-out-of-range", { account: rich }),
      );
      expect(await ledger.submit(transact(rich, "credit", MONEY_CENTS_MAX))).toEqual(
        refused("balance-out-of-range", { account: rich }),
      );
      expect(await ledger.account(rich)).toMatchObject({ balance: MONEY_CENTS_MAX, seq: 1 });
      const poor = await account(MONEY_CENTS_MAX, -MONEY_CENTS_MAX);
      expect(await ledger.submit(transact(poor, "debit", 1))).toEqual(
        refused("limit-exceeded", { account: poor }),
      );
      expect(await ledger.account(poor)).toMatchObject({ balance: -MONEY_CENTS_MAX, seq: 1 });
    });

    test("opens accounts with a new id, with limit, unit and name", async () => {
      const first = accepted(await ledger.submit(open(0, { unit: "PONTOS/0", name: "Zé 😀" })));
      expect(first).toMatchObject({ creditLimit: 0, balance: 0, seq: 0 });
      const second = accepted(await ledger.submit(open(MONEY_CENTS_MAX)));
      expect(second).toMatchObject({ creditLimit: MONEY_CENTS_MAX });
      expect(await ledger.account(first.id)).toMatchObject({ ...first, unit: "PONTOS/0", name: "Zé 😀" });
      expect(await ledger.account(second.id)).toMatchObject({ ...second, unit: "BRL/2", name: null });
    });

    test("accounts opened at once get an id each, which none had before", async () => {
      const outcomes = await Promise.all(Array.from({ length: 50 }, () => ledger.submit(open(1))));
      const ids = outcomes.map((outcome) => accepted(outcome).id);
      expect(new Set([...ids, "1", "2", "3", "4", "5"]).size).toBe(55);
      for (const id of ids) {
        expect([id, isAccountId(id)]).toEqual([id, true]);
        expect(await ledger.account(id)).toMatchObject({ id, creditLimit: 1 });
      }
    });

    test("changes a limit, except under what is owed", async () => {
      const id = await account(1000, -600);
      const changeTo = (creditLimit: number) => ledger.submit(change(id, { creditLimit }));
      expect(await changeTo(599)).toEqual(refused("limit-too-low", { account: id }));
      expect(await ledger.account(id)).toMatchObject({ creditLimit: 1000 });
      expect(accepted(await changeTo(600))).toMatchObject({ creditLimit: 600, balance: -600, seq: 1 });
      expect(await ledger.submit(transact(id, "debit", 1))).toEqual(
        refused("limit-exceeded", { account: id }),
      );
      expect(accepted(await changeTo(601))).toMatchObject({ creditLimit: 601 });
      expect(accepted(await ledger.submit(transact(id, "debit", 1)))).toMatchObject({
        balance: -601,
        seq: 2,
      });
      expect((await ledger.statement(id))?.account).toMatchObject({ creditLimit: 601, balance: -601 });
    });

    test("refuses what names no account", async () => {
      for (const nobody of NO_ACCOUNTS) {
        const unknown = refused("account-unknown", { account: nobody });
        expect(await ledger.submit(transact(nobody, "credit", 1))).toEqual(unknown);
        expect(await ledger.submit(change(nobody, { creditLimit: 1 }))).toEqual(unknown);
        expect(await ledger.account(nobody)).toBeNull();
      }
      expect(await ledger.account("1")).toMatchObject({ balance: 0, seq: 0 });
    });

    test("the statement has the ten latest, newest first, and the balance that the newest led to", async () => {
      for (let value = 1; value <= 12; value += 1) await ledger.submit(transact("2", "credit", value));
      const statement = await ledger.statement("2");
      expect(statement?.entries.map((entry) => entry.value)).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
      expect(statement?.entries[0]?.balance).toBe(statement?.account.balance ?? Number.NaN);
      expect(statement?.readAt).toBeGreaterThanOrEqual(
        statement?.entries[0]?.time ?? Number.POSITIVE_INFINITY,
      );
    });

    test("the entries go back to the first entry, page by page", async () => {
      for (let value = 1; value <= 7; value += 1) await ledger.submit(transact("2", "credit", value));
      const seqs = async (count: number, before: number | null) =>
        (await ledger.entries("2", page({ count, before })))?.map((entry) => entry.seq);
      expect(await seqs(3, null)).toEqual([7, 6, 5]);
      expect(await seqs(3, 5)).toEqual([4, 3, 2]);
      expect(await seqs(3, 2)).toEqual([1]);
      expect(await seqs(3, 1)).toEqual([]);
      expect(await seqs(100, MONEY_CENTS_MAX)).toEqual([7, 6, 5, 4, 3, 2, 1]);
    });

    test("entries form a chain: seq without gaps, balances that follow, times that rise", async () => {
      await Promise.all(
        Array.from({ length: 300 }, (_, index) =>
          ledger.submit(transact("3", index % 3 === 0 ? "debit" : "credit", index + 1)),
        ),
      );
      const entries = await allEntries(ledger, "3");
      expect(entries).toHaveLength(300);
      let previous = { seq: 0, balance: 0, time: 0 };
      for (const entry of entries) {
        expect(entry.seq).toBe(previous.seq + 1);
        expect(entry.balance).toBe(previous.balance + (entry.kind === "credit" ? entry.value : -entry.value));
        expect(entry.time).toBeGreaterThan(previous.time);
        previous = entry;
      }
    });

    test("of 1,000 debits at once with room for 600, exactly 600 are accepted", async () => {
      const id = await account(600);
      const outcomes = await Promise.all(
        Array.from({ length: 1000 }, () => ledger.submit(transact(id, "debit", 1))),
      );
      const balances = outcomes.flatMap((outcome) =>
        outcome.type === "accepted" ? [accepted(outcome).balance] : [],
      );
      expect(new Set(balances).size).toBe(600);
      expect(balances).toHaveLength(600);
      expect(await ledger.account(id)).toMatchObject({ balance: -600, seq: 600 });
    });

    test("text comes back as it was sent", async () => {
      const texts = [
        '"quoted"',
        "back\\slash",
        "new\nline\t",
        "a|b|c",
        "😀😀😀😀😀😀😀😀😀😀",
        "'; --",
        "\u0001\u007f",
        " ",
      ];
      for (const description of texts) {
        await ledger.submit({ ...transact("4", "credit", 1), description });
        expect((await ledger.statement("4"))?.entries[0]?.description).toBe(description);
      }
    });

    test("the same key and content again gives the first outcome and changes nothing", async () => {
      const command = transact("1", "debit", 300, "key:a");
      const first = await ledger.submit(command);
      expect(first).toMatchObject({
        type: "accepted",
        replayed: false,
        result: { account: { balance: -300 } },
      });
      await ledger.submit(transact("1", "debit", 1));
      expect(await ledger.submit(command)).toEqual({ ...first, replayed: true });
      expect(await ledger.account("1")).toMatchObject({ balance: -301, seq: 2 });
    });

    test("a refusal is replayed too, even where it would be accepted now", async () => {
      const id = await account(0);
      const command = transact(id, "debit", 5, "key:b");
      expect(await ledger.submit(command)).toEqual(refused("limit-exceeded", { account: id }));
      await ledger.submit(transact(id, "credit", 100));
      expect(await ledger.submit(command)).toEqual(refused("limit-exceeded", { account: id }, true));
      expect(await ledger.account(id)).toMatchObject({ balance: 100, seq: 1 });
      const unknown = transact("nobody", "credit", 5, "key:c");
      expect(await ledger.submit(unknown)).toEqual(refused("account-unknown", { account: "nobody" }));
      expect(await ledger.submit(unknown)).toEqual(refused("account-unknown", { account: "nobody" }, true));
    });

    test("the same key with another content is refused, whatever differs", async () => {
      const command = transact("1", "credit", 5, "key:d");
      const first = await ledger.submit(command);
      const others = [
        { ...command, value: 6 },
        { ...command, kind: "debit" } as const,
        { ...command, description: "other" },
        change("1", { id: "key:d", creditLimit: 5 }),
      ];
      for (const other of others) expect(await ledger.submit(other)).toEqual(refused("key-reused"));
      expect(await ledger.submit(command)).toEqual({ ...first, replayed: true });
      expect(await ledger.account("1")).toMatchObject({ balance: 5, seq: 1, creditLimit: 100_000 });
    });

    const everywhere = "a key is known on every account, whatever it was first used on";
    test.skipIf(skips.keysEverywhere !== undefined)(because(everywhere, skips.keysEverywhere), async () => {
      const command = transact("1", "credit", 5, "key:d");
      const first = await ledger.submit(command);
      const others = [{ ...command, account: "2" }, { ...command, account: "99" }, open(5, { id: "key:d" })];
      for (const other of others) expect(await ledger.submit(other)).toEqual(refused("key-reused"));
      expect(await ledger.submit(command)).toEqual({ ...first, replayed: true });
      expect(await ledger.account("1")).toMatchObject({ balance: 5, seq: 1 });
      expect(await ledger.account("2")).toMatchObject({ balance: 0, seq: 0 });
    });

    test("keys hold for opening and for limits", async () => {
      const opening = open(10, { id: "key:e", name: "one" });
      const opened = await ledger.submit(opening);
      expect(await ledger.submit(opening)).toEqual({ ...opened, replayed: true });
      for (const other of [{ creditLimit: 11 }, { name: "two" }, { name: null }, { unit: "PONTOS/0" }])
        expect(await ledger.submit({ ...opening, ...other })).toEqual(refused("key-reused"));
      const { id } = accepted(opened);
      expect(await ledger.account(id)).toMatchObject({ creditLimit: 10, name: "one", unit: "BRL/2" });
      expect(accepted(await ledger.submit({ ...opening, id: "key:e2" })).id).not.toBe(id);
      const changing = change(id, { id: "key:f", creditLimit: 20 });
      const changed = await ledger.submit(changing);
      await ledger.submit({ ...changing, id: "key:g", creditLimit: 30 });
      expect(await ledger.submit(changing)).toEqual({ ...changed, replayed: true });
      expect(await ledger.account(id)).toMatchObject({ creditLimit: 30 });
    });

    test("a key sent twice at once is applied once", async () => {
      const command = transact("1", "credit", 7, "key:h");
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => ledger.submit(command)));
      expect(outcomes.filter((outcome) => !outcome.replayed)).toHaveLength(1);
      for (const outcome of outcomes) expect(accepted(outcome)).toMatchObject({ balance: 7, seq: 1 });
      expect(await ledger.account("1")).toMatchObject({ balance: 7, seq: 1 });
    });

    const forgets = "a key is remembered for a day and then forgotten";
    test.skipIf(skips.clock !== undefined)(because(forgets, skips.clock), async () => {
      const command = transact("1", "credit", 7, "key:i");
      await ledger.submit(command);
      subject.advanceClock(bounds.idempotency_key_kept_seconds - 1);
      expect(await ledger.submit(command)).toMatchObject({
        replayed: true,
        result: { account: { balance: 7 } },
      });
      subject.advanceClock(1);
      expect(await ledger.submit(command)).toMatchObject({
        replayed: false,
        result: { account: { balance: 14 } },
      });
      expect(await ledger.submit(command)).toMatchObject({
        replayed: true,
        result: { account: { balance: 14 } },
      });
    });

    test("closing completes what was submitted and then takes nothing more", async () => {
      const begun = ledger.submit(transact("1", "credit", 1));
      await ledger.close();
      expect(accepted(await begun)).toMatchObject({ balance: 1 });
      expect(ledger.readiness().ready).toBe(false);
      for (const late of [
        ledger.submit(transact("1", "credit", 1)),
        ledger.account("1"),
        ledger.statement("1"),
        ledger.entries("1", page()),
      ]) {
        expect(await late.then(String, (error: unknown) => error)).toBeInstanceOf(LedgerUnavailable);
      }
    });
  });
}

/** Ids that no account has, of forms that ids can have. */
const NO_ACCOUNTS: readonly AccountId[] = [
  "6",
  "0",
  "01",
  "1.0",
  "-1",
  "{1}",
  "constructor",
  "__proto__",
  "key:a",
  "a".repeat(64),
];

async function allEntries(ledger: Ledger, account: AccountId) {
  const entries = [];
  for (;;) {
    const from = entries.length + 1;
    const read = await ledger.entries(account, page({ order: "asc", from }));
    if (read === null || read.length === 0) return entries;
    entries.push(...read);
  }
}
