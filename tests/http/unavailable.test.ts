import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { LedgerUnavailable } from "../../src/ledger/ledger.ts";
import { expectProblem, json, problem } from "./support/client.ts";
import { MemoryServer } from "./support/memory-server.ts";

let server: MemoryServer;
beforeAll(async () => {
  server = await MemoryServer.start();
});
afterEach(() => {
  server.ledger.fails = () => null;
});
afterAll(() => server[Symbol.asyncDispose]());

const NONE = new LedgerUnavailable("the books are too far behind", "none");
const UNKNOWN = new LedgerUnavailable("Redis did not answer in time", "unknown");

const CREDIT = { op: "transaction", body: { postings: [{ from: "@world", to: "1", amount: 1 }] } };
const READS = [
  "/clientes/1/extrato",
  "/v1/accounts/1",
  "/v1/accounts",
  "/v1/accounts/1/entries",
  "/v1/accounts/1/balance",
  "/v1/accounts/1/balance?at=2024-01-01T00:00:00Z",
  "/v1/transactions/t",
  "/v1/transactions",
  "/v1/holds/h",
  "/v1/holds",
  "/v1/ledger",
];
const WRITES = [
  ["POST", "/clientes/1/transacoes", { valor: 1, tipo: "c", descricao: "x" }],
  ["POST", "/v1/accounts", { unit: "A" }],
  ["PATCH", "/v1/accounts/1", { credit_limit: 1 }],
  ["PATCH", "/v1/accounts/1", { metadata: { a: "b" } }],
  ["POST", "/v1/transactions", CREDIT.body],
  ["POST", "/v1/transactions/t/reversal", {}],
  ["POST", "/v1/holds", { from: "1", amount: 1 }],
  ["POST", "/v1/holds/h/capture", {}],
  ["POST", "/v1/holds/h/release", {}],
  ["POST", "/v1/batches", { atomic: true, commands: [CREDIT] }],
  ["POST", "/v1/batches", { atomic: false, commands: [CREDIT, CREDIT] }],
] as const;

async function detailsOf(key: string | null): Promise<Set<unknown>> {
  const headers = key === null ? {} : { "idempotency-key": key };
  const replies = WRITES.map(([method, path, body]) => server.client.send(method, path, body, headers));
  return new Set((await bodiesOf(replies)).map(({ detail }) => detail));
}

async function detailsOfReads(): Promise<Set<unknown>> {
  return new Set((await bodiesOf(READS.map((path) => server.client.get(path)))).map(({ detail }) => detail));
}

async function bodiesOf(replies: readonly Promise<Response>[]): Promise<Record<string, unknown>[]> {
  return Promise.all(replies.map(async (reply) => Object(await (await reply).json())));
}

test("a reading is told why it failed, and nothing of what would be applied", async () => {
  server.ledger.fails = () => NONE;
  expect(await detailsOfReads()).toEqual(
    new Set([
      "Nothing could be read (the books are too far behind): ask again after the time in Retry-After.",
    ]),
  );
  const reply = await server.client.get("/v1/ledger");
  expect(reply.headers.get("retry-after")).toBe("1");
  expect(await problem(reply, 503, "ledger-unavailable")).toMatchObject({ outcome: "none" });
});

test("what cannot be looked up: nothing was changed, but behind a balancer another API may have the request", async () => {
  await using alone = await MemoryServer.start({}, false);
  const capture = { op: "capture", id: "h", body: { to: "2" } };
  for (const [path, body] of [
    ["/v1/holds/h/capture", capture.body],
    ["/v1/batches", { atomic: true, commands: [capture] }],
    ["/v1/batches", { atomic: false, commands: [CREDIT, capture] }],
  ] as const)
    for (const [of, outcome] of [
      [alone, "none"],
      [server, "unknown"],
    ] as const) {
      of.ledger.fails = () => NONE;
      const reply = await of.client.send("POST", path, body, { "idempotency-key": "k" });
      expect(await problem(reply, 503, "ledger-unavailable")).toMatchObject({ outcome });
    }
});

test("where nothing was changed, sending again is safe with a key and without", async () => {
  server.ledger.fails = () => NONE;
  const details = [
    "Nothing was changed (the books are too far behind): send it again after the time in Retry-After.",
  ];
  expect(await detailsOf(null)).toEqual(new Set(details));
  expect(await detailsOf("a-key")).toEqual(new Set(details));
});

test("where the outcome is unknown, only a request with a key is told to send it again", async () => {
  server.ledger.fails = () => UNKNOWN;
  expect(await detailsOf("a-key")).toEqual(
    new Set([
      "Whether it was applied is not known (Redis did not answer in time): send it again with the same " +
        "Idempotency-Key after a second, which tells, and never applies it twice.",
    ]),
  );
  expect(await detailsOf(null)).toEqual(
    new Set([
      "Whether it was applied is not known (Redis did not answer in time): look at the account before you send it " +
        "again, since that could apply it twice; requests with an Idempotency-Key can be sent again safely.",
    ]),
  );
});

