import { shardOf } from "../../../src/ledger/account-id.ts";

/**
 * A tag for each shard: accounts with `{tag}` in their ids are on that shard. On a ledger with another number of shards
 * the same ids are accounts like any other.
 */
export function tagsOfShards(shards: number): string[] {
  const tags: string[] = [];
  for (let number = 0; tags.filter(Boolean).length < shards; number += 1) {
    const shard = shardOf(`{${number}}`, shards);
    tags[shard] ??= String(number);
  }
  return tags;
}

/** The ids of so many accounts, the shards in turn. requests.lua makes the same ids. */
export function taggedAccountIds(tags: readonly string[], accounts: number): string[] {
  return Array.from({ length: accounts }, (_, index) => `{${tags[index % tags.length]}}${index + 1}`);
}
