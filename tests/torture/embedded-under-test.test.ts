import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isFree } from "../../src/stack/ports.ts";
import { EmbeddedUnderTest } from "../../proof/torture/system/embedded-under-test.ts";
import type { FaultRecord, FaultAction } from "../../proof/torture/plan/fault.ts";
import { isFrozen } from "../../proof/torture/faults/process-tree.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { leftBehind } from "./support/left-behind.ts";

setDefaultTimeout(60_000);
failOnLeaks();

describe("the embedded ledger under test", () => {
  const folder = temporaryFolder();
  let system: EmbeddedUnderTest;

  beforeAll(async () => {
    system = await EmbeddedUnderTest.start({ folder: folder.path, faultKinds: ["kill", "stop", "disk"] });
    for (const { what, reason } of system.unsupportedFaults) console.error(`SKIPPED, ${what}: ${reason}`);
  });

  afterAll(async () => {
    await system.stop();
    folder[Symbol.dispose]();
  });

  function inject(action: FaultAction, lastsMilliseconds: number): Promise<FaultRecord> {
    return system.inject({ number: 1, kind: "kill", action, afterMilliseconds: 0, lastsMilliseconds });
  }

  async function transact(valor = 1): Promise<number> {
    const body = JSON.stringify({ valor, tipo: "c", descricao: "stage" });
    const response = await fetch(`${system.url}/clientes/1/transacoes`, { method: "POST", body });
    await response.text();
    return response.status;
  }

  test("kills it, twice, and starts it again on the same address", async () => {
    expect(await transact()).toBe(200);
    const before = system.pid;
    const done = inject({ type: "kill", processes: ["ledger"], againAfterMilliseconds: 50 }, 200);
    await eventually("it is down", () => system.pid === null);
    expect(await isFree(Number(new URL(system.url).port))).toBe(true);
    expect(await done).toMatchObject({ skipped: null });
    expect(await system.recover()).toEqual([]);
    expect(system.pid).not.toBe(before);
    expect(system.unexpectedExits).toBe(0);
    expect(await transact()).toBe(200);
  });

  test("starts it again where it ends by itself", async () => {
    const { pid } = system;
    process.kill(pid ?? 0, "SIGKILL");
    await eventually("it was started again", () => ![pid, null].includes(system.pid));
    await system.recover();
    expect(system.unexpectedExits).toBe(1);
  });

  test("freezes it", async () => {
    const done = inject({ type: "stop", processes: ["ledger"] }, 300);
    await eventually("it is frozen", () => isFrozen(system.pid ?? 0));
    await done;
    expect(isFrozen(system.pid ?? 0)).toBe(false);
    expect(await transact()).toBe(200);
  });

  test("fills its disk until it refuses, and frees it", async () => {
    if (system.unsupportedFaults.length > 0) return;
    // Longer than a busy machine may look away: an answer has to fall into it.
    const done = inject({ type: "disk-full", process: "ledger" }, 6_000);
    await eventually("it refuses", async () => (await transact()) === 503);
    expect(await done).toMatchObject({ skipped: null });
    await system.recover();
    expect(await transact()).toBe(200);
  });

  test("does not do what only a cluster can suffer, and says so", async () => {
    expect((await inject({ type: "nats-emptied" }, 10)).skipped).toContain("one process");
  });

  test("reads its books", async () => {
    const change = (limit: number) =>
      fetch(`${system.url}/v1/accounts/1`, {
        method: "PATCH",
        body: JSON.stringify({ credit_limit: limit }),
      });
    expect((await change(5)).status).toBe(200);
    expect(await transact(7)).toBe(200);
    expect((await change(6)).status).toBe(200);
    expect(await transact(8)).toBe(200);
    const { accounts, entries, holds, journal } = await system.books();
    expect(journal[0]).toMatchObject({ shard: 0, g: 0, previous: "00".repeat(32) });
    const latest = expect.stringMatching(/^c 1 \d+ \d+ 8 \d+ 6 req:\S+ stage$/);
    expect(journal.at(-1)).toMatchObject({ events: [latest], previous: journal.at(-2)?.hash });
    const balance = entries.findLast(({ account }) => account === "1")?.balance ?? NaN;
    const money = { creditLimit: 6, balance, held: 0, seq: entries.length };
    expect(accounts[0]).toEqual({ account: "1", unit: "BRL/2", state: "open", ...money });
    expect(holds).toEqual([]);
    expect(entries.slice(-3)).toMatchObject([
      { value: 1, kind: "credit", description: "stage", counterparty: null, reference: null },
      { value: 7, seq: entries.length - 1 },
      { value: 8, seq: entries.length, account: "1", time: expect.any(Number) },
    ]);
  });

  test("makes access keys, and revokes them", async () => {
    const keys = [await system.createKey("one"), await system.createKey("two")];
    const status = async (token: string | undefined): Promise<number> =>
      (await fetch(`${system.url}/v1/accounts/1`, { headers: { authorization: `Bearer ${token}` } })).status;
    await eventually("it asks for a key", async () => (await status("none")) === 401);
    // From the first one on it asks; the second one it may know a look later.
    await eventually("it knows the second one", async () => (await status(keys[1])) === 200);
    expect(await status(keys[0])).toBe(200);
    await system.revokeKey("one");
    await eventually("it is refused", async () => (await status(keys[0])) === 401);
    expect(await status(keys[1])).toBe(200);
    expect(system.revokeKey("none")).rejects.toThrow(
      /^razonete keys ended with 1: .*no access key named none/,
    );
  });

  // The last one.
  test("leaves nothing but its folder", async () => {
    await system.stop();
    expect(leftBehind(folder.path)).toEqual([]);
    expect(existsSync(join(folder.path, "embedded/ledger/razonete.db"))).toBe(true);
    expect(existsSync(join(folder.path, "embedded/logs/ledger.log"))).toBe(true);
  });
});
