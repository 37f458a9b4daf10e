import { shardOf } from "../../src/ledger/account-id.ts";

/** One of the accounts of the start that is on this shard. */
export function accountOn(shard: number, shards: number): string {
  const found = ["1", "2", "3", "4", "5"].find((id) => shardOf(id, shards) === shard);
  if (found === undefined)
    throw new Error(`none of the accounts of the start is on shard ${shard} of ${shards}`);
  return found;
}
