import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@redis/client";
import {
  buildFsyncRecord,
  type CutFile,
  cutToSynced,
  whyNoFsyncRecord,
} from "../../proof/torture/faults/power-loss.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type RedisServer, startRedis } from "../support/servers/redis.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const CLIENTS = 8;
const ANSWERS = 400;

describe.skipIf(whyNoFsyncRecord() !== null || serversMissing !== null)("Redis after a loss of power", () => {
  test("with appendfsync always nothing answered is lost", async () => {
    const { answered, there } = await loseGrowing("always");
    expect(there).toBeGreaterThanOrEqual(answered);
  });

  test("with appendfsync no it is, though kill -9 alone loses nothing", async () => {
    using folder = temporaryFolder();
    const { server, recordFolder } = await startRecorded(folder.path, "no");
    try {
      await grow(server, ANSWERS);
      await server.process.kill();
      await server.process.start();
      expect(await countOf(server)).toBe(ANSWERS);
      await server.process.kill();
      expect(cutBytes(cutToSynced(server.log, recordFolder))).toBeGreaterThan(0);
      await server.process.start();
      expect(await countOf(server)).toBe(0);
    } finally {
      await server.process.dispose();
    }
  });

  test("what was synced once stays, and no more than that", async () => {
    using folder = temporaryFolder();
    const { server, recordFolder } = await startRecorded(folder.path, "no");
    try {
      await grow(server, ANSWERS);
      // A change of the setting makes Redis sync once what it has written.
      await command(server, "CONFIG", "SET", "appendfsync", "always");
      await grow(server, 1);
      await command(server, "CONFIG", "SET", "appendfsync", "no");
      await grow(server, ANSWERS);
      await server.process.kill();
      cutToSynced(server.log, recordFolder);
      await server.process.start();
      expect(await countOf(server)).toBe(ANSWERS + 1);
    } finally {
      await server.process.dispose();
    }
  });

  test("nor where it has rewritten its log meanwhile", async () => {
    const { answered, there } = await loseGrowing("always", async (server) => {
      await command(server, "BGREWRITEAOF");
      await eventually("the log is rewritten", () =>
        readdirSync(server.log).some((name) => name.includes(".2.base")),
      );
    });
    expect(there).toBeGreaterThanOrEqual(answered);
  });

  test("the record of a file that is gone does not count for the next one with its inode", () => {
    using folder = temporaryFolder();
    const log = join(folder.path, "log");
    const record = join(folder.path, "record");
    for (const path of [log, record]) mkdirSync(path);
    const file = join(log, "appendonly.aof.1.incr.aof");
    writeFileSync(file, "0123456789");
    const { ino, birthtimeNs } = statSync(file, { bigint: true });
    writeFileSync(join(record, String(ino)), `7 ${birthtimeNs}\n`);
    renameSync(file, `${file}.renamed`);
    expect(cutToSynced(log, record)).toEqual([{ file: `${file}.renamed`, from: 10, to: 7 }]);
    expect(cutToSynced(log, record)).toEqual([]);
    writeFileSync(join(record, String(ino)), `7 ${birthtimeNs - 1n}\n`);
    expect(cutToSynced(log, record)).toEqual([{ file: `${file}.renamed`, from: 7, to: 0 }]);
    writeFileSync(file, "0123456789");
    writeFileSync(join(record, String(statSync(file).ino)), `${"4".padStart(20, "0")} ${"0".repeat(29)}\n`);
    expect(cutToSynced(log, record)).toEqual([{ file, from: 10, to: 4 }]);
  });
});

async function startRecorded(
  folder: string,
  appendfsync: string,
): Promise<{ readonly server: RedisServer; readonly recordFolder: string }> {
  const record = buildFsyncRecord(folder);
  const server = await startRedis(record.environment);
  // From its first write on: what it has begun with is synced either way.
  await command(server, "CONFIG", "SET", "appendfsync", appendfsync);
  return { server, recordFolder: record.folder };
}

/** Clients count together until Redis is killed in the middle; then the power is lost, and it is started again. */
async function loseGrowing(
  appendfsync: string,
  meanwhile: (server: RedisServer) => Promise<void> = async () => {},
): Promise<{ readonly answered: number; readonly there: number }> {
  using folder = temporaryFolder();
  const { server, recordFolder } = await startRecorded(folder.path, appendfsync);
  try {
    let answered = 0;
    const clients = Array.from({ length: CLIENTS }, async () => {
      const client = createClient({ url: server.url, socket: { reconnectStrategy: false } });
      client.on("error", () => {});
      await client.connect();
      // Ends with the kill: the call has no answer then.
      for (;;) answered = Math.max(answered, await client.incr("count"));
    });
    const ended = Promise.allSettled(clients);
    await eventually("there are answers", () => answered >= ANSWERS);
    await meanwhile(server);
    await eventually("there are more answers", () => answered >= 2 * ANSWERS);
    await server.process.kill();
    await ended;
    cutToSynced(server.log, recordFolder);
    await server.process.start();
    return { answered, there: await countOf(server) };
  } finally {
    await server.process.dispose();
  }
}

async function grow(server: RedisServer, times: number): Promise<void> {
  const client = await createClient({ url: server.url }).connect();
  for (let count = 0; count < times; count += 1) await client.incr("count");
  client.destroy();
}

async function countOf(server: RedisServer): Promise<number> {
  return Number(await command(server, "GET", "count"));
}

async function command(server: RedisServer, ...args: readonly string[]): Promise<unknown> {
  const client = await createClient({ url: server.url }).connect();
  try {
    return await client.sendCommand([...args]);
  } finally {
    client.destroy();
  }
}

function cutBytes(cut: readonly CutFile[]): number {
  return cut.reduce((sum, { from, to }) => sum + from - to, 0);
}
