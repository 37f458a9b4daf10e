import { expect, test } from "bun:test";
import type { Outcome } from "../../proof/load-test/http/connection.ts";
import { decodeAnswer, encodeRequest } from "../../proof/torture/clients/http-codec.ts";
import type { Operation } from "../../proof/torture/clients/history.ts";

const TRANSACT: Operation = { type: "transact", account: "3", kind: "debit", value: 7, description: "0-1ç" };
const OPEN: Operation = { type: "open", name: "1-2", creditLimit: 900 };
const CHANGE: Operation = { type: "change-limit", account: "3", creditLimit: 800 };
const STATEMENT: Operation = { type: "statement", account: "3" };

const TIME = "2024-01-17T02:34:41.217753Z";
const ACCOUNT = { id: "a0mf2k9", nome: "1-2", limite: 900, saldo: 0 };
const SEEN = { saldo: { total: -7, data_extrato: TIME, limite: 1 }, ultimas_transacoes: [] };
const JSON_HEAD = ["content-type: application/json"];
const LOCATION = [...JSON_HEAD, "location: /clientes/a0mf2k9"];
const PROBLEM_HEAD = ["Content-Type: application/problem+json"];
const RETRY = [...PROBLEM_HEAD, "Retry-After: 1"];
const REPLAYED = "Idempotency-Replayed: true";

function answered(status: number, body: unknown, headers: readonly string[] = JSON_HEAD): Outcome {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { type: "answered", status, head: [`HTTP/1.1 ${status} X`, ...headers].join("\r\n"), body: text };
}

function problem(name: string, status: number, members: object = {}): object {
  return { type: `urn:razonete:problem:${name}`, title: "t", status, detail: "d", ...members };
}

const accepted = (account: string, creditLimit: number, balance: number, replayed = false) =>
  ({ type: "accepted", account, creditLimit, balance, replayed }) as const;

test("reads each answer that the contract has", () => {
  const standing = { limite: 1000, saldo: -7 };
  expect(decodeAnswer(TRANSACT, answered(200, standing))).toEqual(accepted("3", 1000, -7));
  const replay = answered(200, standing, [...JSON_HEAD, REPLAYED]);
  expect(decodeAnswer(TRANSACT, replay)).toEqual(accepted("3", 1000, -7, true));
  expect(decodeAnswer(OPEN, answered(201, ACCOUNT, LOCATION))).toEqual(accepted("a0mf2k9", 900, 0));
  expect(decodeAnswer(CHANGE, answered(200, { id: "3", nome: null, limite: 800, saldo: 5 }))).toEqual(
    accepted("3", 800, 5),
  );
  const entry = { valor: 7, tipo: "d", descricao: "0-1ç", realizada_em: TIME };
  expect(decodeAnswer(STATEMENT, answered(200, { ...SEEN, ultimas_transacoes: [entry] }))).toEqual({
    type: "statement",
    statement: {
      balance: -7,
      creditLimit: 1,
      readAt: TIME,
      entries: [{ kind: "debit", value: 7, description: "0-1ç", time: TIME }],
    },
  });
  for (const [name, status] of [
    ["limit-exceeded", 422],
    ["limit-too-low", 422],
    ["balance-out-of-range", 422],
    ["idempotency-key-reused", 422],
    ["account-not-found", 404],
  ] as const) {
    const refused = { type: "refused", problem: name, replayed: false } as const;
    expect(decodeAnswer(TRANSACT, answered(status, problem(name, status), PROBLEM_HEAD))).toEqual(refused);
    const replayed = answered(status, problem(name, status), [...PROBLEM_HEAD, REPLAYED]);
    expect(decodeAnswer(TRANSACT, replayed)).toEqual({ ...refused, replayed: true });
  }
  const none = answered(503, problem("ledger-unavailable", 503, { outcome: "none" }), RETRY);
  expect(decodeAnswer(STATEMENT, none)).toEqual({ type: "not-done" });
  const unknown = answered(503, problem("ledger-unavailable", 503, { outcome: "unknown" }), RETRY);
  expect(decodeAnswer(CHANGE, unknown).type).toBe("unknown");
});

