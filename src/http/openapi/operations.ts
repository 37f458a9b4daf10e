import { bounds } from "../../bounds.ts";
import type { DocumentedOperation } from "./documented-operation.ts";
import { EVENT_OPERATIONS } from "./operations-events.ts";
import { MONEY_OPERATIONS } from "./operations-money.ts";
import { WEBHOOK_OPERATIONS } from "./operations-webhooks.ts";
import type { DocumentedProblem } from "./problem-schemas.ts";

/** What can be asked, route by route: the order of the document. */

export const OPERATIONS = {
  ...MONEY_OPERATIONS,
  ...EVENT_OPERATIONS,
  ...WEBHOOK_OPERATIONS,
  readLedger: {
    method: "get",
    path: "/v1/ledger",
    tag: "Reading",
    summary: "Read the trial balance",
    description:
      "For each unit all balances and what the outside holds, together 0. Up to a second behind. Only for keys of every account.",
    answers: [{ status: 200, description: "The trial balance.", schema: "Ledger" }],
    problems: [],
    kind: "read",
  },
  transacionar: {
    method: "post",
    path: "/clientes/{id}/transacoes",
    tag: "Contest",
    summary: "Credit or debit an account, as Rinha de Backend 2024/Q1 has it",
    description: "Members that are not known are ignored.",
    of: "account",
    body: { schema: "ContestBody", mayBeEmpty: false, bytesMax: bounds.contest_body_bytes_max },
    answers: [
      {
        status: 200,
        description: "The limit and the balance.",
        schema: "ContestTransaction",
        headers: ["Idempotency-Replayed"],
      },
    ],
    problems: [
      "account-not-found",
      "account-closed",
      "account-frozen",
      "limit-exceeded",
      "balance-out-of-range",
    ],
    kind: "command",
  },
  extrato: {
    method: "get",
    path: "/clientes/{id}/extrato",
    tag: "Contest",
    summary: "Read the 10 latest transactions, as Rinha de Backend 2024/Q1 has it",
    of: "account",
    answers: [{ status: 200, description: "The statement.", schema: "ContestStatement" }],
    problems: ["account-not-found"],
    kind: "contest-read",
  },
  readLiveness: {
    method: "get",
    path: "/livez",
    tag: "Server",
    summary: "Whether the process is alive",
    answers: [{ status: 200, description: "It is.", schema: "Liveness" }],
    problems: [],
    kind: "server",
  },
  readReadiness: {
    method: "get",
    path: "/readyz",
    tag: "Server",
    summary: "Whether the server takes requests",
    answers: [{ status: 200, description: "It does.", schema: "Readiness" }],
    problems: ["not-ready", "ledger-unavailable"],
    kind: "server",
  },
  readDocument: {
    method: "get",
    path: "/openapi.json",
    tag: "Server",
    summary: "This document",
    answers: [
      { status: 200, description: "OpenAPI 3.1.", schema: "OpenApiDocument", headers: ["Cache-Control"] },
    ],
    problems: [],
    kind: "server",
  },
} as const satisfies Readonly<Record<string, DocumentedOperation>>;

export type OperationId = keyof typeof OPERATIONS;

export function isOperationId(text: string): text is OperationId {
  return text in OPERATIONS;
}

const ACCESS = ["key-missing", "key-invalid", "scope-missing", "too-many-requests"] as const;
const ANY = ["malformed-request", "internal-error", "ledger-unavailable"] as const;

/** What every operation of the kind may be answered. */
export const PROBLEMS_OF_KIND: Readonly<Record<DocumentedOperation["kind"], readonly DocumentedProblem[]>> = {
  command: [
    ...ACCESS,
    ...ANY,
    "request-timeout",
    "body-too-large",
    "invalid-json",
    "invalid-fields",
    "invalid-idempotency-key",
    "idempotency-key-reused",
  ],
  read: [...ACCESS, ...ANY, "invalid-fields"],
  "contest-read": [...ACCESS, ...ANY],
  server: ["malformed-request", "too-many-requests"],
};
