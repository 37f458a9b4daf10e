import type { AccountId } from "./account.ts";

/** Whether the text can be the id of an account. */
export function isAccountId(text: string): boolean {
  return /^[A-Za-z0-9._:{}-]{1,64}$/.test(text) && text !== "." && text !== "..";
}

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

/** @returns the number of the shard that the account is on */
export function shardOf(id: AccountId, shards: number): number {
  return shards === 1 ? 0 : Bun.hash.xxHash32(/\{([^{}]+)\}/.exec(id)?.[1] ?? id) % shards;
}
