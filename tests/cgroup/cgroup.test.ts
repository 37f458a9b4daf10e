import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Cgroup, cgroupsMissing } from "../../proof/cgroup/cgroup.ts";
import { GroupV2 } from "../../proof/cgroup/group-v2.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const MEBIBYTE = 1024 * 1024;
const missing = cgroupsMissing();

/** The folders in a group's `commandPrefix`. */
function foldersOf(group: Cgroup): string[] {
  return group.commandPrefix.filter((word) => word.startsWith("/sys/"));
}

function run(group: Cgroup, ...command: readonly string[]): Bun.Subprocess<"ignore", "pipe", "pipe"> {
  return Bun.spawn([...group.commandPrefix, ...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
}

/** Busy until it is killed. */
const BUSY = ["sh", "-c", "while :; do :; done"];

/** A busy loop in each of the groups, until this is so. */
async function busyUntil(groups: readonly Cgroup[], what: string, condition: () => boolean): Promise<void> {
  const loops = groups.map((group) => run(group, ...BUSY));
  try {
    await eventually(what, condition);
  } finally {
    for (const loop of loops) loop.kill("SIGKILL");
    await Promise.all(loops.map(({ exited }) => exited));
  }
}

describe.skipIf(missing !== null)(`control groups${missing === null ? "" : ` (${missing})`}`, () => {
  test("a busy loop in a group of 0.1 processors gets that much, and its throttling is counted", async () => {
    const group = Cgroup.create("busy", { cpus: 0.1 });
    try {
      await busyUntil([group], "it is throttled", () => {
        const { throttledPeriods, throttledMicroseconds, cpuMicroseconds } = group.usage();
        return throttledPeriods > 9 && throttledMicroseconds > 200_000 && cpuMicroseconds > 50_000;
      });
      const usage = group.usage();
      expect(usage.throttledPeriods).toBeLessThanOrEqual(usage.periods);
      expect(usage.cpuMicroseconds / (usage.periods * 100_000)).toBeLessThan(0.15);
    } finally {
      group.remove();
    }
  });

  test("without a limit nothing is throttled, and the time is counted", async () => {
    const group = Cgroup.create("free", {});
    try {
      await busyUntil([group], "its time is counted", () => group.usage().cpuMicroseconds > 500_000);
      expect(group.usage()).toMatchObject({ throttledPeriods: 0, throttledMicroseconds: 0, oomKills: 0 });
    } finally {
      group.remove();
    }
  });

  test("counts the peak of memory, and how much is held now", async () => {
    const group = Cgroup.create("memory", { memoryBytes: 300 * MEBIBYTE });
    const held = `process.stdin.resume(); globalThis.held = Buffer.alloc(100 * ${MEBIBYTE}, 1); console.log("held");`;
    const child = Bun.spawn([...group.commandPrefix, process.execPath, "-e", held], {
      stdin: "pipe",
      stdout: "pipe",
    });
    try {
      await child.stdout.getReader().read();
      const during = group.usage();
      expect(during.memoryHeldBytes).toBeGreaterThan(100 * MEBIBYTE);
      expect(during.memoryHeldBytes).toBeLessThanOrEqual(during.memoryBytes);
    } finally {
      child.kill();
      await child.exited;
    }
    expect(group.usage().memoryPeakBytes).toBeGreaterThan(100 * MEBIBYTE);
    expect(group.usage().memoryPeakBytes).toBeLessThanOrEqual(300 * MEBIBYTE);
    await eventually("the memory is free again", () => group.usage().memoryHeldBytes < 50 * MEBIBYTE);
    group.remove();
  });

  test("written files count as memory, but not as held", async () => {
    using folder = temporaryFolder();
    const group = Cgroup.create("files", {});
    try {
      const file = join(folder.path, "file");
      expect(await run(group, "dd", "if=/dev/zero", `of=${file}`, "bs=1M", "count=64").exited).toBe(0);
      const { memoryBytes, memoryHeldBytes } = group.usage();
      expect(memoryBytes).toBeGreaterThan(60 * MEBIBYTE);
      expect(memoryHeldBytes).toBeLessThan(20 * MEBIBYTE);
    } finally {
      rmSync(folder.path, { recursive: true });
      group.remove();
    }
  });

  test("a process that uses more memory than the limit is killed", async () => {
    const group = Cgroup.create("limit", { memoryBytes: 120 * MEBIBYTE });
    try {
      const child = run(group, process.execPath, "-e", `Buffer.alloc(400 * ${MEBIBYTE}, 1)`);
      expect(await child.exited).toBe(137);
      expect(group.usage().memoryPeakBytes).toBeLessThanOrEqual(120 * MEBIBYTE);
      expect(group.usage().oomKills).toBe(1);
    } finally {
      group.remove();
    }
  });

  test("a parent limits what its groups use together, and counts all of it", async () => {
    const parent = Cgroup.create("together", { cpus: 0.1 });
    const groups = ["one", "two"].map((name) => Cgroup.create(name, {}, parent));
    try {
      await busyUntil(
        groups,
        "they are throttled, and each has had time",
        () =>
          parent.usage().throttledPeriods > 9 &&
          groups.every((group) => group.usage().cpuMicroseconds > 10_000),
      );
      const whole = parent.usage();
      expect(whole.cpuMicroseconds / (whole.periods * 100_000)).toBeLessThan(0.15);
      const parts = groups.map((group) => group.usage().cpuMicroseconds);
      expect(parts.reduce((sum, part) => sum + part, 0) / whole.cpuMicroseconds).toBeCloseTo(1, 1);
    } finally {
      for (const group of groups) group.remove();
      parent.remove();
    }
  });

  test("the command keeps the process id, its arguments and its exit code", async () => {
    const group = Cgroup.create("enter", {});
    const child = run(group, "sh", "-c", 'echo "$$" "$@"; exit 7', "sh", "a b", "$c");
    expect(await new Response(child.stdout).text()).toBe(`${child.pid} a b $c\n`);
    expect(await child.exited).toBe(7);
    group.remove();
  });

  test("is gone after it is removed, and cannot be removed while a process is in it", async () => {
    const group = Cgroup.create("gone", { cpus: 1 });
    expect(foldersOf(group).every((folder) => existsSync(folder))).toBe(true);
    const child = run(group, "sleep", "60");
    await eventually("it has entered", () =>
      foldersOf(group).every((folder) => readFileSync(join(folder, "cgroup.procs"), "utf8") !== ""),
    );
    expect(() => group.remove()).toThrow("still has processes");
    child.kill();
    await child.exited;
    group.remove();
    expect(foldersOf(group).some((folder) => existsSync(folder))).toBe(false);
  });

  test("what a killed run has left is removed by the next, with its processes; a run that goes on is left alone", async () => {
    const source = join(import.meta.dir, "../../proof/cgroup/cgroup.ts");
    const script = `
      const { Cgroup } = await import(${JSON.stringify(source)});
      const parent = Cgroup.create("left", {});
      const group = Cgroup.create("inner", {}, parent);
      const child = Bun.spawn([...group.commandPrefix, "sleep", "600"], { stdio: ["ignore", "ignore", "ignore"] });
      const folders = group.commandPrefix.filter((word) => word.startsWith("/sys/"));
      console.log(JSON.stringify({ pid: child.pid, folders }));
      setInterval(() => {}, 1000);`;
    const mine = Cgroup.create("mine", {});
    const maker = Bun.spawn([process.execPath, "-e", script], { stdin: "ignore", stdout: "pipe" });
    const { value } = await maker.stdout.getReader().read();
    const left: { pid: number; folders: string[] } = JSON.parse(new TextDecoder().decode(value));
    await eventually("the process has entered", () =>
      left.folders.every((folder) =>
        readFileSync(join(folder, "cgroup.procs"), "utf8").includes(String(left.pid)),
      ),
    );
    Cgroup.create("early", {}).remove();
    expect(left.folders.every((folder) => existsSync(folder))).toBe(true);

    maker.kill("SIGKILL");
    await maker.exited;
    expect(left.folders.every((folder) => existsSync(folder))).toBe(true);
    Cgroup.create("next", {}).remove();
    expect(left.folders.some((folder) => existsSync(folder) || existsSync(dirname(folder)))).toBe(false);
    expect(foldersOf(mine).every((folder) => existsSync(folder))).toBe(true);
    mine.remove();
  });
});

test("version 2 writes and reads the files that its documentation names", () => {
  using home = temporaryFolder();
  const folder = join(home.path, "api");
  mkdirSync(folder);
  writeFileSync(join(folder, "memory.swap.max"), "max");
  writeFileSync(join(folder, "cgroup.subtree_control"), "\n");
  const group = new GroupV2(home.path, "api");
  group.limit({ cpus: 0.35, memoryBytes: 90_000_000 });
  const read = (file: string): string => readFileSync(join(folder, file), "utf8");
  expect(read("cpu.max")).toBe("35000 100000");
  expect(read("memory.max")).toBe("90000000");
  expect(read("memory.swap.max")).toBe("0");
  expect(group.parentFolderForChildren).toBe(folder);
  expect(read("cgroup.subtree_control")).toBe("+cpu +memory");

  writeFileSync(
    join(folder, "cpu.stat"),
    "usage_usec 1234\nuser_usec 1000\nnr_periods 12\nnr_throttled 3\nthrottled_usec 456\n",
  );
  writeFileSync(join(folder, "memory.current"), "1000\n");
  writeFileSync(join(folder, "memory.stat"), "anon 500\nfile 400\ninactive_file 300\nactive_file 100\n");
  writeFileSync(join(folder, "memory.events"), "low 0\nhigh 0\nmax 7\noom 5\noom_kill 2\noom_group_kill 1\n");
  const usage = {
    cpuMicroseconds: 1234,
    periods: 12,
    throttledPeriods: 3,
    throttledMicroseconds: 456,
    memoryBytes: 1000,
    memoryHeldBytes: 600,
    oomKills: 2,
  };
  expect(group.usage()).toEqual({ ...usage, memoryPeakBytes: 1000 });
  writeFileSync(join(folder, "memory.peak"), "2000\n");
  expect(group.usage()).toEqual({ ...usage, memoryPeakBytes: 2000 });
});
