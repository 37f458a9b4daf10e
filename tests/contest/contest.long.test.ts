import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupsMissing } from "../../proof/cgroup/cgroup.ts";
import type { ContestResult } from "../../proof/contest/contest-result.ts";
import { SUBMISSION_BOUNDS, readSubmission } from "../../proof/contest/submission.ts";
import type { RunResult } from "../../proof/load-test/run-result.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { processesOf } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";

/** `npm run contest` as a person runs it, only shorter. */

setDefaultTimeout(120_000);

const ROOT = join(import.meta.dir, "../..");
const temporary = temporaryFolder("contest");
const folder = temporary.path;
afterAll(() => temporary[Symbol.dispose]());
failOnLeaks();

function start(data: string, ...flags: readonly string[]) {
  return Bun.spawn(
    [process.execPath, "proof/cli/main.ts", "contest", "--port", "0", "--data", data, ...flags],
    { cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "ignore" },
  );
}

/** Folders of control groups that a process has created and not removed. */
function groupsOf(pid: number): string[] {
  const below = (path: string): string[] =>
    readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
      if (!entry.isDirectory()) return [];
      const child = join(path, entry.name);
      return entry.name.startsWith(`razonete-${pid}-`) ? [child] : below(child);
    });
  return existsSync("/sys/fs/cgroup") ? below("/sys/fs/cgroup") : [];
}

describe.skipIf(serversMissing !== null)("razonete contest", () => {
  test("runs the submission under its limits, with the load, and reports on both", async () => {
    const data = join(folder, "data");
    const out = join(folder, "out");
    const child = start(data, "--scale", "0.01", "--seed", "7", "--out", out);
    const output = await child.stdout.text();
    const code = await child.exited;
    expect(processesOf(data)).toEqual([]);
    expect(groupsOf(child.pid)).toEqual([]);

    const load: RunResult = JSON.parse(readFileSync(join(out, "result.json"), "utf8"));
    const result: ContestResult = JSON.parse(readFileSync(join(out, "contest.json"), "utf8"));
    expect([code, output]).toEqual([load.verdict.passed ? 0 : 1, expect.stringContaining("Again:")]);
    // Unless this machine itself was too slow.
    expect(load.failures.filter(({ check }) => check !== "too-slow")).toEqual([]);
    expect(load).toMatchObject({ complete: true, command: result.command, seed: 7 });
    expect(result).toMatchObject({ format: "razonete-contest-1", program: "executable", deaths: [] });
    expect(result.command).toBe("npm run contest -- --scale 0.01 --rate 1 --seed 7");
    expect(result.readySeconds).toBeLessThan(SUBMISSION_BOUNDS.ready_seconds);
    expect(result.requests).toBe(load.total.requests);
    // Ten a second at most, for at least the load's 2.4 s.
    expect(result.disk.writes).toBeGreaterThan(5);
    expect(result.disk.writes).toBeLessThan(100);
    expect(output).toContain(`The disk, meanwhile, took ${result.disk.p50Milliseconds.toFixed(2)} ms`);

    const submission = readSubmission();
    expect(result.services.map(({ name }) => name)).toEqual([...submission.keys()]);
    expect(result.unlimited).toBe(cgroupsMissing());
    for (const { name, figures, readyMilliseconds, memoryMegabytes } of result.services) {
      expect(output).toMatch(new RegExp(`^${name} +\\d`, "m"));
      expect(readyMilliseconds).toBeGreaterThan(0);
      if (result.unlimited !== null) continue;
      expect(figures?.cpuMicrosecondsPerRequest).toBeGreaterThan(1);
      expect(figures?.periods).toBeGreaterThan(1);
      expect(figures?.throttledPeriods).toBeLessThanOrEqual(figures?.periods ?? 0);
      expect(figures?.memoryHeldPeakBytes).toBeGreaterThan(1024 * 1024);
      expect(figures?.memoryPeakBytes).toBeLessThanOrEqual(memoryMegabytes * 2 ** 20);
    }
    const page = readFileSync(join(out, "report.html"), "utf8");
    expect(page).toContain("Under the contest's limits");
    expect(page).toContain('<th scope="row">writer-1</th>');
  });

  test("runs with several shards on its one Redis, each of them kept, and says so", async () => {
    const data = join(folder, "shards");
    const out = join(folder, "shards-out");
    const child = start(data, "--shards", "3", "--scale", "0.01", "--seed", "7", "--out", out);
    const output = await child.stdout.text();
    await child.exited;
    const load: RunResult = JSON.parse(readFileSync(join(out, "result.json"), "utf8"));
    const result: ContestResult = JSON.parse(readFileSync(join(out, "contest.json"), "utf8"));
    expect(load.failures.filter(({ check }) => check !== "too-slow")).toEqual([]);
    expect(load.complete).toBe(true);
    expect(result).toMatchObject({ shards: 3, deaths: [] });
    expect(result.command).toBe("npm run contest -- --scale 0.01 --rate 1 --seed 7 --shards 3");
    expect(output).toContain("split into 3 shards, all on the one Redis");
  });

  test.skipIf(cgroupsMissing() !== null)(
    "a process that the kernel kills during the start is reported, although all services live on",
    async () => {
      const child = start(join(folder, "short"), "--scale", "0.01", "--out", join(folder, "short-out"));
      const output = child.stdout.text();
      const ofPostgres = (): string[] => groupsOf(child.pid).map((group) => join(group, "postgres"));
      while (!existsSync(join(folder, "short/postgres"))) await Bun.sleep(10);
      // Like a backend that uses too much memory; the kernel kills it before any other.
      const enter =
        'for group; do echo 0 > "$group/cgroup.procs"; done; echo 1000 > /proc/self/oom_score_adj';
      const script = `${enter}; exec '${process.execPath}' -e 'Buffer.alloc(2 ** 30, 1)'`;
      const greedy = Bun.spawn(["sh", "-c", script, "sh", ...ofPostgres()], { stderr: "ignore" });
      expect(await greedy.exited).toBe(137);
      expect(await child.exited).toBe(1);
      expect(await output).toContain("Not as it should be: the kernel ended a process of postgres once");
    },
  );

  test("stopped while it starts, it leaves nothing running", async () => {
    const data = join(folder, "stopped");
    const child = start(data, "--scale", "0.01", "--out", join(folder, "stopped-out"));
    while (!existsSync(join(data, "postgres"))) await Bun.sleep(10);
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    expect(processesOf(data)).toEqual([]);
    expect(groupsOf(child.pid)).toEqual([]);
  });

  test("exits with 2 if its flags are wrong", async () => {
    for (const [flag, value] of [
      ["--scale", "much"],
      ["--shards", "9"],
    ] as const)
      expect(await start(join(folder, "none"), flag, value).exited).toBe(2);
  });
});
