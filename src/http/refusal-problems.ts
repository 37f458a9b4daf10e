import type { Refusal } from "../ledger/refusal.ts";
import type { Refused } from "../ledger/refused.ts";
import { invalidFields, type Problem } from "./problems.ts";
import { METADATA_RULE } from "./v1/fields.ts";

export const ACCOUNT_NOT_FOUND: Problem = {
  name: "account-not-found",
  detail: "Use the id of an account that was opened; POST /v1/accounts opens one.",
};

export const TRANSACTION_NOT_FOUND: Problem = {
  name: "transaction-not-found",
  detail: "Use the id that a transaction was answered with.",
};

export const HOLD_NOT_FOUND: Problem = {
  name: "hold-not-found",
  detail: "Use the id that a hold was answered with.",
};

const PROBLEMS: Readonly<Record<Refusal, Problem>> = {
  "key-reused": {
    name: "idempotency-key-reused",
    detail:
      "Send a new Idempotency-Key: this one belongs to a request with another content, whose outcome stands.",
  },
  "account-exists": {
    name: "account-exists",
    detail: "Nothing was changed: open it under another id, or read the one that there is and use it.",
  },
  "transaction-unknown": TRANSACTION_NOT_FOUND,
  "hold-unknown": HOLD_NOT_FOUND,
  "not-reversible": {
    name: "not-reversible",
    detail: "Nothing was changed: create a new transaction instead, with the postings that you want.",
  },
  "already-reversed": {
    name: "already-reversed",
    detail: "Nothing was changed, and nothing is left to do: the member reversal is the id of its reversal.",
  },
  "hold-not-open": {
    name: "hold-not-open",
    detail: "Nothing was changed: the member state says how it ended; create a new hold if you need one.",
  },
  "account-unknown": ACCOUNT_NOT_FOUND,
  "account-closed": {
    name: "account-closed",
    detail: "Nothing was changed: use another account, a closed one never opens again.",
  },
  "account-frozen": {
    name: "account-frozen",
    detail: 'Nothing was changed: give the account the state "open" first; nothing goes out of a frozen one.',
  },
  "unit-mismatch": {
    name: "unit-mismatch",
    detail: "Nothing was changed: use two accounts of one unit, or post to and from @world, which takes any.",
  },
  "condition-failed": {
    name: "condition-failed",
    detail: "Nothing was changed: read the account, and decide anew whether you want the transaction.",
  },
  "limit-exceeded": {
    name: "limit-exceeded",
    detail: "Nothing was changed: let less go out, bring something in first, or raise the account's limit.",
  },
  "balance-out-of-range": {
    name: "balance-out-of-range",
    detail: "Nothing was changed: bring in less, a balance may be 9007199254740991 at most.",
  },
  "metadata-too-large": invalidFields([
    { pointer: "#/metadata", detail: `metadata, merged with what there is, ${METADATA_RULE}` },
  ]),
  "limit-too-low": {
    name: "limit-too-low",
    detail: "Nothing was changed: bring something in first, release holds, or set a higher limit.",
  },
  "account-not-empty": {
    name: "account-not-empty",
    detail: "Nothing was changed: bring its balance to 0 and end its holds first.",
  },
  "shards-apart": {
    name: "shards-apart",
    detail:
      "Nothing was changed: use accounts whose ids have the same {tag}, they are on one shard, or a batch that is not atomic.",
  },
};

/** The last part of the type of the problem that a refusal is answered with, as docs/errors.md has it. */
export function problemNameOf(refusal: Refusal): Problem["name"] {
  return PROBLEMS[refusal].name;
}

/** What a refusal is answered with, its place included. */
export function problemOf({ refusal, account, index, other }: Refused): Problem {
  const problem = PROBLEMS[refusal];
  return {
    ...problem,
    members: {
      ...problem.members,
      ...(account === null ? {} : { account }),
      ...(index === null ? {} : { index }),
      ...(refusal === "hold-not-open" ? { state: other } : {}),
      ...(refusal === "already-reversed" ? { reversal: other } : {}),
    },
  };
}

export const REPLAYED = { "idempotency-replayed": "true" } as const;
