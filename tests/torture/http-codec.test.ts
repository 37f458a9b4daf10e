import { describe, expect, test } from "bun:test";
import type { Outcome } from "../../proof/load-test/http/connection.ts";
import type {
  Accepted,
  Answer,
  Operation,
  ShownAccount,
  ShownHold,
} from "../../proof/torture/clients/history.ts";
import { decodeAnswer, encodeRequest } from "../../proof/torture/clients/http-codec.ts";

const TRANSACT: Operation = { type: "transact", account: "3", kind: "debit", value: 7, description: "0-1ç" };
const OPEN: Operation = { type: "open", account: null, unit: "TOKENS", name: "1-2", creditLimit: 900 };
const CHANGE: Operation = { type: "change-limit", account: "3", creditLimit: 800 };
const STATE: Operation = { type: "change-state", account: "3", state: "frozen", name: "1-3" };
const MOVE = {
  type: "transaction",
  postings: [{ from: "@world", to: "3", amount: 5 }],
  conditions: [{ account: "3", what: "available", is: "gte", value: 1 }],
  dryRun: false,
  reference: "1-4",
} as const;
const HOLD: Operation = { type: "hold", from: "3", to: "@world", amount: 5, seconds: 2, reference: "1-5" };
const CAPTURE = { type: "capture", hold: "h1", amount: null, to: null, parts: null } as const;
const RELEASE: Operation = { type: "release", hold: "h1" };
const REVERSAL: Operation = { type: "reversal", transaction: "t1", reference: "1-6" };
const ATOMIC: Operation = {
  type: "batch",
  atomic: true,
  commands: [
    { command: MOVE, key: "own" },
    { command: CAPTURE, key: null },
  ],
};
const STATEMENT: Operation = { type: "statement", account: "3" };

const TIME = "2024-01-17T02:34:41.217753Z";
const STATE_OF = (id: string) => ({
  id,
  unit: "TOKENS",
  state: "open",
  credit_limit: 900,
  balance: -7,
  held: 5,
  available: 888,
  seq: 4,
  opened_at: TIME,
});
const ACCOUNT = { ...STATE_OF("a0"), name: "1-2", metadata: {} };
const SHOWN = (id: string): ShownAccount => ({
  id,
  creditLimit: 900,
  balance: -7,
  rest: { unit: "TOKENS", state: "open", held: 5, available: 888, seq: 4 },
});
const DETAILS = { description: null, reference: "1-4", metadata: {}, created_at: TIME };
const TRANSACTION = { id: "t1", postings: MOVE.postings, ...DETAILS, reverses: null, hold: null };
const SHOWN_TRANSACTION = { id: "t1", postings: MOVE.postings, reference: "1-4", reverses: null, hold: null };
const HELD: ShownHold = {
  id: "h1",
  state: "open",
  from: "3",
  to: "@world",
  amount: 5,
  captured: 0,
  transaction: null,
};
const HOLD_BODY = { ...HELD, ...DETAILS, expires_at: TIME };
const SEEN = { saldo: { total: -7, data_extrato: TIME, limite: 1 }, ultimas_transacoes: [] };
const JSON_HEAD = ["content-type: application/json"];
const PROBLEM_HEAD = ["Content-Type: application/problem+json"];
const RETRY = [...PROBLEM_HEAD, "Retry-After: 1"];
const REPLAYED = "Idempotency-Replayed: true";
const at = (path: string) => [...JSON_HEAD, `location: ${path}`];

function answered(status: number, body: unknown, headers: readonly string[] = JSON_HEAD): Outcome {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { type: "answered", status, head: [`HTTP/1.1 ${status} X`, ...headers].join("\r\n"), body: text };
}

function problem(name: string, status: number, members: object = {}): object {
  return { type: `urn:razonete:problem:${name}`, title: "t", status, detail: "d", ...members };
}

const accepted = (what: Partial<Accepted>): Accepted => ({
  type: "accepted",
  accounts: [],
  transaction: null,
  hold: null,
  replayed: false,
  ...what,
});
const standing = { limite: 1000, saldo: -7 };
const stood = accepted({ accounts: [{ id: "3", creditLimit: 1000, balance: -7, rest: null }] });
const withStates = { ...TRANSACTION, accounts: { 3: STATE_OF("3") } };
const moved = accepted({ accounts: [SHOWN("3")], transaction: SHOWN_TRANSACTION });
const holding = accepted({ accounts: [SHOWN("3")], hold: HELD });
const holdAnswer = { ...HOLD_BODY, account: STATE_OF("3") };
const refused = { type: "refused", account: null, index: null, other: null, replayed: false } as const;

