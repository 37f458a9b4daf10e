import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { FollowedBooks } from "./support/followed-books.ts";
import { networkMissing } from "./support/network.ts";
import { ALL, SHARED, ThreeMachines } from "./support/three-machines.ts";

/** Three machines that have all there is, cut off whole, or in one direction only, and healed. */

failOnLeaks();
setDefaultTimeout(240_000);

const ENOUGH = 100;

if (networkMissing !== null) console.error(`SKIPPED, networks that are cut: ${networkMissing}`);

describe.skipIf(serversMissing !== null || networkMissing !== null)("machines that have all there is", () => {
  let machines: ThreeMachines;
  let books: FollowedBooks;
  beforeAll(async () => {
    machines = new ThreeMachines(SHARED);
    books = new FollowedBooks(machines);
    await machines.start();
  });
  afterAll(() => machines[Symbol.asyncDispose]());

  async function underLoad(): Promise<void> {
    machines.load.begin();
    await machines.load.goesOn(ALL);
    machines.load.mark();
  }

  async function healed(what: string): Promise<void> {
    await machines.healed(what);
    await books.trimmed();
    await books.followed();
  }

  test("one with a primary, NATS and PostgreSQL's standby is cut off: all goes on, and what the standby lacks waits", async () => {
    await underLoad();
    machines.cutOff("b");
    await machines.undecided("b", ALL);
    await goesOnWithout("b");
    books.expectWaiting(await books.lastKept(1));
    await healed("a machine with PostgreSQL's standby cut off");
  });

  test("one with a primary, NATS and PostgreSQL is cut off: the others go on, and its shard waits for the books", async () => {
    const { load } = machines;
    await underLoad();
    machines.cutOff("a");
    await machines.undecided("a", ALL);
    await machines.undecided("b", [0]);
    const there = load.countOf(0);
    await load.goesOn([1, 2], ENOUGH);
    expect(load.countOf(0)).toBe(there);
    expect(await books.standbys()).toEqual([false, true]);
    await healed("a machine with PostgreSQL cut off");
  });

  test("one hears all and is not heard: nothing is answered there, and all goes on elsewhere", async () => {
    await underLoad();
    machines.network.mute("b", "a", "c");
    await goesOnWithout("b");
    await healed("a machine that is not heard");
  });

  test("one is heard and hears nothing: nothing is answered there, and all goes on elsewhere", async () => {
    await underLoad();
    for (const other of ["a", "c"]) machines.network.mute(other, "b");
    await goesOnWithout("b");
    await healed("a machine that hears nothing");
  });

  test("one is not heard by one other, and heard by the third: whoever reaches a primary is answered", async () => {
    await underLoad();
    machines.network.mute("b", "a");
    await machines.undecided("a", [1]);
    await machines.undecided("b", [0]);
    await machines.undecided("c", []);
    await machines.load.goesOn(ALL, ENOUGH);
    await healed("a machine that one other does not hear");
  });

  async function goesOnWithout(machine: string): Promise<void> {
    await machines.undecided(machine, ALL);
    const there = machines.load.countOfClients(1);
    await machines.load.goesOn(ALL, ENOUGH);
    expect(machines.load.countOfClients(1)).toBe(there);
  }
});
