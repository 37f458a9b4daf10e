import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { RedisClient } from "bun";
import { z } from "zod";
import { argumentsOf, type Prepared } from "../../src/decide/function-codec.ts";
import { functionLibrary } from "../../src/decide/function-library.ts";
import { openRedisNodes } from "../../src/decide/nodes/open-nodes.ts";
import { reachNode } from "../../src/decide/nodes/reach-node.ts";
import { connectRedis, readOutbox, type Redis } from "../../src/decide/redis-client.ts";
import { Books } from "../../src/keep/books.ts";
import { initialise } from "../../src/keep/init.ts";
import { connectPostgres, type Sql } from "../../src/keep/postgres-client.ts";
import type { Command } from "../../src/ledger/command.ts";
import { NO_DETAILS } from "../../src/ledger/transaction.ts";
import { emptyRedis, loadRedis } from "../../src/restore/rebuild-redis.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { journalFaults } from "../support/kept-journal.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { type RedisServer, startRedis } from "../support/servers/redis.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const DAY_SECONDS = 86_400;

/** What the function decided, kept, and loaded from the books again: Redis holds the same, to the letter. */
describe.skipIf(serversMissing !== null)("Redis loaded from the books", () => {
  let [postgres, redisServer]: [PostgresServer | null, RedisServer | null] = [null, null];
  let sql: Sql;
  let redis: Redis;
  let reader: RedisClient;
  let books: Books;
  let epoch: string;
  let requests = 0;
  let named = 0;

  beforeAll(async () => {
    [postgres, redisServer] = await Promise.all([startPostgres(), startRedis()]);
    const databaseUrl = await postgres.createDatabase();
    ({ epoch } = await initialise({
      databaseUrl,
      redisUrl: redisServer.url,
      shards: 1,
      library: functionLibrary,
    }));
    sql = connectPostgres({ url: databaseUrl, name: "test", connections_max: 1 });
    books = new Books({ url: databaseUrl, name: "test", connections_max: 1 });
    redis = connectRedis(redisServer.url, () => {});
    await redis.connect();
    reader = new RedisClient(redisServer.url);
  });
  afterAll(async () => {
    reader.close();
    redis.destroy();
    await Promise.all([books.close(), sql.end()]);
    await Promise.all([postgres?.process.dispose(), redisServer?.process.dispose()]);
  });

  const replies = z.array(z.string());

  /**
   * Each comes with another access key, or none: also what is sent again.
   *
   * @returns what the function answers to each, and the id that a transaction or a hold of it has
   */
  async function decide(...commands: readonly (readonly [Command, Prepared?])[]): Promise<string[]> {
    const args = commands.flatMap(([command, prepared]) =>
      argumentsOf(command, prepared ?? { type: "as-is" }),
    );
    const names = commands.map(() => ["shop", "-", "till-2", "shop"][(named += 1) % 4]).join(" ");
    const reply = replies.parse(
      await redis.sendCommand([
        "FCALL",
        "razonete_apply",
        "1",
        "razonete:{0}:head",
        epoch,
        "0",
        "100000",
        ...args,
        names,
      ]),
    );
    return reply.slice(2 + Number(reply[1]));
  }

  const request = () => `req:${(requests += 1)}` as const;

  /** The id of the hold, or of the transaction, that an answer tells of. */
  function idIn(letter: "t" | "h", answer: string): string {
    const [, g, index, time] = /^=(\d+) (\d+) [thp] (\d+) /.exec(answer) ?? [];
    if (time === undefined) throw new Error(`no id in ${answer}`);
    return `${letter}0-${g}-${index}-${Number(time) % 1_000_000}`;
  }

  async function everything(): Promise<Readonly<Record<string, unknown>>> {
    const held: Record<string, unknown> = {};
    for (const key of (await reader.keys("razonete:*")).toSorted()) {
      const [, , kind] = key.split(":");
      if (kind === "head") held[key] = await reader.send("HMGET", [key, "epoch", "version", "g", "shards"]);
      else if (kind === "seen") Object.assign(held, { seen: await reader.hgetall(key) });
      else if (kind === "statement")
        held[key] = await reader.send("ZREVRANGE", [key, "0", "9", "WITHSCORES"]);
      else if (kind === "expiries") held[key] = await reader.send("ZRANGE", [key, "0", "-1", "WITHSCORES"]);
      else if (kind !== "outbox") {
        const text = await reader.get(key);
        // Those of the start have no details, or empty ones.
        if (kind === "details" && text === " ") continue;
        held[key] = text;
        const left = await reader.ttl(key);
        // Seconds may have gone by.
        held[`${key} lasts`] = left === -1 ? "for ever" : Math.round(left / 100) * 100;
      }
    }
    return held;
  }

  test("is what it was", async () => {
    const opened = { type: "open", unit: "BRL/2", creditLimit: 50, name: 'ü "x" \\ ', metadata: {} } as const;
    const details = { ...NO_DETAILS, reference: "order/1", metadata: { b: "2", aa: "1" } };
    const long = "lunch \u00fc with many \ud83d\ude00 words in it";
    const transact = (id: `key:${string}` | `req:${string}`, kind: "credit" | "debit", value: number) =>
      [{ type: "transact", id, account: "1", kind, value, description: "a  b" }] as const;
    await decide(
      [{ ...opened, id: "key:open", account: "a" }],
      [
        { ...opened, id: request(), account: null, metadata: { t: "\u00fc" } },
        { type: "open", account: "amade" },
      ],
      transact("key:plain", "credit", 1000),
      transact(request(), "debit", 3),
      transact("key:refused", "debit", 9_000_000),
    );
    const hold = (id: `key:${string}` | `req:${string}`, amount: number, expiresInSeconds = 600) =>
      [{ type: "hold", id, from: "1", to: "2", amount, expiresInSeconds, ...details }] as const;
    const answers = await decide(
      hold("key:hold", 100),
      hold(request(), 50),
      hold(request(), 20),
      hold(request(), 9),
      transact("key:while-held", "credit", 5),
      transact(request(), "debit", 5),
    );
    const [first = "", second = "", third = "", last = ""] = answers
      .slice(0, 4)
      .map((answer) => idIn("h", answer));
    const capture = { type: "capture", amount: null, to: null, parts: null } as const;
    await decide(
      [
        {
          ...capture,
          id: "key:capture",
          hold: first,
          parts: [
            { to: "2", amount: 60 },
            { to: "a", amount: 70 },
          ],
        },
      ],
      [{ type: "release", id: "bat:release", hold: second }],
      [{ ...capture, id: request(), hold: third, amount: 0 }],
      [{ ...capture, id: "key:again", hold: first }],
    );
    const [moved = ""] = await decide([
      {
        type: "transaction",
        id: "key:moved",
        conditions: [],
        isDryRun: false,
        ...details,
        description: long,
        postings: [
          {
            from: "1",
            to: "2",
            amount: 5,
          },
          {
            from: "2",
            to: "1",
            amount: 1,
          },
          {
            from: "@world",
            to: "amade",
            amount: 1,
          },
        ],
      },
    ]);
    const transaction = idIn("t", moved);
    const back = [
      { from: "amade", to: "@world", amount: 1 },
      { from: "1", to: "2", amount: 1 },
      { from: "2", to: "1", amount: 5 },
    ];
    await decide(
      [
        { type: "reversal", id: "key:back", transaction, ...NO_DETAILS },
        { type: "reversal", postings: back },
      ],
      [{ type: "change", id: "key:limit", account: "2", creditLimit: 90_000 }],
      [
        { type: "change", id: "bat:details", account: "a", name: null, metadata: { x: "y" } },
        { type: "details", before: JSON.stringify({ name: opened.name }), after: '{"metadata":{"x":"y"}}' },
      ],
    );
    for (let count = 0; count < 25; count += 1)
      await decide([
        { type: "transact", id: request(), account: "3", kind: "credit", value: 1 + count, description: "c" },
      ]);
    // It comes last: whatever is decided after it is due ends it, and then the sweep has nothing to end.
    await decide(hold(request(), 7, 1));
    await Bun.sleep(1_100);
    const sweep = ["FCALL", "razonete_sweep", "1", "razonete:{0}:head", epoch, "0", "100000"];
    expect(Number(await redis.sendCommand(sweep))).toBe(1);
    expect(await reader.get(`razonete:{0}:hold:${last}`)).toStartWith("open 1 2 9 0 ");

    const outbox = await readOutbox(redis, 0, 1, 1000);
    await books.keep(
      0,
      outbox.map((entry) => ({ epoch, shard: 0, ...entry })),
    );
    expect(await journalFaults(sql)).toEqual([]);

    const before = await everything();
    const ids = JSON.stringify(before).match(/(?<=[ {"])[a-z0-9-]*\/?(?:key|bat|req):/g);
    for (const id of ["shop/key:", "till-2/req:", "key:", "req:"]) expect(ids).toContain(id);
    expect(
      Object.keys(before).filter((key) => key.endsWith(" lasts") && before[key] === DAY_SECONDS),
    ).not.toEqual([]);
    const time = Number(await reader.hget("razonete:{0}:head", "time"));
    const nodes = openRedisNodes(redisServer?.url ?? "");
    expect(await reachNode(nodes.shard(0), 5_000)).toBe(true);
    await emptyRedis(nodes);
    expect(await reader.keys("razonete:*")).toEqual([]);
    await loadRedis(sql, nodes, { epoch, shards: 1, loaded: true, keyHours: 24 }, functionLibrary);
    nodes.close();
    expect(await everything()).toEqual(before);
    // The ledger's clock does not go back, whatever the machine's does.
    expect(Number(await reader.hget("razonete:{0}:head", "time"))).toBeWithin(time - 2_000_000, time + 1);

    // What was done is known, and goes on from there.
    const again = await decide(
      transact("key:plain", "credit", 1000),
      transact("key:while-held", "credit", 5),
      [{ type: "release", id: "bat:release", hold: second }],
      [{ type: "release", id: request(), hold: last }],
      [{ type: "release", id: request(), hold: first }],
      [
        { type: "reversal", id: request(), transaction, ...NO_DETAILS },
        { type: "reversal", postings: back },
      ],
      [{ ...opened, id: request(), account: "a" }],
      [{ ...opened, id: request(), account: "1" }],
    );
    expect(again.map((answer) => answer.slice(0, 1))).toEqual(["+", "+", "+", "=", "!", "!", "*", "!"]);
    expect(again.slice(4, 6)).toEqual([
      "!hold-not-open///captured",
      `!already-reversed///${await books.reversalOf(transaction)}`,
    ]);
  });
});
