import { afterAll, beforeAll, expect, test } from "bun:test";
import { z } from "zod";
import { type HttpServer, startHttpServer } from "../../src/http/server.ts";
import { type Ledger, LedgerUnavailable } from "../../src/ledger/ledger.ts";
import { call } from "../support/api.ts";

/** What each call of the ledger fails with. */
let failure: Error = new LedgerUnavailable("never asked", "none");
const fail = async (): Promise<never> => Promise.reject(failure);
const ledger: Ledger = {
  submit: fail,
  account: fail,
  statement: fail,
  history: fail,
  readiness: () => ({ ready: true }),
  close: async () => {},
};

const defects: string[] = [];
let server: HttpServer;
beforeAll(() => {
  const address = { host: "127.0.0.1", port: 0 };
  server = startHttpServer(ledger, { address, onDefect: (message) => defects.push(message) });
});
afterAll(() => server.stop());

const TRANSACTION = { valor: 1, tipo: "c", descricao: "x" };
const READS = ["/clientes/1", "/clientes/1/extrato", "/clientes/1/transacoes"] as const;
const WRITES = [
  ["POST", "/clientes/1/transacoes", TRANSACTION],
  ["POST", "/clientes", { limite: 1 }],
  ["PATCH", "/clientes/1", { limite: 1 }],
] as const;

async function detailsOf(key: string | null): Promise<Set<string>> {
  const answers = await Promise.all(
    WRITES.map(([method, path, body]) => call(server.url, method, path, body, key)),
  );
  return new Set(answers.map(({ body }) => z.object({ detail: z.string() }).parse(body).detail));
}

async function detailsOfReads(): Promise<Set<string>> {
  const answers = await Promise.all(READS.map((path) => call(server.url, "GET", path)));
  return new Set(answers.map(({ body }) => z.object({ detail: z.string() }).parse(body).detail));
}

test("a reading is told why it failed, and nothing of what would be applied", async () => {
  failure = new LedgerUnavailable("Redis does not answer", "none");
  expect(await detailsOfReads()).toEqual(
    new Set(["Nothing could be read (Redis does not answer): ask again after the time in Retry-After."]),
  );
});

test("where nothing was changed, sending again is safe with a key and without", async () => {
  failure = new LedgerUnavailable("the books are too far behind", "none");
  const details = [
    "Nothing was changed (the books are too far behind): send it again after the time in Retry-After.",
  ];
  expect(await detailsOf(null)).toEqual(new Set(details));
  expect(await detailsOf("a-key")).toEqual(new Set(details));
});

test("where the outcome is unknown, only a request with a key is told to send it again", async () => {
  failure = new LedgerUnavailable("Redis did not answer in time", "unknown");
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

test("a defect is told likewise", async () => {
  failure = new Error("a bug");
  expect(await detailsOfReads()).toEqual(new Set(["Report this with what was sent."]));
  expect([...(await detailsOf(null))].join()).toContain("look at the account before you send it again");
  expect([...(await detailsOf("a-key"))].join()).toContain("send it again with the same Idempotency-Key");
  expect(new Set(defects)).toEqual(new Set(["Error: a bug"]));
});
