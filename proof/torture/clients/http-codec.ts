import type { Outcome } from "../../load-test/http/connection.ts";
import { headerOf } from "../../load-test/http/response.ts";
import type { LoadTarget } from "../../load-test/http/load-target.ts";
import * as schemas from "./answer-schemas.ts";
import type { Answer, Batch, Command, Operation, Reading, ShownAccount } from "./history.ts";

/** Encodes operations as HTTP requests, and decodes HTTP answers. */

/** Problems by which the ledger refuses a command: nothing was changed. Our requests may get no other ones. */
const REFUSALS = new Map([
  ["account-not-found", 404],
  ["transaction-not-found", 404],
  ["hold-not-found", 404],
  ["account-exists", 409],
  ["limit-exceeded", 422],
  ["limit-too-low", 422],
  ["balance-out-of-range", 422],
  ["unit-mismatch", 422],
  ["account-frozen", 422],
  ["account-closed", 422],
  ["account-not-empty", 422],
  ["condition-failed", 422],
  ["already-reversed", 422],
  ["not-reversible", 422],
  ["hold-not-open", 422],
  ["idempotency-key-reused", 422],
  ["shards-apart", 422],
]);
const PROBLEM = "urn:razonete:problem:";
const EXCERPT_CHARACTERS_MAX = 200;

interface Parts {
  readonly method: string;
  readonly path: string;
  readonly body: object | null;
}

/**
 * @param key the Idempotency-Key, null for none
 * @param token of the access key, null for none
 */
export function encodeRequest(
  operation: Operation,
  key: string | null,
  target: LoadTarget,
  token: string | null = null,
): Uint8Array {
  const { method, path, body } = requestPartsOf(operation);
  const keyHeader = key === null ? "" : `Idempotency-Key: ${key}\r\n`;
  const accessHeader = token === null ? "" : `Authorization: Bearer ${token}\r\n`;
  const head =
    `${method} ${target.basePath}${path} HTTP/1.1\r\nHost: ${target.hostHeader}\r\n` +
    `User-Agent: razonete-torture\r\n${keyHeader}${accessHeader}`;
  if (body === null) return Buffer.from(`${head}\r\n`);
  const text = JSON.stringify(body);
  const length = Buffer.byteLength(text);
  return Buffer.from(`${head}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${text}`);
}

export function requestPartsOf(operation: Operation): Parts {
  switch (operation.type) {
    case "statement":
      return { method: "GET", path: `/clientes/${operation.account}/extrato`, body: null };
    case "read-account":
      return { method: "GET", path: `/v1/accounts/${operation.account}`, body: null };
    case "read-hold":
      return { method: "GET", path: `/v1/holds/${operation.hold}`, body: null };
    case "read-transaction":
      return { method: "GET", path: `/v1/transactions/${operation.transaction}`, body: null };
    case "transact":
      return { method: "POST", path: `/clientes/${operation.account}/transacoes`, body: bodyOf(operation) };
    case "change-limit":
    case "change-state":
      return { method: "PATCH", path: `/v1/accounts/${operation.account}`, body: bodyOf(operation) };
    case "open":
      return { method: "POST", path: "/v1/accounts", body: bodyOf(operation) };
    case "transaction":
      return { method: "POST", path: "/v1/transactions", body: bodyOf(operation) };
    case "hold":
      return { method: "POST", path: "/v1/holds", body: bodyOf(operation) };
    case "capture":
    case "release":
      return {
        method: "POST",
        path: `/v1/holds/${operation.hold}/${operation.type}`,
        body: bodyOf(operation),
      };
    case "reversal":
      return {
        method: "POST",
        path: `/v1/transactions/${operation.transaction}/reversal`,
        body: bodyOf(operation),
      };
    case "batch":
      return { method: "POST", path: "/v1/batches", body: batchBodyOf(operation) };
  }
}

