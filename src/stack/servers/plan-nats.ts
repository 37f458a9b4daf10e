import { join } from "node:path";
import type { Credentials } from "../credentials.ts";
import type { NodePorts } from "../ports.ts";
import { BOOKS } from "../postgres.ts";
import { natsProbe } from "../probes.ts";
import {
  DEPLOY,
  folderOf,
  type PlannedServers,
  type ProcessPlan,
  type ServerOptions,
} from "../process-plan.ts";
import { stackBounds } from "../stack-bounds.ts";

export interface PlannedNats extends PlannedServers {
  /** Where they tell of themselves, as a writer's NATS_MONITOR_URL; null: nowhere. */
  readonly monitorUrl: string | null;
}

/** One server. */
interface NatsServer {
  readonly name: string;
  readonly port: number;
  /** host:port */
  readonly monitor: string | null;
  readonly store: string;
  readonly configuration: "nats.conf" | "nats-cluster.conf";
  /** What its configuration names besides. */
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * One server; where Redis has replicas, as many as can lose one and still agree, which then share the stream.
 *
 * @param at where the one listens, and tells of itself
 */
export function planNats(
  options: ServerOptions,
  credentials: Credentials,
  at: { readonly port: number; readonly monitor: string | null },
): PlannedNats {
  const { folder, nodePorts = null, replicas = 0 } = options;
  const servers: readonly NatsServer[] =
    nodePorts === null || replicas === 0
      ? [{ name: "nats", ...at, store: folder.nats, configuration: "nats.conf", variables: {} }]
      : cluster(options, credentials, nodePorts, at.monitor !== null);
  const urlOf = (user: string, password: string, ports = servers.map(({ port }) => port)): string =>
    `nats://${user}:${password}@${ports.map((port) => `127.0.0.1:${port}`).join(",")}`;
  const monitors = servers.flatMap(({ monitor }) => (monitor === null ? [] : [`http://${monitor}`]));
  return {
    processes: servers.map((server) =>
      planServer(options, credentials, server, urlOf(BOOKS, credentials.operator, [server.port])),
    ),
    urlOf: (user, password) => urlOf(user, password),
    monitorUrl: monitors.length === 0 ? null : monitors.join(","),
  };
}

function cluster(
  { folder }: ServerOptions,
  { routes: password }: Credentials,
  ports: NodePorts,
  isMonitored: boolean,
): readonly NatsServer[] {
  const numbers = Array.from({ length: stackBounds.nats_servers }, (_, index) => index + 1);
  const routes = numbers.map(
    (number) => `nats://routes:${password}@127.0.0.1:${ports(`nats-routes-${number}`)}`,
  );
  return numbers.map((number) => {
    const name = `nats-${number}` as const;
    return {
      name,
      port: ports(name),
      monitor: isMonitored ? `127.0.0.1:${ports(`nats-monitor-${number}`)}` : null,
      store: folderOf(name, folder),
      configuration: "nats-cluster.conf",
      variables: {
        NATS_NAME: JSON.stringify(name),
        NATS_ROUTES_ADDRESS: JSON.stringify(`127.0.0.1:${ports(`nats-routes-${number}`)}`),
        NATS_ROUTES_PASSWORD: JSON.stringify(password),
        NATS_ROUTES: JSON.stringify(routes),
      },
    };
  });
}

/** @param url the operator's, of this server alone */
function planServer(
  { programs, environment }: ServerOptions,
  credentials: Credentials,
  { name, port, monitor, store, configuration, variables }: NatsServer,
  url: string,
): ProcessPlan {
  return {
    name,
    kind: "nats",
    command: [programs.nats, "-c", join(DEPLOY, configuration)],
    environment: {
      ...environment,
      NATS_HOST: "127.0.0.1",
      NATS_PORT: String(port),
      // In quotes: the parser of the file would take a value that begins with a digit for a number.
      NATS_USER: JSON.stringify(BOOKS),
      NATS_PASSWORD: JSON.stringify(credentials.operator),
      NATS_ADMIN_PASSWORD: JSON.stringify(credentials.admin),
      NATS_API_PASSWORD: JSON.stringify(credentials.api),
      NATS_WRITER_PASSWORD: JSON.stringify(credentials.writer),
      NATS_MONITOR: monitor === null ? "0" : JSON.stringify(monitor),
      NATS_STORE_DIR: JSON.stringify(store),
      ...variables,
    },
    probe: natsProbe(url),
  };
}
