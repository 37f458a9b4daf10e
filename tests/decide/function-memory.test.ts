import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { apply, type Arguments, creditOf, debitOf, openOf, snapshot } from "./support/function-calls.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const prefix = "razonete:{0}:";
const MAX = "9007199254740991";

describeWithRedis("what the function remembers of ids", () => {
  let stand: RedisStand;
  beforeAll(async () => {
    stand = await RedisStand.start();
  });
  beforeEach(() => stand.begin());
  afterAll(() => stand[Symbol.asyncDispose]());

  async function outcomeOf(command: Arguments, options = {}): Promise<string> {
    return (await apply(stand, [command], options)).outcomes[0] ?? "";
  }

  /** The keys of the periods whose requests are remembered, oldest first. */
  async function periodKeys(): Promise<readonly string[]> {
    return Object.keys(await snapshot(stand)).filter((key) => key.startsWith(`${prefix}seen:`));
  }

  for (const [name, id, content] of [
    ["a request's id", "req:1", ""],
    ["a client's key", "key:1", '["content"]'],
  ] as const) {
    test(`${name} again in the same batch, and in a later one, gives the first outcome`, async () => {
      const accepted = debitOf(1, 5, id, content);
      const refused = debitOf(1, 900_000, `${id}-refused`, content);
      const first = await apply(stand, [accepted, refused, accepted, refused]);
      const event = first.outcomes[0]?.slice(1);
      const refusal = content === "" ? "limit-exceeded/1" : (await stand.events()).at(-1);
      expect(first.outcomes).toEqual([`=${event}`, `!${refusal}`, `+${event}`, "?limit-exceeded/1"]);
      // It would be accepted now; and the balance has moved on.
      await apply(stand, [creditOf(1, 900_000, "req:other")]);
      const before = await snapshot(stand);
      expect(await apply(stand, [refused, accepted])).toEqual({
        g: "",
        ended: [],
        outcomes: ["?limit-exceeded/1", `+${event}`],
      });
      expect(await snapshot(stand)).toEqual(before);
    });

    test(`${name} is neither decided nor remembered where the outbox is full, and is answered where it was`, async () => {
      const first = await outcomeOf(debitOf(1, 5, id, content));
      const before = await snapshot(stand);
      const full = { outboxMax: 1 };
      const fresh = debitOf(1, 5, `${id}-new`, content);
      const { g, outcomes } = await apply(stand, [fresh, debitOf(1, 5, id, content), fresh], full);
      expect({ g, outcomes }).toEqual({ g: "", outcomes: ["#", `+${first.slice(1)}`, "#"] });
      expect(await snapshot(stand)).toEqual(before);
      expect(await outcomeOf(fresh)).toStartWith("=d 1 2 ");
    });
  }

  test("an opening again does not open another account", async () => {
    const open = openOf("6", 10, "req:1", { name: "name" });
    const { outcomes } = await apply(stand, [open, open]);
    expect(outcomes[0]).toMatch(/^=1 0 o 6 \d{16} 10 req:1 - BRL\/2 \{"name":"name"\}$/);
    expect(outcomes[1]).toBe(`+${outcomes[0]?.slice(1)}`);
    expect(await outcomeOf(openOf("7", 10, "req:2"))).toStartWith("=2 0 o 7 ");
  });

  test("a key with another content is refused, also in the same batch, and its memory stays", async () => {
    const command = creditOf(1, 5, "key:1", '["credit",1,5]');
    const other = creditOf(1, 6, "key:1", '["credit",1,6]');
    const { outcomes } = await apply(stand, [command, other, command]);
    expect(outcomes).toEqual([outcomes[0] ?? "", "!key-reused", `+${outcomes[0]?.slice(1)}`]);
    expect(await outcomeOf(other)).toBe("!key-reused");
    expect(await outcomeOf(command)).toBe(`+${outcomes[0]?.slice(1)}`);
    // Also where the outbox is full: the key is known.
    expect(await outcomeOf(other, { outboxMax: 1 })).toBe("!key-reused");
    expect(await stand.events()).toHaveLength(1);
  });

  test("texts with line feeds in an outcome and its content come back whole", async () => {
    const command: Arguments = ["c", "key:1", "1", "5", '["a\\nb"]', "a\nb\n"];
    const first = await outcomeOf(command);
    expect(first).toEndWith(" key:1 a\nb\n");
    expect(await outcomeOf(command)).toBe(`+${first.slice(1)}`);
  });

  test("a key is kept for a day; a refused one, too", async () => {
    await apply(stand, [creditOf(1, 5, "key:1", "c"), debitOf(99, 5, "key:2", "d")]);
    for (const key of ["key:1", "key:2"]) {
      const seconds = Number(await stand.command(["TTL", prefix + key]));
      expect(seconds).toBeGreaterThan(86_400 - 60);
      expect(seconds).toBeLessThanOrEqual(86_400);
    }
  });

  /** As if the shard had been swept every second, for so long. */
  async function grow(seconds: number): Promise<void> {
    await stand.command(["HINCRBY", `${prefix}head`, "age", String(seconds * 1_000_000)]);
    await sweep();
  }
  const ageOf = async () => Number(await stand.command(["HGET", `${prefix}head`, "age"]));
  const sweep = () => stand.call("razonete_sweep", ["test", "0", "1000"]);
  const periods = async () => (await periodKeys()).map((key) => key.slice(`${prefix}seen:`.length));

  test("a request's id is known for the rest of its period and the next one, and not in the one after", async () => {
    const first = debitOf(1, 5, "req:1");
    await apply(stand, [first]);
    await grow(15);
    expect(await outcomeOf(first)).toStartWith("+d 1 1 ");
    await grow(2);
    await apply(stand, [debitOf(1, 5, "req:2")]);
    expect(await periods()).toEqual(["0", "1"]);
    expect(await outcomeOf(first)).toStartWith("+d 1 1 ");
    await grow(15);
    expect(await outcomeOf(first)).toStartWith("+d 1 1 ");
    await grow(2);
    expect(await periods()).toEqual(["1"]);
    expect(await outcomeOf(first)).toStartWith("=d 1 3 ");
    expect(await periods()).toEqual(["1", "2"]);
    for (const key of await periodKeys()) expect(Number(await stand.command(["TTL", key]))).toBe(-1);
  });

  test("a machine's clock that jumps ahead, however often, makes no id forgotten", async () => {
    const first = debitOf(1, 5, "req:1");
    await apply(stand, [first]);
    for (let jump = 1; jump <= 14; jump += 1) {
      // What a clock does that jumps ahead by ten minutes: the latest sweep is as long ago.
      const before = (Date.now() - 600_000) * 1000;
      await stand.command(["HSET", `${prefix}head`, "time", String(before), "swept", String(before)]);
      expect(await sweep()).toBe(0);
      await apply(stand, [debitOf(2, 1, `req:jump-${jump}`)]);
      expect(await outcomeOf(first)).toStartWith("+d 1 1 ");
    }
    expect(await periods()).toEqual(["0"]);
  });

  test("a machine's clock that steps back makes neither times fall nor ids forgotten", async () => {
    await apply(stand, [debitOf(1, 5, "req:0")]);
    // As if the clock had been ahead by two hours when this shard was last written.
    const ahead = (Date.now() + 7_200_000) * 1000;
    await stand.command(["HSET", `${prefix}head`, "time", String(ahead), "swept", String(ahead)]);
    await sweep();
    expect(await ageOf()).toBe(0);
    const first = await outcomeOf(debitOf(1, 5, "req:1"));
    expect(first).toStartWith(`=d 1 2 ${ahead} `);
    expect(await outcomeOf(debitOf(1, 5, "req:1"))).toBe(`+${first.slice(1)}`);
    expect(await outcomeOf(debitOf(1, 5, "req:2"))).toStartWith(`=d 1 3 ${ahead + 1} `);
    expect(await outcomeOf(debitOf(1, 5, "req:0"))).toStartWith("+d 1 1 ");
  });

  test("sweeps make the age of a period grow by the time between them", async () => {
    await sweep();
    expect(await ageOf()).toBe(0);
    await Bun.sleep(100);
    await sweep();
    expect(await ageOf()).toBeGreaterThanOrEqual(100_000);
    const before = await snapshot(stand);
    expect(await stand.call("razonete_sweep", ["other", "0", "1000"])).toBe(0);
    expect(await snapshot(stand)).toEqual(before);
  });

  test("where memory is full, a sweep still forgets", async () => {
    await apply(stand, [debitOf(1, 5, "req:1")]);
    await grow(16);
    await stand.command(["HINCRBY", `${prefix}head`, "age", "16000000"]);
    await stand.command(["CONFIG", "SET", "maxmemory", "1"]);
    try {
      await sweep();
    } finally {
      await stand.command(["CONFIG", "SET", "maxmemory", "0"]);
    }
    expect(await periods()).toEqual([]);
  });

  test("a batch of refusals alone moves the shard's clock, too", async () => {
    const timeOf = async () => Number(await stand.command(["HGET", `${prefix}head`, "time"]));
    await apply(stand, [debitOf(1, 5, "req:1")]);
    const before = await timeOf();
    expect(await outcomeOf(debitOf(1, MAX, "req:2"))).toBe("!limit-exceeded/1");
    expect(await timeOf()).toBeGreaterThan(before);
  });

  test("512 ids of each kind in one call", async () => {
    for (const [kind, content] of [
      ["req", ""],
      ["key", "c"],
    ] as const) {
      const commands = Array.from({ length: 512 }, (_, index) => creditOf(1, 1, `${kind}:${index}`, content));
      const first = await apply(stand, commands);
      expect(first.outcomes.every((text) => text.startsWith("=c 1 "))).toBe(true);
      expect(new Set(first.outcomes).size).toBe(512);
      const again = await apply(stand, commands);
      expect(again).toEqual({
        g: "",
        ended: [],
        outcomes: first.outcomes.map((text) => `+${text.slice(1)}`),
      });
    }
  });

  test("all of it survives a rewrite of the file, kill -9 and a start", async () => {
    const commands = [
      debitOf(1, 5, "req:1"),
      debitOf(1, 900_000, "key:1", "c"),
      creditOf(2, 5, "key:2", "d"),
    ];
    const first = await apply(stand, commands);
    await stand.command(["BGREWRITEAOF"]);
    const later = await apply(stand, [openOf("a", 7, "req:2")]);
    const before = await snapshot(stand);
    await stand.crash();
    expect(await snapshot(stand)).toEqual(before);
    const again = await apply(stand, [...commands, openOf("a", 7, "req:2")]);
    expect(again).toEqual({
      g: "",
      ended: [],
      outcomes: [...first.outcomes, ...later.outcomes].map(replayed),
    });
  });
});

function replayed(outcome: string): string {
  return outcome.startsWith("=") ? `+${outcome.slice(1)}` : `?${outcome.split(" ")[2]}`;
}
