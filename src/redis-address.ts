import { bareHost, eachHost } from "./tls/server-trust.ts";

/** What REDIS_URL names: one Redis, or some nodes of a Redis Cluster, by which the others are found. */
export interface RedisAddress {
  readonly isCluster: boolean;
  /** One URL for each host that is named, as a client of that host alone takes it. */
  readonly urls: readonly string[];
}

/** Whether a URL is one of a Redis Cluster: redis-cluster://user:password@a:6379,b:6379, or rediss-cluster:// with TLS. */
export function isRedisCluster(url: string): boolean {
  return /^rediss?-cluster:\/\//.test(url);
}

export function redisAddress(url: string): RedisAddress {
  // The URL of a unix socket may have no host, which URL does not take.
  if (!isRedisCluster(url)) return { isCluster: false, urls: [url] };
  const hosts = eachHost(url);
  return {
    isCluster: true,
    urls: hosts.map(({ href, hostname, port }) => urlOfNode(href, bareHost(hostname), Number(port))),
  };
}

/** The URL of another node of the same cluster: with the same user, password and CAs. */
export function urlOfNode(url: string, host: string, port: number): string {
  // Put together by hand, so that a node always has the same URL.
  const { protocol, username, password, search } = new URL(url);
  const login = username === "" && password === "" ? "" : `${username}:${password}@`;
  return `${protocol}//${login}${host.includes(":") ? `[${host}]` : host}:${port}${search}`;
}

/** Why REDIS_URL cannot be used, in words that follow its name; null if it can. */
export function faultOfRedisUrl(url: string): string | null {
  if (/^rediss?:\/\/(?:[^@/?]*@)?[^@/?]*,/.test(url))
    return "must name one host, or several of a Redis Cluster behind redis-cluster:// or rediss-cluster://";
  if (!isRedisCluster(url)) return null;
  const [, hosts = "", tail = ""] = /^[a-z-]+:\/\/(?:[^@/?]*@)?([^@/?]*)([^?]*)/.exec(url) ?? [];
  if (!hosts.split(",").every((host) => /^([\w.-]+|\[[\da-fA-F:.]+\]):\d{1,5}$/.test(host)))
    return "must name nodes of the cluster with their ports, as in redis-cluster://user:password@a:6379,b:6379";
  return tail === "" || tail === "/"
    ? null
    : "must end behind its nodes: a Redis Cluster has no database numbers";
}

/** Of the server of a URL host and port, or the path of its socket: what a person knows it by, without its password. */
export function bareAddress(url: string): string {
  return /^unix:\/\/(?:[^@/]*@)?([^?]*)/.exec(url)?.[1] ?? new URL(url).host;
}
