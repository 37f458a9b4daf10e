import type { LedgerUnavailable } from "../ledger/ledger.ts";
import type { Refusal } from "../ledger/refusal.ts";

/**
 * Every error that the HTTP server answers with, as RFC 9457 problem details. The `type` of each is
 * `urn:razonete:problem:` and its name here. Names are stable. docs/errors.md describes them all.
 */
export const PROBLEMS = {
  "invalid-json": { status: 400, title: "The body is not JSON" },
  "invalid-idempotency-key": { status: 400, title: "The Idempotency-Key is not valid" },
  "account-not-found": { status: 404, title: "There is no such account" },
  "route-not-found": { status: 404, title: "There is no such route" },
  "method-not-allowed": { status: 405, title: "The route does not have this method" },
  "body-too-large": { status: 413, title: "The body is too large" },
  "invalid-fields": { status: 422, title: "The request has fields that are not valid" },
  "limit-exceeded": { status: 422, title: "The debit would pass the credit limit" },
  "limit-too-low": { status: 422, title: "The balance is already under the new limit" },
  "balance-out-of-range": { status: 422, title: "The balance would be too large" },
  "idempotency-key-reused": { status: 422, title: "The Idempotency-Key was used for another request" },
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
  const detail = errors.map((error) => error.detail).join("; ");
  return { name: "invalid-fields", detail: `Mend the request: ${detail}.`, members: { errors } };
}

export const ACCOUNT_NOT_FOUND: Problem = {
  name: "account-not-found",
  detail: "Use the id of an account that was opened, a positive integer; POST /clientes opens one.",
};

const REFUSAL_PROBLEMS: Readonly<Record<Refusal, Problem>> = {
  "key-reused": {
    name: "idempotency-key-reused",
    detail:
      "Send a new Idempotency-Key: this one belongs to a request with another content, whose outcome stands.",
  },
  "account-unknown": ACCOUNT_NOT_FOUND,
  "limit-exceeded": {
    name: "limit-exceeded",
    detail: "Nothing was changed: debit less, credit the account first, or raise its limit.",
  },
  "limit-too-low": {
    name: "limit-too-low",
    detail: "Nothing was changed: credit the account first, or set a limit that its balance keeps.",
  },
  "balance-out-of-range": {
    name: "balance-out-of-range",
    detail: "Nothing was changed: credit less, a balance may be 9007199254740991 at most.",
  },
};

export function problemOf(refusal: Refusal): Problem {
  return REFUSAL_PROBLEMS[refusal];
}

/**
 * The ledger could not do what was asked. Says what became of the request and what to do now, which depends on what it
 * was: a read changes nothing, and what was sent without an Idempotency-Key cannot safely be sent again.
 */
export function unavailable(request: Request, { message, outcome }: LedgerUnavailable): Problem {
  return {
    name: "ledger-unavailable",
    detail: isRead(request)
      ? `Nothing could be read (${message}): ask again after the time in Retry-After.`
      : outcome === "none"
        ? `Nothing was changed (${message}): send it again after the time in Retry-After.`
        : `Whether it was applied is not known (${message}): ${settling(request)}.`,
    members: { outcome },
    headers: { "retry-after": "1" },
  };
}

/** A defect of the server, on this request. */
export function internalError(request: Request): Problem {
  const report = "Report this with what was sent";
  return {
    name: "internal-error",
    detail: isRead(request)
      ? `${report}.`
      : `${report}. Whether it was applied is not known: ${settling(request)}.`,
  };
}

function isRead({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

function settling({ headers }: Request): string {
  return headers.has("idempotency-key")
    ? "send it again with the same Idempotency-Key after a second, which tells, and never applies it twice"
    : "look at the account before you send it again, since that could apply it twice; " +
        "requests with an Idempotency-Key can be sent again safely";
}

export function toResponse(problem: Problem): Response {
  const { status, title } = PROBLEMS[problem.name];
  const type = `urn:razonete:problem:${problem.name}`;
  const body = JSON.stringify({ type, title, status, detail: problem.detail, ...problem.members });
  return new Response(body, {
    status,
    headers: { "content-type": "application/problem+json", ...problem.headers },
  });
}
