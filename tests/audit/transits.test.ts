import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { z } from "zod";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { A, B, HOME, KeptShards, SECOND, ShardServers, THIRD } from "../support/transits/kept-shards.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const KEPT = ["journal", "parts", "transits", "from_shards"];

describe.skipIf(serversMissing !== null)("an audit of transactions across shards", () => {
  let servers: ShardServers;
  let ledger: KeptShards;

  beforeAll(async () => {
    servers = await ShardServers.start();
  });
  afterAll(() => servers[Symbol.asyncDispose]());

  async function audited(): Promise<string[]> {
    const { findings } = await ledger.audit();
    return findings.map(({ name, detail }) => `${name}: ${detail}`);
  }

  async function prepared(): Promise<string> {
    const attempt = ledger.newAttempt();
    for (const shard of [SECOND, THIRD]) await ledger.prepare(attempt, shard);
    return attempt;
  }

  describe("at any moment, whatever the books of each shard have", () => {
    beforeEach(async () => {
      ledger = await KeptShards.begin(servers);
    });
    afterEach(() => ledger[Symbol.asyncDispose]());

    test.each([[[HOME]], [[SECOND]], [[SECOND, THIRD]], [[HOME, THIRD]]])(
      "agrees where those of %p have all",
      async (shards) => {
        const open = await prepared();
        await ledger.keepAll();
        expect(await audited()).toEqual([]);
        await ledger.decide(open);
        const attempt = await prepared();
        await ledger.decide(attempt);
        for (const shard of [SECOND, THIRD]) await ledger.finish(attempt, shard);
        expect(await audited()).toEqual([]);
        await ledger.keep(...shards);
        expect(await audited()).toEqual([]);
        await ledger.complete();
        expect(await audited()).toEqual([]);
        await ledger.keepAll();
        expect(await audited()).toEqual([]);
      },
    );

    test("agrees on a hold that is captured by another shard's account, in the outbox and in the books", async () => {
      const attempt = ledger.newAttempt();
      const hold = await ledger.hold(5);
      await ledger.prepare(attempt, SECOND, [{ from: A, to: B, amount: 5 }]);
      await ledger.capture(attempt, hold);
      expect(await audited()).toEqual([]);
      await ledger.keepAll();
      expect(await audited()).toEqual([]);
    });

    test("agrees while all goes on", async () => {
      const random = new Random(testSeed());
      const end = new AbortController();
      const going = (async () => {
        while (!end.signal.aborted) {
          const attempt = await prepared();
          const decides = random.chance(70);
          if (decides) await ledger.decide(attempt);
          if (decides && random.chance(70)) await ledger.finish(attempt, random.pick([SECOND, THIRD]));
          if (random.chance(30)) await ledger.complete();
          if (random.chance(50)) await ledger.keep(random.pick([HOME, SECOND, THIRD]));
        }
      })();
      try {
        for (let round = 0; round < 8; round += 1) expect(await audited()).toEqual([]);
      } finally {
        end.abort();
        await going;
      }
      await ledger.keepAll();
      expect(await audited()).toEqual([]);
    });

    test.each([
      [SECOND, HOME, /^transit-broken: a part of the transaction t0-\S+ is finished, and shard 0 has not/],
      [HOME, SECOND, /^transit-broken: the transaction t0-\S+ was decided, and shard 1 has no part/],
    ])(
      "finds that only the books of %p have it, while shard %p has it nowhere",
      async (kept, lost, found) => {
        const attempt = await prepared();
        await ledger.decide(attempt);
        for (const shard of [SECOND, THIRD]) await ledger.finish(attempt, shard);
        await ledger.keep(kept);
        await ledger.command(["XTRIM", `razonete:{${lost}}:outbox`, "MAXLEN", "0"]);
        expect(await audited()).toContainEqual(expect.stringMatching(found));
      },
    );
  });

  describe("finds", () => {
    let done: string;
    let decided: string;
    let undecided: string;
    const key = (shard: number, name: string) => `razonete:{${shard}}:${name}`;

    beforeAll(async () => {
      ledger = await KeptShards.begin(servers);
      [done, decided, undecided] = [await prepared(), await prepared(), await prepared()];
      for (const attempt of [done, decided]) {
        await ledger.decide(attempt);
        await ledger.finish(attempt, SECOND);
      }
      await ledger.finish(done, THIRD);
      await ledger.keepAll();
      for (const table of KEPT) await ledger.sql.unsafe(`CREATE TABLE saved_${table} AS TABLE ${table}`);
    });
    afterAll(() => ledger[Symbol.asyncDispose]());

    test("nothing, where all is right", async () => {
      expect(await audited()).toEqual([]);
    });

    /** What it finds after this was done to the books, which is undone. */
    async function inBooks(damage: string): Promise<string[]> {
      await ledger.sql.unsafe(damage);
      try {
        return await audited();
      } finally {
        for (const table of KEPT)
          await ledger.sql.unsafe(`DELETE FROM ${table}; INSERT INTO ${table} SELECT * FROM saved_${table}`);
      }
    }

    const of = (attempt: string, shard: number) => `WHERE attempt = '${attempt}' AND shard = ${shard}`;

    test("a part that was undone though it was decided", async () => {
      const damage = `UPDATE parts SET state = 'undone', transaction = NULL ${of(done, SECOND)}`;
      const found = await inBooks(damage);
      expect(found).toContainEqual(
        expect.stringMatching(/^transit-broken: shard 1 has undone its part of t0-\S+, which was decided$/),
      );
      expect(found).toContainEqual(expect.stringMatching(/^journal-differs: .* makes "k .* finished /));
    });

    test("a part that is missing, or that nothing has made", async () => {
      const missing = await inBooks(`DELETE FROM parts ${of(done, SECOND)}`);
      expect(missing).toContainEqual(
        expect.stringMatching(/^transit-broken: the transaction t0-\S+ was decided, and shard 1 has no part/),
      );
      const more = `INSERT INTO parts SELECT shard, 0, 9, time, 'x', 'undone', NULL, g, 0, time FROM parts ${of(done, SECOND)}`;
      expect(await inBooks(more)).toContainEqual(
        expect.stringMatching(/^journal-differs: the journal makes nothing there, parts has /),
      );
    });

    test("a decision that is missing", async () => {
      expect(await inBooks(`DELETE FROM transits WHERE attempt = '${done}'`)).toContainEqual(
        expect.stringMatching(
          /^transit-broken: a part of the transaction t0-\S+ is finished, and shard 0 has not/,
        ),
      );
    });

    test("a part of another decision, or that the decision does not name", async () => {
      const another = `UPDATE parts SET transaction = 't0-1-0-1' ${of(done, SECOND)}`;
      const [has] = [/^transit-broken: shard 1 has finished a part of t0-\S+, the decision .* is t0-/];
      expect(await inBooks(another)).toContainEqual(expect.stringMatching(has));
      const unnamed = `UPDATE transits SET shards = '{2}' WHERE attempt = '${done}'`;
      expect(await inBooks(unnamed)).toContainEqual(expect.stringMatching(has));
    });

    test("sums that what is in transit does not explain", async () => {
      const damage = `UPDATE from_shards SET amount = amount + 1 WHERE shard = ${SECOND}`;
      expect(await inBooks(damage)).toEqual([
        "transit-broken: accounts in BRL/2 have -1 from accounts of other shards, what is in transit makes -2",
      ]);
    });

    test("in the journal a second decision, a second end, and an end of something else", async () => {
      const again = (attempt: string, letter: string, shard: number) =>
        `UPDATE journal SET events = events || (
           SELECT e.text FROM journal, unnest(events) AS e (text)
           WHERE shard = ${shard} AND e.text LIKE '${letter} %${attempt}%' LIMIT 1
         ) WHERE shard = ${shard} AND g = (SELECT max(g) FROM journal WHERE shard = ${shard})`;
      expect(await inBooks(again(done, "t", HOME))).toContainEqual(
        expect.stringContaining(`transit-broken: the attempt ${done} is decided a second time`),
      );
      expect(await inBooks(again(done, "f", SECOND))).toContainEqual(
        `transit-broken: the part of the attempt ${done} has a second end, or was not prepared: finish`,
      );
      expect(await inBooks(again(undecided, "q", SECOND))).toContainEqual(
        `transit-broken: the part of the attempt ${undecided} is prepared a second time`,
      );
      const other = `UPDATE journal SET events = ARRAY(
          SELECT regexp_replace(e.text, ' 0 40 0 key:', ' 0 41 0 key:') FROM unnest(events) AS e (text)
        ) WHERE shard = ${SECOND} AND events[1] LIKE 'f %${done}%'`;
      expect(await inBooks(other)).toContainEqual(
        `transit-broken: the part of the attempt ${done} ends otherwise than it was prepared: it does not free what was set aside`,
      );
    });

    /** What it finds after these commands to Redis, which are undone. */
    async function inRedis(keys: readonly string[], ...damage: readonly string[][]): Promise<string[]> {
      for (const one of keys) await ledger.command(["COPY", one, `saved:${one}`, "REPLACE"]);
      try {
        for (const command of damage) await ledger.command(command);
        return await audited();
      } finally {
        for (const one of keys) {
          await ledger.command(["DEL", one]);
          if ((await ledger.command(["EXISTS", `saved:${one}`])) === 1)
            await ledger.command(["RENAME", `saved:${one}`, one]);
        }
      }
    }

    test("a part in Redis that is missing, changed, or not open", async () => {
      const part = key(SECOND, `part:${undecided}`);
      const [redis, whose] = ["redis-differs: Redis", `the part ${undecided}`];
      expect(await inRedis([part], ["DEL", part])).toEqual([
        `${redis} does not have ${whose}, which is open`,
      ]);
      const text = z.string().parse(await ledger.command(["GET", part]));
      expect(await inRedis([part], ["SET", part, text.replace(" 40 ", " 41 ")])).toEqual([
        expect.stringContaining(`${redis} has ${whose} as `),
      ]);
      const ended = key(SECOND, `part:${done}`);
      expect(await inRedis([ended], ["SET", ended, text])).toEqual([
        `${redis} has the part ${done}, which is not open`,
      ]);
    });

    test("a part that Redis does not list, or lists at another time, or though it has ended", async () => {
      const parts = key(SECOND, "parts");
      expect(await inRedis([parts], ["ZREM", parts, undecided])).toEqual([
        `redis-differs: Redis does not list the part ${undecided}: nobody would complete it`,
      ]);
      for (const [attempt, time] of [
        [undecided, "5"],
        [done, "7"],
      ] as const)
        expect(await inRedis([parts], ["ZADD", parts, time, attempt])).toEqual([
          expect.stringContaining(`redis-differs: Redis lists the part ${attempt} at ${time}, `),
        ]);
    });

    test("an account in Redis that does not know what is set aside", async () => {
      const account = key(SECOND, `account:${B}`);
      const row = z.string().parse(await ledger.command(["GET", account]));
      expect(row).toEndWith(" 1 0 40 0");
      for (const changed of [row.slice(0, -" 1 0 40 0".length), row.replace(/ 1 0 40 0$/, " 1 0 39 0")])
        expect(await inRedis([account], ["SET", account, changed])).toEqual([
          expect.stringMatching(
            /^redis-differs: Redis has .*, books and outbox have "\(in transit 1 0 40 0\) /,
          ),
        ]);
    });

    test("a home that does not know what it has decided, while a part is open", async () => {
      const transit = key(HOME, `transit:${decided}`);
      for (const [damage, has] of [
        [["DEL", transit], "nothing"],
        [["SET", transit, "-"], '"-"'],
      ] as const)
        expect(await inRedis([transit], [...damage])).toEqual([
          expect.stringContaining(
            `redis-differs: shard 0 in Redis has ${has} of the attempt ${decided}, which was decided`,
          ),
        ]);
    });

    test("a home that has a decision that nobody made, another one, or one with other shards", async () => {
      const transits = key(HOME, "transits");
      const has = (attempt: string) =>
        `redis-differs: shard 0 in Redis has a decision of the attempt ${attempt}, `;
      const unmade = key(HOME, `transit:${undecided}`);
      expect(
        await inRedis(
          [unmade, transits],
          ["SET", unmade, "t0-1-0-1 1 -"],
          ["ZADD", transits, "1", `${undecided} 1,2`],
        ),
      ).toEqual([`${has(undecided)}"t0-1-0-1 1 -" with parts on 1,2, books and outbox have none`]);
      const changed = key(HOME, `transit:${done}`);
      expect(await inRedis([changed], ["SET", changed, "t0-1-0-1 1 -"])).toEqual([
        expect.stringMatching(
          new RegExp(
            `^${has(done)}"t0-1-0-1 1 -" with parts on 1,2, books and outbox have "t0-.* with parts on 1,2$`,
          ),
        ),
      ]);
      expect(
        await inRedis([transits], ["ZREM", transits, `${done} 1,2`], ["ZADD", transits, "1", `${done} 1`]),
      ).toEqual([
        expect.stringMatching(new RegExp(`^${has(done)}"t0-.*" with parts on 1, books .* on 1,2$`)),
      ]);
    });
  });
});