test("says that the balancer's own answer leaves the outcome unknown", async () => {
  const file = new URL("../../deploy/haproxy/no-answer.http", import.meta.url);
  const text = (await Bun.file(file).text()).replaceAll(/\r?\n/g, "\r\n");
  const bodyAt = text.indexOf("\r\n\r\n");
  const outcome = {
    type: "answered",
    status: 503,
    head: text.slice(0, bodyAt),
    body: text.slice(bodyAt + 4),
  } as const;
  expect(decodeAnswer(TRANSACT, outcome).type).toBe("unknown");
});

test("calls odd whatever the contract does not know", () => {
  const unavailable = problem("ledger-unavailable", 503, { outcome: "none" });
  const cases: readonly (readonly [Operation, Outcome])[] = [
    [TRANSACT, answered(200, "<html>")],
    [TRANSACT, answered(200, { limite: 1, saldo: 0.5 })],
    [TRANSACT, answered(200, { limite: 1, saldo: "0" })],
    [TRANSACT, answered(200, { limite: 1, saldo: 0, more: 1 })],
    [TRANSACT, answered(201, { limite: 1, saldo: 0 })],
    [TRANSACT, answered(302, { limite: 1, saldo: 0 })],
    [OPEN, answered(200, ACCOUNT, LOCATION)],
    [OPEN, answered(201, ACCOUNT)],
    [OPEN, answered(201, { ...ACCOUNT, nome: "1-3" }, LOCATION)],
    [CHANGE, answered(200, ACCOUNT)],
    [STATEMENT, answered(200, { ...SEEN, saldo: { ...SEEN.saldo, data_extrato: "2024-01-17" } })],
    [STATEMENT, answered(200, { ...SEEN, ultimas_transacoes: Array.from({ length: 11 }, () => SEEN) })],
    [TRANSACT, answered(422, problem("limit-exceeded", 404), PROBLEM_HEAD)],
    [TRANSACT, answered(404, problem("limit-exceeded", 404), PROBLEM_HEAD)],
    [TRANSACT, answered(422, problem("limit-exceeded", 422))],
    [TRANSACT, answered(422, problem("invalid-fields", 422), PROBLEM_HEAD)],
    [TRANSACT, answered(500, problem("internal-error", 500), PROBLEM_HEAD)],
    [TRANSACT, answered(503, unavailable, PROBLEM_HEAD)],
    [TRANSACT, answered(503, problem("ledger-unavailable", 503, { outcome: "maybe" }), RETRY)],
    [TRANSACT, answered(503, problem("not-ready", 503, { outcome: "none" }), RETRY)],
    [TRANSACT, { type: "failed", reason: "garbled", detail: "no HTTP", sent: true }],
  ];
  for (const [operation, outcome] of cases) expect(decodeAnswer(operation, outcome).type).toBe("odd");
});

test("says of a broken connection that the outcome is unknown", () => {
  for (const reason of ["refused", "dropped", "timeout", "cancelled", "no-socket"] as const) {
    const outcome: Outcome = { type: "failed", reason, detail: "why", sent: true };
    expect(decodeAnswer(TRANSACT, outcome)).toEqual({ type: "unknown", reason: `${reason}: why` });
  }
});

test("writes each request as the contract has it, with the key where there is one", () => {
  const target = {
    url: "http://x:1",
    address: { host: "127.0.0.1", port: 1 },
    hostHeader: "x:1",
    basePath: "",
  };
  const written = (operation: Operation, key: string | null) =>
    Buffer.from(encodeRequest(operation, key, target)).toString();
  const transact = written(TRANSACT, "k1");
  expect(transact).toStartWith("POST /clientes/3/transacoes HTTP/1.1\r\nHost: x:1\r\n");
  expect(transact).toContain("Idempotency-Key: k1\r\n");
  const body = '{"valor":7,"tipo":"d","descricao":"0-1ç"}';
  expect(transact).toContain(`Content-Length: ${Buffer.byteLength(body)}\r\n`);
  expect(transact).toEndWith(`\r\n\r\n${body}`);
  expect(written(OPEN, null)).toEndWith('\r\n\r\n{"limite":900,"nome":"1-2"}');
  expect(written(OPEN, null)).not.toContain("Idempotency-Key");
  expect(written(CHANGE, null)).toStartWith("PATCH /clientes/3 HTTP/1.1\r\n");
  expect(written(STATEMENT, null)).toStartWith("GET /clientes/3/extrato HTTP/1.1\r\n");
});
