import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startStack } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { observersMissing } from "./support/observer-programs.ts";
import { metricsText } from "./support/read-metrics.ts";

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
