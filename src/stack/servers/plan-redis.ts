import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repairAof } from "../aof-repair.ts";
import { type Credentials, redisUsers } from "../credentials.ts";
import { redisProbe } from "../probes.ts";
import { DEPLOY, type ServerOptions, type ProcessPlan } from "../process-plan.ts";

/** @param at where it listens; the URL is the operator's */
export function planRedis(
  options: ServerOptions,
  credentials: Credentials,
  at: { readonly port: number; readonly url: string; readonly socket: string | null },
): ProcessPlan {
  const { folder, programs, environment, shards } = options;
  return {
    name: "redis",
    kind: "redis",
    command: [programs.redis, join(DEPLOY, "redis.conf"), "-"],
    input: [
      "bind 127.0.0.1",
      `port ${at.port}`,
      `dir ${JSON.stringify(folder.redis)}`,
      redisUsers(readFileSync(join(DEPLOY, "redis-users.acl"), "utf8"), credentials),
      // With room for the copies that it makes of pages while it rewrites its log.
      ...(options.redisMegabytes === null ? [] : [`maxmemory ${options.redisMegabytes}mb`]),
      ...(at.socket === null ? [] : [`unixsocket ${JSON.stringify(at.socket)}`, "unixsocketperm 700"]),
      "",
    ].join("\n"),
    environment,
    beforeStart: (log) => {
      // Where its folder was removed, Redis starts empty, and the fence says what to do.
      mkdirSync(folder.redis, { recursive: true });
      repairAof(programs.redis, folder.redis, log);
    },
    ...(shards === undefined
      ? {}
      : { serves: { role: "primary", shards: Array.from({ length: shards }, (_, shard) => shard) } }),
    probe: redisProbe(at.url),
  };
}
