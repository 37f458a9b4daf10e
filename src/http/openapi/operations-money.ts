import { bounds } from "../../bounds.ts";
import { accountsQuery } from "../v1/accounts.ts";
import { holdsQuery } from "../v1/holds.ts";
import { balanceQuery, entriesQuery } from "../v1/reading.ts";
import { transactionsQuery } from "../v1/transactions.ts";
import type { DocumentedOperation } from "./documented-operation.ts";
import type { HeaderName } from "./headers.ts";
import type { DocumentedProblem } from "./problem-schemas.ts";

/** Accounts, and what moves money between them. */

const small = { mayBeEmpty: false, bytesMax: bounds.body_bytes_max };
const orEmpty = { mayBeEmpty: true, bytesMax: bounds.body_bytes_max };
const created: readonly HeaderName[] = ["Location", "Idempotency-Replayed"];
const changed: readonly HeaderName[] = ["Idempotency-Replayed"];

/** Refusals of what moves money between accounts. */
const POSTING = [
  "account-not-found",
  "account-closed",
  "unit-mismatch",
  "limit-exceeded",
  "balance-out-of-range",
] as const satisfies readonly DocumentedProblem[];

export const MONEY_OPERATIONS = {
  openAccount: {
    method: "post",
    path: "/v1/accounts",
    tag: "Accounts",
    summary: "Open an account",
    description: "The same id with the same content again is answered 200, with the account as it stands.",
    body: { schema: "NewAccount", ...small },
    answers: [
      { status: 201, description: "The account is open.", schema: "Account", headers: created },
      { status: 200, description: "It was opened before.", schema: "Account", headers: changed },
    ],
    problems: ["account-exists"],
    kind: "command",
  },
  listAccounts: {
    method: "get",
    path: "/v1/accounts",
    tag: "Accounts",
    summary: "List accounts",
    description:
      "By id, or by `order`: by name (those without one last), or by balance, the least first or (`-balance`) the most; " +
      "then all accounts are looked through for each page. Up to a second behind.",
    query: accountsQuery,
    answers: [{ status: 200, description: "A page.", schema: "AccountList", headers: ["Link"] }],
    problems: [],
    kind: "read",
  },
  readAccount: {
    method: "get",
    path: "/v1/accounts/{id}",
    tag: "Accounts",
    summary: "Read an account",
    of: "account",
    answers: [{ status: 200, description: "The account.", schema: "Account" }],
    problems: ["account-not-found"],
    kind: "read",
  },
  changeAccount: {
    method: "patch",
    path: "/v1/accounts/{id}",
    tag: "Accounts",
    summary: "Change an account",
    description: "What is left out stays. `null` takes `name`, or a member of `metadata`, away.",
    of: "account",
    body: { schema: "AccountChange", ...small },
    answers: [{ status: 200, description: "The account after it.", schema: "Account", headers: changed }],
    problems: ["account-not-found", "account-closed", "limit-too-low", "account-not-empty"],
    kind: "command",
  },
  listEntries: {
    method: "get",
    path: "/v1/accounts/{id}/entries",
    tag: "Reading",
    summary: "List an account's entries",
    description: "Newest first, or `order=asc`. With `Accept: text/csv` as CSV with a header line.",
    of: "account",
    query: entriesQuery,
    answers: [
      { status: 200, description: "A page.", schema: "EntryList", headers: ["Link", "Vary"], csv: true },
    ],
    problems: ["account-not-found"],
    kind: "read",
  },
  readBalance: {
    method: "get",
    path: "/v1/accounts/{id}/balance",
    tag: "Reading",
    summary: "Read an account's balance as it stood at a time",
    of: "account",
    query: balanceQuery,
    answers: [{ status: 200, description: "The balance.", schema: "BalanceAt" }],
    problems: ["account-not-found"],
    kind: "read",
  },
  createTransaction: {
    method: "post",
    path: "/v1/transactions",
    tag: "Transactions",
    summary: "Move money between accounts",
    description:
      "All postings or none, in their order. `@world` is the outside, where money comes from and goes to: postings from and " +
      "to it need the scope `world:write`, too.",
    body: { schema: "NewTransaction", ...small },
    answers: [
      { status: 201, description: "It is done.", schema: "CreatedTransaction", headers: created },
      { status: 200, description: "A dry run: all but the change.", schema: "TriedTransaction" },
    ],
    problems: [...POSTING, "account-frozen", "condition-failed"],
    kind: "command",
  },
  listTransactions: {
    method: "get",
    path: "/v1/transactions",
    tag: "Transactions",
    summary: "List transactions",
    description: "Newest first. Up to a second behind.",
    query: transactionsQuery,
    answers: [{ status: 200, description: "A page.", schema: "TransactionList", headers: ["Link"] }],
    problems: [],
    kind: "read",
  },
  readTransaction: {
    method: "get",
    path: "/v1/transactions/{id}",
    tag: "Transactions",
    summary: "Read a transaction",
    of: "transaction",
    answers: [{ status: 200, description: "The transaction.", schema: "KeptTransaction" }],
    problems: ["transaction-not-found"],
    kind: "read",
  },
  reverseTransaction: {
    method: "post",
    path: "/v1/transactions/{id}/reversal",
    tag: "Transactions",
    summary: "Take a transaction back",
    description:
      "A transaction with the opposite postings in the opposite order. Once. Where one of them is from or to `@world`, it " +
      "needs the scope `world:write`, too.",
    of: "transaction",
    body: { schema: "Reversal", ...orEmpty },
    answers: [{ status: 201, description: "The reversal.", schema: "CreatedTransaction", headers: created }],
    problems: [
      "transaction-not-found",
      "not-reversible",
      "already-reversed",
      "account-closed",
      "account-frozen",
      "limit-exceeded",
      "balance-out-of-range",
    ],
    kind: "command",
  },
  createHold: {
    method: "post",
    path: "/v1/holds",
    tag: "Holds",
    summary: "Hold an amount",
    description: "It counts against `available` at once, until it is captured, released, or expires.",
    body: { schema: "NewHold", ...small },
    answers: [{ status: 201, description: "The hold.", schema: "DecidedHold", headers: created }],
    problems: [...POSTING, "account-frozen"],
    kind: "command",
  },
  listHolds: {
    method: "get",
    path: "/v1/holds",
    tag: "Holds",
    summary: "List holds",
    description: "Newest first. Up to a second behind.",
    query: holdsQuery,
    answers: [{ status: 200, description: "A page.", schema: "HoldList", headers: ["Link"] }],
    problems: [],
    kind: "read",
  },
  readHold: {
    method: "get",
    path: "/v1/holds/{id}",
    tag: "Holds",
    summary: "Read a hold",
    of: "hold",
    answers: [{ status: 200, description: "The hold.", schema: "Hold" }],
    problems: ["hold-not-found"],
    kind: "read",
  },
  captureHold: {
    method: "post",
    path: "/v1/holds/{id}/capture",
    tag: "Holds",
    summary: "Capture a hold",
    description:
      "What was used moves, the rest is free again. Without a body all of it moves. What goes to `@world` needs the scope " +
      "`world:write`, too.",
    of: "hold",
    body: { schema: "Capture", ...orEmpty },
    answers: [{ status: 200, description: "The hold after it.", schema: "DecidedHold", headers: changed }],
    problems: ["hold-not-found", "hold-not-open", ...POSTING],
    kind: "command",
  },
  releaseHold: {
    method: "post",
    path: "/v1/holds/{id}/release",
    tag: "Holds",
    summary: "Release a hold",
    of: "hold",
    body: { schema: "Release", ...orEmpty },
    answers: [{ status: 200, description: "The hold after it.", schema: "DecidedHold", headers: changed }],
    problems: ["hold-not-found", "hold-not-open"],
    kind: "command",
  },
  sendBatch: {
    method: "post",
    path: "/v1/batches",
    tag: "Batches",
    summary: "Send many commands at once",
    description:
      "Each by itself, with a result of its own, or with `atomic` all or none. A key needs the scopes of each command.",
    body: { schema: "Batch", mayBeEmpty: false, bytesMax: bounds.batch_body_bytes_max },
    answers: [
      { status: 200, description: "The results, in order.", schema: "BatchResults", headers: changed },
    ],
    problems: [
      ...POSTING,
      "account-frozen",
      "condition-failed",
      "account-exists",
      "transaction-not-found",
      "not-reversible",
      "already-reversed",
      "hold-not-found",
      "hold-not-open",
      "shards-apart",
    ],
    kind: "command",
  },
} as const satisfies Readonly<Record<string, DocumentedOperation>>;
