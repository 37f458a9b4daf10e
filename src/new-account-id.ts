import type { AccountId } from "./ledger/account.ts";
import { shardOf } from "./ledger/account-id.ts";

const TIME_DIGITS = 9;
const RANDOM_DIGITS = 12;

/**
 * A new id, of letters and digits. Ids that were made later sort behind it, so that the books' index grows at its end.
 * That two are the same does not happen: within one millisecond there are 36^12.
 */
export function newAccountId(): AccountId {
  let random = "";
  for (const number of crypto.getRandomValues(new Uint32Array(RANDOM_DIGITS)))
    random += (number % 36).toString(36);
  return `a${Date.now().toString(36).padStart(TIME_DIGITS, "0")}${random}`;
}

/** One that is on this shard. */
export function newAccountIdOn(shard: number, shards: number): AccountId {
  for (;;) {
    const id = newAccountId();
    if (shardOf(id, shards) === shard) return id;
  }
}
