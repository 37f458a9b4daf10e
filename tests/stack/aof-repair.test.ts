import { describe, expect, test } from "bun:test";
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createClient } from "@redis/client";
import { repairAof, newestAofPart } from "../../src/stack/aof-repair.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { pathOf } from "../support/servers/binaries.ts";
import { startRedis } from "../support/servers/redis.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();

const COMMAND = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
const TRANSACTION = `*1\r\n$5\r\nMULTI\r\n${COMMAND}*1\r\n$4\r\nEXEC\r\n`;

function mend(folder: string): void {
  const log = openSync("/dev/null", "a");
  repairAof(pathOf("redis"), folder, log);
  closeSync(log);
}

/** As the container's start does it: with a stand-in for what the image itself runs then. */
function mendInContainer(folder: string): void {
  writeFileSync(join(folder, "docker-entrypoint.sh"), '#!/bin/sh\necho "run: $*"\n', { mode: 0o755 });
  const script = join(import.meta.dir, "../../deploy/start-redis.sh");
  const PATH = `${folder}:${dirname(pathOf("redis"))}:${process.env["PATH"]}`;
  const { stdout, exitCode } = Bun.spawnSync(["sh", script, "redis-server", "x"], {
    env: { PATH, REDIS_DATA: folder },
  });
  expect([exitCode, stdout.toString().endsWith("run: redis-server x\n")]).toEqual([0, true]);
}

function mended(text: string, by: (folder: string) => void = mend): string {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, "appendonlydir"));
  const file = join(folder.path, "appendonlydir", "appendonly.aof.10.incr.aof");
  writeFileSync(file, text);
  // An older part may not be touched, whatever its name sorts like.
  writeFileSync(join(folder.path, "appendonlydir", "appendonly.aof.9.incr.aof"), "older");
  expect(newestAofPart(folder.path)).toBe(file);
  by(folder.path);
  return readFileSync(file, "latin1");
}

describe.skipIf(serversMissing !== null)("Redis's log, before Redis is started", () => {
  test("stays as it is where it is whole, empty, or not there", () => {
    expect(mended(TRANSACTION.repeat(3))).toBe(TRANSACTION.repeat(3));
    expect(mended("")).toBe("");
    using folder = temporaryFolder();
    mend(folder.path);
  });

  test("loses a torn end, wherever it was torn, and zeros: up to the last whole transaction", () => {
    for (let bytes = 1; bytes < TRANSACTION.length; bytes += 1) {
      expect(mended(TRANSACTION + TRANSACTION.slice(0, bytes))).toBe(TRANSACTION);
    }
    expect(mended(`${TRANSACTION}${TRANSACTION.slice(0, 30)}${"\0".repeat(50)}`)).toBe(TRANSACTION);
  });

  test("is not left unseen where the program that looks at it cannot be run", () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, "appendonlydir"));
    writeFileSync(join(folder.path, "appendonlydir/appendonly.aof.1.incr.aof"), TRANSACTION.slice(0, 40));
    const log = openSync("/dev/null", "a");
    const nowhere = join(folder.path, "redis-server");
    expect(() => repairAof(nowhere, folder.path, log)).toThrow("Redis's log could not be looked at (ENOENT");
    closeSync(log);
  });

  test("in a container, too", () => {
    expect(mended(TRANSACTION.repeat(3), mendInContainer)).toBe(TRANSACTION.repeat(3));
    expect(mended("", mendInContainer)).toBe("");
    expect(mended(TRANSACTION + TRANSACTION.slice(0, 40), mendInContainer)).toBe(TRANSACTION);
    using folder = temporaryFolder();
    mendInContainer(folder.path);
  });

  test("nothing that Redis answers after a write was torn is lost at its next start", async () => {
    const redis = await startRedis();
    const ask = async (...command: string[]): Promise<unknown> => {
      const client = createClient({ url: redis.url, RESP: 2 });
      await client.connect();
      const reply: unknown = await client.sendCommand(command);
      client.destroy();
      return reply;
    };
    try {
      await ask("SET", "before", "1");
      await redis.process.kill();
      appendFileSync(newestAofPart(dirname(redis.log)) ?? "", TRANSACTION.slice(0, 40));
      mend(dirname(redis.log));
      await redis.process.start();
      expect(await ask("SET", "after", "1")).toBe("OK");
      await redis.process.kill();
      await redis.process.start();
      expect(await ask("GET", "before")).toBe("1");
      expect(await ask("GET", "after")).toBe("1");
    } finally {
      await redis.process.dispose();
    }
  });
});
