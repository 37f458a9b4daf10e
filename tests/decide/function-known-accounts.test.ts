import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { apply, creditOf, debitOf, transferOf } from "./support/function-calls.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const ROW = "razonete:{0}:account:1";

describeWithRedis("an account that the function has just written", () => {
  let stand: RedisStand;
  beforeAll(async () => {
    stand = await RedisStand.start();
  });
  beforeEach(() => stand.begin());
  afterAll(() => stand[Symbol.asyncDispose]());

  let count = 0;
  async function balanceAfter(command: typeof creditOf, value: number): Promise<number> {
    count += 1;
    const { outcomes } = await apply(stand, [command(1, value, `req:${count}`)]);
    return Number(outcomes[0]?.split(" ")[5]);
  }

  test("is decided upon as its row has it now, whoever has written that", async () => {
    expect(await balanceAfter(creditOf, 10)).toBe(10);
    const before = String(await stand.command(["GET", ROW]));
    expect(await balanceAfter(creditOf, 10)).toBe(20);
    await stand.command(["SET", ROW, before]);
    expect(await balanceAfter(creditOf, 5)).toBe(15);
    await stand.command(["SET", ROW, before.replace(/^\d+ 10 /, "100000 70 ")]);
    expect(await balanceAfter(debitOf, 5)).toBe(65);
    await stand.command(["DEL", ROW]);
    expect((await apply(stand, [creditOf(1, 1, "req:gone")])).outcomes).toEqual(["!account-unknown/1"]);
  });

  test("is as it was where a call was refused after it had decided", async () => {
    expect(await balanceAfter(creditOf, 10)).toBe(10);
    await stand.command(["ACL", "SETUSER", "default", "-zadd"]);
    const refused = await apply(stand, [creditOf(1, 100, "req:refused")]).catch(String);
    expect(refused).toContain("NOPERM");
    await stand.command(["ACL", "SETUSER", "default", "+zadd"]);
    expect(await balanceAfter(creditOf, 1)).toBe(11);
  });

  test("is as it was where all of a group was taken back", async () => {
    expect(await balanceAfter(creditOf, 10)).toBe(10);
    const group = [
      ["[", "", "", "", "", ""],
      creditOf(1, 100, "req:first"),
      debitOf(1, 1_000_000, "req:second"),
      ["]", "", "", "", "", ""],
    ] as const;
    expect((await apply(stand, group)).outcomes).toEqual(["-", "!limit-exceeded/1"]);
    expect(await balanceAfter(creditOf, 1)).toBe(11);
    const { outcomes } = await apply(stand, [
      transferOf(["1", "2", 5, "2", "1", 90_000], "req:third"),
      creditOf(1, 1, "req:fourth"),
    ]);
    expect(outcomes).toEqual([
      expect.stringMatching(/^!limit-exceeded\/2\/1$/),
      expect.stringMatching(/^=c 1 3 \d+ 1 12 /),
    ]);
  });

  test("is forgotten before there are too many of them, and right all the while", async () => {
    const ids = Array.from({ length: 1_500 }, (_, index) => `a${index}`);
    const row = String(await stand.command(["GET", ROW]));
    await stand.command(["MSET", ...ids.flatMap((id) => [`razonete:{0}:account:${id}`, row])]);
    for (const round of [1, 2, 3]) {
      for (let from = 0; from < ids.length; from += 500) {
        const some = ids.slice(from, from + 500);
        const { outcomes } = await apply(
          stand,
          some.map((id) => creditOf(id, 1, `req:${round}-${id}`)),
        );
        const balances = outcomes.map((outcome) => outcome.split(" ")[5]);
        expect(balances).toEqual(some.map(() => String(round)));
      }
    }
  });
});
