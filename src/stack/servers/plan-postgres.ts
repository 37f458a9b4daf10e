import type { Credentials } from "../credentials.ts";
import { BOOKS, dataArgument } from "../postgres.ts";
import { postgresProbe } from "../probes.ts";
import type { NodePorts } from "../ports.ts";
import type { PlannedServers, ProcessPlan, ServerOptions } from "../process-plan.ts";
import { type PairPlan, planPair } from "../standby/pair-plan.ts";

export interface PlannedPostgres extends PlannedServers {
  /** Where there are two, of which one follows the other. */
  readonly pair?: PairPlan;
  /** Of each server by itself, for who looks after both. */
  readonly urlsOfEach: (user: string, password: string) => readonly string[];
  /** What our own processes have to know of them. */
  readonly ownSettings: Readonly<Record<string, string>>;
}

/** @param port where it listens, where it is one. Its URLs are of the books. */
export function planPostgres(
  options: ServerOptions,
  credentials: Pick<Credentials, "operator">,
  port: number,
): PlannedPostgres {
  const { replicas = 0, nodePorts = null } = options;
  if (replicas > 0 && nodePorts !== null) return planTwo(options, credentials, nodePorts);
  const urlOf = (role: string, password: string): string => urlTo([port], role, password);
  const url = urlOf(BOOKS, credentials.operator);
  return {
    processes: [planOne(options, { name: "postgres", folder: options.folder.postgres, port, url })],
    urlOf,
    urlsOfEach: (role, password) => [urlOf(role, password)],
    ownSettings: {},
  };
}

function planTwo(
  options: ServerOptions,
  { operator }: Pick<Credentials, "operator">,
  nodePorts: NodePorts,
): PlannedPostgres {
  const pair = planPair(options, [nodePorts("postgres-1"), nodePorts("postgres-2")], operator);
  const ports = pair.nodes.map(({ port }) => port);
  return {
    processes: pair.nodes.map((node) => planOne(options, node)),
    // Who would take a standby for the books would read those of a moment ago.
    urlOf: (role, password) => `${urlTo(ports, role, password)}?target_session_attrs=primary`,
    urlsOfEach: (role, password) => ports.map((port) => urlTo([port], role, password)),
    pair,
    ownSettings: { MIN_STANDBYS: "1" },
  };
}

function urlTo(ports: readonly number[], role: string, password: string): string {
  const hosts = ports.map((port) => `127.0.0.1:${port}`);
  return `postgres://${role}:${password}@${hosts.join(",")}/${BOOKS}`;
}

interface PlannedNode {
  readonly name: string;
  readonly folder: string;
  readonly port: number;
  /** The owner's. */
  readonly url: string;
}

function planOne(
  { programs, postgresUser, environment }: ServerOptions,
  { name, folder, port, url }: PlannedNode,
): ProcessPlan {
  const { path, handOver } = dataArgument(postgresUser, folder);
  const settings = [`port=${port}`, "listen_addresses=127.0.0.1", "unix_socket_directories="];
  return {
    name,
    kind: "postgres",
    command: [
      ...postgresUser.prefix,
      programs.postgres,
      "-D",
      path,
      ...settings.flatMap((setting) => ["-c", setting]),
    ],
    environment,
    ...(handOver ? { handedOver: folder } : {}),
    probe: postgresProbe(url),
  };
}