describe("an answer that the contract has", () => {
  const cases: readonly (readonly [string, Operation, Outcome, Answer])[] = [
    ["a transaction of the contest", TRANSACT, answered(200, standing), stood],
    ["a replay", TRANSACT, answered(200, standing, [...JSON_HEAD, REPLAYED]), { ...stood, replayed: true }],
    [
      "an opening",
      OPEN,
      answered(201, ACCOUNT, at("/v1/accounts/a0")),
      accepted({ accounts: [SHOWN("a0")] }),
    ],
    [
      "an account that was opened just so before",
      { ...OPEN, account: "a0" },
      answered(200, ACCOUNT),
      { type: "account", account: SHOWN("a0") },
    ],
    ["a limit", CHANGE, answered(200, { ...ACCOUNT, id: "3" }), accepted({ accounts: [SHOWN("3")] })],
    [
      "a state",
      STATE,
      answered(200, { ...ACCOUNT, id: "3", name: "1-3" }),
      accepted({ accounts: [SHOWN("3")] }),
    ],
    ["a transaction", MOVE, answered(201, withStates, at("/v1/transactions/t1")), moved],
    ["a reversal", REVERSAL, answered(201, withStates, at("/v1/transactions/t1")), moved],
    [
      "a dry run",
      { ...MOVE, dryRun: true },
      answered(200, { ...withStates, id: null }),
      { type: "dry-run", accounts: [SHOWN("3")] },
    ],
    ["a hold", HOLD, answered(201, holdAnswer, at("/v1/holds/h1")), holding],
    ["a capture", CAPTURE, answered(200, holdAnswer), holding],
    ["a release", RELEASE, answered(200, holdAnswer), holding],
    [
      "a batch",
      { ...ATOMIC, atomic: false },
      answered(200, {
        results: [
          { status: 201, body: withStates, replayed: true },
          { status: 422, body: problem("hold-not-open", 422, { state: "expired" }) },
        ],
      }),
      {
        type: "batch",
        results: [
          { ...moved, replayed: true },
          { ...refused, problem: "hold-not-open", other: "expired" },
        ],
        refused: null,
      },
    ],
    [
      "a refused batch: of the others nothing was done",
      ATOMIC,
      answered(422, problem("limit-exceeded", 422, { index: 1, posting: 0, account: "3" }), PROBLEM_HEAD),
      {
        type: "batch",
        results: [{ type: "not-done" }, { ...refused, problem: "limit-exceeded", account: "3", index: 0 }],
        refused: 1,
      },
    ],
    [
      "an account",
      { type: "read-account", account: "a0" },
      answered(200, ACCOUNT),
      { type: "account", account: SHOWN("a0") },
    ],
    [
      "a hold that is read",
      { type: "read-hold", hold: "h1" },
      answered(200, HOLD_BODY),
      { type: "hold", hold: HELD },
    ],
    [
      "a transaction that is read",
      { type: "read-transaction", transaction: "t1" },
      answered(200, { ...TRANSACTION, reversed_by: "t2" }),
      { type: "transaction", transaction: SHOWN_TRANSACTION, reversedBy: "t2" },
    ],
    [
      "a statement",
      STATEMENT,
      answered(200, {
        ...SEEN,
        ultimas_transacoes: [{ valor: 7, tipo: "d", descricao: "0-1ç", realizada_em: TIME }],
      }),
      {
        type: "statement",
        statement: {
          balance: -7,
          creditLimit: 1,
          readAt: TIME,
          entries: [{ kind: "debit", value: 7, description: "0-1ç", time: TIME }],
        },
      },
    ],
    [
      "a refusal with its place",
      MOVE,
      answered(422, problem("unit-mismatch", 422, { account: "3", index: 2 }), [...PROBLEM_HEAD, REPLAYED]),
      { ...refused, problem: "unit-mismatch", account: "3", index: 2, replayed: true },
    ],
    [
      "a refusal with the reversal",
      REVERSAL,
      answered(422, problem("already-reversed", 422, { reversal: "t9" }), PROBLEM_HEAD),
      { ...refused, problem: "already-reversed", other: "t9" },
    ],
    [
      "nothing done",
      STATEMENT,
      answered(503, problem("ledger-unavailable", 503, { outcome: "none" }), RETRY),
      { type: "not-done" },
    ],
  ];
  for (const [what, operation, outcome, answer] of cases)
    test(`is read: ${what}`, () => {
      expect(decodeAnswer(operation, outcome)).toEqual(answer);
    });

  test("may leave the outcome unknown", () => {
    const unknown = answered(503, problem("ledger-unavailable", 503, { outcome: "unknown" }), RETRY);
    expect(decodeAnswer(CHANGE, unknown).type).toBe("unknown");
    for (const reason of ["refused", "dropped", "timeout", "cancelled", "no-socket"] as const) {
      const outcome: Outcome = { type: "failed", reason, detail: "why", sent: true };
      expect(decodeAnswer(TRANSACT, outcome)).toEqual({ type: "unknown", reason: `${reason}: why` });
    }
  });

  test("is the balancer's own: it leaves the outcome unknown", async () => {
    const file = new URL("../../deploy/haproxy/no-answer.json", import.meta.url);
    const body = (await Bun.file(file).text()).replace("%[var(txn.outcome,unknown)]", "unknown");
    expect(decodeAnswer(TRANSACT, answered(503, JSON.parse(body), RETRY)).type).toBe("unknown");
  });
});

