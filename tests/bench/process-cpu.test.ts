import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  ownCpuMicroseconds,
  parseStat,
  readStats,
  treeCpuMicroseconds,
  treeOf,
} from "../../proof/bench/process-cpu.ts";
import { cpuSince, readCpu, type BenchTarget } from "../../proof/bench/bench-target.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";

failOnLeaks();
setDefaultTimeout(60_000);

/** Burns CPU until it is killed, or, where a test forgets it, for a while. */
const BURN = "ulimit -t 60; while :; do :; done";

const LINE =
  "812 (a) b (c) S 7 812 812 0 -1 4194560 2043 1 0 0 25 10 3 2 20 0 4 0 5533 1 2 18446744073709551615 1 1 0 0 0 0 0";

describe("a line of /proc/<pid>/stat", () => {
  test("is read after a name with blanks and parentheses; children that were waited for count", () => {
    expect(parseStat(LINE)).toEqual({ pid: 812, parent: 7, cpuMicroseconds: 400_000 });
  });

  test("that is malformed is refused", () => {
    expect(() => parseStat("812 (a) S 7")).toThrow("not a line");
  });
});

describe("a process and its descendants", () => {
  const stat = (pid: number, parent: number, cpuMicroseconds: number) => ({ pid, parent, cpuMicroseconds });
  const listed = [stat(1, 0, 1000), stat(3, 2, 20), stat(2, 1, 1), stat(4, 3, 300), stat(9, 1, 5000)];

  test("are found in whatever order the processes are listed", () => {
    expect(treeOf(2, listed).map(({ pid }) => pid)).toEqual([2, 3, 4]);
  });

  test("are summed up; other processes are not", () => {
    expect(treeCpuMicroseconds(2, listed)).toBe(321);
    expect(treeCpuMicroseconds(5, listed)).toBeNull();
  });

  test("is told apart from its descendants", () => {
    expect(ownCpuMicroseconds(2, listed)).toBe(1);
    expect(ownCpuMicroseconds(5, listed)).toBeNull();
  });

  test("count a child that is running, and still do when it has ended", async () => {
    // The child burns CPU, the shell that waits for it does not; then the shell waits for its input to end.
    const shell = Bun.spawn(["sh", "-c", `sh -c '${BURN}; exit 0' & wait; read end`], { stdin: "pipe" });
    const used = (): number => treeCpuMicroseconds(shell.pid, readStats()) ?? 0;
    let child = 0;
    let whileBurning = 0;
    await eventually("the child has burnt something", () => {
      const last = treeOf(shell.pid, readStats()).at(-1);
      if (last === undefined || last.pid === shell.pid) return false;
      [child, whileBurning] = [last.pid, last.cpuMicroseconds];
      return whileBurning >= 50_000;
    });
    expect(used()).toBeGreaterThanOrEqual(whileBurning);
    process.kill(child, "SIGKILL");
    await eventually("the child has ended", () => treeOf(shell.pid, readStats()).length === 1);
    expect(used()).toBeGreaterThanOrEqual(whileBurning);
    await shell.stdin.end();
    await shell.exited;
  });
});

describe("a target", () => {
  const targetOf = (pids: () => readonly number[]): BenchTarget => ({
    name: "sleepers",
    url: "",
    processes: () => pids().map((pid, index) => ({ name: `sleeper-${index + 1}`, pid })),
    settle: () => Promise.resolve(),
    stop: () => Promise.resolve(),
  });

  test("is measured by process", async () => {
    const sleepers = [Bun.spawn(["sleep", "60"]), Bun.spawn(["sleep", "60"])];
    const target = targetOf(() => sleepers.map(({ pid }) => pid));
    const used = cpuSince(target, readCpu(target));
    expect([...used.keys()]).toEqual(["sleeper-1", "sleeper-2"]);
    expect([...used.values()].every((each) => each >= 0 && each < 1_000_000)).toBe(true);
    for (const sleeper of sleepers) sleeper.kill();
    await Promise.all(sleepers.map(({ exited }) => exited));
  });

  test("does not count children twice if a process is counted without its children", async () => {
    const parent = Bun.spawn(["sh", "-c", `sh -c '${BURN}' & echo $!; wait`], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    const { value } = await parent.stdout.getReader().read();
    const child = Number(new TextDecoder().decode(value));
    const target: BenchTarget = {
      ...targetOf(() => []),
      processes: () => [
        { name: "child", pid: child },
        { name: "parent", pid: parent.pid, withoutChildren: true },
      ],
    };
    const used = (name: string): number =>
      [...readCpu(target)].find(([process]) => process.name === name)?.[1] ?? 0;
    await eventually("the child has burnt something", () => used("child") >= 100_000);
    expect(used("parent")).toBeLessThan(50_000);
    process.kill(child, "SIGKILL");
    await parent.exited;
  });

  test("with a process that was restarted meanwhile is an error", async () => {
    const sleepers = [Bun.spawn(["sleep", "60"]), Bun.spawn(["sleep", "60"])];
    let now = 0;
    const target = targetOf(() => [sleepers[now]?.pid ?? 0]);
    const before = readCpu(target);
    now = 1;
    expect(() => cpuSince(target, before)).toThrow("ended while it was measured");
    for (const sleeper of sleepers) sleeper.kill();
    await Promise.all(sleepers.map(({ exited }) => exited));
    expect(() => readCpu(target)).toThrow("ended while it was measured");
  });
});
