import { rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { credentialsOf, type StackUser } from "../../../src/stack/credentials.ts";
import { DEPLOY } from "../../../src/stack/process-plan.ts";
import type { CertificateFiles } from "./certificates.ts";
import { pathOf } from "./binaries.ts";
import { exchange, ServerProcess } from "./server-process.ts";
import { temporaryFolder } from "../temporary-folder.ts";

export interface NatsServer {
  /** Of the operator, who may do everything, without a password. */
  readonly url: string;
  /** Of one who may do what a process of the cluster needs; see deploy/nats.conf. */
  urlOf(user: StackUser): string;
  readonly process: ServerProcess;
  /** Removes what JetStream has on disk; for a server that is not running. */
  forget(): void;
}

/** One of several that share the stream. */
export interface NatsMember {
  readonly name: string;
  /** Where the others come to. */
  readonly routesPort: number;
  /** Those of all, its own among them. */
  readonly routesPorts: readonly number[];
}

/**
 * A NATS with JetStream, as it is deployed, but that who does not say who he is is the operator.
 *
 * @param tls it asks every client for TLS
 * @param monitorPort where it tells of itself; default: nowhere
 */
export async function startNats(
  tls?: CertificateFiles,
  monitorPort?: number,
  member?: NatsMember,
): Promise<NatsServer> {
  const program = pathOf("nats");
  const folder = temporaryFolder("nats").path;
  const store = join(folder, "jetstream");
  const { operator, ...others } = credentialsOf("of the tests");
  const config = join(folder, "nats.conf");
  const file = member === undefined ? "nats.conf" : "nats-cluster.conf";
  // It takes the path from the folder of the file that includes another one.
  const deployed = JSON.stringify(relative(folder, join(DEPLOY, file)));
  const secure =
    tls === undefined
      ? ""
      : `tls { cert_file: ${JSON.stringify(tls.cert)}, key_file: ${JSON.stringify(tls.key)} }\n`;
  writeFileSync(config, `include ${deployed}\nno_auth_user: razonete\n${secure}`);
  const settings = (port: number): readonly string[] => [
    "NATS_HOST=127.0.0.1",
    `NATS_PORT=${port}`,
    "NATS_USER=razonete",
    `NATS_PASSWORD="${operator}"`,
    ...Object.entries(others).map(([user, password]) => `NATS_${user.toUpperCase()}_PASSWORD="${password}"`),
    monitorPort === undefined ? "NATS_MONITOR=0" : `NATS_MONITOR="127.0.0.1:${monitorPort}"`,
    `NATS_STORE_DIR="${store}"`,
    ...(member === undefined ? [] : settingsOf(member, others.routes)),
  ];
  const server = await ServerProcess.start({
    name: "nats-server",
    folder,
    command: (port) => ["/usr/bin/env", ...settings(port), program, "-c", config],
    isReady: async (port) => (await exchange(port, "")).startsWith("INFO"),
    stopSignal: "SIGTERM",
    orphanSignal: "KILL",
  });
  return {
    url: `nats://127.0.0.1:${server.port}`,
    urlOf: (user) => `nats://${user}:${others[user]}@127.0.0.1:${server.port}`,
    process: server,
    forget: () => rmSync(store, { recursive: true, force: true }),
  };
}

function settingsOf({ name, routesPort, routesPorts }: NatsMember, password: string): readonly string[] {
  const routes = routesPorts.map((port) => `nats://routes:${password}@127.0.0.1:${port}`);
  return [
    `NATS_NAME="${name}"`,
    `NATS_ROUTES_ADDRESS="127.0.0.1:${routesPort}"`,
    `NATS_ROUTES=${JSON.stringify(routes)}`,
  ];
}
