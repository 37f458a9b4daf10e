import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { createClient } from "@redis/client";
import { z } from "zod";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startStack } from "../support/running-stack.ts";
import { freePorts } from "../support/servers/free-ports.ts";
import { TestCa } from "../support/servers/certificates.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { observersMissing } from "./support/observer-programs.ts";
import { metricsText } from "./support/read-metrics.ts";
import { asked, selectorsOf } from "./support/rules-and-dashboards.ts";

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");

failOnLeaks();
setDefaultTimeout(120_000);

const targetsAnswer = z.object({
  data: z.object({
    activeTargets: z.array(
      z.object({
        health: z.string(),
        lastError: z.string(),
        labels: z.object({ job: z.string(), instance: z.string() }),
      }),
    ),
  }),
});
const queryAnswer = z.object({
  status: z.string(),
  data: z.object({ result: z.array(z.unknown()) }).optional(),
});
/** A disk may be too fast for Redis to remember its fsyncs. */
const OF_FSYNC = 'event_name="aof-fsync-always"';
const OF_DELAY = 'event_name="command"';
/** Which tests/metrics/embedded.test.ts looks for. */
const OF_EMBEDDED = "razonete_fsync_seconds_bucket";
/** Told where Redis is several nodes. */
const OF_NODES = "razonete_shard_decides";
const rulesAnswer = z.object({
  data: z.object({ groups: z.array(z.object({ rules: z.array(z.object({ health: z.string() })) })) }),
});

describe.skipIf((serversMissing ?? observersMissing) !== null)("npm run stack -- --observe", () => {
  test("runs a Prometheus that reaches every process, and has the rules", async () => {
    using folder = temporaryFolder();
    await using stack = await startStack({
      data: join(folder.path, "data"),
      real: true,
      flags: ["--observe", "--writers", "2"],
    });
    const { prometheusUrl, metrics = [] } = stack.description();
    expect(stack.output()).toContain(`${prometheusUrl}, watches`);
    const get = async (path: string): Promise<unknown> =>
      (await fetch(`${prometheusUrl}/api/v1/${path}`)).json();
    const targets = async () => targetsAnswer.parse(await get("targets")).data.activeTargets;
    await eventually("all targets are up", async () => {
      const all = await targets();
      return all.length > 0 && all.every(({ health }) => health === "up");
    });
    const told = (await targets()).map(({ labels }) => `${labels.job} ${labels.instance}`);
    expect(told.toSorted()).toEqual([
      "haproxy haproxy",
      "postgres postgres",
      "razonete-api api-1",
      "razonete-api api-2",
      "razonete-console console",
      "razonete-dispatch dispatch-1",
      "razonete-writer writer-1",
      "razonete-writer writer-2",
      "redis redis",
    ]);
    await eventually("the rules were looked at", async () => {
      const { groups } = rulesAnswer.parse(await get("rules")).data;
      return groups.length > 3 && groups.every(({ rules }) => rules.every(({ health }) => health === "ok"));
    });
    expect(metrics.map(({ process }) => process)).toEqual([
      "haproxy",
      "api-1",
      "api-2",
      "writer-1",
      "writer-2",
      "dispatch-1",
      "console",
    ]);
    for (const { url } of metrics) expect(await metricsText(url)).toContain("# TYPE");
    expect(await stack.stop()).toBe(0);
  });

  test("has all that the rules and the dashboards ask for", async () => {
    using folder = temporaryFolder();
    const { cert, key } = new TestCa(folder.path, "observe").issue("DNS:localhost,IP:127.0.0.1", 10);
    await using stack = await startStack({
      data: join(folder.path, "data"),
      real: true,
      flags: ["--observe", "--tls-cert", cert, "--tls-key", key],
      environment: { WEBHOOK_INNER: "allow" },
    });
    const { url, prometheusUrl, databaseUrl, redisUrl, natsUrl } = stack.description();
    const post = (path: string, body: object) =>
      fetch(`${url}${path}`, {
        method: "POST",
        body: JSON.stringify(body),
        tls: { rejectUnauthorized: false },
      });
    const [port = 0] = await freePorts(1);
    expect((await post("/v1/webhooks", { url: `http://127.0.0.1:${port}/` })).status).toBe(201);
    expect((await post("/clientes/1/transacoes", { valor: 1, tipo: "c", descricao: "one" })).status).toBe(
      200,
    );
    const audit = Bun.spawn([process.execPath, MAIN, "audit"], {
      env: {
        PATH: process.env["PATH"] ?? "",
        DATABASE_URL: databaseUrl,
        REDIS_URL: redisUrl,
        NATS_URL: natsUrl,
      },
      stdio: ["ignore", "ignore", "inherit"],
    });
    expect(await audit.exited).toBe(0);
    // It tells of what held it up for a millisecond, and a fast disk never does.
    const redis = createClient({ url: redisUrl });
    await redis.connect();
    await redis.eval("for i = 1, 3e7 do end");
    redis.destroy();

    const ask = async (query: string) => {
      const answer = await fetch(`${prometheusUrl}/api/v1/query?query=${encodeURIComponent(query)}`);
      return queryAnswer.parse(await answer.json());
    };
    for (const { by, expr } of asked()) expect([by, (await ask(expr)).status]).toEqual([by, "success"]);
    const selectors = new Set(
      asked()
        .flatMap(({ expr }) => selectorsOf(expr))
        .map((selector) => selector.replace(OF_FSYNC, OF_DELAY)),
    );
    expect(selectors.size).toBeGreaterThan(70);
    await eventually(
      "each metric was told",
      async () => {
        for (const selector of selectors)
          if (((await ask(selector)).data?.result.length ?? 0) > 0) selectors.delete(selector);
        return selectors.size <= 2;
      },
      () => [...selectors],
    );
    expect([...selectors].toSorted()).toEqual([OF_EMBEDDED, OF_NODES].toSorted());
    expect(await stack.stop()).toBe(0);
  });

  test("without it there is none, and the processes tell all the same", async () => {
    using folder = temporaryFolder();
    await using stack = await startStack({ data: join(folder.path, "data"), real: true });
    const { prometheusUrl, metrics = [], processes } = stack.description();
    expect(prometheusUrl).toBeUndefined();
    expect(processes.map(({ name }) => name)).not.toContain("prometheus");
    const [, api] = metrics;
    expect(await metricsText(api?.url ?? "")).toContain("razonete_ready 1");
  });
});
