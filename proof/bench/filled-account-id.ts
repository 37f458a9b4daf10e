import { INITIAL_CREDIT_LIMITS } from "../../src/ledger/account.ts";

/**
 * The id of the nth account of a filled ledger: of the same length and order as one that the ledger makes, but known
 * without asking. requests.lua makes the same ids.
 */
export function filledAccountId(number: number): string {
  if (number <= INITIAL_CREDIT_LIMITS.length) return String(number);
  const random = (number * 999_983) % 1e12;
  return `a${String(number).padStart(9, "0")}${String(random).padStart(12, "0")}`;
}
