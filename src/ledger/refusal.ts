/**
 * Why a command was refused. If several reasons apply, the first one in this order is given; 8 to 11 are looked at posting
 * by posting, then the conditions, then 13 and 14 posting by posting:
 *
 * 1. `key-reused`: the id is remembered with different content.
 * 2. `account-exists`: the id of an account that is to be opened is taken by one that was opened otherwise.
 * 3. `transaction-unknown`: there is none of this id.
 * 4. `hold-unknown`: the same.
 * 5. `not-reversible`: a reversal is not reversed.
 * 6. `already-reversed`: a transaction is reversed once.
 * 7. `hold-not-open`: it has ended.
 * 8. `account-unknown`: there is none of this id.
 * 9. `account-closed`: nothing changes in it any more.
 * 10. `account-frozen`: nothing goes out of it.
 * 11. `unit-mismatch`: it counts something else.
 * 12. `condition-failed`: one of the conditions does not hold.
 * 13. `limit-exceeded`: the balance, less what is held, would be below -limit.
 * 14. `balance-out-of-range`: the balance would be above 2^53 - 1.
 * 15. `metadata-too-large`: it would be, together with what there is.
 * 16. `limit-too-low`: the balance, less what is held, is already below -(new limit).
 * 17. `account-not-empty`: an account with a balance or open holds is not closed.
 * 18. `shards-apart`: the accounts of an atomic batch are on several shards.
 *
 * A refused command changes nothing. All refusals but the first are remembered under the command's id, like any outcome.
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
