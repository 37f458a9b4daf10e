import { type AccountId, WORLD } from "../../ledger/account.ts";
import { shardOf } from "../../ledger/account-id.ts";
import type { Posting } from "../../ledger/transaction.ts";

/**
 * SQL for what restores have named as lost of transactions across shards: text of the shard, a space, and the attempt, as `lost`.
 * It is not to be found again.
 */
export const NAMED_LOSSES = `
  SELECT concat_ws(' ', lost ->> 'shard', lost ->> 'attempt') AS lost
  FROM restores, jsonb_array_elements(coalesce(report -> 'missing' -> 'transits', '[]')) AS lost`;

/** The accounts of a shard that postings move, each once. Where there is none, its part was about conditions alone. */
export function accountsMoved(postings: readonly Posting[], shard: number, shards: number): AccountId[] {
  const parties = postings.flatMap(({ from, to }) => [from, to]);
  return [...new Set(parties)].filter((id) => id !== WORLD && shardOf(id, shards) === shard);
}
