import type { AccountId } from "./account.ts";

/** Whether the text can be the id of an account. */
export function isAccountId(text: string): boolean {
  return /^[A-Za-z0-9._:{}-]{1,64}$/.test(text) && text !== "." && text !== "..";
}

/** @returns the number of the shard that the account is on */
export function shardOf(id: AccountId, shards: number): number {
  return shards === 1 ? 0 : Bun.hash.xxHash32(/\{([^{}]+)\}/.exec(id)?.[1] ?? id) % shards;
}
