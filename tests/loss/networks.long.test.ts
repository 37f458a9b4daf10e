import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { TestNetwork } from "./support/network.ts";
import { ALL, ThreeMachines } from "./support/three-machines.ts";

/** Three machines whose network is cut between them, and healed, with clients on both sides. */

failOnLeaks();
setDefaultTimeout(180_000);

if (TestNetwork.missing !== null) console.error(`SKIPPED, networks that are cut: ${TestNetwork.missing}`);

describe.skipIf(serversMissing !== null || TestNetwork.missing !== null)("a network that is cut", () => {
  let machines: ThreeMachines;
  beforeAll(async () => {
    machines = new ThreeMachines();
    await machines.start();
  });
  afterAll(() => machines[Symbol.asyncDispose]());

  async function healed(what: string): Promise<void> {
    const seconds = machines.load.longest().map((longest) => (longest / 1000).toFixed(1));
    console.log(`${what}: the shards did not answer for ${seconds.join(", ")} s at most`);
    machines.network.heal();
    for (const machine of machines.network.machines)
      await eventually(
        `all shards decide for ${machine}`,
        async () => (await machines.undecidedAt(machine)) === null,
        () => machines.undecidedAt(machine),
      );
    await machines.load.goesOn(ALL);
    await machines.expectNothingLost();
    // So that each machine has a primary again.
    await machines.join();
  }

  test("a primary with clients on the side of the fewer: nothing is answered there, all goes on on the other side", async () => {
    const { load, network } = machines;
    load.begin();
    await load.goesOn(ALL);
    load.mark();
    network.cut(["a"], ["b", "c"]);
    await eventually("no shard decides for a", async () =>
      /"status":"not-ready"|"shard":0.*"shard":1.*"shard":2/.test((await machines.undecidedAt("a")) ?? ""),
    );
    const there = load.countOfClients(0);
    await load.goesOn(ALL, 100);
    expect(load.countOfClients(0)).toBe(there);
    await healed("a cut off, with the primary of shard 0");
    expect(load.countOfClients(0)).toBeGreaterThan(there);
  });

  test("the books on the side of the fewer: shards go on, but the one whose primary is there waits for them", async () => {
    const { load, network } = machines;
    load.begin();
    await load.goesOn(ALL);
    load.mark();
    network.cut(["a", "b"], ["c"]);
    let undecided = "";
    await eventually("a shard is undecided for a", async () => {
      undecided = (await machines.undecidedAt("a")) ?? "";
      return undecided.includes('"shard":');
    });
    const lost = ALL.filter((shard) => undecided.includes(`"shard":${shard}`));
    expect(lost).toHaveLength(1);
    await load.goesOn(
      ALL.filter((shard) => !lost.includes(shard)),
      100,
    );
    await healed(`c cut off, with the primary of shard ${lost.join()} and the books`);
  });

  test("each machine alone: nothing is answered, and all goes on by itself once they reach each other", async () => {
    const { load, network } = machines;
    load.begin();
    await load.goesOn(ALL);
    load.mark();
    network.cut(["a"], ["b"], ["c"]);
    for (const machine of network.machines)
      await eventually(`no shard decides for ${machine}`, async () =>
        /"status":"not-ready"|"shard":0.*"shard":1.*"shard":2/.test(
          (await machines.undecidedAt(machine)) ?? "",
        ),
      );
    const there = load.answered.size;
    await Bun.sleep(3_000);
    expect(load.answered.size).toBe(there);
    await healed("each alone");
  });
});
