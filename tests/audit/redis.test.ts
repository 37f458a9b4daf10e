import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { ACCOUNT_3, AuditedCluster, DETAILS_3, STATEMENT_3 } from "./support/audited-cluster.ts";

failOnLeaks();
setDefaultTimeout(240_000);

describe.skipIf(serversMissing !== null)("an audit of a cluster finds in Redis", () => {
  let system: AuditedCluster;

  beforeAll(async () => {
    system = await AuditedCluster.start();
    await system.credit(3, 15);
    await system.books.drained();
    await Promise.all(system.cluster.writers.map((writer) => writer.stop()));
  });

  afterAll(() => system[Symbol.asyncDispose]());

  const withRedis = (...damage: readonly (readonly string[])[]) => system.foundWith(damage);

  test("an account that differs", async () => {
    const fields = ["limit", "balance", "held", "seq", "time", "unit", "state", "opened"] as const;
    const row = String(await system.cluster.redisCommand("GET", ACCOUNT_3)).split(" ");
    const set = (field: (typeof fields)[number], value: string) => {
      const changed = row.with(fields.indexOf(field), value);
      return withRedis(["SET", ACCOUNT_3, changed.join(" ")]);
    };
    expect(await set("limit", row[0] ?? "")).toEqual([]);
    expect(await set("balance", "16")).toEqual(["redis-differs 3 15"]);
    expect(await set("balance", "99999999999999999999")).toEqual(["unreadable 3 -"]);
    expect(await set("limit", "7")).toEqual(["redis-differs 3 15"]);
    expect(await set("seq", "14")).toEqual(["redis-older 3 14"]);
    expect(await set("seq", "16")).toEqual(["redis-differs 3 16"]);
    for (const [field, value] of [
      ["held", "1"],
      ["time", "1"],
      ["unit", "USD/2"],
      ["state", "frozen"],
      ["opened", "1"],
    ] as const)
      expect(await set(field, value)).toEqual(["redis-differs 3 -"]);
    for (const [field, value] of [
      ["seq", "x"],
      ["state", "gone"],
      ["held", "1 1"],
    ] as const)
      expect(await set(field, value)).toEqual(["unreadable 3 -"]);
    for (const text of ["x ", ' {"name":"x"}', " no JSON"])
      expect(await withRedis(["SET", DETAILS_3, text])).toEqual(["redis-differs 3 -"]);
    expect(await withRedis(["DEL", ACCOUNT_3])).toEqual(["redis-differs 3 -"]);
    expect(await withRedis(["SET", ACCOUNT_3, "x"])).toEqual(["unreadable 3 -"]);
    expect(await withRedis(["DEL", ACCOUNT_3], ["HSET", ACCOUNT_3, "x", "y"])).toEqual(["redis-differs 3 -"]);
  });

  test("an account that nobody else knows", async () => {
    const found = async (id: string, row: string) => {
      const key = `razonete:{0}:account:${id}`;
      const places = await withRedis(["SET", key, row]);
      await system.cluster.redisCommand("DEL", key);
      return places;
    };
    const row = "0 0 0 0 1 BRL/2 open 1";
    expect(await found("7", row)).toEqual(["redis-differs 7 -"]);
    expect(await found("a{b}", row)).toEqual(["redis-differs a{b} -"]);
    expect(await found("no id", row)).toEqual(["redis-differs - -"]);
    expect(await found("7", "no row")).toEqual(["unreadable 7 -"]);
    // Of a shard that there is not, and of nobody.
    expect(await withRedis(["SET", "razonete:{1}:account:7", row], ["SET", "other", row])).toEqual([]);
    await system.cluster.redisCommand("DEL", "razonete:{1}:account:7", "other");
  });

  test("a statement that differs", async () => {
    const rank = (from: string, to = from) => ["ZREMRANGEBYRANK", STATEMENT_3, from, to] as const;
    expect(await withRedis(rank("-1"))).toEqual(["statement-differs 3 15"]);
    expect(await withRedis(rank("-10"))).toEqual(["statement-differs 3 6"]);
    expect(await withRedis(rank("-7"))).toEqual(["statement-differs 3 9"]);
    expect(
      await withRedis(rank("-7"), ["ZADD", STATEMENT_3, "9", "c 3 9 1 1 9 1000000 req:x made up"]),
    ).toEqual(["statement-differs 3 9"]);
    expect(await withRedis(["ZADD", STATEMENT_3, "5", "c 3 5 1 1 5 1000000 req:x too old"])).toEqual([]);
    expect(await withRedis(["DEL", STATEMENT_3])).toEqual(["statement-differs 3 15"]);
    const newest: unknown = await system.cluster.redisCommand("ZREVRANGE", STATEMENT_3, "0", "1");
    const [last = "", before = ""] = Array.isArray(newest) ? newest.map(String) : [];
    expect(await withRedis(["ZADD", STATEMENT_3, "14", last, "15", before])).toEqual([
      "statement-differs 3 15",
    ]);
  });
});
