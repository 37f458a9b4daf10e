import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { Books } from "../../src/keep/books.ts";
import { Divergence } from "../../src/keep/divergence.ts";
import { migrate, MIGRATIONS, SCHEMA_VERSION } from "../../src/keep/migrate.ts";
import { connectPostgres, type Sql } from "../../src/keep/postgres-client.ts";
import { journalHash } from "../../src/ledger/journal.ts";
import { journalFaults, journalOf } from "../support/kept-journal.ts";
import { LedgerSource } from "../support/ledger-source.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { divergenceSection, failure } from "./divergence-section.ts";
import { booksUnderTest } from "./support/books-under-test.ts";
import { page } from "./support/pages.ts";

setDefaultTimeout(60_000);

/** Those before the first were other programs'. */
const ALL_VERSIONS = MIGRATIONS.map((_, index) => SCHEMA_VERSION - MIGRATIONS.length + 1 + index);

describe.skipIf(serversMissing !== null)("the books", () => {
  const setup = booksUnderTest();

  test("migrating again changes nothing; a newer schema is refused in one sentence", async () => {
    await migrate(setup.sql);
    expect(await versionsOf(setup.sql)).toEqual(ALL_VERSIONS);
    await setup.sql`INSERT INTO migrations (version) VALUES (99)`;
    expect(migrate(setup.sql)).rejects.toThrow(
      `the books have schema version 99, this program knows versions up to ${SCHEMA_VERSION}: start the newer program that wrote them.`,
    );
  });

  for (const version of [1, 4]) {
    test(`schema version ${version}, of before there were holds, is refused in one sentence, and nothing is changed`, async () => {
      const old = connectPostgres({
        url: await setup.server.createDatabase(),
        name: "old",
        connections_max: 1,
      });
      await old`CREATE TABLE migrations (version integer PRIMARY KEY, applied_at timestamptz DEFAULT now())`;
      await old`INSERT INTO migrations (version) VALUES (${version})`;
      expect(String(await failure(migrate(old)))).toContain(
        `the books are of an earlier version (schema version ${version}), which is not carried over: start with an ` +
          "empty database, or go on with the version that wrote them.",
      );
      expect(await versionsOf(old)).toEqual([version]);
      expect(await old`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`).toHaveLength(1);
      await old.end();
    });
  }

  test("books of each version since the first are brought up to date, with what is in them", async () => {
    for (const [index, version] of ALL_VERSIONS.entries()) {
      const old = connectPostgres({
        url: await setup.server.createDatabase(),
        name: "old",
        connections_max: 1,
      });
      await old`CREATE TABLE migrations (version integer PRIMARY KEY, applied_at timestamptz DEFAULT now())`;
      for (const [at, migration] of MIGRATIONS.slice(0, index + 1).entries()) {
        await old.unsafe(migration);
        await old`INSERT INTO migrations (version) VALUES (${(ALL_VERSIONS[0] ?? 0) + at})`;
      }
      await old`INSERT INTO system (epoch, shards, loaded) VALUES (${`of ${version}`}, 1, true)`;
      await migrate(old);
      expect(await versionsOf(old)).toEqual(ALL_VERSIONS);
      expect(await old`SELECT epoch, loaded FROM system`).toMatchObject([
        { epoch: `of ${version}`, loaded: true },
      ]);
      expect(await tablesOf(old)).toEqual(await tablesOf(setup.sql));
      await old.end();
    }
  });

  async function tablesOf(database: Sql): Promise<object[]> {
    return [
      ...(await database`
        SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'
        ORDER BY table_name, column_name`),
    ];
  }

  async function versionsOf(database: Sql): Promise<number[]> {
    return (await database<{ version: number }[]>`SELECT version FROM migrations ORDER BY version`).map(
      ({ version }) => version,
    );
  }

  test("two that migrate at once: both succeed", async () => {
    const fresh = await setup.server.createDatabase();
    const both = [1, 2].map((name) => connectPostgres({ url: fresh, name: `m${name}`, connections_max: 1 }));
    await Promise.all(both.map((each) => migrate(each)));
    expect(await Promise.all(both.map(versionsOf))).toEqual([ALL_VERSIONS, ALL_VERSIONS]);
    await Promise.all(both.map((each) => each.end()));
  });

  test("entries, balances and the cursor are kept in order, and read back as they were", async () => {
    const batches = [
      setup.source.batch("1", 500, -200),
      setup.source.batch("2", -80_000),
      setup.source.batch("1", -300, 7),
    ];
    expect(await setup.books.keep(0, batches)).toEqual({ type: "kept", lastG: 3, entries: 5 });

    expect(await setup.accountRow("1")).toMatchObject({ seq: 4, balance: 7, credit_limit: 100_000 });
    expect(await setup.accountRow("2")).toMatchObject({ seq: 1, balance: -80_000 });
    expect(await setup.books.fence()).toEqual({
      epoch: "e",
      loaded: true,
      isRestoring: false,
      shards: 2,
      lastG: [3, 0],
      seenG: [0, 0],
    });
    const { keptSeq, entries } = await setup.books.entries("1", page({ count: 3 }));
    expect(keptSeq).toBe(4);
    expect(entries.map(({ seq, balance }) => [seq, balance])).toEqual([
      [4, 7],
      [3, 0],
      [2, 300],
    ]);
    expect(entries.at(-1)).toEqual({
      account: "1",
      seq: 2,
      kind: "debit",
      value: 200,
      balance: 300,
      description: "a b\n\"c'\\",
      id: "req:1-2",
      time: 1_700_000_000_000_002,
      counterparty: "@world",
      transaction: "t0-1-1-2",
      reference: null,
    });
    expect(await setup.books.entries("3", page())).toEqual({ keptSeq: 0, entries: [] });
    expect(await setup.books.entries("99", page())).toEqual({ keptSeq: 0, entries: [] });
  });

  test("no digit and no character is lost", async () => {
    const texts = ["NULL", "null", "", "{}", ",", '"', "\\", "'", "😀", " ", " a  b ", "a ", "\t\n", "a,b"];
    // The first characters that could stand between two events.
    texts.push("\u0001", "\u0001\u0001", "\u0003 \u0001");
    const events = [
      setup.source.entry("1", Number.MAX_SAFE_INTEGER, "max"),
      setup.source.entry("1", -Number.MAX_SAFE_INTEGER, "min"),
    ];
    events.push(...texts.map((text) => setup.source.entry("1", 1, text)));
    await setup.books.keep(0, [setup.source.close(events)]);

    const { entries } = await setup.books.entries("1", page());
    expect(entries.slice(0, texts.length).map(({ description }) => description)).toEqual(texts.toReversed());
    expect(entries.at(-1)).toMatchObject({
      value: Number.MAX_SAFE_INTEGER,
      balance: Number.MAX_SAFE_INTEGER,
    });
    expect(await journalFaults(setup.sql)).toEqual([]);
  });

  test("an account may have any id", async () => {
    const ids = ["{}", "{a}:b.c-d_E", "NULL", "null", "a:1", "-", "_", "...", "account", "key:open-x", "9"];
    await setup.books.keep(0, [setup.source.close(ids.map((id) => setup.source.open(id, 100)))]);
    await setup.books.keep(0, [
      setup.source.close(ids.flatMap((id) => [setup.source.entry(id, 7), setup.source.limit(id, 50)])),
    ]);
    for (const id of ids) {
      expect(await setup.accountRow(id)).toMatchObject({ seq: 1, balance: 7, credit_limit: 50 });
      expect((await setup.books.entries(id, page())).entries).toMatchObject([
        { account: id, seq: 1, balance: 7 },
      ]);
    }
    expect(await journalFaults(setup.sql)).toEqual([]);
  });

  describe("the journal", () => {
    const refused = (g: number) => `x ${g} limit-exceeded/1 key:r-${g} content`;
    const hashAt = async (g: number) =>
      Buffer.from((await journalOf(setup.sql)).find((row) => row.shard === 0 && row.g === g)?.hash ?? []);

    test("has each batch word for word, chained, and the other tables are what it makes", async () => {
      const batches = [
        setup.source.close([
          setup.source.entry("1", 500),
          refused(1),
          setup.source.open("6", 100, 'Padaria "Joia" \\'),
          setup.source.entry("6", -100),
        ]),
        setup.source.close([refused(2)]),
        setup.source.close([setup.source.limit("6", 150), setup.source.entry("6", -50)]),
      ];
      await setup.books.keep(0, batches.slice(0, 2));
      await setup.books.keep(0, batches.slice(2));
      const rows = (await journalOf(setup.sql)).filter(({ shard, g }) => shard === 0 && g > 0);
      expect(rows.map(({ g, events }) => ({ g, events }))).toEqual(
        batches.map(({ g, events }) => ({ g, events })),
      );
      expect(rows[1]?.time).toBe(2);
      expect(await journalFaults(setup.sql)).toEqual([]);
    });

    test("has a row for a batch without events, which a restore may leave", async () => {
      const none = () => setup.source.close([]);
      await setup.books.keep(0, [none()]);
      await setup.books.keep(0, [
        none(),
        none(),
        setup.source.batch("1", 1, 2),
        none(),
        setup.source.batch("2", 3),
        none(),
      ]);
      await setup.books.keep(0, [none(), none()]);
      const rows = (await journalOf(setup.sql)).filter(({ shard, g }) => shard === 0 && g > 0);
      expect(rows.map(({ events }) => events.length)).toEqual([0, 0, 0, 2, 0, 1, 0, 0, 0]);
      expect(await journalFaults(setup.sql)).toEqual([]);
    });

    test("of a batch that does not fit holds nothing", async () => {
      await setup.sql`UPDATE accounts SET balance = 7 WHERE account = '1'`;
      expect(
        await failure(setup.books.keep(0, [setup.source.close([refused(1)]), setup.source.batch("1", 500)])),
      ).toBeInstanceOf(Divergence);
      expect((await journalOf(setup.sql)).filter(({ g }) => g > 0)).toEqual([]);
    });

    test("does not fork: who kept the row before another one was put in its place chains to what is there", async () => {
      await setup.books.keep(0, [setup.source.batch("1", 10)]);
      // As if another writer had kept another batch 1: this one still knows the hash of its own.
      const [first] = (await journalOf(setup.sql)).filter(({ g }) => g === 1);
      if (first === undefined) throw new Error("no row");
      const other = { ...first, events: [...first.events, refused(1)] };
      await setup.sql`
        UPDATE journal SET events = events || ${refused(1)}::text, hash = ${Buffer.from(journalHash(other))} WHERE g = 1`;
      expect(await setup.books.keep(0, [setup.source.batch("1", 20)])).toMatchObject({
        type: "kept",
        lastG: 2,
      });
      expect(await journalFaults(setup.sql)).toEqual([]);
    });

    test("that has the next row already is a divergence, named by its batch", async () => {
      const batch = setup.source.batch("1", 10);
      await setup.sql`
        INSERT INTO journal (shard, g, time, events, previous, hash)
        VALUES (0, 1, 1, '{}', ${await hashAt(0)}, ${await hashAt(0)})`;
      const error: unknown = await failure(setup.books.keep(0, [batch]));
      expect(error).toMatchObject({ name: "Divergence", g: 1, account: null, seq: null });
    });

    test("tells whether a batch was kept with an event", async () => {
      const batch = setup.source.close([setup.source.entry("1", 10), refused(1)]);
      await setup.books.keep(0, [batch]);
      for (const event of batch.events) {
        expect(await setup.books.hasEvent(0, 1, event)).toBe(true);
        expect(await setup.books.hasEvent(0, 2, event)).toBe(false);
        expect(await setup.books.hasEvent(1, 1, event)).toBe(false);
      }
      expect(await setup.books.hasEvent(0, 1, refused(2))).toBe(false);
    });
  });

  test("opened accounts and changed limits, each limit a version", async () => {
    const events = [
      setup.source.open("6", 100, "Padaria Joia"),
      setup.source.entry("6", -100),
      setup.source.limit("6", 150),
    ];
    await setup.books.keep(0, [
      setup.source.close(events),
      setup.source.close([setup.source.entry("6", -50), setup.source.limit("6", 200)]),
    ]);
    await setup.books.keep(0, [
      setup.source.close([setup.source.limit("6", 190), setup.source.open("8", 0)]),
    ]);

    expect(await setup.accountRow("6")).toEqual({
      seq: 2,
      balance: -150,
      credit_limit: 190,
      name: "Padaria Joia",
    });
    expect(await setup.accountRow("8")).toEqual({ seq: 0, balance: 0, credit_limit: 0, name: null });
    const versions = await setup.sql`
      SELECT version, credit_limit, after_seq, command FROM limits WHERE account = '6' ORDER BY version`;
    expect(versions.map((row) => ({ ...row }))).toEqual([
      { version: 1, credit_limit: 100, after_seq: 0, command: "key:open-6" },
      { version: 2, credit_limit: 150, after_seq: 1, command: "req:limit-6" },
      { version: 3, credit_limit: 200, after_seq: 2, command: "req:limit-6" },
      { version: 4, credit_limit: 190, after_seq: 2, command: "req:limit-6" },
    ]);
    expect(await setup.sql`SELECT credit_limit FROM entries WHERE account = '6' ORDER BY seq`).toMatchObject([
      { credit_limit: 100 },
      { credit_limit: 150 },
    ]);
  });

  test("what is kept already is skipped, a gap is refused", async () => {
    const [one, two, three, four] = [1, 2, 3, 4].map(() => setup.source.batch("1", 10));
    if (!one || !two || !three || !four) throw new Error("four batches");
    await setup.books.keep(0, [one, two]);
    expect(await setup.books.keep(0, [one, two])).toEqual({ type: "kept", lastG: 2, entries: 0 });
    expect(await setup.books.keep(0, [four])).toEqual({ type: "gap", lastG: 2 });
    expect(await setup.books.keep(0, [one, two, two, three])).toEqual({ type: "kept", lastG: 3, entries: 1 });
    expect(await setup.books.keep(0, [])).toEqual({ type: "kept", lastG: 3, entries: 0 });
    expect(
      setup.books.keep(0, [
        { ...four, g: 4 },
        { ...four, g: 6 },
      ]),
    ).rejects.toThrow("does not follow");
    expect(await setup.entryCount()).toBe(3);
  });

  test("two that keep the same batches at once: each row once, in order", async () => {
    const other = new Books({ url: setup.url, name: "other", connections_max: 2 });
    let held: string | null = null;
    const batches = Array.from({ length: 60 }, (_, index) => {
      const { source } = setup;
      const events = [10, -5].map((value) => source.entry(String(1 + (index % 4)), value));
      // Each hold is ended by the batch after the one that made it.
      if (held !== null) events.push(source.release(held));
      events.push(source.hold("5", 1));
      held = source.latest.hold;
      return source.close(events);
    });
    const keepAll = async (keeper: Books, size: number) => {
      for (let at = 0; at < batches.length; at += size) await keeper.keep(0, batches.slice(at, at + size));
    };
    await Promise.all([keepAll(setup.books, 3), keepAll(other, 4), keepAll(other, 5)]);
    await other.close();
    expect(await setup.entryCount()).toBe(setup.source.entries);
    expect((await setup.books.fence())?.lastG).toEqual([60, 0]);
    for (const [account, { balance, seq }] of setup.source.accounts) {
      expect(await setup.accountRow(account)).toMatchObject({ balance, seq });
    }
    expect(await journalFaults(setup.sql)).toEqual([]);
  });

  test("batches of another epoch are refused, and keep nothing", async () => {
    const stranger = new LedgerSource("another");
    expect(setup.books.keep(0, [stranger.batch("1", 10)])).rejects.toThrow(
      "the books are not of epoch another",
    );
    expect(await setup.entryCount()).toBe(0);
  });

  test("no books yet: the fence is null", async () => {
    const fresh = new Books({ url: await setup.server.createDatabase(), name: "fresh", connections_max: 1 });
    expect(await fresh.fence()).toBeNull();
    await fresh.close();
  });

  test("it works again after a restart of PostgreSQL", async () => {
    await setup.books.keep(0, [setup.source.batch("1", 10)]);
    await setup.server.process.kill();
    const lost = setup.source.batch("1", 20);
    expect(setup.books.keep(0, [lost])).rejects.toThrow();
    await setup.server.process.start();
    expect(await setup.books.keep(0, [lost])).toEqual({ type: "kept", lastG: 2, entries: 1 });
  });

  divergenceSection(setup);
});
