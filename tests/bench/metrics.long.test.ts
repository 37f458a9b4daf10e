import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { MetricsBenchResult } from "../../proof/bench/metrics/metrics.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { benchToTheEnd, wrkMissing } from "../support/start-bench.ts";

failOnLeaks();
setDefaultTimeout(240_000);

describe.skipIf(wrkMissing() !== null)("razonete bench metrics", () => {
  test("compares a server with metrics that are read with one without", async () => {
    const args = ["--rounds", "1", "--seconds", "1", "--connections", "4"];
    const { output, said } = await benchToTheEnd("metrics", ...args);
    expect(said).toContain("with to without");
    const { result }: { result: MetricsBenchResult } = JSON.parse(output);
    const [comparison] = result.comparisons;
    expect(Object.keys(comparison?.samples ?? {})).toEqual(["without", "with"]);
    expect(comparison?.ratios[0]?.cpuMicroseconds.median).toBeWithin(0.3, 3);
    expect(result.countingMicroseconds.median).toBeGreaterThan(0);
    expect(comparison?.share).toBeWithin(0, 1);
  });
});
