import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { FUNCTION_VERSION } from "../../src/decide/fence.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { apply, creditOf, debitOf, limitOf, openOf, snapshot } from "./support/function-calls.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const prefix = "razonete:{0}:";
const MAX = "9007199254740991";

describeWithRedis("the functions check everything, then write", () => {
  let stand: RedisStand;
  beforeAll(async () => {
    stand = await RedisStand.start();
  });
  beforeEach(() => stand.begin());
  afterAll(() => stand[Symbol.asyncDispose]());

  /** A call that touches every kind of key, more than once. */
  const batch = [
    creditOf(1, 5, "req:1"),
    openOf("6", 100, "key:o", { content: '["open"]', name: "name" }),
    debitOf(2, 5, "key:k", '["debit"]'),
    creditOf(6, 7, "req:2"),
    limitOf(3, 1, "req:3"),
    debitOf(4, MAX, "req:refused"),
  ];

  /** What is wrong, and the commands that make it so: command, key, and what else. */
  const planted: readonly [string, readonly (readonly [string, string, ...string[]])[]][] = [
    ["the head is no hash", [["SET", "head", "x"]]],
    ["the first account is no text", [["RPUSH", "account:1", "x"]]],
    ["the last account is no text", [["HSET", "account:3", "limit", "1"]]],
    ["an account that is to be opened is no text", [["RPUSH", "account:6", "x"]]],
    ["the statement of the first account is no zset", [["SET", "statement:1", "x"]]],
    ["the statement of another account is no zset", [["RPUSH", "statement:2", "x"]]],
    ["the outbox is no stream", [["HSET", "outbox", "e", "x"]]],
    ["a key is no string", [["HSET", "key:k", "a", "b"]]],
    ["an account that is to be opened has details", [["SET", "details:6", "x"]]],
    ["an account that is to be opened has a statement", [["SET", "statement:6", "x"]]],
    ["the outbox holds this batch already", [["XADD", "outbox", "1-0", "e", "x"]]],
    [
      "the outbox has held a later batch",
      [
        ["XADD", "outbox", "9-0", "e", "x"],
        ["XTRIM", "outbox", "MAXLEN", "0"],
      ],
    ],
    ["the head does not know its batch", [["HDEL", "head", "g"]]],
    ["an account has no balance", [["SET", "account:2", "80000 0 0 0 BRL/2 open 0"]]],
    ["an account has no seq", [["SET", "account:2", "80000 0 0  0 BRL/2 open 0"]]],
    ["an account is empty", [["SET", "account:2", ""]]],
    ["the ids of this period are no hash", [["SET", "seen:0", "x"]]],
    [
      "the ids of the period before are no hash",
      [
        ["HSET", "head", "period", "1"],
        ["SET", "seen:0", "x"],
      ],
    ],
  ];
  for (const [what, commands] of planted) {
    test(`${what}: the call fails, and nothing is changed`, async () => {
      for (const [command, key, ...rest] of commands) {
        const name = `${prefix}${key}`;
        if (command !== "XADD" && key !== "head" && command !== "XTRIM") await stand.command(["DEL", name]);
        await stand.command([command, name, ...rest]);
      }
      const before = await snapshot(stand);
      expect(Object.keys(before).length).toBeGreaterThan(4);
      expect(await failure(apply(stand, batch))).toBeInstanceOf(Error);
      expect(await snapshot(stand)).toEqual(before);
    });
  }

  for (const right of ["xadd", "hset", "mset", "zadd", "zremrangebyrank", "set"]) {
    test(`the user may not ${right}: the call is refused, and nothing is changed`, async () => {
      const before = await snapshot(stand);
      await stand.command(["ACL", "SETUSER", "default", `-${right}`]);
      expect(String(await failure(apply(stand, batch)))).toContain(
        `NOPERM the user of the ledger may not use ${right.toUpperCase()}`,
      );
      await stand.command(["ACL", "SETUSER", "default", "+@all"]);
      expect(await snapshot(stand)).toEqual(before);
    });
  }

  test("the same call goes through where nothing was planted", async () => {
    const { g, outcomes } = await apply(stand, batch);
    expect(g).toBe("1");
    expect(outcomes.map((text) => text.slice(0, 4))).toEqual([
      "=c 1",
      "=1 1",
      "=d 2",
      "=c 6",
      "=1 4",
      "!lim",
    ]);
  });

  test("what became of commands can be asked for without deciding any", async () => {
    const first = await apply(stand, batch);
    const before = await snapshot(stand);
    const recall = (epoch: string) =>
      stand.command([
        "FCALL_RO",
        "razonete_recall",
        "1",
        `${prefix}head`,
        epoch,
        "1",
        "1000",
        ...batch.flat(),
      ]);
    const outcomes = first.outcomes.map((text) => text.replace(/^=/, "+").replace(/^!/, "?"));
    expect(await recall("test")).toEqual(["", "0", ...outcomes]);
    expect(String(await failure(recall("other")))).toContain("EPOCH ");
    expect(await snapshot(stand)).toEqual(before);
    await stand.begin();
    const empty = await snapshot(stand);
    const fresh = ["test", "0", "1000", ...batch.flat()];
    expect(await stand.command(["FCALL_RO", "razonete_recall", "1", `${prefix}head`, ...fresh])).toEqual([
      "",
      "0",
      ...batch.map(() => "#"),
    ]);
    expect(await snapshot(stand)).toEqual(empty);
  });

  test("another epoch, and a caller that has seen more, are refused; nothing is changed", async () => {
    await apply(stand, [creditOf(1, 1, "req:0")]);
    const before = await snapshot(stand);
    expect(String(await failure(apply(stand, batch, { epoch: "other" })))).toContain("EPOCH ");
    expect(String(await failure(apply(stand, batch, { gMin: 2 })))).toContain("STALE ");
    const read = (...args: string[]) => failure(stand.call("razonete_read", [...args, "a", "1"]));
    expect(String(await read("other", "0"))).toContain("EPOCH ");
    expect(String(await read("test", "2"))).toContain("STALE ");
    expect(await snapshot(stand)).toEqual(before);
    await stand.command(["DEL", `${prefix}head`]);
    expect(String(await failure(apply(stand, batch)))).toContain("EPOCH ");
    expect(String(await failure(stand.call("razonete_status")))).toContain("EMPTY ");
  });

  test("a shard is set up only where there is nothing", async () => {
    const begin = () =>
      failure(stand.call("razonete_begin", ["new", "1", "0", "1", "100 0 0 0 0 BRL/2 open 0", "h"]));
    for (const left of ["head", "account:1", "statement:1", "outbox"]) {
      await stand.begin();
      await apply(stand, [creditOf(1, 1, "req:0")]);
      for (const key of ["head", "account:1", "statement:1", "outbox"])
        if (key !== left) await stand.command(["DEL", `${prefix}${key}`]);
      const before = await snapshot(stand);
      expect(Object.keys(before)).toContain(`${prefix}${left}`);
      expect(String(await begin())).toContain("NOTEMPTY ");
      expect(await snapshot(stand)).toEqual(before);
    }
  });

  test("without memory nothing is changed, and readings go on", async () => {
    await apply(stand, [creditOf(1, 1, "req:0")]);
    const before = await snapshot(stand);
    await stand.command(["CONFIG", "SET", "maxmemory", "1"]);
    try {
      expect(String(await failure(apply(stand, batch)))).toContain("OOM ");
      expect(await snapshot(stand)).toEqual(before);
      expect(await stand.call("razonete_status")).toEqual([
        "test",
        FUNCTION_VERSION,
        "1",
        "1",
        1,
        "1",
        "",
        "1",
      ]);
      const reading = await stand.command([
        "FCALL_RO",
        "razonete_read",
        "1",
        `${prefix}head`,
        "test",
        "1",
        "s",
        "1",
      ]);
      expect(reading).toMatchObject([
        expect.any(String),
        [expect.stringMatching(/^100000 1 0 1 \d{16} BRL\/2 open 0$/), "", expect.any(String)],
      ]);
    } finally {
      await stand.command(["CONFIG", "SET", "maxmemory", "0"]);
    }
  });
});

/** What it was rejected with. */
async function failure(call: Promise<unknown>): Promise<unknown> {
  try {
    return `it was done: ${JSON.stringify(await call)}`;
  } catch (error) {
    return error;
  }
}
