import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { CommandContent } from "../../src/ledger/command.ts";
import { json, problem } from "./support/client.ts";
import { MemoryServer } from "./support/memory-server.ts";

/** What the ledger is asked for: each request becomes one command, with the right id. */

let server: MemoryServer;
beforeAll(async () => {
  server = await MemoryServer.start();
});
beforeEach(() => {
  server.ledger.commands.length = 0;
  server.ledger.asked.length = 0;
});
afterEach(() => expect(server.defects).toEqual([]));
afterAll(() => server[Symbol.asyncDispose]());

const NOTHING = { description: null, reference: null, metadata: {} };
const POSTINGS = [{ from: "@world", to: "1", amount: 5 }];

const cases: [string, string, object | undefined, CommandContent][] = [
  [
    "POST",
    "/clientes/2/transacoes",
    { valor: 5, tipo: "c", descricao: "x", more: 1 },
    { type: "transact", account: "2", kind: "credit", value: 5, description: "x" },
  ],
  [
    "POST",
    "/v1/accounts",
    { unit: "TOKENS" },
    { type: "open", account: null, unit: "TOKENS", creditLimit: 0, name: null, metadata: {} },
  ],
  [
    "POST",
    "/v1/accounts",
    { id: "{a}b", unit: "TOKENS", credit_limit: 7, name: "n", metadata: { a: "b", c: null } },
    { type: "open", account: "{a}b", unit: "TOKENS", creditLimit: 7, name: "n", metadata: { a: "b" } },
  ],
  ["PATCH", "/v1/accounts/1", {}, { type: "change", account: "1" }],
  [
    "PATCH",
    "/v1/accounts/%31",
    { credit_limit: 5e5, name: null, metadata: { a: null, b: "c" }, state: "frozen" },
    {
      type: "change",
      account: "1",
      creditLimit: 500_000,
      name: null,
      metadata: { a: null, b: "c" },
      state: "frozen",
    },
  ],
  [
    "POST",
    "/v1/transactions",
    { postings: POSTINGS },
    { type: "transaction", postings: POSTINGS, conditions: [], isDryRun: false, ...NOTHING },
  ],
  [
    "POST",
    "/v1/transactions",
    {
      postings: POSTINGS,
      conditions: [
        { account: "1", balance: { eq: -3 } },
        { account: "1", available: { gte: 0 } },
        { account: "1", seq: { lte: 9, gte: null } },
      ],
      dry_run: true,
      description: "d",
      reference: "r",
      metadata: { m: "n" },
    },
    {
      type: "transaction",
      postings: POSTINGS,
      conditions: [
        { account: "1", what: "balance", least: -3, most: -3 },
        { account: "1", what: "available", least: 0, most: 2 ** 53 },
        { account: "1", what: "seq", least: -(2 ** 53), most: 9 },
      ],
      isDryRun: true,
      description: "d",
      reference: "r",
      metadata: { m: "n" },
    },
  ],
  [
    "POST",
    "/v1/transactions/t0-1-0-5/reversal",
    undefined,
    { type: "reversal", transaction: "t0-1-0-5", ...NOTHING },
  ],
  [
    "POST",
    "/v1/holds",
    { from: "1", amount: 5 },
    { type: "hold", from: "1", to: "@world", amount: 5, expiresInSeconds: 600, ...NOTHING },
  ],
  [
    "POST",
    "/v1/holds",
    { from: "1", to: "2", amount: 5, expires_in: 9, description: "d" },
    { type: "hold", from: "1", to: "2", amount: 5, expiresInSeconds: 9, ...NOTHING, description: "d" },
  ],
  [
    "POST",
    "/v1/holds/h0-1-0-5/capture",
    undefined,
    { type: "capture", hold: "h0-1-0-5", amount: null, to: null, parts: null },
  ],
  [
    "POST",
    "/v1/holds/h0-1-0-5/capture",
    { amount: 0, to: "2", postings: null },
    { type: "capture", hold: "h0-1-0-5", amount: 0, to: "2", parts: null },
  ],
  [
    "POST",
    "/v1/holds/h0-1-0-5/capture",
    {
      postings: [
        { from: "1", to: "2", amount: 1 },
        { to: "@world", amount: 2 },
      ],
    },
    {
      type: "capture",
      hold: "h0-1-0-5",
      amount: null,
      to: null,
      parts: [
        { to: "2", amount: 1 },
        { to: "@world", amount: 2 },
      ],
    },
  ],
  ["POST", "/v1/holds/h0-1-0-5/release", undefined, { type: "release", hold: "h0-1-0-5" }],
];

