import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { z } from "zod";
import { FUNCTION_VERSION } from "../../src/decide/fence.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import {
  apply,
  type Arguments,
  captureOf,
  creditOf,
  debitOf,
  groupOf,
  holdOf,
  limitOf,
  openOf,
  releaseOf,
  snapshot,
  transferOf,
} from "./support/function-calls.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const prefix = "razonete:{0}:";
const MAX = "9007199254740991";

describeWithRedis("what the function writes", () => {
  let stand: RedisStand;
  beforeAll(async () => {
    stand = await RedisStand.start();
  });
  beforeEach(() => stand.begin());
  afterAll(() => stand[Symbol.asyncDispose]());

  /** A shard of its own making. */
  async function begin(g: string, ...accounts: string[][]): Promise<void> {
    await stand.command(["FLUSHALL"]);
    await stand.call("razonete_begin", ["test", "1", g, ...accounts.flatMap((one) => [...one, "h"])]);
  }

  test("every number keeps every digit", async () => {
    const time = "9007199254740000";
    const g = "9007199254740989";
    const held = "9007199254740990";
    await begin(
      g,
      ["a", `${MAX} 0 0 9007199254740980 ${time} BRL/2 open ${time}`],
      ["1", `${MAX} 0 0 0 ${time} BRL/2 open ${time}`],
      ["2", `${MAX} ${MAX} ${held} ${MAX} ${MAX} U/99 open ${MAX}`],
    );
    const applied = await apply(stand, [
      debitOf("a", MAX, "req:1"),
      creditOf("a", "123456789012345", "req:2"),
      debitOf("a", "100000000000000", "req:3"),
      creditOf(1, MAX, "req:4"),
      openOf("new", MAX, "req:5"),
      limitOf(1, "100000000000001", "req:6"),
      limitOf(2, "9007199254740989", "req:7"),
    ]);
    const expected = [
      `d a 9007199254740981 9007199254740001 ${MAX} -${MAX} ${MAX} req:1 text`,
      `c a 9007199254740982 9007199254740002 123456789012345 -8883742465728646 ${MAX} req:2 text`,
      `d a 9007199254740983 9007199254740003 100000000000000 -8983742465728646 ${MAX} req:3 text`,
      `c 1 1 9007199254740001 ${MAX} ${MAX} ${MAX} req:4 text`,
      expect.stringMatching(new RegExp(`^o new \\d{16} ${MAX} req:5 - BRL/2 $`)),
      `a 1 9007199254740001 100000000000001 ${MAX} 0 1 9007199254740001 BRL/2 open ${time} req:6 - `,
      `a 2 ${MAX} 9007199254740989 ${MAX} ${held} ${MAX} ${MAX} U/99 open ${MAX} req:7 - `,
    ];
    expect(applied.g).toBe("9007199254740990");
    expect(applied.outcomes.map((text) => text.replace(/^=(9007199254740990 \d )?/, ""))).toEqual(expected);
    expect(await stand.events()).toEqual(expected);
    expect(await stand.call("razonete_status")).toEqual([
      "test",
      FUNCTION_VERSION,
      "1",
      "9007199254740990",
      1,
      "9007199254740990",
      "",
      "9007199254740990",
    ]);
    const args = [
      "FCALL_RO",
      "razonete_read",
      "1",
      `${prefix}head`,
      "test",
      "9007199254740990",
      "s",
      "a",
      "a",
      "1",
      "a",
      "2",
    ];
    expect(await stand.command(args)).toMatchObject([
      expect.stringMatching(/^\d{16}$/),
      [
        `${MAX} -8983742465728646 0 9007199254740983 9007199254740003 BRL/2 open ${time}`,
        "",
        ...expected.slice(0, 3).toReversed(),
      ],
      [`100000000000001 ${MAX} 0 1 9007199254740001 BRL/2 open ${time}`, ""],
      [`9007199254740989 ${MAX} ${held} ${MAX} ${MAX} U/99 open ${MAX}`, ""],
    ]);
  });

  test("balances end at 2^53 - 1, on either side, exactly", async () => {
    await begin("0", ["1", `${MAX} 0 0 0 0 BRL/2 open 0`]);
    const { outcomes } = await apply(stand, [
      creditOf(1, MAX, "req:1"),
      creditOf(1, 1, "req:2"),
      creditOf(1, MAX, "req:3"),
      debitOf(1, MAX, "req:4"),
      debitOf(1, MAX, "req:5"),
      debitOf(1, 1, "req:6"),
      debitOf(1, MAX, "req:7"),
      limitOf(1, "9007199254740990", "req:8"),
      creditOf(1, 1, "req:9"),
      limitOf(1, "9007199254740990", "req:10"),
    ]);
    expect(outcomes.map((text) => text.split(" ")[0])).toEqual(
      ["=c", "!balance-out-of-range/1", "!balance-out-of-range/1", "=d", "=d"].concat([
        "!limit-exceeded/1",
        "!limit-exceeded/1",
        "!limit-too-low/1",
        "=c",
        "=1",
      ]),
    );
    expect(outcomes.at(-1)).toContain(" 9007199254740990 -9007199254740990 0 ");
  });

  test("g has no gaps, and there is no outbox entry for a batch of refusals without a key", async () => {
    for (let index = 1; index <= 5; index += 1) {
      expect(await apply(stand, [creditOf(1, 1, `req:${index}`)])).toMatchObject({ g: String(index) });
      expect(await apply(stand, [creditOf(77, 1, `req:refused-${index}`)])).toMatchObject({ g: "" });
      expect(await apply(stand, [creditOf(1, 1, `req:${index}`)])).toMatchObject({ g: "" });
      expect(await apply(stand, [])).toEqual({ g: "", ended: [], outcomes: [] });
    }
    expect((await stand.outbox()).map((batch) => batch.g)).toEqual([1, 2, 3, 4, 5]);
    expect(await stand.call("razonete_status")).toEqual([
      "test",
      FUNCTION_VERSION,
      "1",
      "5",
      5,
      "1",
      "",
      "5",
    ]);
    // Trimmed to nothing, it goes on where it was.
    await stand.command(["XTRIM", `${prefix}outbox`, "MINID", "6"]);
    expect(await stand.call("razonete_status")).toEqual(["test", FUNCTION_VERSION, "1", "5", 0, "", "", ""]);
    expect(await apply(stand, [creditOf(1, 1, "req:next")])).toMatchObject({ g: "6" });
  });

  test("a batch of refusals under keys alone is an outbox entry of its own", async () => {
    const refused = [debitOf(1, 100_001, "key:1", "c1"), creditOf(77, 1, "key:2", "c2")];
    const { g, outcomes } = await apply(stand, [...refused, debitOf(1, 100_001, "req:1")]);
    expect(g).toBe("1");
    const [batch] = await stand.outbox();
    expect(batch?.events).toEqual([
      expect.stringMatching(/^x \d{16} limit-exceeded\/1 key:1 c1$/),
      expect.stringMatching(/^x \d{16} account-unknown\/77 key:2 c2$/),
    ]);
    expect(outcomes).toEqual([...(batch?.events ?? []).map((event) => `!${event}`), "!limit-exceeded/1"]);
    // Known by now, or told so only once: neither is an event.
    const again = await apply(stand, [...refused, creditOf(1, 1, "key:1", "another")]);
    expect(again).toEqual({
      g: "",
      ended: [],
      outcomes: ["?limit-exceeded/1", "?account-unknown/77", "!key-reused"],
    });
    expect(await apply(stand, [creditOf(1, 1, "req:2")])).toMatchObject({ g: "2" });
    expect((await stand.outbox()).map((each) => each.g)).toEqual([1, 2]);
  });

  test("a batch is one outbox entry, with what was accepted, or refused under a key, in its order", async () => {
    const { outcomes } = await apply(stand, [
      creditOf(2, 1, "req:1"),
      openOf("6", 5, "req:2", { name: "a name\nof two lines" }),
      debitOf(6, 6, "req:3"),
      debitOf(6, 6, "key:refused", "content"),
      debitOf(6, 5, "req:4"),
      limitOf(6, 9, "req:5"),
      debitOf(6, 4, "req:6"),
    ]);
    const events = outcomes
      .filter((text) => /^(=|!x )/.test(text))
      .map((text) => text.slice(1).replace(/^1 \d /, ""));
    expect(outcomes.map((text) => text.slice(0, 6))).toEqual([
      "=c 2 1",
      "=1 1 o",
      "!limit",
      `!${events[2]}`.slice(0, 6),
      "=d 6 1",
      "=1 4 a",
      "=d 6 2",
    ]);
    expect(events[2]).toMatch(/^x \d{16} limit-exceeded\/6 key:refused content$/);
    expect(await stand.outbox()).toEqual([{ g: 1, events }]);
    expect(events[1]).toEndWith(' 5 req:2 - BRL/2 {"name":"a name\\nof two lines"}');
    expect(await stand.command(["GET", `${prefix}details:6`])).toBe('h {"name":"a name\\nof two lines"}');
  });

  test("with names of access keys it writes what it does without, but for the names before ids in events", async () => {
    const commands = [
      creditOf(1, 50, "key:plain", "c1"),
      debitOf(1, 999_999, "key:refused", "c2"),
      openOf("6", 5, "key:open", { content: "c3" }),
      limitOf(6, 9, "req:limit"),
      transferOf([1, 6, 7], "bat:0:k", { content: "c4", details: '{"description":"d"}' }),
      holdOf("1", 5, "key:hold", { content: "c5" }),
      holdOf("1", 6, "req:hold"),
      creditOf(1, 1, "key:while-held", "c6"),
      ...groupOf(debitOf(1, 1, "key:a", "c7"), debitOf(1, 999_999, "key:b", "c8")),
    ];
    const endings = [captureOf("h0-1-5-7", "key:capture", {}, "c9"), releaseOf("h0-1-6-7", "req:release")];
    const group: readonly Arguments[] = [
      ["[", "key:group", "", "", "c10", ""],
      debitOf(1, 1, "key:group", "c11"),
      debitOf(1, 999_999, "bat:1:group", "c12"),
      ["]", "", "", "", "", ""],
    ];
    /** Twice, the second time under other names or none; at a time that the clock does not reach. */
    const decided = async (names: (count: number, again: boolean) => readonly string[] | null) => {
      await stand.begin();
      await stand.command(["HSET", `${prefix}head`, "time", "5000000000000007"]);
      const answers = [];
      for (const again of [false, true])
        for (const batch of [commands, endings, group])
          answers.push(await apply(stand, batch, { names: names(batch.length, again) }));
      return { answers, ...(await snapshot(stand)) };
    };
    const plain = await decided(() => null);
    const named = await decided((count, again) =>
      Array.from({ length: count }, () => (again ? "other" : "shop")),
    );
    const some = await decided((count, again) =>
      again ? null : Array.from({ length: count }, () => "shop"),
    );
    const mixed = await decided((count) =>
      Array.from({ length: count }, (_, index) => (index % 2 ? "-" : "shop")),
    );
    const withoutNames = (of: unknown) =>
      JSON.parse(JSON.stringify(of).replaceAll(/ (?:shop|other)\/(?=(?:key|bat|req):)/g, " "));
    for (const one of [named, some, mixed]) {
      expect(withoutNames(one)).toEqual(JSON.parse(JSON.stringify(plain)));
      expect(JSON.stringify(one)).not.toContain("other");
    }
    expect(some).toEqual(named);
    // Each event of a command, and each entry of a statement.
    const namesIn = (of: unknown) => JSON.stringify(of).match(/ (?:shop\/)?(?:key|bat|req):/g) ?? [];
    const events = ({
      [`${prefix}outbox`]: outbox,
      [`${prefix}statement:1`]: statement,
    }: Record<string, unknown>) => [outbox, statement];
    expect(new Set(namesIn(events(plain)))).toEqual(new Set([" key:", " bat:", " req:"]));
    expect(new Set(namesIn(events(named)))).toEqual(new Set([" shop/key:", " shop/bat:", " shop/req:"]));
    // So it is asked where nothing can be written.
    const recall = (...names: string[]) =>
      stand.call("razonete_recall", ["test", "0", "0", ...commands.flat(), ...names]);
    const recalled = await recall();
    expect(recalled).toContainEqual("?limit-exceeded/1");
    for (const name of ["shop", "other", "-"])
      expect(await recall(commands.map(() => name).join(" "))).toEqual(recalled);
    expect(await stand.command(["GET", `${prefix}key:plain`])).toBe(
      "c1\n=c 1 1 5000000000000007 50 50 100000",
    );
  });

  test("the statement holds the ten latest and at most seven more, over one batch and over many", async () => {
    const seqs = async (account: string) =>
      z
        .array(z.string())
        .parse(await stand.command(["ZRANGE", `${prefix}statement:${account}`, "0", "-1"]))
        .map((event) => Number(event.split(" ")[2]));
    const ten = (last: number) => Array.from({ length: 10 }, (_, index) => last - 9 + index);
    // The same text but for seq and time: each is a member of its own.
    await apply(
      stand,
      Array.from({ length: 512 }, (_, index) => creditOf(1, 1, `req:${index}`)),
    );
    const latest = (last: number) => ten(last - (last % 8)).concat(ten(last).slice(10 - (last % 8)));
    expect(await seqs("1")).toEqual(ten(512));
    for (let index = 1; index <= 25; index += 1) {
      await apply(stand, [creditOf(2, 1, `req:a${index}`), debitOf(1, 1, `req:b${index}`)]);
      expect(await seqs("2")).toEqual(latest(index).filter((seq) => seq > 0));
    }
    expect(await seqs("1")).toEqual(latest(537));
  });

  test("the largest call there is: 512 openings with long names, 512 accounts at once", async () => {
    const name = "😀".repeat(100);
    const id = (index: number) => `key:${"~".repeat(250)}${index}`;
    const accounts = Array.from({ length: 512 }, (_, index) => `${"a".repeat(60)}${1000 + index}`);
    const opened = await apply(
      stand,
      Array.from({ length: 512 }, (_, index) =>
        openOf(accounts[index] ?? "", MAX, id(index), { content: "c".repeat(500), name }),
      ),
    );
    expect(opened.outcomes.map((text) => text.split(" ")[3])).toEqual(accounts);
    const debited = await apply(
      stand,
      accounts.map((account) => debitOf(account, MAX, `req:${account}`)),
    );
    expect(debited.outcomes.filter((text) => text.startsWith("=d"))).toHaveLength(512);
    expect(debited.g).toBe("2");
  });
});
