import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { z } from "zod";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { apply, creditOf, holdOf, snapshot } from "./support/function-calls.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const rowsOfRead = z.tuple([z.string()], z.array(z.string()).nullable()).transform(([, ...rows]) => rows);

describeWithRedis("what is read", () => {
  let stand: RedisStand;
  beforeAll(async () => {
    stand = await RedisStand.start();
  });
  beforeEach(() => stand.begin());
  afterAll(() => stand[Symbol.asyncDispose]());

  async function read(...wanted: string[]): Promise<readonly (readonly string[] | null)[]> {
    return rowsOfRead.parse(await stand.call("razonete_read", ["test", "0", ...wanted]));
  }

  /** @returns the ids of the holds */
  async function hold(...holds: readonly (readonly [string, number, number])[]): Promise<string[]> {
    const commands = holds.map(([from, amount, seconds]) =>
      holdOf(from, amount, `req:${crypto.randomUUID()}`, { seconds }),
    );
    const { outcomes } = await apply(stand, commands);
    return outcomes.map((outcome) => {
      const [, g = "", place = "", time = ""] = /^=(\d+) (\d+) h (\d+) /.exec(outcome) ?? [];
      return `h0-${g}-${place}-${Number(time) % 1_000_000}`;
    });
  }

  test("a hold that is due has ended, and its account is free of it, though nobody has noted it", async () => {
    await apply(stand, [creditOf(1, 100, "req:c"), creditOf(2, 100, "req:d")]);
    const [due = "", alsoDue = "", open = ""] = await hold(["1", 10, 0], ["1", 20, 0], ["1", 40, 600]);
    const before = await snapshot(stand);
    const wanted = ["a", "1", "s", "1", "a", "2", "h", due, "h", alsoDue, "h", open];
    const [account, statement, other, one, two, three] = await read(...wanted);
    expect(account?.[0]).toMatch(/^100000 100 40 1 /);
    expect(statement?.[0]).toBe(account?.[0] ?? "");
    expect(statement).toHaveLength(3);
    expect(other?.[0]).toMatch(/^80000 100 0 1 /);
    expect([one, two, three].map((row) => row?.[0]?.split(" ").slice(0, 4).join(" "))).toEqual([
      "expired 1 @world 10",
      "expired 1 @world 20",
      "open 1 @world 40",
    ]);
    expect(await snapshot(stand)).toEqual(before);
    const { ended } = await apply(stand, []);
    expect(ended).toHaveLength(2);
    const [after, ...ends] = await read("a", "1", "h", due, "h", alsoDue, "h", open);
    expect(after).toEqual(account ?? null);
    expect(ends).toEqual([one ?? null, two ?? null, three ?? null]);
  });

  test("however many holds are due at once", async () => {
    for (let call = 0; call < 5; call += 1)
      await hold(...Array.from({ length: 800 }, () => ["1", 1, 600] as const));
    const [before] = await read("a", "1");
    expect(before?.[0]).toMatch(/^100000 0 4000 0 /);
    // Now all are due, none before all were made.
    const expiries = "razonete:{0}:expiries";
    await stand.command(["ZINTERSTORE", expiries, "1", expiries, "WEIGHTS", "0"]);
    const [account] = await read("a", "1");
    expect(account?.[0]).toMatch(/^100000 0 0 0 /);
  });
});
