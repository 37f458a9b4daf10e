import { describe, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import {
  A_TIME,
  accountPath,
  type Client,
  json,
  type ListBody,
  nextOf,
  problem,
  type TransactionBody,
  wrongFields,
} from "./support/client.ts";

const MAX = Number.MAX_SAFE_INTEGER;
const EVENT_ID = /^(?=.*[a-z])[A-Za-z0-9._:{}-]{1,64}$/;

export function transactionsSection(api: Client): void {
  const post = (body: object) => api.post("/v1/transactions", body);

  describe("transactions", () => {
    test("answer 201, a Location, and every account that they name as it stands", async () => {
      const [a, b] = [await api.funded(100), await api.account()];
      const body = {
        postings: [
          { from: a, to: b, amount: 30 },
          { from: b, to: "@world", amount: 10 },
        ],
        description: "Prompt 17",
        reference: "order#17",
        metadata: { model: "x" },
      };
      const reply = await post(body);
      const location = reply.headers.get("location");
      const made = await json<TransactionBody & Record<string, unknown>>(reply, 201);
      expect(made).toEqual({
        ...body,
        id: expect.stringMatching(EVENT_ID),
        reverses: null,
        hold: null,
        created_at: A_TIME,
        accounts: {
          [a]: expect.objectContaining({ id: a, balance: 70, available: 70, seq: 2 }),
          [b]: expect.objectContaining({ id: b, balance: 20, available: 20, seq: 2 }),
        },
      });
      expect(Object.keys(made.accounts[a] ?? {}).join()).toBe(
        "id,unit,state,credit_limit,balance,held,available,seq,opened_at",
      );
      expect(location).toBe(`/v1/transactions/${made.id}`);
      const { accounts: _, ...rest } = made;
      expect(await json(await api.get(String(location)), 200)).toEqual({ ...rest, reversed_by: null });
    });

    test("need postings only; an empty description or reference is none", async () => {
      const a = await api.account();
      const postings = [{ from: "@world", to: a, amount: 1 }];
      const nothing = { description: null, reference: null, metadata: {} };
      expect(await json(await post({ postings }), 201)).toMatchObject(nothing);
      const nulls = { ...nothing, metadata: null, conditions: null, dry_run: null };
      expect(await json(await post({ postings, ...nulls }), 201)).toMatchObject(nothing);
      expect(await json(await post({ postings, description: "", reference: "" }), 201)).toMatchObject(
        nothing,
      );
    });

    test("happen all or not at all, and each posting is checked as it is applied", async () => {
      const [a, b, c] = [await api.funded(10), await api.account(), await api.account()];
      // b has nothing before the first posting.
      await api.move([a, b, 10], [b, c, 10], [c, a, 10]);
      const before = await Promise.all([a, b, c].map((id) => api.readAccount(id)));
      expect(before.map(({ balance, seq }) => [balance, seq])).toEqual([
        [10, 3],
        [0, 2],
        [0, 2],
      ]);
      const postings = [
        { from: a, to: b, amount: 10 },
        { from: b, to: c, amount: 11 },
      ];
      expect(await problem(await post({ postings }), 422, "limit-exceeded")).toMatchObject({
        account: b,
        index: 1,
      });
      expect(await Promise.all([a, b, c].map((id) => api.readAccount(id)))).toEqual(before);
    });

    test("keep balances within 2^53 - 1, and units apart; the outside takes any", async () => {
      const [a, usd] = [await api.funded(MAX), await api.account(0, { unit: "USD/2" })];
      const over = await post({ postings: [{ from: "@world", to: a, amount: 1 }] });
      expect(await problem(over, 422, "balance-out-of-range")).toMatchObject({ account: a, index: 0 });
      const mixed = await post({ postings: [{ from: a, to: usd, amount: 1 }] });
      expect(await problem(mixed, 422, "unit-mismatch")).toMatchObject({ index: 0 });
      await api.move([a, "@world", MAX], ["@world", usd, 1]);
    });

    test("name accounts that there are", async () => {
      const a = await api.funded(5);
      const postings = [
        { from: a, to: "@world", amount: 1 },
        { from: a, to: "nobody", amount: 1 },
      ];
      expect(await problem(await post({ postings }), 404, "account-not-found")).toMatchObject({
        account: "nobody",
        index: 1,
      });
      expect(await api.readAccount(a)).toMatchObject({ balance: 5 });
    });

    test("happen only where their conditions hold before the first posting", async () => {
      const [a, b] = [await api.funded(50), await api.account(20)];
      await api.hold(a, 10);
      const postings = [{ from: a, to: b, amount: 1 }];
      const attempt = (...conditions: object[]) => post({ postings, conditions, dry_run: true });
      for (const holds of [
        { account: a, balance: { eq: 50 } },
        { account: a, balance: { gte: 50 } },
        { account: a, balance: { lte: 50 } },
        { account: a, available: { eq: 40 } },
        { account: b, available: { gte: -5 } },
        { account: a, seq: { lte: 1 } },
        { account: b, seq: { eq: 0 } },
        { account: b, balance: { eq: 0, gte: null }, seq: null },
      ]) {
        await json(await attempt(holds), 200);
      }
      const right = { account: a, balance: { gte: 0 } };
      for (const fails of [
        { account: a, balance: { eq: 49 } },
        { account: a, balance: { gte: 51 } },
        { account: a, available: { lte: 39 } },
        { account: b, seq: { gte: 1 } },
      ]) {
        expect(await problem(await attempt(right, fails), 422, "condition-failed")).toMatchObject({
          account: fails.account,
          index: 1,
        });
      }
      const unknown = await attempt(right, right, { account: "nobody", seq: { eq: 0 } });
      expect(await problem(unknown, 404, "account-not-found")).toMatchObject({ account: "nobody", index: 2 });
    });

    test("run dry tell what would be, and change nothing, whatever the key", async () => {
      const a = await api.funded(5);
      const body = { postings: [{ from: a, to: "@world", amount: 5 }], dry_run: true };
      const headers = { "idempotency-key": crypto.randomUUID() };
      for (const key of [headers, headers, { "idempotency-key": "not valid" }]) {
        const reply = await api.post("/v1/transactions", body, key);
        expect(reply.headers.get("idempotency-replayed")).toBeNull();
        expect(reply.headers.get("location")).toBeNull();
        expect(await json(reply, 200)).toMatchObject({ id: null, accounts: { [a]: { balance: 0, seq: 2 } } });
      }
      expect(await api.readAccount(a)).toMatchObject({ balance: 5, seq: 1 });
      await json(await api.post("/v1/transactions", { ...body, dry_run: false }, headers), 201);
      await problem(await post(body), 422, "limit-exceeded");
    });

    test("of the contest's route are transactions from or to the outside", async () => {
      const a = await api.account();
      await json(await api.transact(a, { valor: 5, tipo: "c", descricao: "in" }), 200);
      const [entry] = await api.chain(a);
      expect(entry).toMatchObject({ amount: 5, counterparty: "@world", description: "in", reference: null });
      expect(await json(await api.get(`/v1/transactions/${entry?.transaction}`), 200)).toMatchObject({
        postings: [{ from: "@world", to: a, amount: 5 }],
        description: "in",
        reverses: null,
        hold: null,
      });
    });

    test.each(["nobody", "t0-1-0-5", "h0-1-0-5", "%", "a%20b", "x".repeat(65)])(
      "of the id %s are 404",
      async (id) => {
        await problem(await api.get(`/v1/transactions/${id}`), 404, "transaction-not-found");
        await problem(await api.post(`/v1/transactions/${id}/reversal`), 404, "transaction-not-found");
      },
    );

    test("are listed newest first, and found by reference, account and time", async () => {
      const [a, b, mark] = [await api.funded(100), await api.account(), crypto.randomUUID()];
      const made: TransactionBody[] = [];
      for (const amount of [1, 2, 3]) {
        const body = { postings: [{ from: a, to: b, amount }], reference: mark };
        made.push(await json<TransactionBody>(await post(body), 201));
        // A ledger's clock may have milliseconds only.
        await Bun.sleep(2);
      }
      const [first = "", second = "", third = ""] = made.map(({ id }) => id);
      const found = async (query: string) => {
        const reply = await api.get(`/v1/transactions?${query}`);
        return (await json<ListBody<TransactionBody>>(reply, 200)).data.map(({ id }) => id);
      };
      await eventually(
        "the list shows all three",
        async () => (await found(`reference=${mark}`)).length === 3,
      );
      expect(await found(`reference=${mark}`)).toEqual([third, second, first]);
      expect(await found(`account=${b}`)).toEqual([third, second, first]);
      expect((await found(`account=${a}`)).length).toBe(4);
      const at = encodeURIComponent(made[1]?.created_at ?? "");
      expect(await found(`account=${b}&from=${at}`)).toEqual([third, second]);
      expect(await found(`account=${b}&to=${at}`)).toEqual([first]);
      expect(await found(`account=${b}&to=9999-12-31T23:59:59Z&from=1000-01-01T00:00:00Z`)).toHaveLength(3);
      const page = await api.get(`/v1/transactions?account=${b}&limit=2`);
      const next = nextOf(page);
      expect(await json(page, 200)).toEqual({
        data: [expect.anything(), expect.anything()],
        next: expect.anything(),
      });
      expect(await found(String(next).split("?")[1] ?? "")).toEqual([first]);
      const elsewhere = String(next).replace(`account=${b}`, `account=${a}`);
      expect(await wrongFields(await api.get(elsewhere))).toEqual(["cursor"]);
    });

    test.each([
      ["from=yesterday", "from"],
      ["to=2024-01-01", "to"],
      ["from=2024-01-01T00:00:00.1234567Z", "from"],
      ["account=@world", "account"],
      ["reference=%C3%A9", "reference"],
      ["unknown=1", "unknown"],
    ])("a list with %s is 422", async (query, parameter) => {
      expect(await wrongFields(await api.get(`/v1/transactions?${query}`))).toEqual([parameter]);
    });
  });

  describe("reversals", () => {
    test("take a transaction back, postings in the opposite order, once", async () => {
      const [a, b] = [await api.funded(10), await api.account()];
      const made = await api.move([a, b, 10], [b, "@world", 4]);
      const path = `/v1/transactions/${made.id}/reversal`;
      // b needs what went out before it gives back.
      const details = { description: "sorry", reference: "r1", metadata: { why: "x" } };
      const reply = await api.post(path, details);
      const location = reply.headers.get("location");
      const reversal = await json<TransactionBody>(reply, 201);
      expect(reversal).toMatchObject({
        ...details,
        postings: [
          { from: "@world", to: b, amount: 4 },
          { from: b, to: a, amount: 10 },
        ],
        reverses: made.id,
        hold: null,
        accounts: { [a]: { balance: 10 }, [b]: { balance: 0 } },
      });
      expect(location).toBe(`/v1/transactions/${reversal.id}`);
      expect(await json(await api.get(`/v1/transactions/${made.id}`), 200)).toMatchObject({
        reversed_by: reversal.id,
      });
      expect(await problem(await api.post(path), 422, "already-reversed")).toMatchObject({
        reversal: reversal.id,
      });
      const back = await api.post(`/v1/transactions/${reversal.id}/reversal`);
      await problem(back, 422, "not-reversible");
    });

    test("keep to the limits like any other, and may come after all when they fit", async () => {
      const a = await api.account();
      const made = await api.move(["@world", a, 10]);
      await api.move([a, "@world", 3]);
      const path = `/v1/transactions/${made.id}/reversal`;
      expect(await problem(await api.post(path, {}), 422, "limit-exceeded")).toMatchObject({ account: a });
      await json(await api.send("PATCH", accountPath(a), { credit_limit: 3 }), 200);
      expect(await json(await api.post(path, ""), 201)).toMatchObject({ accounts: { [a]: { balance: -3 } } });
    });
  });
}
