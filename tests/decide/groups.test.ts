import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import {
  apply,
  type Arguments,
  captureOf,
  creditOf,
  debitOf,
  groupOf,
  holdOf,
  openOf,
  releaseOf,
  snapshot,
  transferOf,
} from "./support/function-calls.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const seed = testSeed();
const RUNS = 100;
const BATCHES = 4;
const HEAD = "razonete:{0}:head";
/** A shard's time never goes back: with one that the clock does not reach, it stands still. */
const TIME = 5_000_000_000_000_000;

/** Commands that are decided one by one, or as a whole. */
interface Item {
  readonly isGroup: boolean;
  readonly commands: readonly Arguments[];
}

interface Batch {
  readonly time: number;
  readonly commands: readonly Arguments[];
}

describeWithRedis(`groups among other commands, seed ${seed}`, () => {
  let stand: RedisStand;
  /** Is given no groups: those that are kept as single commands, the others not at all. */
  let reference: RedisStand;
  beforeAll(async () => {
    [stand, reference] = await Promise.all([RedisStand.start(), RedisStand.start()]);
    for (const one of [stand, reference]) await one.command(["CONFIG", "SET", "appendonly", "no"]);
  });
  afterAll(async () => {
    await Promise.all([stand[Symbol.asyncDispose](), reference[Symbol.asyncDispose]()]);
  });

  async function begin(one: RedisStand): Promise<void> {
    await one.command(["FLUSHALL"]);
    const accounts = ["1", "2", "3", "4"].flatMap((id) => [id, "90 0 0 0 0 BRL/2 open 0", "h"]);
    await one.call("razonete_begin", ["test", "1", "0", ...accounts]);
  }

  async function send(to: RedisStand, { time, commands }: Batch): Promise<readonly string[]> {
    await to.command(["HSET", HEAD, "time", String(time)]);
    return (await apply(to, commands)).outcomes;
  }

  async function replay(batches: readonly Batch[]): Promise<readonly string[]> {
    await begin(reference);
    let outcomes: readonly string[] = [];
    for (const batch of batches) outcomes = await send(reference, batch);
    return outcomes;
  }

  const seen = { single: 0, kept: 0, refusedAtOnce: 0, refusedLater: 0 };

  /**
   * The commands without a group that leave the same.
   *
   * @param own what became of them
   * @param answersOf what becomes of commands that come after those before it
   */
  async function ungrouped(
    { isGroup, commands }: Item,
    own: readonly string[],
    answersOf: (commands: readonly Arguments[]) => Promise<readonly string[]>,
  ): Promise<{ readonly commands: readonly Arguments[]; readonly answers: readonly string[] }> {
    const refused = isGroup ? own.findIndex((text) => !/^[=+*]/.test(text) && text !== "-") : -1;
    seen[isGroup ? (refused === -1 ? "kept" : refused === 0 ? "refusedAtOnce" : "refusedLater") : "single"] +=
      1;
    if (refused === -1) return { commands, answers: own };
    expect(own.filter((text) => text === "-")).toHaveLength(own.length - 1);
    // Alone, all before it are done, and it is refused for the same reason.
    const answers = await answersOf(commands.slice(0, refused + 1));
    for (const text of answers.slice(0, -1)) expect(text).toMatch(/^[=+*]/);
    expect(answers.at(-1)).toBe(own[refused]);
    // Under a client's key the refusal is remembered, and nothing else.
    const [, reason] = /^!x \d+ (\S+)/.exec(own[refused] ?? "") ?? [];
    const [, id = "", , , content = ""] = commands[refused] ?? [];
    return reason === undefined
      ? { commands: [], answers: [] }
      : { commands: [["x", id, "", "", content, reason]], answers: answers.slice(-1) };
  }

  test("one that is kept is as its commands are alone; of one that is refused nothing is left", async () => {
    const random = new Random(seed);
    for (let run = 0; run < RUNS; run += 1) {
      const drafts = new Drafts(random);
      const batches: Batch[] = [];
      await begin(stand);
      for (let index = 0; index < BATCHES; index += 1) {
        const time = (batches.at(-1)?.time ?? TIME) + random.pick([0, 1, 1_000_000, 400_000_000]);
        const items = drafts.items();
        const sent = items.flatMap(({ isGroup, commands }) => (isGroup ? groupOf(...commands) : commands));
        const outcomes = [...(await send(stand, { time, commands: sent }))];
        drafts.note(outcomes);
        const alone: Arguments[] = [];
        const answers: string[] = [];
        for (const item of items) {
          const after = async (commands: readonly Arguments[]) =>
            (await replay([...batches, { time, commands: [...alone, ...commands] }])).slice(-commands.length);
          const same = await ungrouped(item, outcomes.splice(0, item.commands.length), after);
          alone.push(...same.commands);
          answers.push(...same.answers);
        }
        batches.push({ time, commands: alone });
        expect(await replay(batches)).toEqual(answers);
        expect(await snapshot(stand)).toEqual(await snapshot(reference));
      }
    }
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(RUNS / 4);
  });
});