function bodyOf(command: Command): object {
  switch (command.type) {
    case "transact": {
      const { value, kind, description } = command;
      return { valor: value, tipo: kind === "credit" ? "c" : "d", descricao: description };
    }
    case "open": {
      const { account, unit, creditLimit, name } = command;
      return { ...(account === null ? {} : { id: account }), unit, credit_limit: creditLimit, name };
    }
    case "change-limit":
      return { credit_limit: command.creditLimit };
    case "change-state":
      return { state: command.state, name: command.name };
    case "transaction": {
      const { postings, conditions, dryRun, reference } = command;
      const wanted = conditions.map(({ account, what, is, value }) => ({ account, [what]: { [is]: value } }));
      return {
        postings,
        ...(wanted.length === 0 ? {} : { conditions: wanted }),
        ...(dryRun ? { dry_run: true } : {}),
        reference,
      };
    }
    case "hold": {
      const { from, to, amount, seconds, reference } = command;
      return { from, to, amount, expires_in: seconds, reference };
    }
    case "capture": {
      const { amount, to, parts } = command;
      if (parts !== null) return { postings: parts };
      return { ...(amount === null ? {} : { amount }), ...(to === null ? {} : { to }) };
    }
    case "release":
      return {};
    case "reversal":
      return { reference: command.reference };
  }
}

function batchBodyOf({ atomic, commands }: Batch): object {
  return {
    atomic,
    commands: commands.map(({ command, key }) => ({
      op: command.type === "open" ? "account" : command.type,
      ...(key === null ? {} : { key }),
      ...("hold" in command ? { id: command.hold } : {}),
      ...("transaction" in command ? { id: command.transaction } : {}),
      body: bodyOf(command),
    })),
  };
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
  return answerOf(operation, status, head, json) ?? odd(`${status} ${excerpt(body)}`);
}

/** @returns null if this operation may not get such an answer */
function answerOf(operation: Operation, status: number, head: string, json: unknown): Answer | null {
  const replayed = headerOf(head, "idempotency-replayed") === "true";
  if (status >= 400) {
    if (!headerOf(head, "content-type")?.startsWith("application/problem+json")) return null;
    if (status === 503 && !/^\d+$/.test(headerOf(head, "retry-after") ?? "")) return null;
    const problem = problemOf(status, json, replayed);
    return operation.type === "batch" && problem?.type === "refused"
      ? refusedBatch(operation, json, problem)
      : problem;
  }
  if (operation.type === "batch") return status === 200 ? batchOf(operation, json) : null;
  if (isReading(operation)) return status === 200 ? readingOf(operation, json) : null;
  const answer = successOf(operation, status, json, replayed);
  if (status !== 201 || answer?.type !== "accepted") return answer;
  return headerOf(head, "location") === locationOf(operation, answer) ? answer : null;
}

export function isReading(operation: Operation): operation is Reading {
  return operation.type === "statement" || operation.type.startsWith("read-");
}

function readingOf(operation: Reading, json: unknown): Answer | null {
  switch (operation.type) {
    case "statement": {
      const { data } = schemas.statement.safeParse(json);
      return data === undefined ? null : { type: "statement", statement: data };
    }
    case "read-account": {
      const { data } = schemas.account.safeParse(json);
      return data?.id === operation.account ? { type: "account", account: withoutName(data) } : null;
    }
    case "read-hold": {
      const { data } = schemas.hold.safeParse(json);
      return data?.id === operation.hold ? { type: "hold", hold: data } : null;
    }
    case "read-transaction": {
      const { data } = schemas.keptTransaction.safeParse(json);
      return data?.transaction.id === operation.transaction ? { type: "transaction", ...data } : null;
    }
  }
}

