import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { FaultAction, FaultRecord } from "../../proof/torture/plan/fault.ts";
import type { Role } from "../../proof/torture/plan/role.ts";
import { ClusterUnderTest } from "../../proof/torture/system/cluster-under-test.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// A start of all servers, and recoveries, on a machine that may be busy.
setDefaultTimeout(240_000);
failOnLeaks();

describe.skipIf(serversMissing !== null)("the nodes under test", () => {
  const folder = temporaryFolder();
  let system: ClusterUnderTest;
  let number = 0;
  let credits = 0;

  beforeAll(async () => {
    system = await ClusterUnderTest.start({
      folder: folder.path,
      faultKinds: ["kill", "stop", "net", "disk"],
      form: { shards: 3, replicas: 2 },
      say: () => {},
    });
    for (const { what, reason } of system.unsupportedFaults) console.error(`SKIPPED, ${what}: ${reason}`);
  });

  afterAll(async () => {
    await system.stop();
    folder[Symbol.dispose]();
  });

  function inject(action: FaultAction, lastsMilliseconds: number): Promise<FaultRecord> {
    number += 1;
    return system.inject({ number, kind: "kill", action, afterMilliseconds: 0, lastsMilliseconds });
  }

  /** On each account of the start, so on several shards: answered 200, or the test fails. */
  async function credit(): Promise<void> {
    credits += 1;
    for (const account of [1, 2, 3, 4, 5]) {
      const response = await fetch(`${system.url}/clientes/${account}/transacoes`, {
        method: "POST",
        body: JSON.stringify({ valor: 1, tipo: "c", descricao: "node" }),
      });
      expect(await response.json()).toMatchObject({ saldo: credits });
    }
  }

  /** Nothing is lost, and the copies are whole again. */
  async function comesBack(): Promise<void> {
    expect(await system.recover()).toEqual([]);
    await credit();
    expect(await system.audit()).toBeNull();
  }

  const killed = (role: Role): FaultAction => ({
    type: "kill-role",
    of: { role, shard: 1 },
    againAfterMilliseconds: null,
  });

  test("are three primaries with two replicas each, three NATS servers, two PostgreSQL", async () => {
    const names = Object.keys(system.pids).toSorted();
    expect(names.filter((name) => name.startsWith("redis-")).length).toBe(9);
    expect(names).toEqual(
      expect.arrayContaining(["nats-1", "nats-3", "postgres-1", "postgres-2", "writer-2"]),
    );
    await credit();
  });

  test("a primary is killed for longer than its replicas wait: another one decides, and it comes back", async () => {
    const first = await inject(killed("redis-primary"), 6_000);
    expect(first).toMatchObject({ skipped: null, hit: { processes: ["redis-2"], shards: [1] } });
    // Whoever took over has the role now.
    const second = await inject({ type: "stop-role", of: { role: "redis-primary", shard: 1 } }, 100);
    expect(second.hit?.processes).not.toEqual(["redis-2"]);
    await comesBack();
  });

  test("a machine is a node of each shard, and a NATS server", async () => {
    const { hit, skipped } = await inject(killed("machine"), 500);
    expect([skipped, hit?.shards]).toEqual([null, [1]]);
    expect(hit?.processes.toSorted()).toEqual(["nats-2", "redis-2", "redis-5", "redis-8"]);
    await comesBack();
  });

  test("a machine is cut off the others: its shard goes on elsewhere", async () => {
    // Longer than its replicas wait, on a machine that looks away meanwhile, too.
    const { hit, skipped } = await inject({ type: "apart", of: { role: "machine", shard: 2 } }, 8_000);
    if (system.unsupportedFaults.some(({ kind }) => kind === "net")) return;
    expect([skipped, hit?.shards]).toEqual([null, [2]]);
    const now = await inject({ type: "stop-role", of: { role: "redis-primary", shard: 2 } }, 100);
    expect(hit?.processes).not.toContain(now.hit?.processes[0]);
    await comesBack();
  });

  for (const role of ["redis-primary", "redis-replica", "nats-leader", "postgres-primary"] as const)
    test(`${role} loses its folder, and has it again`, async () => {
      const record = await inject({ type: "folder-lost", of: { role, shard: 0 } }, 300);
      expect(record.skipped).toBeNull();
      await comesBack();
    });

  test("PostgreSQL's primary is frozen for longer than its standby waits: that takes over", async () => {
    const of = { role: "postgres-primary", shard: 0 } as const;
    const before = await inject({ type: "stop-role", of }, 15_000);
    await comesBack();
    const after = await inject({ type: "stop-role", of }, 100);
    expect(after.hit?.processes).not.toEqual(before.hit?.processes);
  });

  test("no copy is taken with its folder while another one is missing", async () => {
    const [, record] = await Promise.all([
      inject(killed("redis-replica"), 15_000),
      Bun.sleep(1_000).then(() =>
        inject({ type: "folder-lost", of: { role: "redis-primary", shard: 1 } }, 100),
      ),
    ]);
    expect(record.skipped).toContain("copies were missing already");
    await comesBack();
  });
});