/** Commands on few accounts, with what those before them have made. */
class Drafts {
  readonly #random: Random;
  readonly #holds: string[] = ["h0-1-0-7"];
  readonly #transactions: string[] = ["t0-1-0-7"];
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Takes the holds and transactions that were made, so that others may name them. */
  note(outcomes: readonly string[]): void {
    for (const outcome of outcomes) {
      const [, g, index, letter, time] = /^=(\d+) (\d+) ([htp]) (\d+) /.exec(outcome) ?? [];
      if (letter === undefined || g === "0") continue;
      const place = `0-${g}-${index}-${Number(time) % 1_000_000}`;
      if (letter === "h") this.#holds.push(`h${place}`);
      else this.#transactions.push(`t${place}`);
    }
  }

  items(): Item[] {
    return Array.from({ length: this.#random.integer(1, 5) }, () => {
      const isGroup = this.#random.chance(60);
      const count = isGroup ? this.#random.integer(1, 6) : 1;
      return { isGroup, commands: Array.from({ length: count }, () => this.#command()) };
    });
  }

  #command(): Arguments {
    const random = this.#random;
    this.#count += 1;
    const isKeyed = random.chance(60);
    const id = isKeyed
      ? `key:${random.chance(30) ? random.integer(1, 4) : `new-${this.#count}`}`
      : `req:${this.#count}`;
    const content = isKeyed ? random.pick(["a", "a", "a", "b"]) : "";
    const amount = random.integer(1, 60);
    const account = this.#account();
    switch (random.integer(1, 10)) {
      case 1:
        return creditOf(account, amount, id, content);
      case 2:
        return debitOf(account, amount, id, content);
      case 3:
        return openOf(random.pick(["new-1", "new-2", "1"]), random.pick([0, 50]), id, { content });
      case 4: {
        const changes = {
          ...(random.chance(50) ? { limit: random.integer(0, 200) } : {}),
          ...(random.chance(20) ? { state: random.pick(["open", "frozen", "closed"]) } : {}),
          ...(random.chance(50) ? { details: `{"name":"${this.#count}"}` } : {}),
          ...(random.chance(10) ? { before: "" } : {}),
        };
        return ["a", id, account, "", content, JSON.stringify(changes)];
      }
      case 5:
        return holdOf(account, amount, id, { content, to: this.#account(), seconds: random.integer(1, 600) });
      case 6: {
        const more = random.pick([
          {},
          {},
          { amount },
          { to: this.#account() },
          { postings: [this.#account(), 1, "@world", 2] },
        ]);
        return captureOf(random.pick(this.#holds), id, more, content);
      }
      case 7:
        return releaseOf(random.pick(this.#holds), id, content);
      case 8: {
        const details = '{"reference":"r"}';
        return transferOf(this.#postings(), id, {
          content,
          details,
          reverses: random.pick(this.#transactions),
        });
      }
      default: {
        const conditions = random.chance(20)
          ? { conditions: [account, "balance", random.integer(-90, 0), 500] }
          : {};
        return transferOf(this.#postings(), id, { content, ...conditions });
      }
    }
  }

  #postings(): (string | number)[] {
    const random = this.#random;
    return Array.from({ length: random.integer(1, 4) }, () => {
      const from = random.chance(30) ? "@world" : this.#account();
      return [
        from,
        from !== "@world" && random.chance(20) ? "@world" : this.#account(),
        random.integer(1, 40),
      ];
    }).flat();
  }

  #account(): string {
    return this.#random.pick([
      "1",
      "1",
      "2",
      "2",
      "3",
      "new-1",
      "new-2",
      this.#random.chance(10) ? "none" : "4",
    ]);
  }
}
