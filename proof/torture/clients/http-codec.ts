import * as z from "zod";
import type { Outcome } from "../../load-test/http/connection.ts";
import { headerOf } from "../../load-test/http/response.ts";
import type { LoadTarget } from "../../load-test/http/load-target.ts";
import { bounds } from "../../../src/bounds.ts";
import type { Answer, Operation, ShownStatement } from "./history.ts";

/** Encodes operations as HTTP requests, and decodes HTTP answers. */

/** Problems by which the ledger refuses a command: nothing was changed. Our requests may get no other ones. */
const REFUSALS = new Map([
  ["limit-exceeded", 422],
  ["limit-too-low", 422],
  ["balance-out-of-range", 422],
  ["idempotency-key-reused", 422],
  ["account-not-found", 404],
]);
const PROBLEM = "urn:razonete:problem:";
const EXCERPT_CHARACTERS_MAX = 200;

// Strict: an extra member is as odd as a missing one.
const standing = z.strictObject({ limite: z.int(), saldo: z.int() });
const account = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9._:{}-]{1,64}$/, "not an id"),
  nome: z.string().nullable(),
  limite: z.int(),
  saldo: z.int(),
});
const time = z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/, "not a time");
const statement = z.strictObject({
  saldo: z.strictObject({ total: z.int(), data_extrato: time, limite: z.int() }),
  ultimas_transacoes: z
    .array(
      z.strictObject({
        valor: z.int().positive(),
        tipo: z.enum(["c", "d"]),
        descricao: z.string(),
        realizada_em: time,
      }),
    )
    .max(bounds.statement_entries_max),
});
const problem = z.object({ type: z.string().startsWith(PROBLEM), status: z.int() });
const unavailable = z.object({ outcome: z.enum(["none", "unknown"]) });

/** @param key the Idempotency-Key, null for none */
export function encodeRequest(operation: Operation, key: string | null, target: LoadTarget): Uint8Array {
  const { method, path, body } = requestPartsOf(operation);
  const keyHeader = key === null ? "" : `Idempotency-Key: ${key}\r\n`;
  const head =
    `${method} ${target.basePath}${path} HTTP/1.1\r\nHost: ${target.hostHeader}\r\n` +
    `User-Agent: razonete-torture\r\n${keyHeader}`;
  if (body === null) return Buffer.from(`${head}\r\n`);
  const text = JSON.stringify(body);
  const length = Buffer.byteLength(text);
  return Buffer.from(`${head}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${text}`);
}

function requestPartsOf(operation: Operation): {
  readonly method: string;
  readonly path: string;
  readonly body: object | null;
} {
  switch (operation.type) {
    case "transact": {
      const { value, kind, description } = operation;
      const body = { valor: value, tipo: kind === "credit" ? "c" : "d", descricao: description };
      return { method: "POST", path: `/clientes/${operation.account}/transacoes`, body };
    }
    case "open":
      return {
        method: "POST",
        path: "/clientes",
        body: { limite: operation.creditLimit, nome: operation.name },
      };
    case "change-limit":
      return {
        method: "PATCH",
        path: `/clientes/${operation.account}`,
        body: { limite: operation.creditLimit },
      };
    case "statement":
      return { method: "GET", path: `/clientes/${operation.account}/extrato`, body: null };
  }
}

/** @param outcome how the request ended */
export function decodeAnswer(operation: Operation, outcome: Outcome): Answer {
  if (outcome.type === "failed") {
    if (outcome.reason === "garbled") return odd(outcome.detail);
    return { type: "unknown", reason: `${outcome.reason}: ${outcome.detail}` };
  }
  const { status, head, body } = outcome;
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return odd(`${status} with a body that is not JSON: ${excerpt(body)}`);
  }
  const answer = status < 400 ? successOf(operation, status, head, json) : problemOf(status, head, json);
  return answer ?? odd(`${status} ${excerpt(body)}`);
}

/** @returns null if this operation may not get such an answer */
function successOf(operation: Operation, status: number, head: string, json: unknown): Answer | null {
  const replayed = headerOf(head, "idempotency-replayed") === "true";
  switch (operation.type) {
    case "transact": {
      const { data } = standing.safeParse(json);
      if (status !== 200 || data === undefined) return null;
      return {
        type: "accepted",
        account: operation.account,
        creditLimit: data.limite,
        balance: data.saldo,
        replayed,
      };
    }
    case "open": {
      const { data } = account.safeParse(json);
      if (status !== 201 || data?.nome !== operation.name) return null;
      if (headerOf(head, "location") !== `/clientes/${data.id}`) return null;
      return {
        type: "accepted",
        account: data.id,
        creditLimit: data.limite,
        balance: data.saldo,
        replayed,
      };
    }
    case "change-limit": {
      const { data } = account.safeParse(json);
      if (status !== 200 || data?.id !== operation.account) return null;
      return {
        type: "accepted",
        account: data.id,
        creditLimit: data.limite,
        balance: data.saldo,
        replayed,
      };
    }
    case "statement": {
      const { data } = statement.safeParse(json);
      if (status !== 200 || data === undefined) return null;
      return { type: "statement", statement: statementOf(data) };
    }
  }
}

function statementOf({ saldo, ultimas_transacoes }: z.infer<typeof statement>): ShownStatement {
  return {
    balance: saldo.total,
    creditLimit: saldo.limite,
    readAt: saldo.data_extrato,
    entries: ultimas_transacoes.map((entry) => ({
      kind: entry.tipo === "c" ? "credit" : "debit",
      value: entry.valor,
      description: entry.descricao,
      time: entry.realizada_em,
    })),
  };
}

/** @returns null if docs/errors.md has no such answer to a valid request */
function problemOf(status: number, head: string, json: unknown): Answer | null {
  const { data } = problem.safeParse(json);
  if (data?.status !== status) return null;
  if (!headerOf(head, "content-type")?.startsWith("application/problem+json")) return null;
  const name = data.type.slice(PROBLEM.length);
  if (REFUSALS.get(name) === status) {
    const replayed = headerOf(head, "idempotency-replayed") === "true";
    return { type: "refused", problem: name, replayed };
  }
  const state = unavailable.safeParse(json).data;
  if (status !== 503 || name !== "ledger-unavailable" || state === undefined) return null;
  if (!/^\d+$/.test(headerOf(head, "retry-after") ?? "")) return null;
  return state.outcome === "none"
    ? { type: "not-done" }
    : { type: "unknown", reason: "503, outcome unknown" };
}

function odd(reason: string): Answer {
  return { type: "odd", reason };
}

function excerpt(body: string): string {
  if (body === "") return "without a body";
  return body.length > EXCERPT_CHARACTERS_MAX ? `${body.slice(0, EXCERPT_CHARACTERS_MAX)}…` : body;
}
