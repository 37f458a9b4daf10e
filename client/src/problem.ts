import type { Problem } from "./types.ts";

/** The stable names of problems: what comes after `urn:razonete:problem:` in their type. */
export type ProblemName =
  | "account-closed"
  | "account-exists"
  | "account-frozen"
  | "account-not-empty"
  | "account-not-found"
  | "already-reversed"
  | "balance-out-of-range"
  | "body-too-large"
  | "condition-failed"
  | "cursor-gone"
  | "hold-not-found"
  | "hold-not-open"
  | "idempotency-key-reused"
  | "invalid-fields"
  | "invalid-idempotency-key"
  | "invalid-json"
  | "key-invalid"
  | "key-missing"
  | "limit-exceeded"
  | "limit-too-low"
  | "method-not-allowed"
  | "not-reversible"
  | "route-not-found"
  | "scope-missing"
  | "shards-apart"
  | "transaction-not-found"
  | "unit-mismatch"
  | "watch-not-found"
  | "webhook-not-found"
  /** A later server may have others; and it may be something else that answers in its place. */
  | (string & {});

const PREFIX = "urn:razonete:problem:";

/** @returns an empty text where the answer is not one of Razonete's, but of a proxy */
export function nameOf({ type }: Problem): ProblemName {
  return type.startsWith(PREFIX) ? type.slice(PREFIX.length) : "";
}

/** What was answered, where it is no success; also where something else than the ledger answers. */
export function problemIn(status: number, json: unknown): Problem {
  const { type, title, detail, ...members } = Object(json);
  const isProblem = typeof type === "string" && type.startsWith(PREFIX);
  if (isProblem) return { ...members, type, title: String(title), status, detail: String(detail) };
  return {
    type: "about:blank",
    title: `The answer has the status ${status}, and is not from Razonete`,
    status,
    detail:
      status >= 300 && status < 400
        ? "Use the address that it redirects to: redirections are not followed."
        : "Look at what is between this client and the ledger, and at the ledger's URL.",
  };
}

/**
 * Those that tell something of this very moment or of who asks. All others come of the content of the request, or are
 * what the ledger decided: they would have been the answer to an earlier attempt, too.
 */
const OF_THE_MOMENT: ReadonlySet<ProblemName> = new Set([
  "",
  "key-missing",
  "key-invalid",
  "scope-missing",
  "route-not-found",
  "method-not-allowed",
  "not-ready",
]);

/** Whether it also tells what became of earlier attempts, of which nothing was known. */
export function settles(problem: Problem): boolean {
  return !OF_THE_MOMENT.has(nameOf(problem));
}
