import { readdirSync, readFileSync } from "node:fs";

/** Linux counts CPU time in ticks of a hundredth of a second (USER_HZ). */
const MICROSECONDS_A_TICK = 10_000;

/** A process, from /proc/<pid>/stat (see proc(5)). */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** User and system time of the process and of the ended children that it has waited for, in microseconds. */
  readonly cpuMicroseconds: number;
}

/** @throws Error if the text is not a line of /proc/<pid>/stat */
export function parseStat(text: string): ProcessStat {
  // The name in parentheses may contain anything. After it come state, parent and, from the 12th field on, four times.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [user = NaN, system = NaN, waitedUser = NaN, waitedSystem = NaN] = fields.slice(11, 15).map(Number);
  const cpuMicroseconds = (user + system + waitedUser + waitedSystem) * MICROSECONDS_A_TICK;
  const stat = { pid: Number.parseInt(text, 10), parent: Number(fields[1]), cpuMicroseconds };
  if (Object.values(stat).some(Number.isNaN)) throw new Error(`not a line of /proc/<pid>/stat: ${text}`);
  return stat;
}

/** All processes, including those that have ended but have not been waited for yet. */
export function readStats(): ProcessStat[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return [parseStat(readFileSync(`/proc/${name}/stat`, "utf8"))];
    } catch {
      // It ended in between.
      return [];
    }
  });
}

/** A process and its descendants, itself first; empty if there is no process `root`. */
export function treeOf(root: number, stats: readonly ProcessStat[]): ProcessStat[] {
  const children = Map.groupBy(stats, ({ parent }) => parent);
  const tree = stats.filter(({ pid }) => pid === root);
  // Processes that are added here are visited by this loop, too.
  for (const { pid } of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/**
 * The CPU time that a process and its descendants have used so far, in microseconds, exact to a hundredth of a second
 * for each. Once a parent has waited for a child that ended, the time of the child counts for the parent, so the sum
 * does not lose it. A child that ends while the processes are being read may be missing from that one result.
 *
 * @returns `null` if there is no process `root`
 */
export function treeCpuMicroseconds(root: number, stats: readonly ProcessStat[]): number | null {
  const tree = treeOf(root, stats);
  if (tree.length === 0) return null;
  return tree.reduce((sum, { cpuMicroseconds }) => sum + cpuMicroseconds, 0);
}

/**
 * The same for one process, without its running descendants but with its ended children.
 *
 * @returns `null` if there is no process `pid`
 */
export function ownCpuMicroseconds(pid: number, stats: readonly ProcessStat[]): number | null {
  return stats.find((stat) => stat.pid === pid)?.cpuMicroseconds ?? null;
}
