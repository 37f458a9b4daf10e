import { describe, expect, test } from "bun:test";
import { type Client, json, problem, wrongFields } from "./support/client.ts";

const MAX = Number.MAX_SAFE_INTEGER;
const ROUNDED = ["0.99999999999999999999", "9007199254740990.6", "99999999999999999999e-20", "1e-400"];

/** The fields of the bodies of `/v1`: what each may be, and how an answer names the ones that are wrong. */
export function fieldsSection(api: Client): void {
  describe("fields", () => {
    const posting = { from: "@world", to: "1", amount: 1 };
    const cases: [string, string, unknown, string[]][] = [];
    const wrong = (method: string, path: string, body: unknown, ...pointers: string[]) =>
      cases.push([method, path, body, pointers]);

    for (const body of [null, [], 5, "text", true]) {
      for (const path of ["accounts", "transactions", "holds", "holds/h/capture", "batches"]) {
        wrong("POST", `/v1/${path}`, JSON.stringify(body), "#");
      }
      wrong("PATCH", "/v1/accounts/1", JSON.stringify(body), "#");
    }

    wrong("POST", "/v1/accounts", {}, "#/unit");
    for (const unit of [null, 5, "", "brl", "BRL/", "BRL/222", "1A", "A".repeat(17), "BRL/2\n", "BRL /2"]) {
      wrong("POST", "/v1/accounts", { unit }, "#/unit");
    }
    for (const id of ["", ".", "..", "@world", "a b", "é", "a/b", "x".repeat(65), 1, ["a"], "a\n"]) {
      wrong("POST", "/v1/accounts", { unit: "A", id }, "#/id");
    }
    for (const limit of [-1, 1.5, "1", true, MAX + 1, [], {}]) {
      wrong("POST", "/v1/accounts", { unit: "A", credit_limit: limit }, "#/credit_limit");
      wrong("PATCH", "/v1/accounts/1", { credit_limit: limit }, "#/credit_limit");
    }
    for (const name of ["", 5, "x".repeat(101), "😀".repeat(101), "a\0", "\ud800", {}]) {
      wrong("POST", "/v1/accounts", { unit: "A", name }, "#/name");
      wrong("PATCH", "/v1/accounts/1", { name }, "#/name");
    }
    const members = (count: number, text: string) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, text]));
    for (const metadata of [
      5,
      "text",
      [],
      ["a"],
      { a: 1 },
      { a: {} },
      { a: [] },
      { a: true },
      { "": "x" },
      { ["n".repeat(41)]: "x" },
      { a: "x".repeat(201) },
      { a: "\0" },
      { a: "\udc00" },
      { "\0": "x" },
      members(21, "x"),
      members(6, "x".repeat(180)),
      members(6, "é".repeat(90)),
    ]) {
      wrong("POST", "/v1/accounts", { unit: "A", metadata }, "#/metadata");
      wrong("PATCH", "/v1/accounts/1", { metadata }, "#/metadata");
      wrong("POST", "/v1/transactions", { postings: [posting], metadata }, "#/metadata");
      wrong("POST", "/v1/holds", { from: "1", amount: 1, metadata }, "#/metadata");
      wrong("POST", "/v1/transactions/t/reversal", { metadata }, "#/metadata");
    }
    for (const state of ["", "Open", "gone", 1, null]) wrong("PATCH", "/v1/accounts/1", { state }, "#/state");
    wrong("PATCH", "/v1/accounts/1", { credit_limit: null }, "#/credit_limit");
    wrong("PATCH", "/v1/accounts/1", { metadata: null }, "#/metadata");
    wrong("PATCH", "/v1/accounts/1", { unit: "A", id: "1", balance: 5 }, "#/unit", "#/id", "#/balance");
    wrong("POST", "/v1/accounts", { unit: "A", "a/b~c é": 1 }, "#/a~1b~0c%20%C3%A9");
    wrong(
      "POST",
      "/v1/accounts",
      '{"unit": "A", "__proto__": {}, "toString": 1}',
      "#/__proto__",
      "#/toString",
    );

    for (const postings of [undefined, null, [], {}, "x", Array.from({ length: 21 }, () => posting)]) {
      wrong("POST", "/v1/transactions", { postings }, "#/postings");
    }
    wrong("POST", "/v1/transactions", { postings: [posting, null] }, "#/postings/1");
    wrong("POST", "/v1/transactions", { postings: [posting, { ...posting, to: "@world" }] }, "#/postings/1");
    wrong("POST", "/v1/transactions", { postings: [{ from: "1", to: "1", amount: 1 }] }, "#/postings/0");
    wrong(
      "POST",
      "/v1/transactions",
      { postings: [{}] },
      ...["from", "to", "amount"].map((one) => `#/postings/0/${one}`),
    );
    wrong("POST", "/v1/transactions", { postings: [{ ...posting, unit: "A" }] }, "#/postings/0/unit");
    for (const party of ["", "@World", "@", "world ", 5, null, "x".repeat(65)]) {
      wrong("POST", "/v1/transactions", { postings: [{ ...posting, to: party }] }, "#/postings/0/to");
    }
    for (const amount of [0, -1, 1.5, "1", null, MAX + 1, true]) {
      wrong("POST", "/v1/transactions", { postings: [{ ...posting, amount }] }, "#/postings/0/amount");
      wrong("POST", "/v1/holds", { from: "1", amount }, "#/amount");
    }
    for (const description of [5, "x".repeat(141), "😀".repeat(141), "a\0b", "\ud800"]) {
      wrong("POST", "/v1/transactions", { postings: [posting], description }, "#/description");
      wrong("POST", "/v1/holds", { from: "1", amount: 1, description }, "#/description");
      wrong("POST", "/v1/transactions/t/reversal", { description }, "#/description");
    }
    for (const reference of [5, "a b", "é", "x".repeat(65), "a\n", "\0"]) {
      wrong("POST", "/v1/transactions", { postings: [posting], reference }, "#/reference");
    }
    for (const conditions of [
      [],
      {},
      "x",
      Array.from({ length: 11 }, () => ({ account: "1", seq: { eq: 0 } })),
    ]) {
      wrong("POST", "/v1/transactions", { postings: [posting], conditions }, "#/conditions");
    }
    for (const [condition, ...pointers] of [
      [{ account: "1" }, ""],
      [{ account: "1", balance: { eq: 1 }, seq: { eq: 1 } }, ""],
      [{ account: "@world", balance: { eq: 1 } }, "/account"],
      [{ balance: { eq: 1 } }, "/account"],
      [{ account: "1", balance: {} }, "/balance"],
      [{ account: "1", balance: 5 }, "/balance"],
      [{ account: "1", balance: { gte: 1, lte: 2 } }, "/balance"],
      [{ account: "1", balance: { eq: 1.5 } }, "/balance/eq"],
      [{ account: "1", balance: { gte: -MAX - 1 } }, "/balance/gte"],
      [{ account: "1", balance: { gt: 1 } }, "/balance/gt"],
      [{ account: "1", held: { eq: 1 } }, "/held"],
    ] as const) {
      wrong(
        "POST",
        "/v1/transactions",
        { postings: [posting], conditions: [condition] },
        ...pointers.map((pointer) => `#/conditions/0${pointer}`),
      );
    }
    for (const dry of ["true", 1]) {
      wrong("POST", "/v1/transactions", { postings: [posting], dry_run: dry }, "#/dry_run");
    }
    wrong("POST", "/v1/transactions", { postings: [posting], amount: 1, more: 2 }, "#/amount", "#/more");

    wrong("POST", "/v1/holds", {}, "#/from", "#/amount");
    wrong("POST", "/v1/holds", { from: "@world", amount: 1 }, "#/from");
    wrong("POST", "/v1/holds", { from: "1", to: "1", amount: 1 }, "#");
    for (const seconds of [0, -1, 1.5, 2_592_001, "600"]) {
      wrong("POST", "/v1/holds", { from: "1", amount: 1, expires_in: seconds }, "#/expires_in");
    }
    wrong("POST", "/v1/holds/h/capture", { amount: -1 }, "#/amount");
    wrong("POST", "/v1/holds/h/capture", { to: "@" }, "#/to");
    wrong("POST", "/v1/holds/h/capture", { postings: [] }, "#/postings");
    wrong("POST", "/v1/holds/h/capture", { postings: [{ to: "2", amount: 0 }] }, "#/postings/0/amount");
    wrong(
      "POST",
      "/v1/holds/h/capture",
      { postings: [{ from: "@world", to: "2", amount: 1 }] },
      "#/postings/0/from",
    );
    wrong("POST", "/v1/holds/h/capture", { from: "1" }, "#/from");
    wrong("POST", "/v1/holds/h/release", { amount: 1 }, "#/amount");
    wrong("POST", "/v1/transactions/t/reversal", { postings: [] }, "#/postings");

    test.each(cases)("%s %s with %j is 422", async (method, path, body, pointers) => {
      expect(await wrongFields(await api.send(method, path, body))).toEqual(pointers);
    });

    test("what only rounding makes an integer is refused", async () => {
      for (const number of ROUNDED) {
        const expectWrong = async (method: string, path: string, body: string, pointer: string) =>
          expect(await wrongFields(await api.send(method, path, body))).toEqual([pointer]);
        await expectWrong(
          "POST",
          "/v1/accounts",
          `{"unit": "A", "credit_limit": ${number}}`,
          "#/credit_limit",
        );
        await expectWrong("PATCH", "/v1/accounts/1", `{"credit_limit": ${number}}`, "#/credit_limit");
        const text = `{"postings": [{"from": "@world", "to": "1", "amount": ${number}}]}`;
        await expectWrong("POST", "/v1/transactions", text, "#/postings/0/amount");
        const condition = `{"account": "1", "seq": {"eq": ${number}}}`;
        const conditions = `{"postings": [${JSON.stringify(posting)}], "conditions": [${condition}]}`;
        await expectWrong("POST", "/v1/transactions", conditions, "#/conditions/0/seq/eq");
        await expectWrong(
          "POST",
          "/v1/holds",
          `{"from": "1", "amount": 1, "expires_in": ${number}}`,
          "#/expires_in",
        );
      }
    });

    test("an integer may be written with a fraction or an exponent", async () => {
      const a = await api.account();
      for (const amount of ["10.0", "1e3", "0.5E1"]) {
        const body = `{"postings": [{"from": "@world", "to": "${a}", "amount": ${amount}}]}`;
        await json(await api.post("/v1/transactions", body), 201);
      }
      expect(await api.readAccount(a)).toMatchObject({ balance: 1015 });
    });

    test("an answer names 20 of the fields that are wrong, and says that there are more", async () => {
      const body = {
        postings: Array.from({ length: 12 }, () => ({ from: "1", to: "2", amount: 0, more: 1 })),
      };
      const { errors, detail } = await problem(
        await api.post("/v1/transactions", body),
        422,
        "invalid-fields",
      );
      expect(errors).toHaveLength(20);
      expect(detail).toEndWith("and 4 more.");
    });

    test("the longest texts that are allowed come back as they were sent", async () => {
      const name = "😀".repeat(100);
      const metadata = { ["é".repeat(40)]: "😀".repeat(200), __proto__x: "", toString: "a\n\u0001\u2028|" };
      const id = `${crypto.randomUUID()}`.padEnd(64, "{");
      const opened = await json(
        await api.post("/v1/accounts", { id, unit: "A234567890_2345Z/99", name, metadata }),
        201,
      );
      expect(opened).toMatchObject({ id, name, metadata });
      const details = { description: "😀".repeat(140), reference: "!~".repeat(32), metadata };
      const made = await api.post("/v1/transactions", {
        postings: Array.from({ length: 20 }, () => ({ from: "@world", to: id, amount: 1 })),
        conditions: Array.from({ length: 10 }, () => ({ account: id, balance: { gte: -MAX } })),
        ...details,
      });
      expect(await json(made, 201)).toMatchObject({
        ...details,
        accounts: { [id]: { balance: 20, seq: 20 } },
      });
      expect(
        await json(await api.post("/v1/holds", { from: id, amount: 20, ...details }), 201),
      ).toMatchObject(details);
      expect(await api.readAccount(id)).toMatchObject({ id, name, metadata, held: 20 });
      expect((await api.chain(id)).at(-1)).toMatchObject({ description: details.description });
    });

    test("metadata may have a member that JavaScript knows otherwise", async () => {
      const text = '{"unit": "A", "metadata": {"__proto__": "p", "constructor": "c", "toString": "t"}}';
      const { id } = await json<{ id: string }>(await api.post("/v1/accounts", text), 201);
      const { metadata } = await api.readAccount(id);
      expect(Object.entries(metadata).toSorted()).toEqual([
        ["__proto__", "p"],
        ["constructor", "c"],
        ["toString", "t"],
      ]);
    });

    test("a query parameter that a route does not know is 422, on every route", async () => {
      for (const [method, path, body] of [
        ["GET", "/v1/accounts/1"],
        ["GET", "/v1/accounts/1/balance"],
        ["GET", "/v1/transactions/t"],
        ["GET", "/v1/holds/h"],
        ["GET", "/v1/ledger"],
        ["POST", "/v1/accounts", { unit: "A" }],
        ["PATCH", "/v1/accounts/1", {}],
        ["POST", "/v1/transactions", { postings: [posting] }],
        ["POST", "/v1/transactions/t/reversal", {}],
        ["POST", "/v1/holds", { from: "1", amount: 1 }],
        ["POST", "/v1/holds/h/capture", {}],
        ["POST", "/v1/holds/h/release", {}],
        ["POST", "/v1/batches", { atomic: true, commands: [{ op: "release", id: "h" }] }],
      ] as const) {
        const reply = await api.send(method, `${path}?dry_run=true`, body);
        expect(await wrongFields(reply)).toEqual(["dry_run"]);
      }
      await json(await api.get("/clientes/1/extrato?x=1"), 200);
    });
  });
}
