import { readdirSync, readFileSync } from "node:fs";

/** Linux counts CPU time in ticks of a hundredth of a second (USER_HZ). */
const MICROSECONDS_A_TICK = 10_000;

/** What proc(5) says of a process. */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** User and system time, its own and that of the children that it has waited for, in microseconds. */
  readonly cpuMicroseconds: number;
}

/** @throws Error where the text is not a line of /proc/<pid>/stat */
export function parseStat(text: string): ProcessStat {
  // The name in parentheses may hold anything; after it come state, parent and, from the 12th on, four times.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [user = NaN, system = NaN, waitedUser = NaN, waitedSystem = NaN] = fields.slice(11, 15).map(Number);
  const cpuMicroseconds = (user + system + waitedUser + waitedSystem) * MICROSECONDS_A_TICK;
  const stat = { pid: Number.parseInt(text, 10), parent: Number(fields[1]), cpuMicroseconds };
  if (Object.values(stat).some(Number.isNaN)) throw new Error(`not a line of /proc/<pid>/stat: ${text}`);
  return stat;
}

/** Every process there is, also those that have ended and are not waited for yet. */
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

/** A process and all below it, itself first; none where there is no process `root`. */
export function treeOf(root: number, stats: readonly ProcessStat[]): ProcessStat[] {
  const children = Map.groupBy(stats, ({ parent }) => parent);
  const tree = stats.filter(({ pid }) => pid === root);
  // What is added is looked at in its turn.
  for (const { pid } of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/**
 * The CPU time that a process and all below it have used so far, in microseconds, to a hundredth of a second for each.
 * Children that ended count for their parent from when it has waited for them, so the sum keeps what they used. One
 * that ends at the very moment of the reading may be missed, by that reading only.
 *
 * @returns `null` where there is no process `root`
 */
export function treeCpuMicroseconds(root: number, stats: readonly ProcessStat[]): number | null {
  const tree = treeOf(root, stats);
  if (tree.length === 0) return null;
  return tree.reduce((sum, { cpuMicroseconds }) => sum + cpuMicroseconds, 0);
}

/**
 * The same of a process alone, and of those children that ended.
 *
 * @returns `null` where there is no process `pid`
 */
export function ownCpuMicroseconds(pid: number, stats: readonly ProcessStat[]): number | null {
  return stats.find((stat) => stat.pid === pid)?.cpuMicroseconds ?? null;
}
