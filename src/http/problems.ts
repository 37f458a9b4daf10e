import { bounds } from "../bounds.ts";
import type { LedgerUnavailable } from "../ledger/ledger.ts";

/**
 * Every error that the HTTP server answers with, as RFC 9457 problem details. The `type` of each is
 * `urn:razonete:problem:` and its name here. Names are stable. docs/errors.md describes them all.
 */
export const PROBLEMS = {
  "invalid-json": { status: 400, title: "The body is not JSON" },
  "invalid-idempotency-key": { status: 400, title: "The Idempotency-Key is not valid" },
  "key-missing": { status: 401, title: "The request has no access key" },
  "key-invalid": { status: 401, title: "The access key is not valid" },
  "scope-missing": { status: 403, title: "The access key may not do this" },
  "route-not-found": { status: 404, title: "There is no such route" },
  "account-not-found": { status: 404, title: "There is no such account" },
  "transaction-not-found": { status: 404, title: "There is no such transaction" },
  "hold-not-found": { status: 404, title: "There is no such hold" },
  "webhook-not-found": { status: 404, title: "There is no such webhook" },
  "watch-not-found": { status: 404, title: "There is no such watch" },
  "method-not-allowed": { status: 405, title: "The route does not have this method" },
  "request-timeout": { status: 408, title: "The request came too slowly" },
  "account-exists": { status: 409, title: "The account was opened with another content" },
  "cursor-gone": { status: 410, title: "The ledger does not have what the cursor was made of" },
  "body-too-large": { status: 413, title: "The body is too large" },
  "invalid-fields": { status: 422, title: "The request has fields that are not valid" },
  "account-closed": { status: 422, title: "The account is closed" },
  "account-frozen": { status: 422, title: "The account is frozen" },
  "account-not-empty": { status: 422, title: "The account has a balance or open holds" },
  "already-reversed": { status: 422, title: "The transaction was reversed before" },
  "balance-out-of-range": { status: 422, title: "The balance would be too large" },
  "condition-failed": { status: 422, title: "A condition does not hold" },
  "hold-not-open": { status: 422, title: "The hold has ended" },
  "limit-exceeded": { status: 422, title: "The account does not have that much available" },
  "limit-too-low": { status: 422, title: "More than the new limit is used already" },
  "not-reversible": { status: 422, title: "A reversal is not reversed" },
  "shards-apart": { status: 422, title: "The accounts of an atomic batch are on several shards" },
  "unit-mismatch": { status: 422, title: "The accounts have different units" },
  "idempotency-key-reused": { status: 422, title: "The Idempotency-Key was used for another request" },
  "too-many-requests": { status: 429, title: "There are too many requests" },
  "internal-error": { status: 500, title: "The server has a defect" },
  "ledger-unavailable": { status: 503, title: "The ledger cannot answer now" },
  "not-ready": { status: 503, title: "The server takes no new requests" },
} as const;

export type ProblemName = keyof typeof PROBLEMS;

export interface Problem {
  readonly name: ProblemName;
  /** One sentence that says what to do. */
  readonly detail: string;
  /** Further members of the problem's JSON. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One invalid field, in the form of the example in RFC 9457. */
export interface FieldError {
  /** A JSON pointer into the body as a URI fragment, or the name of a query parameter. */
  readonly pointer?: string;
  readonly parameter?: string;
  readonly detail: string;
}

export function invalidFields(errors: readonly FieldError[]): Problem {
  const told = errors.slice(0, bounds.field_errors_told_max);
  const more = errors.length > told.length ? `; and ${errors.length - told.length} more` : "";
  const detail = told.map((error) => error.detail).join("; ");
  return {
    name: "invalid-fields",
    detail: `Correct the request: ${detail}${more}.`,
    members: { errors: told },
  };
}

/** What was asked of the ledger: a read changes nothing, and only what has a key can safely be sent again. */
export type Asked = "read" | "with-key" | "without-key";

export function askedBy({ method, headers }: Request): Asked {
  if (method === "GET" || method === "HEAD") return "read";
  return headers.has("idempotency-key") ? "with-key" : "without-key";
}

/** The ledger could not do what was asked. Says what became of it and what to do now. */
export function unavailable(asked: Asked, { message, outcome }: LedgerUnavailable): Problem {
  return {
    name: "ledger-unavailable",
    detail:
      asked === "read"
        ? `Nothing could be read (${message}): ask again after the time in Retry-After.`
        : outcome === "none"
          ? `Nothing was changed (${message}): send it again after the time in Retry-After.`
          : `Whether it was applied is not known (${message}): ${settling(asked)}.`,
    members: { outcome },
    headers: { "retry-after": "1" },
  };
}

/** A defect of the server. */
export function internalError(asked: Asked): Problem {
  const report = "Report this with what was sent";
  return {
    name: "internal-error",
    detail:
      asked === "read" ? `${report}.` : `${report}. Whether it was applied is not known: ${settling(asked)}.`,
  };
}

function settling(asked: Asked): string {
  return asked === "with-key"
    ? "send it again with the same Idempotency-Key after a second, which tells, and never applies it twice"
    : "look at the account before you send it again, since that could apply it twice; " +
        "requests with an Idempotency-Key can be sent again safely";
}

export function problemJson({ name, detail, members }: Problem): object {
  const { status, title } = PROBLEMS[name];
  return { type: `urn:razonete:problem:${name}`, title, status, detail, ...members };
}

export function toResponse(problem: Problem): Response {
  return new Response(JSON.stringify(problemJson(problem)), {
    status: PROBLEMS[problem.name].status,
    headers: { "content-type": "application/problem+json", ...problem.headers },
  });
}
