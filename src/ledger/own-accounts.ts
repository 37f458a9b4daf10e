import { type AccountId, type Party, WORLD } from "./account.ts";
import type { Hold, Transaction } from "./transaction.ts";

/**
 * What belongs to the accounts whose ids have one beginning. An empty beginning is that of all. A transaction or a hold
 * belongs to them only if it is of no other account, but for the outside.
 */

export function isOwnAccount(beginning: string, account: AccountId): boolean {
  return account.startsWith(beginning);
}

export function isOwnParty(beginning: string, party: Party): boolean {
  return party === WORLD || party.startsWith(beginning);
}

export function isOwnTransaction(beginning: string, { postings }: Pick<Transaction, "postings">): boolean {
  return postings.every(({ from, to }) => isOwnParty(beginning, from) && isOwnParty(beginning, to));
}

export function isOwnHold(beginning: string, { from, to }: Pick<Hold, "from" | "to">): boolean {
  return isOwnParty(beginning, from) && isOwnParty(beginning, to);
}

/** The beginning of the ids that begin with both; `null`: there are none. */
export function narrower(one: string, other: string): string | null {
  if (one.startsWith(other)) return one;
  return other.startsWith(one) ? other : null;
}

/** Behind all ids with this beginning, before all others that are behind it: no id has a tilde. */
export function endOfOwn(beginning: string): string {
  return `${beginning}~`;
}
