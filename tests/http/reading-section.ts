import { describe, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import {
  A_TIME,
  accountPath,
  type Client,
  type EntryBody,
  json,
  type ListBody,
  nextOf,
  problem,
  wrongFields,
} from "./support/client.ts";

const CSV_HEAD = "seq,amount,balance,counterparty,transaction,description,reference,created_at";

interface TotalsBody {
  readonly accounts: number;
  readonly transactions: number;
  readonly units: readonly {
    readonly unit: string;
    readonly balances: string;
    readonly world: string;
    readonly in_transit: string;
  }[];
  readonly books: { readonly lag_ms: number };
}

export function readingSection(api: Client): void {
  const page = async (path: string) => {
    const reply = await api.get(path);
    const next = nextOf(reply);
    const body = await json<ListBody<EntryBody>>(reply, 200);
    expect(body.next === null).toBe(next === null);
    return { entries: body.data, next };
  };

  describe("entries", () => {
    test("are the sides of postings, newest first, with the balance after each", async () => {
      const [a, b] = [await api.funded(100), await api.account()];
      const body = {
        postings: [{ from: a, to: b, amount: 30 }],
        description: "Prompt 17",
        reference: "o#17",
      };
      const made = await json<{ id: string }>(await api.post("/v1/transactions", body), 201);
      const { entries, next } = await page(`${accountPath(a)}/entries`);
      expect(next).toBeNull();
      expect(entries).toEqual([
        {
          seq: 2,
          amount: -30,
          balance: 70,
          counterparty: b,
          transaction: made.id,
          description: "Prompt 17",
          reference: "o#17",
          created_at: A_TIME,
        },
        expect.objectContaining({ seq: 1, amount: 100, counterparty: "@world", description: null }),
      ]);
      const [other] = (await page(`${accountPath(b)}/entries`)).entries;
      expect(other).toMatchObject({ seq: 1, amount: 30, balance: 30, counterparty: a, transaction: made.id });
    });

    test.each(["desc", "asc"])(
      "are read page by page to the end (%s), and no page is empty",
      async (order) => {
        const a = await api.account();
        for (let amount = 1; amount <= 6; amount += 1) await api.move(["@world", a, amount]);
        for (const limit of [1, 2, 3, 4, 6, 7]) {
          const seqs: number[] = [];
          let next: string | null = `${accountPath(a)}/entries?order=${order}&limit=${limit}`;
          let pages = 0;
          while (next !== null) {
            const read: Awaited<ReturnType<typeof page>> = await page(next);
            seqs.push(...read.entries.map(({ seq }) => seq));
            next = read.next;
            pages += 1;
          }
          const ascending = [1, 2, 3, 4, 5, 6];
          expect(seqs).toEqual(order === "asc" ? ascending : ascending.toReversed());
          expect(pages).toBe(Math.ceil(6 / limit));
        }
      },
    );

    test("are read while more of them come: none is shown twice, none is left out", async () => {
      const a = await api.account();
      for (let amount = 1; amount <= 4; amount += 1) await api.move(["@world", a, amount]);
      const first = await page(`${accountPath(a)}/entries?limit=2`);
      await api.move(["@world", a, 5]);
      const second = await page(String(first.next));
      expect([...first.entries, ...second.entries].map(({ seq }) => seq)).toEqual([4, 3, 2, 1]);
      const ascending = await page(`${accountPath(a)}/entries?order=asc&limit=4`);
      await api.move(["@world", a, 6]);
      expect((await page(String(ascending.next))).entries.map(({ seq }) => seq)).toEqual([5, 6]);
    });

    test("are found by time: from belongs to it, to does not", async () => {
      const a = await api.account();
      for (let amount = 1; amount <= 4; amount += 1) await api.move(["@world", a, amount]);
      const chain = await api.chain(a);
      const [from, to] = [chain[1], chain[3]].map((entry) => encodeURIComponent(entry?.created_at ?? ""));
      const seqs = async (query: string) =>
        (await page(`${accountPath(a)}/entries?${query}`)).entries.map(({ seq }) => seq);
      expect(await seqs(`from=${from}&to=${to}`)).toEqual([3, 2]);
      expect(await seqs(`from=${from}&to=${to}&order=asc`)).toEqual([2, 3]);
      expect(await seqs(`to=${from}`)).toEqual([1]);
      expect(await seqs(`from=${to}`)).toEqual([4]);
      expect(await seqs(`from=${to}&to=${from}`)).toEqual([]);
      const { entries, next } = await page(`${accountPath(a)}/entries?from=${from}&limit=2`);
      expect(entries.map(({ seq }) => seq)).toEqual([4, 3]);
      expect((await page(String(next))).entries.map(({ seq }) => seq)).toEqual([2]);
    });

    test("have 50 a page where nothing is said, and 100 at most", async () => {
      const a = await api.account();
      const commands = Array.from({ length: 120 }, () => ({
        op: "transaction",
        body: { postings: [{ from: "@world", to: a, amount: 1 }] },
      }));
      await json(await api.post("/v1/batches", { atomic: false, commands }), 200);
      const count = async (query: string) => (await page(`${accountPath(a)}/entries${query}`)).entries.length;
      expect(await count("")).toBe(50);
      expect(await count("?limit=100")).toBe(100);
      expect(await count("?limit=1e1")).toBe(10);
      await eventually("the whole chain", async () => (await api.chain(a)).length === 120);
    });

    test("are CSV for who accepts that, with the same Link", async () => {
      const [a, b] = [await api.funded(5), await api.account()];
      const description = 'a "quoted", text\nof two lines';
      const postings = [{ from: a, to: b, amount: 2 }];
      const made = await json<{ id: string }>(
        await api.post("/v1/transactions", { postings, description }),
        201,
      );
      const path = `${accountPath(a)}/entries?limit=1`;
      const accept = { headers: { accept: "text/csv" } };
      const reply = await api.get(path, accept);
      expect(reply.status).toBe(200);
      expect(reply.headers.get("content-type")).toStartWith("text/csv");
      const [entry] = (await page(path)).entries;
      expect(await reply.text()).toBe(
        `${CSV_HEAD}\r\n2,-2,3,${b},${made.id},"a ""quoted"", text\nof two lines",,${entry?.created_at}\r\n`,
      );
      const last = await api.get(String(nextOf(reply)), accept);
      expect(nextOf(last)).toBeNull();
      expect((await last.text()).split("\r\n")).toEqual([
        CSV_HEAD,
        expect.stringMatching(/^1,5,5,@world,/),
        "",
      ]);
      await problem(await api.get("/v1/accounts/nobody/entries", accept), 404, "account-not-found");
    });

    test.each([
      ["text/csv", true],
      ["TEXT/CSV; charset=utf-8", true],
      ["application/json;q=0.5, text/csv", true],
      ["application/json, text/csv;q=0.5", false],
      ["text/csv;q=0", false],
      ["text/csvx", false],
      ["*/*", false],
      ["text/csv;q=.", false],
    ])("for who accepts %s are CSV: %p", async (accept, isCsv) => {
      const reply = await api.get(`${accountPath("1")}/entries`, { headers: { accept } });
      expect(reply.status).toBe(200);
      expect(reply.headers.get("content-type")?.startsWith("text/csv")).toBe(isCsv);
      expect(reply.headers.get("vary")).toBe("accept");
    });

    test("of an account that nobody opened are 404", async () => {
      for (const rest of ["entries", "entries?order=asc", "balance", "balance?at=2024-01-01T00:00:00Z"]) {
        await problem(await api.get(`/v1/accounts/nobody/${rest}`), 404, "account-not-found");
      }
    });

    test.each([
      ["order=up", "order"],
      ["limit=0", "limit"],
      ["from=now", "from"],
      ["to=", "to"],
      ["cursor=1", "cursor"],
      ["quantidade=1", "quantidade"],
    ])("with %s are 422, whatever the account", async (query, parameter) => {
      for (const id of ["1", "nobody", "no%20body"]) {
        expect(await wrongFields(await api.get(`/v1/accounts/${id}/entries?${query}`))).toEqual([parameter]);
      }
    });

    test("have cursors of their own: not another account's, order's or list's", async () => {
      const [a, b] = [await api.account(), await api.account()];
      await api.move(["@world", a, 1], ["@world", a, 1], ["@world", b, 1]);
      const { next } = await page(`${accountPath(a)}/entries?limit=1`);
      const cursor = String(next).split("cursor=")[1] ?? "";
      expect((await page(`${accountPath(a)}/entries?cursor=${cursor}`)).entries).toHaveLength(1);
      for (const path of [
        `${accountPath(b)}/entries?cursor=${cursor}`,
        `${accountPath(a)}/entries?order=asc&cursor=${cursor}`,
        `${accountPath(a)}/entries?cursor=${cursor}x`,
        `/v1/holds?cursor=${cursor}`,
        `/v1/transactions?cursor=${cursor}`,
        `/v1/accounts?cursor=${cursor}`,
      ]) {
        expect(await wrongFields(await api.get(path))).toEqual(["cursor"]);
      }
    });
  });

  describe("a balance", () => {
    test("is told as it stood at a time", async () => {
      const a = await api.account();
      for (const amount of [1, 2, 4]) await api.move(["@world", a, amount]);
      const chain = await api.chain(a);
      const at = async (time: string) =>
        json<{ balance: number; at: string }>(
          await api.get(`${accountPath(a)}/balance?at=${encodeURIComponent(time)}`),
          200,
        );
      const [first, second, third] = chain.map((entry) => entry.created_at);
      await eventually("the books have it", async () => (await at(String(third))).balance === 7);
      expect(await at(String(second))).toEqual(
        expect.objectContaining({ id: a, unit: "BRL/2", balance: 3, seq: 2, at: second }),
      );
      expect(await at(String(first))).toMatchObject({ balance: 1, seq: 1 });
      expect(await at("2001-01-01T01:00:00+01:00")).toMatchObject({
        balance: 0,
        seq: 0,
        at: "2001-01-01T00:00:00.000000Z",
      });
    });

    test("is that of now where no time is said, or one to come", async () => {
      const a = await api.funded(5);
      for (const query of ["", "?at=2200-01-01T00:00:00Z", "?at=9999-12-31T23:59:59Z"]) {
        const body = await json<{ at: string }>(await api.get(`${accountPath(a)}/balance${query}`), 200);
        expect(Object.keys(body).join()).toBe("id,unit,balance,seq,at");
        expect(body).toMatchObject({ id: a, unit: "BRL/2", balance: 5, seq: 1 });
        expect(Math.abs(Date.parse(body.at) - Date.now())).toBeLessThan(60_000);
      }
      expect(await wrongFields(await api.get(`${accountPath(a)}/balance?at=now&x=1`))).toEqual(["at", "x"]);
    });
  });

  describe("the ledger", () => {
    test("adds up: all balances of a unit and the outside's are 0", async () => {
      const unit = `U${Date.now() % 1_000_000_000}/2`;
      const [a, b] = [await api.account(5, { unit }), await api.account(0, { unit })];
      await api.move(["@world", b, 100], [b, a, 30], [a, "@world", 35]);
      const totals = async () => json<TotalsBody>(await api.get("/v1/ledger"), 200);
      const row = async () => (await totals()).units.find((one) => one.unit === unit);
      await eventually("the books have it", async () => (await row())?.balances === "65");
      expect(await row()).toEqual({ unit, balances: "65", world: "-65", in_transit: "0" });
      const { accounts, transactions, units, books } = await totals();
      expect(accounts).toBeGreaterThanOrEqual(2);
      expect(transactions).toBeGreaterThanOrEqual(1);
      for (const { balances, world, in_transit: inTransit } of units)
        expect(BigInt(balances) + BigInt(world) + BigInt(inTransit)).toBe(0n);
      expect(books.lag_ms).toBeNumber();
    });
  });
}
