import { afterAll, beforeAll, beforeEach, describe, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { freePorts } from "../support/servers/free-ports.ts";
import { CopiedLedger } from "../support/copies/copied-ledger.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import type { ClusterNodeServer } from "../support/servers/redis-cluster.ts";
import { ServerProcess } from "../support/servers/server-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { Observation, startRedisExporter } from "./support/observation.ts";
import { observersMissing } from "./support/observer-programs.ts";

/** The alerts that only a Redis Cluster has, by their faults; the others are in alerts.long.test.ts. */

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");

failOnLeaks();
setDefaultTimeout(240_000);

describe.skipIf((serversMissing ?? observersMissing) !== null)("of a Redis Cluster, an alert fires", () => {
  let ledger: CopiedLedger;
  let api: ServerProcess | undefined;
  let observation: Observation | undefined;
  const observed = (): Observation => {
    if (observation === undefined) throw new Error("nothing is observed yet");
    return observation;
  };

  beforeAll(async () => {
    ledger = await CopiedLedger.begin();
    const [metricsPort = 0] = await freePorts(1);
    api = await startApi(ledger, metricsPort);
    const { nodes } = ledger.redis;
    observation = await Observation.start(
      [() => startRedisExporter(nodes[0]?.url ?? "")],
      ([exporter = ""]) => [
        { job: "razonete-api", process: "api-1", address: `127.0.0.1:${metricsPort}` },
        ...nodes.map(({ url }, place) => ({
          job: "redis",
          process: `redis-${place + 1}`,
          address: exporter,
          asks: url,
        })),
      ],
    );
  });
  afterAll(async () => {
    await observation?.[Symbol.asyncDispose]();
    await api?.dispose();
    await ledger.dispose();
  });
  beforeEach(() => observed().alerts.forget());

  const signal = (nodes: readonly ClusterNodeServer[], name: NodeJS.Signals): void => {
    for (const { process } of nodes) process.signal(name);
  };

  test("RedisNodeDown: a replica killed, and nothing else", async () => {
    const [, replica] = ledger.redis.nodesOf(0);
    await replica?.process.kill();
    await observed().alerts.fires("RedisNodeDown");
    await replica?.process.start();
    await observed().settled();
    observed().alerts.holdsNoOther("RedisNodeDown", []);
  });

  test("ShardUndecided: all nodes of a shard stand still, those of the others do not", async () => {
    const nodes = ledger.redis.nodesOf(1);
    signal(nodes, "SIGSTOP");
    await observed().alerts.fires("ShardUndecided", ["RedisNodeDown"]);
    signal(nodes, "SIGCONT");
    await observed().settled();
    observed().alerts.holdsNoOther("ShardUndecided", ["RedisNodeDown"]);
  });
});

function startApi({ config, redis }: CopiedLedger, metricsPort: number): Promise<ServerProcess> {
  const settings = (port: number): Record<string, string> => ({
    PATH: process.env["PATH"] ?? "",
    PORT: String(port),
    METRICS_PORT: String(metricsPort),
    DATABASE_URL: config.databaseUrl,
    REDIS_URL: redis.urlOf("api"),
    NATS_URL: config.natsUrl,
    DURABILITY: "relaxed",
  });
  return ServerProcess.start({
    name: "api",
    folder: temporaryFolder("api").path,
    command: (port) => [
      "/usr/bin/env",
      "-i",
      ...Object.entries(settings(port)).map(([name, value]) => `${name}=${value}`),
      process.execPath,
      MAIN,
      "api",
    ],
    isReady: async (port) => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok,
    stopSignal: "SIGTERM",
    orphanSignal: "KILL",
  });
}