/** @returns null if this command may not get such an answer */
function successOf(command: Command, status: number, json: unknown, replayed: boolean): Answer | null {
  const accepted = { type: "accepted", accounts: [], transaction: null, hold: null, replayed } as const;
  switch (command.type) {
    case "transact": {
      const { data } = schemas.standing.safeParse(json);
      if (status !== 200 || data === undefined) return null;
      const shown = { id: command.account, creditLimit: data.limite, balance: data.saldo, rest: null };
      return { ...accepted, accounts: [shown] };
    }
    case "open": {
      const { data } = schemas.account.safeParse(json);
      if (data === undefined || (command.account ?? data.id) !== data.id) return null;
      // Opened just so before: the account as it stands, which may have another name by now.
      if (status === 200 && command.account !== null) return { type: "account", account: withoutName(data) };
      if (status !== 201 || data.name !== command.name) return null;
      return { ...accepted, accounts: [withoutName(data)] };
    }
    case "change-limit":
    case "change-state": {
      const { data } = schemas.account.safeParse(json);
      if (status !== 200 || data?.id !== command.account) return null;
      if (command.type === "change-state" && data.name !== command.name) return null;
      return { ...accepted, accounts: [withoutName(data)] };
    }
    case "transaction":
      if (command.dryRun) {
        const { data } = schemas.dryRun.safeParse(json);
        return status === 200 && data !== undefined ? { type: "dry-run", accounts: data } : null;
      }
      return createdTransaction();
    case "reversal":
      return createdTransaction();
    case "hold":
    case "capture":
    case "release": {
      const { data } = schemas.holdWithAccount.safeParse(json);
      if (status !== (command.type === "hold" ? 201 : 200) || data === undefined) return null;
      return { ...accepted, ...data };
    }
  }

  function createdTransaction(): Answer | null {
    const { data } = schemas.createdTransaction.safeParse(json);
    return status === 201 && data !== undefined ? { ...accepted, ...data } : null;
  }
}

function withoutName({ id, creditLimit, balance, rest }: ShownAccount): ShownAccount {
  return { id, creditLimit, balance, rest };
}

function locationOf(command: Command, answer: Extract<Answer, { type: "accepted" }>): string {
  if (command.type === "open") return `/v1/accounts/${answer.accounts[0]?.id}`;
  if (command.type === "hold") return `/v1/holds/${answer.hold?.id}`;
  return `/v1/transactions/${answer.transaction?.id}`;
}

function batchOf({ commands }: Batch, json: unknown): Answer | null {
  const { data } = schemas.results.safeParse(json);
  if (data?.results.length !== commands.length) return null;
  const results: Answer[] = [];
  for (const [index, { status, body, replayed = false }] of data.results.entries()) {
    const command = commands[index]?.command;
    if (command === undefined) return null;
    const answer =
      status < 400 ? successOf(command, status, body, replayed) : problemOf(status, body, replayed);
    if (answer === null) return null;
    results.push(answer);
  }
  return { type: "batch", results, refused: null };
}

/** All or none of its commands: the problem is that of the first that was refused, at `index`. */
function refusedBatch(
  { atomic, commands }: Batch,
  json: unknown,
  problem: Extract<Answer, { type: "refused" }>,
): Answer | null {
  const { index, posting, condition } = schemas.problem.parse(json);
  if (!atomic || index === undefined || index >= commands.length) return null;
  const refused = { ...problem, index: posting ?? condition ?? null };
  const results = commands.map((_, at): Answer => (at === index ? refused : { type: "not-done" }));
  return { type: "batch", results, refused: index };
}

/** @returns null if docs/errors.md has no such answer to a valid request */
function problemOf(status: number, json: unknown, replayed: boolean): Answer | null {
  const { data } = schemas.problem.safeParse(json);
  if (data?.status !== status) return null;
  const name = data.type.slice(PROBLEM.length);
  if (REFUSALS.get(name) === status) {
    const { account = null, index = null, state, reversal } = data;
    return { type: "refused", problem: name, account, index, other: state ?? reversal ?? null, replayed };
  }
  const state = schemas.unavailable.safeParse(json).data;
  if (status !== 503 || name !== "ledger-unavailable" || state === undefined) return null;
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
