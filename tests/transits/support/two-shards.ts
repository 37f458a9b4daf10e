import { afterAll, beforeAll, beforeEach } from "bun:test";
import { z } from "zod";
import type { Told } from "../../../src/decide/transits/transit-arguments.ts";
import type { Posting } from "../../../src/ledger/transaction.ts";
import { open } from "../../support/ledger/commands.ts";
import { RedisStand } from "../../support/redis-under-test.ts";
import { ShardCalls } from "../../support/transits/shard-calls.ts";

/** Of two shards the one with the account `a`, whose limit is 100, and the one with `b` and `c`, which have none. */
export const HOME = 0;
export const OTHER = 1;
export const ATTEMPT = "0-one";

export const aToB = [{ from: "a", to: "b", amount: 40 }];
/** What {@link OTHER} tells of it. */
export const toldOfB: Told = {
  shards: [OTHER],
  accounts: [{ id: "b", state: "open", unit: "BRL/2" }],
  refused: null,
  unmet: null,
};

const DECIDED = { transaction: "t0-9-0-5", decidedAt: 5, hold: null };

/** For a group of tests: two shards that each test has for itself, and the calls that most of them need. */
export function twoShards() {
  let stand: RedisStand;
  let calls: ShardCalls;
  beforeAll(async () => {
    stand = await RedisStand.start({ shards: 2 });
  });
  beforeEach(async () => {
    await stand.begin();
    calls = new ShardCalls(stand);
    await calls.submit(HOME, open(100, { account: "a" }));
    await calls.submit(OTHER, open(0, { account: "b" }));
    await calls.submit(OTHER, open(0, { account: "c" }));
  });
  afterAll(() => stand[Symbol.asyncDispose]());

  return {
    get stand() {
      return stand;
    },
    get calls() {
      return calls;
    },
    prepare: (postings: readonly Posting[], accounts: readonly string[], attempt = ATTEMPT) =>
      calls.ask(OTHER, {
        type: "prepare",
        attempt,
        command: "key:k",
        isDryRun: false,
        postings,
        conditions: [],
        accounts,
        details: '{"description":"what it is for"}',
      }),
    ask: (type: "undo" | "ask", shard: number, attempt = ATTEMPT) => calls.ask(shard, { type, attempt }),
    finish: (attempt = ATTEMPT) => calls.ask(OTHER, { type: "finish", attempt, ...DECIDED }),
    read: async (shard: number, what: string, id: string) =>
      z
        .tuple([z.string(), z.array(z.string()).nullable()])
        .parse(await stand.call("razonete_read", [stand.books.epoch, "0", what, id], shard))[1],
    lastEvent: async (shard: number) => (await stand.events(shard)).at(-1) ?? "",
    keys: async (pattern: string) =>
      z.array(z.string()).parse(await stand.command(["KEYS", `razonete:*:${pattern}`])),
  };
}
