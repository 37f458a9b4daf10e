import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { processesOf } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { startBench, wrkMissing } from "../support/start-bench.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const missing = serversMissing ?? wrkMissing();

describe.skipIf(missing !== null)("razonete bench cluster", () => {
  test("measures the cluster and the bare servers, and leaves nothing behind", async () => {
    using folder = temporaryFolder();
    const flags = ["--connections", "4", "--rounds", "1", "--seconds", "1", "--cpus", "0", "--json"];
    const bench = startBench(folder.path, "cluster", ...flags, "--what", "transactions");
    const output = await new Response(bench.stdout).text();
    expect([await bench.exited, await bench.said]).toEqual([0, expect.stringContaining("this to bare")]);
    const { options, result } = JSON.parse(output);
    expect(options).toMatchObject({ connections: [4], rounds: 1, what: ["transactions"] });
    const [comparison] = result.comparisons;
    expect(Object.keys(comparison.samples)).toEqual(["bare", "this"]);
    const [[bare], [ours]] = [comparison.samples.bare, comparison.samples.this];
    for (const { requests, requestsPerSecond, cpuMicroseconds, p99Microseconds } of [bare, ours]) {
      for (const figure of [requests, requestsPerSecond, cpuMicroseconds, p99Microseconds]) {
        expect(figure).toBeGreaterThan(0);
      }
    }
    expect(Object.keys(bare.cpuMicrosecondsByProcess)).toEqual(["haproxy", "bare-1", "bare-2"]);
    expect(Object.keys(ours.cpuMicrosecondsByProcess)).toEqual([
      "haproxy",
      "api-1",
      "api-2",
      "redis",
      "nats",
      "writer-1",
      "postgres",
      "dispatch-1",
      "console",
      "supervisor",
    ]);
    const sum = Object.values<number>(ours.cpuMicrosecondsByProcess).reduce((total, each) => total + each, 0);
    expect(sum).toBeCloseTo(ours.cpuMicroseconds, 6);
    const [ratios] = comparison.ratios;
    const cpuRatio = ours.cpuMicroseconds / bare.cpuMicroseconds;
    expect(ratios).toMatchObject({ name: "this", other: "bare" });
    expect(ratios.cpuMicroseconds).toEqual({ median: cpuRatio, least: cpuRatio, greatest: cpuRatio });
    // The processes that both have. In so short a run HAProxy may have used too little for a ratio.
    for (const name of Object.keys(ratios.cpuMicrosecondsByProcess)) expect(name).toBe("haproxy");
    expect(readdirSync(folder.path)).toEqual([]);
    expect(processesOf(folder.path)).toEqual([]);
  });

  test("Ctrl-C stops what it has started, and removes its data", async () => {
    using folder = temporaryFolder();
    const bench = startBench(folder.path, "cluster", "--seconds", "60");
    await eventually("it measures", () => processesOf(folder.path).some((pid) => isWrk(pid)));
    bench.kill("SIGINT");
    expect(await bench.exited).toBe(130);
    expect(readdirSync(folder.path)).toEqual([]);
    expect(processesOf(folder.path)).toEqual([]);
  });

  test("reports a folder that is not a checkout", async () => {
    using folder = temporaryFolder();
    const bench = startBench(folder.path, "cluster", "--cpus", "0", "--against", folder.path);
    expect([await bench.exited, await bench.said]).toEqual([
      1,
      expect.stringContaining(`${folder.path} is no checkout of Razonete`),
    ]);
    expect(processesOf(folder.path)).toEqual([]);
  });
});

function isWrk(pid: number): boolean {
  return (
    Bun.spawnSync(["cat", `/proc/${pid}/comm`])
      .stdout.toString()
      .trim() === "wrk"
  );
}
