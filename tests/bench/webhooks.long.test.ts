import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { WebhooksComparison } from "../../proof/bench/events/webhooks.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { benchToTheEnd, wrkMissing } from "../support/start-bench.ts";

failOnLeaks();
setDefaultTimeout(240_000);

describe.skipIf(wrkMissing() !== null)("razonete bench webhooks", () => {
  test("counts each event once for each webhook, in both shapes, beside posting the same bodies", async () => {
    const args = ["--rounds", "1", "--events", "600", "--accounts", "50", "--webhooks", "1,2"];
    const { output, said } = await benchToTheEnd("webhooks", ...args);
    expect(said).toContain("cluster, 2 webhooks");
    expect(said).toContain("posted with fetch");
    const { result }: { result: readonly WebhooksComparison[] } = JSON.parse(output);
    const measured = result.map(({ shape, webhooks, samples }) => ({
      of: `${shape} ${webhooks}`,
      sent: samples.map(({ dispatched, plain }) => [dispatched.deliveries, plain.deliveries]),
    }));
    expect(measured).toEqual([
      { of: "embedded 1", sent: [[600, 600]] },
      { of: "embedded 2", sent: [[1200, 1200]] },
      { of: "cluster 1", sent: [[600, 600]] },
      { of: "cluster 2", sent: [[1200, 1200]] },
    ]);
    for (const { dispatched, plain, cpuMicrosecondsByProcess } of result.flatMap(({ samples }) => samples)) {
      expect(dispatched.perSecond).toBeGreaterThan(0);
      expect(dispatched.cpuMicroseconds).toBeGreaterThan(0);
      expect(plain.cpuMicroseconds).toBeGreaterThan(0);
      const own = Object.keys(cpuMicrosecondsByProcess).filter((name) => name.startsWith("dispatch"));
      expect(own).toHaveLength(1);
    }
  });
});
