import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { DrainBenchResult } from "../../proof/bench/drain.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { benchToTheEnd, wrkMissing } from "../support/start-bench.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const missing = serversMissing ?? wrkMissing();

describe.skipIf(missing !== null)("razonete bench drain", () => {
  test("makes a backlog and measures how fast it is drained, beside bare servers", async () => {
    const short = ["--entries", "5000", "--connections", "4", "--rounds", "2", "--cpus", "0"];
    const { output, said } = await benchToTheEnd("drain", ...short);
    expect(said).toContain("drained to bare");
    const { result }: { result: DrainBenchResult } = JSON.parse(output);
    const { drain, bare } = result.samples;
    expect([drain.length, bare.length]).toEqual([2, 2]);
    for (const sample of drain) {
      expect(sample.entries).toBeGreaterThanOrEqual(5000);
      expect(sample.entriesPerSecond).toBeCloseTo(sample.entries / sample.seconds, 6);
      // The writer brings all of them in, which takes several clock ticks of 10 ms each. There is no other load.
      const of = sample.cpuMicrosecondsByProcess;
      expect((of["writer-1"] ?? 0) * sample.entries).toBeGreaterThanOrEqual(20_000);
      expect(of["haproxy"]).toBeLessThan(of["writer-1"] ?? 0);
      const sum = Object.values(of).reduce((total, each) => total + each, 0);
      expect(sum).toBeCloseTo(sample.cpuMicroseconds, 6);
    }
    for (const sample of bare) {
      expect(sample.requestsPerSecond).toBeGreaterThan(10);
      expect(Object.keys(sample.cpuMicrosecondsByProcess)).toEqual(["haproxy", "bare-1", "bare-2"]);
    }
    const perSecond = drain.map(
      ({ entriesPerSecond }, round) => entriesPerSecond / (bare[round]?.requestsPerSecond ?? 0),
    );
    expect(result.ratios.perSecond.least).toBe(Math.min(...perSecond));
    expect(result.ratios.perSecond.greatest).toBe(Math.max(...perSecond));
  });
});
