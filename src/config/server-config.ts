import { z } from "zod";
import { bounds } from "../bounds.ts";
import { faultOfRedisUrl, isRedisCluster } from "../redis-address.ts";
import {
  booksUrl,
  type Environment,
  optionalInteger,
  type Setting,
  setting,
  url,
  urlOfHosts,
} from "../settings.ts";
import { withCa } from "../tls/server-trust.ts";

/** Where the cluster's servers are, and how many copies of what Redis decides are waited for. */

/** Where the three servers are. The URL of one with TLS has its CAs' file as a parameter. */
export interface ServerUrls {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly natsUrl: string;
}

/** How many replicas have to confirm what Redis decided before it is answered; 0: none is waited for. */
export interface ReplicaConfig {
  readonly minReplicas: number;
}

/** The default addresses of the cluster's servers, as URLs. */
const SERVER_DEFAULTS = { REDIS_URL: "redis://127.0.0.1:6379", NATS_URL: "nats://127.0.0.1:4222" } as const;

export const servers = {
  DATABASE_URL: booksUrl(),
  REDIS_URL: url("redis", "rediss", "unix", "redis-cluster", "rediss-cluster").superRefine(
    (text, context) => {
      const message = faultOfRedisUrl(text);
      if (message !== null) context.addIssue({ code: "custom", message });
    },
  ),
  NATS_URL: urlOfHosts("nats", "tls"),
  CA_FILE: z.string(),
};

/** The URL of each server as it is set, or else its default; "" if there is neither. */
export function serverSettings(environment: Environment): Record<keyof typeof servers, Setting> {
  return {
    DATABASE_URL: setting(environment, "DATABASE_URL"),
    REDIS_URL: setting(environment, "REDIS_URL", SERVER_DEFAULTS.REDIS_URL),
    NATS_URL: setting(environment, "NATS_URL", SERVER_DEFAULTS.NATS_URL),
    CA_FILE: setting(environment, "CA_FILE"),
  };
}

/** Replicas that confirm a batch before it is answered. */
export const replicas = { MIN_REPLICAS: optionalInteger(0, bounds.replicas_max) };

export function replicasSetting(environment: Environment): Record<keyof typeof replicas, Setting> {
  return { MIN_REPLICAS: setting(environment, "MIN_REPLICAS") };
}

interface RedisSettings {
  readonly REDIS_URL: string;
  readonly MIN_REPLICAS: number | null;
}

/**
 * Of one Redis nobody could tell which of its copies has become the primary, nor how they are set. So it has none that are
 * waited for: who wants copies runs a cluster.
 */
export function checkReplicas({ REDIS_URL, MIN_REPLICAS }: RedisSettings, context: z.RefinementCtx): void {
  if ((MIN_REPLICAS ?? 0) === 0 || isRedisCluster(REDIS_URL)) return;
  const message = "must be 0 where REDIS_URL is one Redis (replicas are waited for in a redis-cluster://)";
  context.addIssue({ code: "custom", path: ["MIN_REPLICAS"], message });
}

export function minReplicasOf({ REDIS_URL, MIN_REPLICAS }: RedisSettings): number {
  return MIN_REPLICAS ?? (isRedisCluster(REDIS_URL) ? 1 : 0);
}

export function serverUrls(settings: z.infer<z.ZodObject<typeof servers>>): ServerUrls {
  const { DATABASE_URL, REDIS_URL, NATS_URL, CA_FILE } = settings;
  return {
    databaseUrl: withCa(DATABASE_URL, CA_FILE),
    redisUrl: withCa(REDIS_URL, CA_FILE),
    natsUrl: withCa(NATS_URL, CA_FILE),
  };
}
