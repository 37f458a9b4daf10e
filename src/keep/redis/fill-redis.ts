import type { RedisNodes } from "../../decide/nodes/redis-nodes.ts";
import { headKey } from "../../decide/redis-client.ts";
import { NODE_FAULT } from "../../decide/nodes/moved.ts";
import { isClusterNode } from "../../decide/redis-settings.ts";
import { StartError } from "../../errors.ts";
import type { AccountState } from "../../ledger/account.ts";
import { shardOf } from "../../ledger/account-id.ts";
import { formatRow } from "../../ledger/event.ts";
import type { Sql } from "../postgres-client.ts";
import { waitForServer } from "../wait-for-server.ts";

/** What Redis is set up with, by `razonete init` and `razonete restore`. All of it is on the replicas, too, when it is done. */

const REDIS = "Redis (REDIS_URL)";

/**
 * Waits until Redis answers.
 *
 * @throws StartError if it does not, or is a node of a cluster and was not named as one
 */
export async function waitForRedis(nodes: RedisNodes): Promise<void> {
  const node = nodes.shard(0);
  let isNodeOfCluster = false;
  await waitForServer(REDIS, async () => {
    if (nodes.isCluster && !node.isReady) throw new Error(node.trouble);
    isNodeOfCluster = !nodes.isCluster && (await isClusterNode(node));
    // While it reads its log, it tells of itself and nothing else.
    if (!isNodeOfCluster) await node.sendCommand(["TTL", headKey(0)]);
  });
  if (isNodeOfCluster) throw new StartError(`${NODE_FAULT}.`);
}

/**
 * In a cluster, waits until each shard has a primary with as many replicas as are waited for: those of a cluster that was
 * just started need a moment.
 *
 * @throws StartError if one has not
 */
export async function waitForShards(nodes: RedisNodes, shards: number): Promise<void> {
  if (!nodes.isCluster) return;
  const reached = Array.from({ length: shards }, (_, shard) => nodes.shard(shard));
  for (const [shard, node] of reached.entries())
    await waitForServer(`${REDIS}, shard ${shard},`, () => {
      if (!node.isReady) throw new Error(node.trouble);
      return node.confirmed.sendCommand(["TTL", headKey(shard)]);
    });
}

/** Loads the ledger's functions into each primary; a replica has them from its primary. */
export async function loadFunctions(nodes: RedisNodes, library: string): Promise<void> {
  for (const { confirmed } of await nodes.primaries())
    await confirmed.sendCommand(["FUNCTION", "LOAD", "REPLACE", library]);
}

/** Fills an empty shard with its accounts from the books, which are those of a ledger's start. */
export async function fillShard(
  sql: Sql,
  nodes: RedisNodes,
  { epoch, shards }: { readonly epoch: string; readonly shards: number },
  shard: number,
): Promise<void> {
  const accounts = await sql<(AccountState & { readonly opening: string })[]>`
    SELECT account AS id, unit, opening, state, credit_limit AS "creditLimit", balance, held, seq, opened_at AS time,
      opened_at AS "openedAt"
    FROM accounts ORDER BY account`;
  const rows = accounts
    .filter(({ id }) => shardOf(id, shards) === shard)
    .flatMap((account) => [account.id, formatRow(account), account.opening]);
  const args = [epoch, String(shards), "0", ...rows];
  await nodes.shard(shard).confirmed.sendCommand(["FCALL", "razonete_begin", "1", headKey(shard), ...args]);
}
