import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RunResult } from "../../proof/load-test/run-result.ts";
import { Cluster, clusterMissing } from "../support/cluster.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

failOnLeaks();

const MAIN = join(import.meta.dir, "../../proof/cli/main.ts");

test("the ledger in one process passes the contest's load without a failure", async () => {
  using folder = temporaryFolder();
  await using server = await startServer({ data: folder.path });
  await passesTheContest(server.url);
});

test.skipIf(clusterMissing !== null)("so does the cluster", async () => {
  await using cluster = await Cluster.start();
  await passesTheContest(cluster.url);
});

/** 24 seconds of load: 12 s of ramp to the contest's full rate, and 12 s at that rate. */
async function passesTheContest(url: string): Promise<void> {
  using folder = temporaryFolder();
  const args = ["rinha", "--url", url, "--scale", "0.1", "--out", "out"];
  const run = Bun.spawn([process.execPath, MAIN, ...args], {
    cwd: folder.path,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, exitCode] = await Promise.all([run.stdout.text(), run.exited]);
  const result: RunResult = JSON.parse(readFileSync(join(folder.path, "out", "result.json"), "utf8"));
  // A busy machine is not the fault of the ledger; a wrong answer is.
  expect(result.failures.filter(({ check }) => check !== "too-slow")).toEqual([]);
  expect(result).toMatchObject({ complete: true, notes: [], verdict: { inconsistencies: 0 } });
  expect(result.total.requests).toBe(6138 + 123);
  expect(exitCode).toBe(result.verdict.passed ? 0 : 1);
  expect(stdout).toMatch(/^total +6,261 +0 /m);
  expect(existsSync(join(folder.path, "out", "report.html"))).toBe(true);
}