describe("a request", () => {
  test.each(cases)("%s %s with %j is one command", async (method, path, body, content) => {
    await server.client.send(method, path, body);
    expect(server.ledger.commands).toEqual([{ ...content, id: expect.stringMatching(/^req:[\w-]+$/) }]);
    server.ledger.commands.length = 0;
    const [key, stamp] = [crypto.randomUUID(), crypto.randomUUID()];
    await server.client.send(method, path, body, { "idempotency-key": key, "x-request-id": stamp });
    const isDryRun = content.type === "transaction" && content.isDryRun;
    expect(server.ledger.commands).toEqual([{ ...content, id: isDryRun ? `req:${stamp}` : `key:${key}` }]);
    server.ledger.commands.length = 0;
    await server.client.send(method, path, body, { "x-request-id": stamp });
    expect(server.ledger.commands).toEqual([{ ...content, id: `req:${stamp}` }]);
  });

  test("for one thing reads nothing before, but for a capture that has to fit its hold", async () => {
    const { client, ledger } = server;
    for (const [method, path, body] of cases) await client.send(method, path, body);
    expect(ledger.asked).toEqual(["h0-1-0-5", "h0-1-0-5"]);
    ledger.asked.length = 0;
    await client.send("PATCH", "/v1/accounts/1", { metadata: { b: null } });
    expect(ledger.asked).toEqual([]);
  });
});

describe("a batch", () => {
  const commands = [
    { op: "transaction", body: { postings: POSTINGS } },
    { op: "transaction", key: "own", body: { postings: POSTINGS } },
    { op: "transaction", key: "dry", body: { postings: POSTINGS, dry_run: true } },
    { op: "account", body: { unit: "A" } },
  ];
  const idsOf = async (atomic: boolean, headers: Record<string, string>) => {
    server.ledger.commands.length = 0;
    await json(await server.client.post("/v1/batches", { atomic, commands }, headers), 200);
    return server.ledger.commands.map(({ id }) => id);
  };

  test.each([false, true])("has an id for each command (atomic: %p)", async (atomic) => {
    const made = expect.stringMatching(/^req:[\w-]+$/);
    const key = `batch-${atomic}`;
    const withKey = await idsOf(atomic, { "idempotency-key": key, "x-request-id": `stamp-${atomic}` });
    expect(withKey).toEqual([`key:${key}`, "key:own", made, `bat:3:${key}`]);
    const stamped = await idsOf(atomic, { "x-request-id": `stamp-${atomic}` });
    expect(stamped).toEqual([`req:stamp-${atomic}/0`, "key:own", made, `req:stamp-${atomic}/3`]);
    const bare = await idsOf(atomic, {});
    const part = expect.stringMatching(/^req:[\w-]+\/[03]$/);
    expect(bare).toEqual([part, "key:own", made, part]);
    expect(new Set(bare).size).toBe(4);
  });

  test("whose form is wrong asks the ledger for nothing", async () => {
    const wrong = { atomic: false, commands: [...commands, { op: "release" }] };
    await problem(await server.client.post("/v1/batches", wrong), 422, "invalid-fields");
    expect(server.ledger.commands).toEqual([]);
  });
});

describe("a list", () => {
  test.each([
    "/v1/accounts?name=%25_&metadata.a.b=c&metadata.__proto__=x&balance_lt=-1e2&limit=3",
    "/v1/transactions?reference=r%2B%26&account=%7Ba%7D&from=2024-01-01T00:00:00%2B01:00&limit=3",
    "/v1/holds?account=1&state=open",
    "/v1/accounts/%7Ba%7D/entries?order=asc&to=9999-12-31T23:59:59Z",
  ])("of %s is read once", async (path) => {
    await server.client.get(path);
    expect(server.ledger.asked).toHaveLength(1);
  });
});
