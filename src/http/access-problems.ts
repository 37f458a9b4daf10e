import type { Denial } from "../access/denial.ts";
import type { Scope } from "../access/scope.ts";
import type { Problem } from "./problems.ts";
import { problemOf } from "./refusal-problems.ts";

export const KEY_MISSING: Problem = {
  name: "key-missing",
  detail: "Send an access key: Authorization: Bearer <key>. razonete keys create makes one.",
  headers: { "www-authenticate": "Bearer" },
};

/** Where none was made yet: what a browser on this machine shows is not for it. */
export const KEY_FOR_PAGES: Problem = {
  name: "key-missing",
  detail:
    "Make an access key (razonete keys create) and send it: as long as there is none, the ledger is asked by an IP address or " +
    "a name without a dot, and not by the pages of other sites.",
  headers: { "www-authenticate": "Bearer" },
};

/** One for all that is wrong with a key: which of it is nobody's business. */
export const KEY_INVALID: Problem = {
  name: "key-invalid",
  detail:
    "Send an access key that was made here, and has neither expired nor been revoked: Authorization: Bearer <key>.",
  headers: { "www-authenticate": 'Bearer error="invalid_token"' },
};

export function scopeMissing(scope: Scope): Problem {
  return {
    name: "scope-missing",
    detail: `Use an access key that has the scope ${scope}: this one does not.`,
    members: { scope },
    headers: { "www-authenticate": `Bearer error="insufficient_scope", scope="${scope}"` },
  };
}

/** What is about all accounts at once. */
export function forEveryAccount(accounts: string): Problem {
  return {
    name: "scope-missing",
    detail: `Use an access key for every account: this one is for those that begin with ${accounts} only.`,
    headers: { "www-authenticate": 'Bearer error="insufficient_scope"' },
  };
}

function openedElsewhere(accounts: string): Problem {
  return {
    name: "scope-missing",
    detail: `Give the account an id that begins with "${accounts}": this access key is for no other.`,
    headers: { "www-authenticate": 'Bearer error="insufficient_scope"' },
  };
}

export function denialProblem(denial: Denial): Problem {
  switch (denial.type) {
    case "scope":
      return scopeMissing(denial.scope);
    case "opening":
      return openedElsewhere(denial.accounts);
    case "not-there":
      return problemOf(denial.refused);
  }
}

/** As draft-ietf-httpapi-ratelimit-headers-10 has it; nothing is left of it. */
export function tooManyRequests(
  policy: "key" | "address" | "wrong-keys",
  count: number,
  windowSeconds: number,
  waitSeconds: number,
): Problem {
  const wait = Math.max(1, Math.ceil(waitSeconds));
  const what = {
    key: `this access key may send ${count} a second`,
    address: `one address may send ${count} a second`,
    "wrong-keys": "too many wrong access keys came from this address",
  }[policy];
  return {
    name: "too-many-requests",
    detail: `Nothing was done (${what}): send it again after the time in Retry-After.`,
    headers: {
      "retry-after": String(wait),
      "ratelimit-policy": `"${policy}";q=${count};w=${windowSeconds}`,
      ratelimit: `"${policy}";r=0;t=${wait}`,
    },
  };
}
