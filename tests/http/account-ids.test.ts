import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type HttpServer, startHttpServer } from "../../src/http/server.ts";
import type { Account, AccountId } from "../../src/ledger/account.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import { problemName } from "../support/api.ts";
import { type RawAnswer, RawConnection } from "../support/raw-connection.ts";

/** The ids that the ledger was asked for. It has every account that it is asked for. */
let asked: AccountId[] = [];

function account(id: AccountId): Account {
  asked.push(id);
  const row = { creditLimit: 7, balance: 5, held: 0, seq: 9, time: 1, openedAt: 0 };
  return { id, name: "n", unit: "BRL/2", state: "open", ...row };
}

const ledger: Ledger = {
  submit: async (command) => {
    if (command.type === "open") throw new Error("no test opens an account");
    return { type: "accepted", account: account(command.account), replayed: false };
  },
  account: async (id) => account(id),
  statement: async (id) => ({ account: account(id), entries: [], readAt: 1 }),
  history: async (id) => {
    account(id);
    const entry = {
      seq: 9,
      kind: "credit",
      value: 1,
      balance: 5,
      description: "x",
      id: "req:1",
      time: 1,
    } as const;
    return [{ account: id, ...entry }];
  },
  readiness: () => ({ ready: true }),
  close: async () => {},
};

let server: HttpServer;
const defects: string[] = [];
beforeAll(() => {
  const address = { host: "127.0.0.1", port: 0 };
  server = startHttpServer(ledger, { address, onDefect: (message) => defects.push(message) });
});
beforeEach(() => {
  asked = [];
});
afterAll(async () => {
  await server.stop();
  expect(defects).toEqual([]);
});

/** One request with its path as it is: a client would change some of them. */
async function send(method: string, path: string, body = ""): Promise<RawAnswer> {
  using connection = new RawConnection(Number(new URL(server.url).port));
  const head = `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`;
  connection.send(Buffer.from(head + body));
  const answer = await connection.answer();
  if (answer === null) throw new Error("no answer");
  return answer;
}

/** Each request that names an account, with this id in its path. */
async function allRoutes(id: string): Promise<RawAnswer[]> {
  return [
    await send("POST", `/clientes/${id}/transacoes`, '{"valor": 1, "tipo": "c", "descricao": "x"}'),
    await send("GET", `/clientes/${id}/extrato`),
    await send("GET", `/clientes/${id}/transacoes?quantidade=1`),
    await send("GET", `/clientes/${id}`),
    await send("PATCH", `/clientes/${id}`, '{"limite": 7}'),
  ];
}

test.each([
  ["1", "1"],
  ["01", "01"],
  ["1.0", "1.0"],
  ["-1", "-1"],
  ["...", "..."],
  ["a0mc3k9d2x4f", "a0mc3k9d2x4f"],
  ["A-Za_z0.9:{x}", "A-Za_z0.9:{x}"],
  ["%7Bx%7D%3ay", "{x}:y"],
  ["%31", "1"],
  ["%2e%2E%2e", "..."],
  ["extrato", "extrato"],
  ["constructor", "constructor"],
  ["__proto__", "__proto__"],
  ["key:a", "key:a"],
  ["a".repeat(64), "a".repeat(64)],
])("%s in a path is the account %s", async (inPath, id) => {
  const answers = await allRoutes(inPath);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  // Changing a limit also reads the account's name.
  expect(asked).toEqual(Array.from({ length: 6 }, () => id));
  const [, , history, one] = answers;
  expect(JSON.parse(one?.body ?? "")).toEqual({ id, nome: "n", limite: 7, saldo: 5 });
  const next = /^<(\S+)>; rel="next"$/.exec(history?.headers.get("link") ?? "")?.[1] ?? "";
  expect(next).toMatch(/^[\w./:?=&%-]+$/);
  asked = [];
  expect((await send("GET", next)).status).toBe(200);
  expect(asked).toEqual([id]);
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
  "1%3f",
  "%23",
  "a".repeat(65),
])("%s in a path is no account: 404, and the ledger is not asked", async (inPath) => {
  for (const { status, body, headers } of await allRoutes(inPath)) {
    expect(status).toBe(404);
    const answer = { status, headers: new Headers(), body: JSON.parse(body), replayed: false };
    expect(problemName(answer)).toBe("account-not-found");
    expect(headers.get("content-type")).toBe("application/problem+json");
  }
  expect(asked).toEqual([]);
});
