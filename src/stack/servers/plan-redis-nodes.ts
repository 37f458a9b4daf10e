import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repairAof } from "../aof-repair.ts";
import { type Credentials, redisUsers } from "../credentials.ts";
import type { JoinOptions } from "../nodes/join.ts";
import { untilMayStart } from "../nodes/may-start.ts";
import { readOwnLog } from "../nodes/own-log.ts";
import type { RedisForm } from "../nodes/redis-form.ts";
import { type NodePort, NODE_PORTS, type NodePorts } from "../ports.ts";
import { redisProbe } from "../probes.ts";
import { DEPLOY, folderOf, type ProcessPlan, type ServerOptions } from "../process-plan.ts";
import { stackBounds } from "../stack-bounds.ts";
import type { PlannedRedis } from "./planned-redis.ts";

/** More than this no replica makes good after a cut; see redis-cluster.conf. */
const BACKLOG_MEGABYTES_MAX = 128;

/**
 * Redis as several nodes: the first of them are the primaries, and behind these come the replicas, one for each primary,
 * then the second ones. All are on this machine, but placed as if they were on as many as there are primaries: redis-1,
 * redis-4 and redis-7 would be lost together.
 */
export function planRedisNodes(
  options: ServerOptions,
  credentials: Credentials,
  form: RedisForm,
  ports: NodePorts,
): PlannedRedis {
  const { shards, primaries, replicas } = form;
  const hosts = Array.from({ length: primaries * (1 + replicas) }, (_, place) => ({
    name: `redis-${place + 1}`,
    host: options.redisHost?.(place) ?? "127.0.0.1",
    port: ports(nodePort(`redis-${place + 1}`)),
    busPort: ports(nodePort(`redis-bus-${place + 1}`)),
    machine: `machine ${(place % primaries) + 1}`,
  }));
  const all = hosts.map(({ host, port }) => `${host}:${port}`).join(",");
  const urlOf = (user: string, password: string): string => `redis-cluster://${user}:${password}@${all}`;
  const nodes = hosts.map(({ name, host, port }) => ({
    name,
    urlOf: (user: string, password: string): string => `redis://${user}:${password}@${host}:${port}`,
  }));
  const operatorUrls = nodes.map((node) => node.urlOf("default", credentials.operator));
  const joined: JoinOptions = {
    places: hosts.map(({ machine }, place) => ({ url: operatorUrls[place] ?? "", machine })),
    shards,
    replicas,
  };
  const processes = hosts.map((host, place): ProcessPlan => {
    const folder = folderOf(host.name, options.folder);
    const { redis } = options.programs;
    const url = operatorUrls[place] ?? "";
    // With none, a node that lost its log has nobody to empty: the fence says what to do.
    const guard =
      replicas === 0
        ? {}
        : {
            mayStart: (log: number, stop: AbortSignal): Promise<void> =>
              untilMayStart(
                {
                  folder,
                  url,
                  peers: operatorUrls.filter((each) => each !== url),
                  readLog: (of, stopped) => {
                    repairAof(redis, folder, log);
                    return readOwnLog(redis, folder, of, stopped);
                  },
                },
                stop,
              ),
          };
    const follows = place < primaries ? null : (place + Math.floor(place / primaries)) % primaries;
    return {
      name: host.name,
      kind: "redis",
      command: [redis, join(DEPLOY, "redis.conf"), "-"],
      input: nodeSettings(options, credentials, { ...host, folder, nodes: hosts.length }),
      environment: options.environment,
      ...guard,
      beforeStart: (log) => {
        mkdirSync(folder, { recursive: true });
        repairAof(redis, folder, log);
      },
      serves: {
        role: follows === null ? "primary" : "replica",
        shards: Array.from({ length: shards }, (_, shard) => shard).filter(
          (shard) => shard % primaries === (follows ?? place),
        ),
      },
      probe: redisProbe(url),
    };
  });
  return { processes, urlOf, ownUrlOf: urlOf, cluster: { nodes, join: joined } };
}

function nodeSettings(
  { redisMegabytes }: ServerOptions,
  credentials: Credentials,
  node: {
    readonly host: string;
    readonly port: number;
    readonly busPort: number;
    readonly folder: string;
    readonly nodes: number;
  },
): string {
  const users = ["redis-users.acl", "redis-replica.acl"].map((file) =>
    redisUsers(readFileSync(join(DEPLOY, file), "utf8"), credentials),
  );
  return [
    `include ${JSON.stringify(join(DEPLOY, "redis-cluster.conf"))}`,
    `bind ${node.host}`,
    `port ${node.port}`,
    `cluster-port ${node.busPort}`,
    `dir ${JSON.stringify(node.folder)}`,
    ...users,
    `masterauth ${credentials.replica}`,
    ...(redisMegabytes === null ? [] : memoryOf(Math.floor(redisMegabytes / node.nodes))),
    "",
  ].join("\n");
}

/** The nodes share what one Redis would have, and in what a node has is what it keeps for its replicas. */
function memoryOf(megabytes: number): string[] {
  const each = Math.max(megabytes, stackBounds.redis_megabytes_min);
  return [
    `maxmemory ${each}mb`,
    `repl-backlog-size ${Math.min(BACKLOG_MEGABYTES_MAX, Math.floor(each / 4))}mb`,
  ];
}

function nodePort(wanted: string): NodePort {
  const port = NODE_PORTS.find((each) => each === wanted);
  if (port === undefined) throw new Error(`there is no port for ${wanted}`);
  return port;
}
