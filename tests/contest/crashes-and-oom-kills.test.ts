import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { cgroupsMissing } from "../../proof/cgroup/cgroup.ts";
import type { Usage } from "../../proof/cgroup/limits-and-usage.ts";
import { crashesSince, oomKillsIn } from "../../proof/contest/crashes-and-oom-kills.ts";
import { ResourceUsageMonitor, updatedUsage, WHOLE_SYSTEM } from "../../proof/contest/resource-usage.ts";
import { MEGABYTE_BYTES } from "../../proof/contest/submission.ts";
import { failOnLeaks } from "../support/leaks.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const missing = cgroupsMissing();

const usage: Usage = {
  cpuMicroseconds: 1,
  periods: 0,
  throttledPeriods: 0,
  throttledMicroseconds: 0,
  memoryPeakBytes: 50,
  memoryBytes: 50,
  memoryHeldBytes: 40,
  oomKills: 0,
};

describe("a process that ended by itself", () => {
  const described = (...pids: readonly number[]) => ({
    url: "",
    databaseUrl: "",
    redisUrl: "",
    natsUrl: "",
    processes: pids.map((pid, index) => ({ name: `process-${index + 1}`, pid })),
  });

  test("is reported, whether it was restarted or not; one that lives is not", async () => {
    const ended = Bun.spawn(["true"]);
    await ended.exited;
    const ran = described(process.pid, ended.pid);
    expect(crashesSince(ran, ran)).toEqual([expect.stringContaining("process-2 ended")]);
    expect(crashesSince(ran, described(process.pid, process.pid))).toHaveLength(1);
    expect(crashesSince(described(process.pid), described(process.pid))).toEqual([]);
  });
});

describe("a process that the kernel killed for lack of memory", () => {
  test("is reported for its service, and not again for the whole system", () => {
    const usageWith = (oomKills: number) => updatedUsage(undefined, { ...usage, oomKills });
    const usages = new Map([
      ["redis", usageWith(0)],
      ["postgres", usageWith(2)],
      [WHOLE_SYSTEM, usageWith(2)],
    ]);
    expect(oomKillsIn(usages)).toEqual([
      expect.stringContaining("the kernel ended a process of postgres 2 times"),
    ]);
  });

  test.skipIf(missing !== null)("is found although the main process of the service goes on", async () => {
    const limits = { cpus: 1, memoryBytes: 60 * MEGABYTE_BYTES };
    const service = { limits, command: [], environment: {}, files: [] };
    const monitor = new ResourceUsageMonitor(new Map([["postgres", service]]));
    try {
      const backend = `"$0" -e "Buffer.alloc(200 * ${MEGABYTE_BYTES}, 1)"; echo $?; exit 0`;
      const child = Bun.spawn([...monitor.commandPrefix("postgres"), "sh", "-c", backend, process.execPath], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      expect(await new Response(child.stdout).text()).toBe("137\n");
      expect(await child.exited).toBe(0);
      expect(oomKillsIn(monitor.read())).toEqual([expect.stringContaining("a process of postgres once")]);
    } finally {
      monitor.remove();
    }
  });
});

test("the peak of memory is the highest sample, also if the kernel gives only the current amount", () => {
  const first = updatedUsage(undefined, usage);
  const lower = { ...usage, memoryPeakBytes: 20, memoryBytes: 20, memoryHeldBytes: 10 };
  expect(updatedUsage(first, lower)).toMatchObject({
    memoryPeakBytes: 50,
    memoryHeldPeakBytes: 40,
    memoryBytes: 20,
  });
  expect(updatedUsage(first, { ...usage, memoryPeakBytes: 70 })).toMatchObject({ memoryPeakBytes: 70 });
});
