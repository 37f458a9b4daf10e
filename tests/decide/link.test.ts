import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { CallCycle } from "../../src/decide/calls/call-cycle.ts";
import { openRedisNodes } from "../../src/decide/nodes/open-nodes.ts";
import type { RedisNodes } from "../../src/decide/nodes/redis-nodes.ts";
import type { BooksReader } from "../../src/decide/ports.ts";
import { RedisLink } from "../../src/decide/redis-link.ts";
import { Shard } from "../../src/decide/shard.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { credit } from "../support/ledger/settling.ts";
import { describeWithRedis, RedisStand, silentFeed } from "../support/redis-under-test.ts";
import { booksThat } from "./support/books-that.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const HEAD = "razonete:{0}:head";

describeWithRedis("the link to a Redis", () => {
  let stand: RedisStand;
  let nodes: RedisNodes;
  let link: RedisLink | null = null;
  beforeEach(async () => {
    stand = await RedisStand.start();
    nodes = openRedisNodes(stand.server.url);
  });
  afterEach(async () => {
    link?.close();
    nodes.close();
    await stand[Symbol.asyncDispose]();
  });

  function newLink(books: BooksReader): RedisLink {
    link = new RedisLink({ nodes, shard: null, books, durable: true, onAdmitted: () => {} });
    return link;
  }

  for (const state of ["there", "empty"])
    test(`that knows no epoch yet asks for nothing, and goes on to say what it waits for: Redis is ${state}`, async () => {
      if (state === "empty") await stand.command(["DEL", HEAD]);
      const away = booksThat(stand.books, { fence: () => Promise.reject(new Error("away")) });
      const own = newLink(away);
      const reason = expect.stringMatching(/the books in PostgreSQL cannot be asked whether Redis is what/);
      await eventually("it has compared", () => JSON.stringify(own.readiness()).includes("the books in"));
      const options = { feed: silentFeed, outboxBatchesMax: 1000, balancerResends: false };
      const shard = new Shard(0, own, new CallCycle(), options);
      const told = shard.recall([{ command: credit("1"), prepared: { type: "as-is" } }]);
      expect(String(await told.catch((error: unknown) => error))).toContain(
        "Redis does not tell what became of it",
      );
      expect(own.readiness()).toEqual({ ready: false, reason });
    });

  const changes: readonly (readonly [name: string, change: readonly string[], reason: string])[] = [
    ["of another epoch", ["HSET", HEAD, "epoch", "other"], "Redis has another epoch than it had, or none"],
    ["emptied", ["HDEL", HEAD, "epoch"], "Redis has another epoch than it had, or none"],
    ["older", ["HSET", HEAD, "g", "0"], "Redis lacks what it has answered"],
  ];
  for (const [name, change, words] of changes)
    test(`says in plain words that Redis is ${name}, until the books were asked`, async () => {
      let areAway = false;
      const books = booksThat(stand.books, {
        fence: () => (areAway ? new Promise<never>(() => {}) : stand.books.fence()),
      });
      const own = newLink(books);
      await eventually("it is admitted", () => own.admission !== null);
      own.sawBatch(0, 1, "c");
      await stand.command(["HSET", HEAD, "g", "1"]);
      areAway = true;
      await stand.command(change);
      const args = ["test", String(own.latestG(0)), "1000"];
      expect(own.call("FCALL", "razonete_apply", 0, args)).rejects.toThrow(/^(EPOCH|STALE) /);
      await eventually("it is refused", () => !own.readiness().ready);
      expect(own.readiness()).toEqual({
        ready: false,
        reason: `${words}: it is compared with the books before anything is asked of it`,
      });
    });

  test("does not call it a refusal of transactions that Redis was another one, once it is itself again", async () => {
    const own = newLink(stand.books);
    await eventually("it is admitted", () => own.admission !== null);
    await stand.command(["HSET", HEAD, "epoch", "other"]);
    await own.call("FCALL", "razonete_apply", 0, ["test", "0", "1000"]).catch(() => {});
    await eventually("it is refused", () => own.admission === null);
    await stand.command(["HSET", HEAD, "epoch", "test"]);
    await eventually("it is admitted again", () => own.admission !== null);
    expect(own.refusal).toBeNull();
  });
});