test("calls odd whatever the contract does not know", () => {
  const unavailable = problem("ledger-unavailable", 503, { outcome: "none" });
  const cases: readonly (readonly [Operation, Outcome])[] = [
    [TRANSACT, answered(200, "<html>")],
    [TRANSACT, answered(200, { limite: 1, saldo: 0.5 })],
    [TRANSACT, answered(200, { limite: 1, saldo: 0, more: 1 })],
    [TRANSACT, answered(201, standing)],
    [TRANSACT, answered(302, standing)],
    [OPEN, answered(200, ACCOUNT)],
    [OPEN, answered(201, ACCOUNT)],
    [OPEN, answered(201, { ...ACCOUNT, name: "1-3" }, at("/v1/accounts/a0"))],
    [CHANGE, answered(200, ACCOUNT)],
    [STATE, answered(200, { ...ACCOUNT, id: "3" })],
    [MOVE, answered(200, withStates)],
    [MOVE, answered(201, withStates, at("/v1/transactions/t2"))],
    [MOVE, answered(201, { ...withStates, more: 1 }, at("/v1/transactions/t1"))],
    [HOLD, answered(200, holdAnswer)],
    [CAPTURE, answered(200, HOLD_BODY)],
    [ATOMIC, answered(200, { results: [] })],
    [ATOMIC, answered(422, problem("limit-exceeded", 422), PROBLEM_HEAD)],
    [{ type: "read-hold", hold: "h2" }, answered(200, HOLD_BODY)],
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
  for (const [operation, outcome] of cases)
    expect([outcome, decodeAnswer(operation, outcome).type]).toEqual([outcome, "odd"]);
});

test("writes each request as the contract has it, with the key where there is one", () => {
  const address = { host: "127.0.0.1", port: 1 };
  const target = { url: "http://x:1", address, hostHeader: "x:1", basePath: "" };
  const written = (operation: Operation, key: string | null, token: string | null = null) =>
    Buffer.from(encodeRequest(operation, key, target, token)).toString();
  const transact = written(TRANSACT, "k1");
  expect(transact).toStartWith("POST /clientes/3/transacoes HTTP/1.1\r\nHost: x:1\r\n");
  expect(transact).toContain("Idempotency-Key: k1\r\n");
  const body = '{"valor":7,"tipo":"d","descricao":"0-1ç"}';
  expect(transact).toContain(`Content-Length: ${Buffer.byteLength(body)}\r\n`);
  expect(transact).toEndWith(`\r\n\r\n${body}`);
  expect(written(OPEN, null)).not.toContain("Idempotency-Key");
  expect(transact).not.toContain("Authorization");
  expect(written(STATEMENT, null, "rz_secret")).toContain("\r\nAuthorization: Bearer rz_secret\r\n");
  const split = { ...CAPTURE, parts: [{ to: "@world", amount: 2 }] };
  for (const [operation, line, json] of [
    [OPEN, "POST /v1/accounts", '{"unit":"TOKENS","credit_limit":900,"name":"1-2"}'],
    [CHANGE, "PATCH /v1/accounts/3", '{"credit_limit":800}'],
    [STATE, "PATCH /v1/accounts/3", '{"state":"frozen","name":"1-3"}'],
    [
      MOVE,
      "POST /v1/transactions",
      '{"postings":[{"from":"@world","to":"3","amount":5}],"conditions":[{"account":"3","available":{"gte":1}}],"reference":"1-4"}',
    ],
    [HOLD, "POST /v1/holds", '{"from":"3","to":"@world","amount":5,"expires_in":2,"reference":"1-5"}'],
    [CAPTURE, "POST /v1/holds/h1/capture", "{}"],
    [split, "POST /v1/holds/h1/capture", '{"postings":[{"to":"@world","amount":2}]}'],
    [RELEASE, "POST /v1/holds/h1/release", "{}"],
    [REVERSAL, "POST /v1/transactions/t1/reversal", '{"reference":"1-6"}'],
    [STATEMENT, "GET /clientes/3/extrato", ""],
    [{ type: "read-transaction", transaction: "t1" }, "GET /v1/transactions/t1", ""],
  ] as const) {
    expect(written(operation, null)).toStartWith(`${line} HTTP/1.1\r\n`);
    expect(written(operation, null)).toEndWith(`\r\n\r\n${json}`);
  }
  expect(written(ATOMIC, "b")).toContain(
    '{"atomic":true,"commands":[{"op":"transaction","key":"own","body":{"postings"',
  );
  expect(written(ATOMIC, "b")).toEndWith('{"op":"capture","id":"h1","body":{}}]}');
});
