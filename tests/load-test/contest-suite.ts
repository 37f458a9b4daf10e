import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RunResult } from "../../proof/load-test/run-result.ts";
import { Cluster } from "../support/cluster.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const MAIN = join(import.meta.dir, "../../proof/cli/main.ts");

/**
 * The contest's load on both shapes: a ramp to its full rate, and then that rate.
 *
 * @param scale of four minutes
 * @param requests that the load has at this scale, without the checks before and after it
 */
export function contestSuite(scale: number, requests: number): void {
  test("the ledger in one process passes the contest's load without a failure", async () => {
    using folder = temporaryFolder();
    await using server = await startServer({ data: folder.path });
    await passesTheContest(server.url, scale, requests);
  });

  test.skipIf(serversMissing !== null)("so does the cluster", async () => {
    await using cluster = await Cluster.start();
    await passesTheContest(cluster.url, scale, requests);
  });
}

/** Runs the load test against a fresh system, to its end: nothing is wrong, all balances among it. */
export async function passesTheContest(url: string, scale: number, requests: number): Promise<void> {
  using folder = temporaryFolder();
  // A disk or a machine that stands still for a moment is no wrong answer: the contest's own time, whatever the scale.
  const args = ["rinha", "--url", url, "--scale", String(scale), "--timeout", "60", "--out", "out"];
  const run = Bun.spawn([process.execPath, MAIN, ...args], {
    cwd: folder.path,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, exitCode] = await Promise.all([run.stdout.text(), run.exited]);
  const result: RunResult = JSON.parse(readFileSync(join(folder.path, "out", "result.json"), "utf8"));
  // A machine that is busy with other work cannot be held against the ledger; a wrong answer can.
  expect(result.failures.filter(({ check }) => check !== "too-slow")).toEqual([]);
  expect(result).toMatchObject({ complete: true, notes: [], verdict: { inconsistencies: 0 } });
  expect(result.total.requests).toBe(requests + 123);
  expect(exitCode).toBe(result.verdict.passed ? 0 : 1);
  const [total, failures] = [requests + 123, result.failuresTotal].map((count) => count.toLocaleString("en"));
  expect(stdout).toMatch(new RegExp(`^total +${total} +${failures} `, "m"));
  expect(existsSync(join(folder.path, "out", "report.html"))).toBe(true);
}
