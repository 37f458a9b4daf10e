/**
 * Why a command was refused. If several reasons apply, the first one in this order is given:
 *
 * 1. `key-reused`: the id is remembered with different content.
 * 2. `account-exists`: the id of an account that is to be opened is taken by one that was opened otherwise.
 * 3. `transaction-unknown`, `hold-unknown`: there is none of this id.
 * 4. `not-reversible`: a reversal is not reversed. `already-reversed`. `hold-not-open`: it has ended.
 * 5. Posting by posting: `account-unknown`; `account-closed`: nothing changes in it any more; `account-frozen`: nothing
 *    goes out of it; `unit-mismatch`: it counts something else.
 * 6. `condition-failed`.
 * 7. Posting by posting: `limit-exceeded`: the balance, less what is held, would be below -limit; `balance-out-of-range`:
 *    the balance would be above 2^53 - 1.
 *
 * Of a change of an account: `metadata-too-large`: merged with what there is; `limit-too-low`: the balance, less what is held, is already below -(new limit);
 * `account-not-empty`: one with a balance or open holds is not closed.
 *
 * `shards-apart`: the accounts are on several shards. A refused command changes nothing. All refusals but the first are
 * remembered under the command's id, like any outcome.
 */
export const REFUSALS = [
  "key-reused",
  "account-exists",
  "transaction-unknown",
  "hold-unknown",
  "not-reversible",
  "already-reversed",
  "hold-not-open",
  "account-unknown",
  "account-closed",
  "account-frozen",
  "unit-mismatch",
  "condition-failed",
  "limit-exceeded",
  "balance-out-of-range",
  "metadata-too-large",
  "limit-too-low",
  "account-not-empty",
  "shards-apart",
] as const;

export type Refusal = (typeof REFUSALS)[number];

export function isRefusal(text: string): text is Refusal {
  return REFUSALS.some((refusal) => refusal === text);
}
