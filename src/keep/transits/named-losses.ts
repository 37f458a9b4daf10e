/**
 * SQL for what restores have named as lost of transactions across shards: text of the shard, a space, and the attempt, as `lost`.
 * It is not to be found again.
 */
export const NAMED_LOSSES = `
  SELECT concat_ws(' ', lost ->> 'shard', lost ->> 'attempt') AS lost
  FROM restores, jsonb_array_elements(coalesce(report -> 'missing' -> 'transits', '[]')) AS lost`;
