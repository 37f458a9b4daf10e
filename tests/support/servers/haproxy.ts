import { join } from "node:path";
import { pathOf } from "./binaries.ts";
import { ServerProcess } from "./server-process.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const CONFIGURATION = join(import.meta.dir, "../../../deploy/haproxy/haproxy.cfg");

/**
 * The balancer as it is deployed, in front of APIs on these ports.
 *
 * @param roundRobin each API gets its share, so that several decide at once; else the first one gets all that it can take
 * @param environment further variables that its configuration names; `{port}` in one is the port
 * @param configuration beside the files that it names
 */
export async function startHaproxy(
  apiPorts: readonly number[],
  roundRobin: boolean,
  environment: Readonly<Record<string, string>> = {},
  configuration = CONFIGURATION,
): Promise<ServerProcess> {
  const program = pathOf("haproxy");
  const apis = apiPorts.map((port, index) => `HAPROXY_API_${index + 1}=127.0.0.1:${port}`);
  return ServerProcess.start({
    name: "haproxy",
    folder: temporaryFolder("haproxy").path,
    command: (port) => [
      "/usr/bin/env",
      `HAPROXY_BIND=127.0.0.1:${port}`,
      "REQUEST_ID_HEADER=x-request-id",
      "HAPROXY_EVENTS=yes",
      ...(roundRobin ? ["HAPROXY_ROUND_ROBIN=yes"] : []),
      ...apis,
      ...Object.entries(environment).map(
        ([name, value]) => `${name}=${value.replaceAll("{port}", `${port}`)}`,
      ),
      program,
      "-db",
      "-f",
      configuration,
    ],
    isReady: async (port) => {
      const scheme = environment["HAPROXY_TLS"] === undefined ? "http" : "https";
      return (await fetch(`${scheme}://127.0.0.1:${port}/readyz`, { tls: { rejectUnauthorized: false } })).ok;
    },
    stopSignal: "SIGUSR1",
    orphanSignal: "KILL",
  });
}

/** The APIs, as the configuration names them, that the balancer hands no requests to: by the last that it said of each. */
export async function serversDown(haproxy: ServerProcess): Promise<string[]> {
  const states = new Map<string, string>();
  const said = await haproxy.log();
  for (const [, server = "", state = ""] of said.matchAll(/Server apis\/(\S+) is (UP|DOWN)\b/g)) {
    states.set(server, state);
  }
  return [...states].flatMap(([server, state]) => (state === "DOWN" ? [server] : []));
}
