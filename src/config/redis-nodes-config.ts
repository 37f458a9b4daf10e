import { z } from "zod";
import { bounds } from "../bounds.ts";
import { isRedisCluster, redisAddress } from "../redis-address.ts";
import { type Environment, integer, parse, setting } from "../settings.ts";
import { withCa } from "../tls/server-trust.ts";
import { servers } from "./server-config.ts";

/** For the commands that look after the nodes of a Redis Cluster: unlike others they need each node by its name. */
export interface RedisNodesConfig {
  /** Of each node, as the operator. */
  readonly urls: readonly string[];
}

const nodesSettings = z.object({
  REDIS_URL: servers.REDIS_URL.refine(isRedisCluster, "must be redis-cluster://..., with all nodes of it"),
  CA_FILE: servers.CA_FILE,
});

/** @throws StartError that names every setting that is wrong */
export function readRedisNodesConfig(environment: Environment): RedisNodesConfig {
  const { REDIS_URL, CA_FILE } = parse(nodesSettings, {
    REDIS_URL: setting(environment, "REDIS_URL"),
    CA_FILE: setting(environment, "CA_FILE"),
  });
  return { urls: redisAddress(withCa(REDIS_URL, CA_FILE)).urls };
}

const shardsSetting = z.object({
  SHARDS: integer(1, bounds.shards_max),
});

/** Of a ledger that the nodes are joined for; null where nothing is said. */
export function readShards(flag: string | undefined, environment: Environment): number | null {
  if (flag === undefined && !environment["SHARDS"]) return null;
  return parse(shardsSetting, {
    SHARDS: setting(environment, "SHARDS", "", { name: "--shards", text: flag }),
  }).SHARDS;
}
