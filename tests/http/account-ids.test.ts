import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type RawAnswer, RawConnection } from "../support/raw-connection.ts";
import { MemoryServer } from "./support/memory-server.ts";

let server: MemoryServer;
beforeAll(async () => {
  server = await MemoryServer.start();
});
beforeEach(() => {
  server.ledger.asked.length = 0;
  server.ledger.commands.length = 0;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  expect(server.defects).toEqual([]);
});

/** One request with its path as it is: a client would change some of them. */
async function send(method: string, path: string, body = ""): Promise<RawAnswer> {
  using connection = new RawConnection(server.port);
  const head = `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`;
  connection.send(Buffer.from(head + body));
  const answer = await connection.answer();
  if (answer === null) throw new Error("no answer");
  return answer;
}

/** Each request that names an account in its path, with this id. */
async function allRoutes(id: string): Promise<RawAnswer[]> {
  return [
    await send("POST", `/clientes/${id}/transacoes`, '{"valor": 1, "tipo": "c", "descricao": "x"}'),
    await send("POST", `/clientes/${id}/transacoes`, '{"valor": 1, "tipo": "c", "descricao": "x"}'),
    await send("GET", `/clientes/${id}/extrato`),
    await send("GET", `/v1/accounts/${id}`),
    await send("PATCH", `/v1/accounts/${id}`, '{"name": "n", "metadata": {"a": "b"}}'),
    await send("GET", `/v1/accounts/${id}/entries?limit=1`),
    await send("GET", `/v1/accounts/${id}/balance`),
    await send("GET", `/v1/accounts/${id}/balance?at=2024-01-01T00:00:00Z`),
  ];
}

test.each([
  ["7", "7"],
  ["01", "01"],
  ["1.0", "1.0"],
  ["-1", "-1"],
  ["...", "..."],
  ["a0mc3k9d2x4f", "a0mc3k9d2x4f"],
  ["A-Za_z0.9:{x}", "A-Za_z0.9:{x}"],
  ["%7Bx%7D%3ay", "{x}:y"],
  ["%37%37", "77"],
  ["%2e%2E%2e%2e", "...."],
  ["extrato", "extrato"],
  ["entries", "entries"],
  ["constructor", "constructor"],
  ["__proto__", "__proto__"],
  ["key:a", "key:a"],
  ["a".repeat(64), "a".repeat(64)],
])("%s in a path is the account %s", async (inPath, id) => {
  await server.client.account(7, { id });
  server.ledger.commands.length = 0;
  const answers = await allRoutes(inPath);
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(server.ledger.asked).toEqual(Array.from({ length: 5 }, () => id));
  expect(server.ledger.commands.map((command) => "account" in command && command.account)).toEqual([
    id,
    id,
    id,
  ]);
  const [, , , one, , entries] = answers;
  expect(JSON.parse(one?.body ?? "")).toMatchObject({ id, balance: 2 });
  const next = /^<(\S+)>; rel="next"$/.exec(entries?.headers.get("link") ?? "")?.[1] ?? "";
  expect(next).toMatch(/^[\w./:?=&%-]+$/);
  const following = await send("GET", next);
  expect(JSON.parse(following.body)).toMatchObject({ data: [{ seq: 1 }], next: null });
  expect(server.ledger.asked.at(-1)).toBe(id);
  const posted = await send(
    "POST",
    "/v1/transactions",
    JSON.stringify({ postings: [{ from: "@world", to: id, amount: 1 }] }),
  );
  expect(Object.entries(JSON.parse(posted.body).accounts)).toEqual([
    [id, expect.objectContaining({ id, balance: 3 })],
  ]);
});

test.each([
  ".",
  "..",
  "%2e",
  "%2e%2e",
  "%2E.",
  "+1",
  "1+",
  "%201",
  "1%20",
  "%2531",
  "%2f",
  "1%2f",
  "1%00",
  "%0a1",
  "%",
  "%zz",
  "%ff",
  "é",
  "%C3%A9",
  "1;2",
  "1,2",
  "~1",
  "@1",
  "@world",
  "1%3f",
  "%23",
  "a".repeat(65),
])("%s in a path is no account: 404, and the ledger is not asked", async (inPath) => {
  for (const { status, body, headers } of await allRoutes(inPath)) {
    expect(status).toBe(404);
    expect(JSON.parse(body).type).toBe("urn:razonete:problem:account-not-found");
    expect(headers.get("content-type")).toBe("application/problem+json");
  }
  expect(server.ledger.asked).toEqual([]);
  expect(server.ledger.commands).toEqual([]);
});

test("what is given as the id of a transaction or a hold is passed on only where it can be one", async () => {
  for (const id of ["t0-1-0-5", "%74%7Bx%7D", "h", "1"]) {
    for (const path of [`/v1/transactions/${id}`, `/v1/holds/${id}`]) {
      expect((await send("GET", path)).status).toBe(404);
      expect(server.ledger.asked.pop()).toBe(decodeURIComponent(id));
    }
  }
  for (const id of ["%20", "@world", "a%2fb", "%ff", "x".repeat(65)]) {
    for (const path of [`/v1/transactions/${id}`, `/v1/holds/${id}`]) {
      expect((await send("GET", path)).status).toBe(404);
    }
    for (const path of [
      `/v1/transactions/${id}/reversal`,
      `/v1/holds/${id}/release`,
      `/v1/holds/${id}/capture`,
    ]) {
      expect((await send("POST", path)).status).toBe(404);
    }
  }
  expect(server.ledger.asked).toEqual([]);
  expect(server.ledger.commands).toEqual([]);
});
