import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { z } from "zod";
import { StartError } from "../errors.ts";
import { stackBounds } from "./stack-bounds.ts";

/** What has a port beside the ledger's own. Append only: a data folder has its ports by their places. */
export const OTHER_PORTS = [
  "console",
  "console-metrics",
  "haproxy-metrics",
  "nats-monitor",
  "prometheus",
  "redis-exporter",
  "postgres-exporter",
  ...numbered("api-metrics", stackBounds.apis_max),
  ...numbered("writer-metrics", stackBounds.writers_max),
  ...numbered("dispatch-metrics", stackBounds.dispatchers_max),
] as const;

export type OtherPort = (typeof OTHER_PORTS)[number];

/** What has a port where there are several servers of a kind. Append only, as above. */
export const NODE_PORTS = [
  ...numbered("redis", stackBounds.redis_servers_max),
  // On which the nodes of a Redis Cluster talk to each other.
  ...numbered("redis-bus", stackBounds.redis_servers_max),
  "postgres-1",
  "postgres-2",
  ...numbered("nats", stackBounds.nats_servers),
  // On which NATS's servers talk to each other.
  ...numbered("nats-routes", stackBounds.nats_servers),
  ...numbered("nats-monitor", stackBounds.nats_servers),
] as const;

export type NodePort = (typeof NODE_PORTS)[number];

/** The port of each. */
export type NodePorts = (name: NodePort) => number;

/** The port of each. */
export type OtherPorts = (name: OtherPort) => number;

function numbered<Name extends string>(name: Name, count: number): `${Name}-${number}`[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index + 1}` as const);
}

// Below the range from which Linux takes the local ports of outgoing connections, so that no connection takes a server's
// port while the server restarts.
const FIRST_PORT = 20_000;
const PORT_COUNT = 12_000;

/** `count` different free ports on 127.0.0.1; none of them is a default port of our servers. */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) found.push(await freePort(found));
  return found;
}

async function freePort(except: readonly number[]): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORT_COUNT);
    if (!except.includes(port) && (await isFree(port))) return port;
  }
}

/**
 * `count` different free ports on 127.0.0.1, the same ones each time as long as they are free: other tools have written
 * them down.
 *
 * @param file where they are kept
 * @param except ports that are none of them
 */
export async function keptPorts(file: string, count: number, except: readonly number[]): Promise<number[]> {
  const kept = readPorts(file);
  const ports: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const port = kept[index];
    const isUsable =
      port !== undefined && !except.includes(port) && !ports.includes(port) && (await isFree(port));
    ports.push(isUsable ? port : await freePort([...kept, ...ports, ...except]));
  }
  // A stack with fewer APIs leaves the ports of the others to them.
  const next = [...ports, ...kept.slice(count)];
  writeFileSync(`${file}.next`, `${JSON.stringify(next)}\n`);
  renameSync(`${file}.next`, file);
  return ports;
}

/** Those of {@link OTHER_PORTS}, in a file of their own. */
export async function keptOtherPorts(file: string, except: readonly number[]): Promise<OtherPorts> {
  const ports = await keptPorts(file, OTHER_PORTS.length, except);
  return (name) => ports[OTHER_PORTS.indexOf(name)] ?? 0;
}

/** Those of {@link NODE_PORTS}, in a file of their own. */
export async function keptNodePorts(file: string, except: readonly number[]): Promise<NodePorts> {
  const ports = await keptPorts(file, NODE_PORTS.length, except);
  return (name) => ports[NODE_PORTS.indexOf(name)] ?? 0;
}

const portList = z.array(z.int().min(1).max(65_535));

/** None, where they cannot be read. */
function readPorts(file: string): readonly number[] {
  try {
    return portList.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return [];
  }
}

/** Whether this process can listen on 127.0.0.1:`port`. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * The wanted port on 127.0.0.1, or a free one for 0.
 *
 * @throws StartError if it is in use or not allowed
 */
export async function choosePort(wanted: number): Promise<number> {
  if (wanted === 0) {
    return freePort([]);
  }
  if (await isFree(wanted)) return wanted;
  throw new StartError(
    `port ${wanted} is in use or not allowed: stop what listens there, or choose another with --port.`,
  );
}
