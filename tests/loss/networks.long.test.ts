import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { networkMissing } from "./support/network.ts";
import { ALL, ThreeMachines } from "./support/three-machines.ts";

/** Three machines whose network is cut between them, and healed, with clients on both sides. */

failOnLeaks();
setDefaultTimeout(180_000);

if (networkMissing !== null) console.error(`SKIPPED, networks that are cut: ${networkMissing}`);

describe.skipIf(serversMissing !== null || networkMissing !== null)("a network that is cut", () => {
  let machines: ThreeMachines;
  beforeAll(async () => {
    machines = new ThreeMachines();
    await machines.start();
  });
  afterAll(() => machines[Symbol.asyncDispose]());

  test("a primary with clients on the side of the fewer: nothing is answered there, all goes on on the other side", async () => {
    const { load, network } = machines;
    load.begin();
    await load.goesOn(ALL);
    load.mark();
    network.cut(["a"], ["b", "c"]);
    await machines.undecided("a", ALL);
    const there = load.countOfClients(0);
    await load.goesOn(ALL, 100);
    expect(load.countOfClients(0)).toBe(there);
    await machines.healed("a cut off, with the primary of shard 0");
    expect(load.countOfClients(0)).toBeGreaterThan(there);
  });

  test("the books on the side of the fewer: shards go on, but the one whose primary is there waits for them", async () => {
    const { load, network } = machines;
    load.begin();
    await load.goesOn(ALL);
    load.mark();
    network.cut(["a", "b"], ["c"]);
    // The cluster has given it to the other side, but nobody there can compare it with the books.
    await machines.undecided("a", [2]);
    const there = load.countOf(2);
    await load.goesOn([0, 1], 100);
    expect(load.countOf(2)).toBe(there);
    await machines.healed("c cut off, with the primary of shard 2 and the books");
  });

  test("each machine alone: nothing is answered, and all goes on by itself once they reach each other", async () => {
    const { load, network } = machines;
    load.begin();
    await load.goesOn(ALL);
    load.mark();
    network.cut(["a"], ["b"], ["c"]);
    for (const machine of network.machines) await machines.undecided(machine, ALL);
    const there = load.answered.size;
    await Bun.sleep(3_000);
    expect(load.answered.size).toBe(there);
    await machines.healed("each alone");
  });
});
