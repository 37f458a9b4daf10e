import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AofCorruptor } from "../../proof/torture/faults/aof-corruption.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();

const COMMAND = "*1\r\n$4\r\nPING\r\n";

/** A log of two parts, the newer one of three commands. */
function makeLog(folder: string): { log: AofCorruptor; newest: string } {
  const parts = join(folder, "appendonlydir");
  mkdirSync(parts);
  writeFileSync(join(parts, "appendonly.aof.9.incr.aof"), "older");
  writeFileSync(join(parts, "appendonly.aof.9.base.rdb"), "base");
  const newest = join(parts, "appendonly.aof.10.incr.aof");
  writeFileSync(newest, COMMAND.repeat(3));
  return { log: new AofCorruptor(folder), newest };
}

describe("Redis's log, damaged", () => {
  test("loses its last bytes, at most all of them", () => {
    using folder = temporaryFolder();
    const { log, newest } = makeLog(folder.path);
    expect(log.cut(5)).toBe(5);
    expect(readFileSync(newest, "latin1")).toBe(COMMAND.repeat(3).slice(0, -5));
    expect(log.cut(1_000)).toBe(COMMAND.length * 3 - 5);
    expect(log.size).toBe(0);
  });

  test("has zeros for its last bytes", () => {
    using folder = temporaryFolder();
    const { log, newest } = makeLog(folder.path);
    expect(log.zero(5)).toBe(5);
    expect(readFileSync(newest, "latin1")).toBe(`${COMMAND.repeat(3).slice(0, -5)}${"\0".repeat(5)}`);
  });

  test("ends with the beginning of a transaction", () => {
    using folder = temporaryFolder();
    const { log, newest } = makeLog(folder.path);
    log.appendTornWrite(20);
    expect(readFileSync(newest, "latin1")).toBe(`${COMMAND.repeat(3)}*1\r\n$5\r\nMULTI\r\n*4\r\n$`);
  });

  test("is gone", () => {
    using folder = temporaryFolder();
    const { log } = makeLog(folder.path);
    log.empty();
    expect(existsSync(join(folder.path, "appendonlydir"))).toBe(false);
    expect(() => log.cut(1)).toThrow();
  });
});
