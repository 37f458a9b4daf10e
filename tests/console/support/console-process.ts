import { join } from "node:path";
import { BOOKS_ROLES } from "../../../src/keep/roles.ts";
import type { Cluster } from "../../support/cluster.ts";
import { ServerProcess } from "../../support/servers/server-process.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const MAIN = join(import.meta.dir, "../../../src/cli/main.ts");

/** `razonete console` of a cluster, with no more rights than it has in a stack, and nobody who starts it again. */
export async function startConsole(cluster: Cluster): Promise<ServerProcess> {
  const databaseUrl = new URL(cluster.databaseUrl);
  databaseUrl.username = BOOKS_ROLES.console;
  const targets = [
    ...toldBy(cluster),
    `redis=redis://${new URL(cluster.redis.url).host}`,
    `nats=nats://${new URL(cluster.nats.url).host}`,
  ];
  return ServerProcess.start({
    name: "console",
    folder: temporaryFolder("console").path,
    command: (port) => [
      "/usr/bin/env",
      "-i",
      `PATH=${process.env["PATH"] ?? ""}`,
      `PORT=${port}`,
      `DATABASE_URL=${databaseUrl.href}`,
      `METRICS_TARGETS=${targets.join(",")}`,
      process.execPath,
      MAIN,
      "console",
    ],
    isReady: async (port) => (await fetch(`http://127.0.0.1:${port}/livez`)).ok,
    stopSignal: "SIGTERM",
    orphanSignal: "KILL",
  });
}

/** Metrics, where the cluster's processes tell them. */
function toldBy({ metrics, apis }: Cluster): readonly string[] {
  const measured = metrics.filter(({ process: name }) => name !== "haproxy");
  return measured.length > 0
    ? measured.map(({ process: name, address }) => `${name}=http://${address}/metrics`).toSorted()
    : apis.map(({ port }, index) => `api-${index + 1}=http://127.0.0.1:${port}/readyz`);
}
