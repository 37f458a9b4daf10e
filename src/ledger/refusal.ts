/**
 * Why a command was refused. If several reasons apply, the first one in this order is given:
 *
 * 1. `key-reused`: the id is remembered with different content.
 * 2. `account-unknown`: no such account.
 * 3. `limit-exceeded`: the debit would take the balance below -limit.
 * 4. `limit-too-low`: the balance is already below -(new limit).
 * 5. `balance-out-of-range`: the credit would take the balance above 2^53 - 1 cents.
 *
 * A refused command changes nothing. All refusals but the first are remembered under the command's id, like any outcome.
 */
export const REFUSALS = [
  "key-reused",
  "account-unknown",
  "limit-exceeded",
  "limit-too-low",
  "balance-out-of-range",
] as const;

export type Refusal = (typeof REFUSALS)[number];

export function isRefusal(text: string): text is Refusal {
  return REFUSALS.some((refusal) => refusal === text);
}
