import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
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

  /** Until these shards do not decide for the API of a machine, and all others do. */
  async function undecided(machine: string, shards: readonly number[]): Promise<void> {
    let told: readonly number[] = [];
    await eventually(
      `${machine} says that shards ${shards.join(", ")} do not decide`,
      async () => {
        told = await machines.undecidedAt(machine);
        return Bun.deepEquals(told, shards);
      },
      () => told,
    );
  }

  async function healed(what: string): Promise<void> {
    const seconds = machines.load.longest().map((longest) => (longest / 1000).toFixed(1));
    console.log(`${what}: the shards did not answer for ${seconds.join(", ")} s at most`);
    machines.network.heal();
    for (const machine of machines.network.machines) await undecided(machine, []);
    await machines.load.goesOn(ALL);
    await machines.expectNothingLost();
    // So that each machine has a primary again.
    await machines.join();
    expect(machines.primaries()).toEqual(["a", "b", "c"]);
  }

  test("a primary with clients on the side of the fewer: nothing is answered there, all goes on on the other side", async () => {
    const { load, network } = machines;
    load.begin();
    await load.goesOn(ALL);
    load.mark();
    network.cut(["a"], ["b", "c"]);
    await undecided("a", ALL);
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
    // The cluster has given it to the other side, but nobody there can compare it with the books.
    await undecided("a", [2]);
    const there = load.countOf(2);
    await load.goesOn([0, 1], 100);
    expect(load.countOf(2)).toBe(there);
    await healed("c cut off, with the primary of shard 2 and the books");
  });

  test("each machine alone: nothing is answered, and all goes on by itself once they reach each other", async () => {
    const { load, network } = machines;
    load.begin();
    await load.goesOn(ALL);
    load.mark();
    network.cut(["a"], ["b"], ["c"]);
    for (const machine of network.machines) await undecided(machine, ALL);
    const there = load.answered.size;
    await Bun.sleep(3_000);
    expect(load.answered.size).toBe(there);
    await healed("each alone");
  });
});
