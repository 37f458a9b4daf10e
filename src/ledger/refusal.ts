/**
 * Why a command was refused. Where several reasons hold, the first in this order is given:
 *
 * 1. `key-reused`: the id is remembered with another content.
 * 2. `account-unknown`: no such account.
 * 3. `limit-exceeded`: the debit would put the balance under -limit.
 * 4. `limit-too-low`: the balance is already under the new limit.
 * 5. `balance-out-of-range`: the credit would put the balance over 2^53 - 1 cents.
 *
 * A refusal changed nothing. All but the first are remembered under the command's id, like any outcome.
 */
export const REFUSALS = [
  "key-reused",
  "account-unknown",
  "limit-exceeded",
  "limit-too-low",
  "balance-out-of-range",
] as const;

export type Refusal = (typeof REFUSALS)[number];
