import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

const LOG_FOLDER = "appendonlydir";

/**
 * Cuts an incomplete end off Redis's append-only file: what was being written at a power failure and had not been
 * answered.
 *
 * Redis 7.0 would do this itself, but not correctly. If the file ends within a transaction (the changes of a function
 * are one), Redis cuts only after the last complete command, so that the beginning of the transaction stays. Whatever is
 * written after it is fsynced and answered, and gone after the next start.
 *
 * @param redisServer path of redis-server; redis-check-aof has to be in the same folder
 * @param folder Redis's working directory; Redis must not be running
 * @param log an open file for the output of redis-check-aof
 * @throws Error if redis-check-aof could not be run: Redis must not be started then
 */
export function repairAof(redisServer: string, folder: string, log: number): void {
  const newest = newestAofPart(folder);
  if (newest === null || statSync(newest).size === 0) return;
  const check = join(dirname(redisServer), "redis-check-aof");
  const { error, signal } = spawnSync(check, ["--fix", newest], { input: "y\n", stdio: ["pipe", log, log] });
  if (error !== undefined || signal !== null) {
    throw new Error(`Redis's log could not be looked at (${error?.message ?? signal})`);
  }
}

/** The part of the append-only file that is being written: the one with the highest number; null if there is none. */
export function newestAofPart(folder: string): string | null {
  const parts = join(folder, LOG_FOLDER);
  if (!existsSync(parts)) return null;
  const numbered = readdirSync(parts).flatMap((name) => {
    const number = /\.(\d+)\.incr\.aof$/.exec(name)?.[1];
    return number === undefined ? [] : [{ number: Number(number), path: join(parts, name) }];
  });
  return numbered.toSorted((a, b) => b.number - a.number)[0]?.path ?? null;
}
