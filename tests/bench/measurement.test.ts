import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { startMeasuredServer } from "../../proof/bench/measured-server.ts";
import { ratiosOf } from "../../proof/bench/ratios.ts";
import {
  comparisonNotes,
  compareTargets,
  type Comparison,
  type BenchSample,
} from "../../proof/bench/measurement.ts";
import { describeComparison } from "../../proof/bench/tables.ts";
import type { BenchTarget } from "../../proof/bench/bench-target.ts";
import { wrkMissing } from "../support/start-bench.ts";
import { failOnLeaks } from "../support/leaks.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const missing = wrkMissing();

describe.skipIf(missing !== null)("targets", () => {
  test("are measured in turn, each round starting with the next one, from settled to settled", async () => {
    const server = await startMeasuredServer([
      process.execPath,
      new URL("../../proof/bench/bare-server.ts", import.meta.url).pathname,
    ]);
    const events: string[] = [];
    const targetOf = (name: string): BenchTarget => ({
      name,
      url: server.url,
      processes: () => {
        events.push(`${name} read`);
        return [{ name: "all", pid: process.pid }];
      },
      settle: () => {
        events.push(`${name} settled`);
        return Promise.resolve();
      },
      stop: () => Promise.resolve(),
    });
    const load = { connections: 2, seconds: 1 };
    const measuredTargets = ["one", "other"].map((name) => ({ target: targetOf(name), load }));
    const { samples, loads } = await compareTargets("", measuredTargets, 2);
    await server.stop();

    const measured = (name: string): string[] =>
      ["settled", "read", "settled", "read"].map((what) => `${name} ${what}`);
    expect(events).toEqual(["one", "other", "other", "one"].flatMap(measured));
    expect([samples["one"]?.length, samples["other"]?.length]).toEqual([2, 2]);
    expect(loads).toEqual({ one: load, other: load });
    const [sample] = samples["one"] ?? [];
    // Both the server and the generator are children of this process.
    expect(sample?.cpuMicroseconds).toBeGreaterThan(1);
    expect(sample?.cpuMicrosecondsByProcess).toEqual({ all: sample?.cpuMicroseconds ?? 0 });
  });
});

const sampleOf = (changes: Partial<BenchSample>): BenchSample => ({
  requests: 100_000,
  requestsPerSecond: 10_000,
  p50Microseconds: 1_000,
  p99Microseconds: 4_000,
  maxMicroseconds: 9_000,
  cpuMicroseconds: 100,
  cpuMicrosecondsByProcess: { haproxy: 60, redis: 40, nats: 0 },
  settleSeconds: 0.1,
  generatorShare: 0.3,
  noise: { stolen: 0, others: 0.01 },
  ...changes,
});

const load = { connections: 32, seconds: 1 };
const comparisonOf = (samples: Record<string, BenchSample[]>): Comparison => ({
  loads: Object.fromEntries(Object.keys(samples).map((name) => [name, load])),
  samples,
});

describe("a comparison", () => {
  test("is shown as medians, and as ratios of the rounds", () => {
    const bare = sampleOf({ cpuMicroseconds: 50, cpuMicrosecondsByProcess: { haproxy: 50 } });
    const comparison = comparisonOf({
      bare: [bare, bare],
      this: [sampleOf({ maxMicroseconds: 12_000 }), sampleOf({})],
      against: [
        sampleOf({ cpuMicroseconds: 200, p50Microseconds: 500, maxMicroseconds: 3_000 }),
        sampleOf({ cpuMicroseconds: 400, p50Microseconds: 2_000, maxMicroseconds: 3_000 }),
      ],
    });
    const ratios = ratiosOf(comparison, [
      ["this", "bare"],
      ["this", "against"],
    ]);
    expect(ratios.map(({ name, other }) => [name, other])).toEqual([
      ["this", "bare"],
      ["this", "against"],
    ]);
    expect(ratios[1]).toMatchObject({
      cpuMicroseconds: { median: 0.375, least: 0.25, greatest: 0.5 },
      p50Microseconds: { median: 1.25, least: 0.5, greatest: 2 },
      maxMicroseconds: { median: 3.5, least: 3, greatest: 4 },
    });
    const text = describeComparison({ ...comparison, ratios }).join("\n");
    expect(text).toContain("10,000 (10,000 to 10,000)    1.00    4.00   12.00");
    expect(text).toContain("300.0 (200.0 to 400.0)");
    expect(text).toMatch(/^ {2}this to bare +2\.00 \(2\.00 to 2\.00\) /m);
    expect(text).toMatch(
      /^ {2}this to against +0\.38 \(0\.25 to 0\.50\) .* 1\.25 \(0\.50 to 2\.00\) .* 3\.50 \(3\.00 to 4\.00\)$/m,
    );
    // The CPU of the balancer is shown for both; a process that a target does not have is not shown as 0.
    expect(text).toMatch(/^ {2}CPU µs each, of +haproxy +redis +nats$/m);
    expect(text).toMatch(/^ {2}bare +50\.0 +– +–$/m);
    expect(text).toMatch(/^ {2}this +60\.0 +40\.0 +0\.00$/m);
    expect(text).toContain("CPU by process, this to bare: haproxy 1.20 (1.20 to 1.20)\n");
    // A process that used next to nothing gets no ratio.
    expect(text).toContain(
      "CPU by process, this to against: haproxy 1.00 (1.00 to 1.00), redis 1.00 (1.00 to 1.00)",
    );
    expect(text).not.toMatch(/NaN|Infinity/);
  });

  test("says when the machine was noisy, or the generator was the bottleneck", () => {
    expect(comparisonNotes(comparisonOf({ this: [sampleOf({})] }))).toEqual([]);
    const noisy = sampleOf({ noise: { stolen: 0.1, others: 0.3 }, generatorShare: 0.97 });
    expect(comparisonNotes(comparisonOf({ this: [noisy, noisy] }))).toEqual([
      expect.stringContaining("the host took up to 10 % of the machine away"),
      expect.stringContaining("other programs used 30 % of the machine"),
      expect.stringContaining("the load generator itself was the limit of this"),
    ]);
  });
});
