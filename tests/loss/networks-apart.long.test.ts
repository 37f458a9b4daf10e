import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { Follower, type Told } from "../support/followers/event-client.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { FollowedBooks } from "./support/followed-books.ts";
import { networkMissing } from "./support/network.ts";
import { ALL, APART, ThreeMachines } from "./support/three-machines.ts";

/** What carries and keeps, each on a machine of its own, cut off while all else goes on, and healed. */

failOnLeaks();
setDefaultTimeout(240_000);

const MACHINES = ["a", "b", "c"] as const;
const [PRIMARY, STANDBY] = APART.books;
const ENOUGH = 100;

if (networkMissing !== null) console.error(`SKIPPED, networks that are cut: ${networkMissing}`);

describe.skipIf(serversMissing !== null || networkMissing !== null)("a network that is cut around", () => {
  let machines: ThreeMachines;
  let books: FollowedBooks;
  let followers: readonly Follower[] = [];
  beforeAll(async () => {
    machines = new ThreeMachines(APART);
    books = new FollowedBooks(machines);
    await machines.start();
    followers = MACHINES.map((machine) => {
      const { url, unix } = machines.apiOf(machine);
      return new Follower(
        () => url,
        "type=transaction.created",
        () => Infinity,
        { unix },
      );
    });
  });
  afterAll(async () => {
    await Promise.all(followers.map((follower) => follower.stop()));
    await machines[Symbol.asyncDispose]();
  });

  /** Until every reader of events was told as many as are answered now. */
  async function told(): Promise<void> {
    const count = machines.load.answered.size;
    await eventually(
      "readers of events are told all",
      () => followers.every(({ events }) => events.length >= count),
      () => [count, followers.map(({ events }) => events.length)],
      90_000,
    );
  }

  /** Every reader of events was told each that was answered once and in order. */
  async function expectToldInOrder(): Promise<void> {
    await told();
    const answered = [...machines.load.answered.values()].map(({ id }) => id);
    for (const { events } of followers)
      for (const shard of ALL)
        expect(ofShard(shard, transactionsIn(events))).toEqual(
          ofShard(shard, answered).toSorted((one, other) => placeOf(one) - placeOf(other)),
        );
  }

  test("the leader of NATS's stream: nobody waits, the books get all, and readers of events are told meanwhile", async () => {
    const { load } = machines;
    load.begin();
    await load.goesOn(ALL);
    load.mark();
    let leader = "";
    await eventually("the stream has a leader", () => (leader = machines.streamLeader("x")) !== "");
    machines.cutOff(leader);
    await load.goesOn(ALL, ENOUGH);
    const [other = ""] = APART.nats.filter((machine) => machine !== leader);
    await eventually("another one leads", () => !["", leader].includes(machines.streamLeader(other)));
    await load.goesOn(ALL, ENOUGH);
    await told();
    for (const machine of MACHINES) expect(await machines.undecidedAt(machine)).toEqual([]);
    await machines.healed("the leader of NATS's stream cut off");
    await expectToldInOrder();
    await books.trimmed();
  });

  test("the standby of PostgreSQL: shards decide on, and nothing that it lacks is removed from an outbox", async () => {
    const { load } = machines;
    load.begin();
    await load.goesOn(ALL);
    load.mark();
    machines.cutOff(STANDBY);
    await load.goesOn(ALL);
    await books.asksForProof();
    await load.goesOn(ALL, ENOUGH);
    books.expectWaiting(await books.lastKept(1));
    await machines.healed("the standby of PostgreSQL cut off");
    await books.trimmed();
    await books.followed();
    await expectToldInOrder();
  });

  test("the primary of PostgreSQL: nothing is promoted, and only a shard whose primary is replaced waits for the books", async () => {
    const { load } = machines;
    load.begin();
    await load.goesOn(ALL);
    load.mark();
    machines.cutOff(PRIMARY);
    await load.goesOn(ALL, ENOUGH);
    for (const machine of MACHINES) expect(await machines.undecidedAt(machine)).toEqual([]);
    machines.cutOff(PRIMARY, "a");
    await machines.undecided("b", [0]);
    const there = load.countOf(0);
    await load.goesOn([1, 2], ENOUGH);
    expect(load.countOf(0)).toBe(there);
    expect(await books.standbys()).toEqual([false, true]);
    books.expectWaiting(await books.lastKept(1));
    await machines.healed("the primary of PostgreSQL cut off, and then the primary of shard 0");
    await books.trimmed();
    await books.followed();
    await expectToldInOrder();
  });
});

/** The ids of their transactions, as they came. */
function transactionsIn(events: readonly Told[]): string[] {
  return events.map(({ data }) => String(data["id"]));
}

function ofShard(shard: number, transactions: readonly string[]): string[] {
  return transactions.filter((id) => id.startsWith(`t${shard}-`));
}

/** Where in its shard's journal a transaction is. */
function placeOf(id: string): number {
  const [, g = "", index = ""] = id.split("-");
  return Number(g) * 1_000 + Number(index);
}
