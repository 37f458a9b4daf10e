import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repairAof } from "../aof-repair.ts";
import { type Credentials, redisUsers } from "../credentials.ts";
import { wantedForm } from "../nodes/redis-form.ts";
import { redisProbe } from "../probes.ts";
import { DEPLOY, type ProcessPlan, type ServerOptions } from "../process-plan.ts";
import type { PlannedRedis } from "./planned-redis.ts";
import { planRedisNodes } from "./plan-redis-nodes.ts";

/**
 * One Redis, or several nodes where the options say so.
 *
 * @param at where the one listens. Where the folder is too deep for a socket, there is none. A unix socket costs half as much
 *   in the kernel as a connection over loopback, which other programs use.
 */
export function planRedis(
  options: ServerOptions,
  credentials: Credentials,
  at: { readonly port: number; readonly socket: string | null },
): PlannedRedis {
  const form = wantedForm(options, options.shards ?? 1);
  if (form !== null && options.nodePorts)
    return planRedisNodes(options, credentials, form, options.nodePorts);
  const urlOf = (user: string, password: string): string =>
    `redis://${user}:${password}@127.0.0.1:${at.port}`;
  const path = at.socket?.split("/").map(encodeURIComponent).join("/");
  const ownUrlOf = (user: string, password: string): string =>
    path === undefined ? urlOf(user, password) : `unix://${user}:${password}@${path}`;
  const { folder, programs, environment, shards } = options;
  const redis: ProcessPlan = {
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
    probe: redisProbe(urlOf("default", credentials.operator)),
  };
  return { processes: [redis], urlOf, ownUrlOf };
}
