import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ProblemName } from "../../src/http/problems.ts";
import { problem } from "./support/client.ts";
import { MemoryServer } from "./support/memory-server.ts";

/** Where several things are wrong, the first in the documented order is answered. Each step mends one of them. */

let server: MemoryServer;
beforeAll(async () => {
  server = await MemoryServer.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  expect(server.defects).toEqual([]);
});

interface Step {
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
  readonly key?: string;
  readonly answer: readonly [number, ProblemName];
}

async function walk(steps: readonly Step[]): Promise<void> {
  let request = { method: "PUT", path: "", body: "", key: "a b" };
  for (const { answer, ...mended } of steps) {
    request = { ...request, ...mended };
    const { method, path, body, key } = request;
    const reply = await server.client.send(method, path, body, { "idempotency-key": key });
    await problem(reply, ...answer);
  }
}

const LARGE = "x".repeat(300_000);

test("on /v1: route, method, size, JSON, fields, key, and then the ledger's own", async () => {
  await server.client.post("/v1/accounts", { unit: "BRL/2" }, { "idempotency-key": "used" });
  for (const [path, method, fields, valid, refused] of [
    ["/v1/accounts/nobody", "PATCH", '{"name": ""}', '{"name": "x"}', "account-not-found"],
    ["/v1/holds", "POST", '{"from": "nobody"}', '{"from": "nobody", "amount": 1}', "account-not-found"],
    ["/v1/holds/nothing/capture", "POST", '{"amount": -1}', '{"amount": 1}', "hold-not-found"],
    ["/v1/holds/no%20id/release", "POST", "[]", "{}", "hold-not-found"],
    ["/v1/transactions/nothing/reversal", "POST", '{"more": 1}', "", "transaction-not-found"],
    ["/v1/transactions/no%20id/reversal", "POST", '{"more": 1}', "", "transaction-not-found"],
  ] as const) {
    await walk([
      { path: `${path}/`, body: LARGE, answer: [404, "route-not-found"] },
      { path, answer: [405, "method-not-allowed"] },
      { method, answer: [413, "body-too-large"] },
      { body: `${fields.slice(0, -1)}, `, answer: [400, "invalid-json"] },
      { body: fields, answer: [422, "invalid-fields"] },
      { body: valid, answer: [400, "invalid-idempotency-key"] },
      // What cannot be an id is no command, so that it has no key.
      ...(path.includes("%20") ? [] : [{ key: "used", answer: [422, "idempotency-key-reused"] } as const]),
      { key: crypto.randomUUID(), answer: [404, refused] },
    ]);
  }
});

test("on the contest's route the account comes before all but route and method", async () => {
  const path = "/clientes/nobody/transacoes";
  const notFound = [404, "account-not-found"] as const;
  const valid = '{"valor": 1, "tipo": "d", "descricao": "x"}';
  await walk([
    { path: `${path}/`, body: LARGE, answer: [404, "route-not-found"] },
    { path, answer: [405, "method-not-allowed"] },
    { method: "POST", answer: notFound },
    { body: "{", answer: notFound },
    { body: "{}", answer: notFound },
    { body: valid, answer: notFound },
  ]);
  await server.client.post("/v1/accounts", { id: "poor", unit: "BRL/2" });
  await walk([
    {
      path: "/clientes/poor/transacoes",
      method: "POST",
      body: LARGE,
      answer: [400, "invalid-idempotency-key"],
    },
    { key: "used", answer: [413, "body-too-large"] },
    { body: "{", answer: [400, "invalid-json"] },
    { body: "{}", answer: [422, "invalid-fields"] },
    { body: valid, answer: [422, "idempotency-key-reused"] },
    { key: crypto.randomUUID(), answer: [422, "limit-exceeded"] },
  ]);
});

test("of a transaction: unknown, closed, frozen and unit posting by posting, then conditions, then limits", async () => {
  const { client } = server;
  const [usd, closed, frozen] = [
    await client.account(0, { unit: "USD/2" }),
    await client.account(),
    await client.account(),
  ];
  await client.send("PATCH", `/v1/accounts/${closed}`, { state: "closed" });
  await client.send("PATCH", `/v1/accounts/${frozen}`, { state: "frozen" });
  const poor = await client.account();
  const spends = { from: poor, to: "@world", amount: 1 };
  const conditions = [{ account: poor, balance: { eq: 5 } }];
  for (const [wrong, status, name] of [
    [{ from: "nobody", to: closed, amount: 1 }, 404, "account-not-found"],
    [{ from: frozen, to: closed, amount: 1 }, 422, "account-closed"],
    [{ from: frozen, to: usd, amount: 1 }, 422, "account-frozen"],
    [{ from: poor, to: usd, amount: 1 }, 422, "unit-mismatch"],
  ] as const) {
    const reply = await client.post("/v1/transactions", { postings: [spends, wrong], conditions });
    expect(await problem(reply, status, name)).toMatchObject({ index: 1 });
  }
  const failed = await client.post("/v1/transactions", { postings: [spends], conditions });
  await problem(failed, 422, "condition-failed");
  await problem(await client.post("/v1/transactions", { postings: [spends] }), 422, "limit-exceeded");
});
