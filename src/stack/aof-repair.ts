import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

const LOG_FOLDER = "appendonlydir";

/**
 * Takes a torn end off Redis's log: what was being written, and had not been answered, when the power failed.
 *
 * Redis 7.0 would do it by itself, but not well. A log that ends within a transaction (what a function has changed is
 * one) is cut only to its last whole command, so that the beginning of the transaction stays. What is written behind it
 * is fsynced, answered, and not there after the next start.
 *
 * @param redisServer path of the program, beside which redis-check-aof stands
 * @param folder in which Redis works; Redis does not run
 * @param log an open file, for what redis-check-aof says
 */
export function repairAof(redisServer: string, folder: string, log: number): void {
  const newest = newestAofPart(folder);
  if (newest === null || statSync(newest).size === 0) return;
  const check = join(dirname(redisServer), "redis-check-aof");
  spawnSync(check, ["--fix", newest], { input: "y\n", stdio: ["pipe", log, log] });
}

/** The part of the log that is being written, which has the highest number; null where there is no log. */
export function newestAofPart(folder: string): string | null {
  const parts = join(folder, LOG_FOLDER);
  if (!existsSync(parts)) return null;
  const numbered = readdirSync(parts).flatMap((name) => {
    const number = /\.(\d+)\.incr\.aof$/.exec(name)?.[1];
    return number === undefined ? [] : [{ number: Number(number), path: join(parts, name) }];
  });
  return numbered.toSorted((a, b) => b.number - a.number)[0]?.path ?? null;
}