test("a dry run is never unknown: it changes nothing", async () => {
  server.ledger.fails = () => UNKNOWN;
  const reply = await server.client.post("/v1/transactions", { ...CREDIT.body, dry_run: true });
  expect(await problem(reply, 503, "ledger-unavailable")).toMatchObject({ outcome: "none" });
});

test("a command of a batch that could not be decided is told so in its place, the others are done", async () => {
  const failures = [null, UNKNOWN, NONE];
  server.ledger.fails = () => failures.shift() ?? null;
  const commands = [CREDIT, { ...CREDIT, key: "b-1" }, CREDIT, { ...CREDIT, key: "b-2" }];
  const reply = await server.client.post("/v1/batches", { atomic: false, commands });
  const { results } = await json<{ results: { status: number; body: Record<string, unknown> }[] }>(
    reply,
    200,
  );
  expect(results.map(({ status }) => status)).toEqual([201, 503, 503, 201]);
  const [, unknown, none] = results.map(({ body }) => body);
  expectProblem(unknown ?? {}, 503, "ledger-unavailable");
  expect(unknown).toMatchObject({ outcome: "unknown" });
  expect(unknown?.["detail"]).toContain("send it again with the same Idempotency-Key");
  expect(none).toMatchObject({ outcome: "none" });
});

test("a batch under a key that came half-way is completed when it is sent again, and only then", async () => {
  const commands = [CREDIT, CREDIT, { ...CREDIT, key: "half-own" }, CREDIT];
  const send = async () => {
    const headers = { "idempotency-key": "half-way" };
    return json<{ results: { status: number; replayed?: boolean }[] }>(
      await server.client.post("/v1/batches", { atomic: false, commands }, headers),
      200,
    );
  };
  const { seq } = await server.client.readAccount("1");
  let decided = 0;
  server.ledger.fails = () => (decided++ < 2 ? null : UNKNOWN);
  expect((await send()).results.map(({ status }) => status)).toEqual([201, 201, 503, 503]);
  server.ledger.fails = () => null;
  expect((await send()).results).toMatchObject([
    { status: 201, replayed: true },
    { status: 201, replayed: true },
    { status: 201 },
    { status: 201 },
  ]);
  expect(await server.client.readAccount("1")).toMatchObject({ seq: seq + 4 });
});

test("nothing of a batch is done before it is known that its key is its own", async () => {
  const { seq } = await server.client.readAccount("1");
  const failures = [UNKNOWN];
  server.ledger.fails = () => failures.shift() ?? null;
  const batch = { atomic: false, commands: [CREDIT, CREDIT, { ...CREDIT, key: "not-yet" }] };
  const reply = await server.client.post("/v1/batches", batch, { "idempotency-key": "not-known" });
  expect(await problem(reply, 503, "ledger-unavailable")).toMatchObject({ outcome: "unknown" });
  expect(await server.client.readAccount("1")).toMatchObject({ seq });
});

test("a batch of which nothing could be decided is 503 as a whole: unknown, if one command is", async () => {
  const failures = [NONE, UNKNOWN, NONE];
  server.ledger.fails = () => failures.shift() ?? null;
  const batch = { atomic: false, commands: [CREDIT, CREDIT, CREDIT] };
  const reply = await server.client.post("/v1/batches", batch);
  expect(await problem(reply, 503, "ledger-unavailable")).toMatchObject({ outcome: "unknown" });
});

test("a defect is told likewise", async () => {
  server.ledger.fails = () => new Error("a bug");
  expect(await detailsOfReads()).toEqual(new Set(["Report this with what was sent."]));
  expect([...(await detailsOf(null))].join()).toContain("look at the account before you send it again");
  expect([...(await detailsOf("a-key"))].join()).toContain("send it again with the same Idempotency-Key");
  expect(new Set(server.defects.map((line) => line.replace(/ \(request \S+\)$/, "")))).toEqual(
    new Set(["Error: a bug"]),
  );
});

test("a ledger of which some shards decide is ready, and /readyz names the others", async () => {
  const undecided = [{ shard: 2, reason: "its primary is away", advice: "Start it." }];
  server.ledger.state = { ready: true, undecided };
  const reply = await server.client.get("/readyz");
  server.ledger.state = { ready: true };
  expect(await json(reply, 200)).toEqual({ status: "ready", undecided });
});

test("the trial balance names the shards that did not answer, where there are some", async () => {
  const booksOf = async () =>
    (await json<{ books: object }>(await server.client.get("/v1/ledger"), 200)).books;
  expect(await booksOf()).toEqual({ lag_ms: 0 });
  server.ledger.shardsAway = [2];
  const books = await booksOf();
  server.ledger.shardsAway = [];
  expect(books).toEqual({ lag_ms: 0, shards_away: [2] });
});

test("where none of them decides, it says what a person is to do", async () => {
  server.ledger.state = { ready: false, reason: "its primary is away", advice: "Start it." };
  const reply = await server.client.get("/readyz");
  server.ledger.state = { ready: true };
  expect((await problem(reply, 503, "not-ready")).detail).toBe(
    "Send requests to another instance: its primary is away. Start it.",
  );
});
