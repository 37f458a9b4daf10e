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
import { Books } from "../../src/keep/books.ts";
import { connectPostgres, type Sql } from "../../src/keep/postgres-client.ts";
import { Divergence } from "../../src/keep/divergence.ts";
import { migrate, SCHEMA_VERSION } from "../../src/keep/migrate.ts";
import { INITIAL_CREDIT_LIMITS } from "../../src/ledger/account.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { LedgerSource } from "../support/ledger-source.ts";

setDefaultTimeout(60_000);

describe.skipIf(serversMissing !== null)("the books", () => {
  let server: PostgresServer;
  let url: string;
  let sql: Sql;
  let books: Books;
  let source: LedgerSource;

  beforeAll(async () => {
    server = await startPostgres();
  });

  afterAll(async () => {
    await server.process.dispose();
  });

  beforeEach(async () => {
    url = await server.emptyDatabase();
    sql = connectPostgres({ url, name: "test", connections_max: 1 });
    await migrate(sql);
    await sql`INSERT INTO system (epoch, shards, loaded) VALUES ('e', 2, true)`;
    await sql`INSERT INTO cursors (shard, last_g) VALUES (0, 0), (1, 0)`;
    for (const [index, limit] of INITIAL_CREDIT_LIMITS.entries()) {
      await sql`
        INSERT INTO accounts (account, credit_limit, balance, seq, opened_at, command)
        VALUES (${index + 1}, ${limit}, 0, 0, 1, 'initial')`;
      await sql`
        INSERT INTO limits (account, version, credit_limit, after_seq, command, changed_at)
        VALUES (${index + 1}, 1, ${limit}, 0, 'initial', 1)`;
    }
    books = new Books({ url, name: "test books", connections_max: 2 });
    source = new LedgerSource("e");
  });

  afterEach(async () => {
    await books.close();
    await sql.end();
  });

  async function entryCount(): Promise<number> {
    const [row] = await sql<{ count: number }[]>`SELECT count(*) AS count FROM entries`;
    return row?.count ?? -1;
  }

  async function accountRow(account: number) {
    const [row] = await sql`SELECT seq, balance, credit_limit, name FROM accounts WHERE account = ${account}`;
    return row === undefined ? null : { ...row };
  }

  test("migrating again changes nothing; a newer schema is refused in one sentence", async () => {
    await migrate(sql);
    expect(await sql`SELECT version FROM migrations`).toHaveLength(SCHEMA_VERSION);
    await sql`INSERT INTO migrations (version) VALUES (99)`;
    expect(migrate(sql)).rejects.toThrow(
      `the books have schema version 99, this program knows versions up to ${SCHEMA_VERSION}: start the newer program that wrote them.`,
    );
  });

  test("two that migrate at once: both succeed", async () => {
    const fresh = await server.createDatabase();
    const both = [1, 2].map((name) => connectPostgres({ url: fresh, name: `m${name}`, connections_max: 1 }));
    await Promise.all(both.map((each) => migrate(each)));
    const versions = await Promise.all(both.map((each) => each`SELECT version FROM migrations`));
    expect(versions.map(({ length }) => length)).toEqual([SCHEMA_VERSION, SCHEMA_VERSION]);
    await Promise.all(both.map((each) => each.end()));
  });

  test("entries, balances and the cursor are kept in order, and read back as they were", async () => {
    const batches = [source.batch(1, 500, -200), source.batch(2, -80_000), source.batch(1, -300, 7)];
    expect(await books.keep(0, batches)).toEqual({ type: "kept", lastG: 3, entries: 5 });

    expect(await accountRow(1)).toMatchObject({ seq: 4, balance: 7, credit_limit: 100_000 });
    expect(await accountRow(2)).toMatchObject({ seq: 1, balance: -80_000 });
    expect(await books.fence()).toEqual({
      epoch: "e",
      loaded: true,
      isRestoring: false,
      shards: 2,
      lastG: [3, 0],
      seenG: [0, 0],
    });
    const { keptSeq, entries } = await books.history(1, null, 3);
    expect(keptSeq).toBe(4);
    expect(entries.map(({ seq, balance }) => [seq, balance])).toEqual([
      [4, 7],
      [3, 0],
      [2, 300],
    ]);
    expect(entries.at(-1)).toEqual({
      account: 1,
      seq: 2,
      kind: "debit",
      value: 200,
      balance: 300,
      description: "a b\n\"c'\\",
      id: "req:1-2",
      time: 1_700_000_000_000_002,
    });
    expect((await books.history(1, 2, 10)).entries.map(({ seq }) => seq)).toEqual([1]);
    expect(await books.history(3, null, 10)).toEqual({ keptSeq: 0, entries: [] });
    expect(await books.history(99, null, 10)).toEqual({ keptSeq: 0, entries: [] });
  });

  test("no digit and no character is lost", async () => {
    const texts = ["NULL", "null", "", "{}", ",", '"', "\\", "'", "😀", " ", "\t\n", "a,b"];
    source.accounts.set(1, { balance: 0, seq: 0, limit: 100_000 });
    const events = [
      source.entry(1, Number.MAX_SAFE_INTEGER, "max"),
      source.entry(1, -Number.MAX_SAFE_INTEGER, "min"),
    ];
    events.push(...texts.map((text) => source.entry(1, 1, text)));
    await books.keep(0, [source.close(events)]);

    const { entries } = await books.history(1, null, 100);
    expect(entries.slice(0, texts.length).map(({ description }) => description)).toEqual(texts.toReversed());
    expect(entries.at(-1)).toMatchObject({
      value: Number.MAX_SAFE_INTEGER,
      balance: Number.MAX_SAFE_INTEGER,
    });
  });

  test("opened accounts and changed limits, each limit a version", async () => {
    const events = [source.open(6, 100, "Padaria Joia"), source.entry(6, -100), source.limit(6, 150)];
    await books.keep(0, [source.close(events), source.close([source.entry(6, -50), source.limit(6, 200)])]);
    await books.keep(0, [source.close([source.limit(6, 190), source.open(8, 0)])]);

    expect(await accountRow(6)).toEqual({ seq: 2, balance: -150, credit_limit: 190, name: "Padaria Joia" });
    expect(await accountRow(8)).toEqual({ seq: 0, balance: 0, credit_limit: 0, name: null });
    const versions = await sql`
      SELECT version, credit_limit, after_seq, command FROM limits WHERE account = 6 ORDER BY version`;
    expect(versions.map((row) => ({ ...row }))).toEqual([
      { version: 1, credit_limit: 100, after_seq: 0, command: "key:open-6" },
      { version: 2, credit_limit: 150, after_seq: 1, command: "req:limit-6" },
      { version: 3, credit_limit: 200, after_seq: 2, command: "req:limit-6" },
      { version: 4, credit_limit: 190, after_seq: 2, command: "req:limit-6" },
    ]);
    expect(await sql`SELECT credit_limit FROM entries WHERE account = 6 ORDER BY seq`).toMatchObject([
      { credit_limit: 100 },
      { credit_limit: 150 },
    ]);
  });

  test("what is kept already is skipped, a gap is refused", async () => {
    const [one, two, three, four] = [1, 2, 3, 4].map(() => source.batch(1, 10));
    if (!one || !two || !three || !four) throw new Error("four batches");
    await books.keep(0, [one, two]);
    expect(await books.keep(0, [one, two])).toEqual({ type: "kept", lastG: 2, entries: 0 });
    expect(await books.keep(0, [four])).toEqual({ type: "gap", lastG: 2 });
    expect(await books.keep(0, [one, two, two, three])).toEqual({ type: "kept", lastG: 3, entries: 1 });
    expect(await books.keep(0, [])).toEqual({ type: "kept", lastG: 3, entries: 0 });
    expect(
      books.keep(0, [
        { ...four, g: 4 },
        { ...four, g: 6 },
      ]),
    ).rejects.toThrow("does not follow");
    expect(await entryCount()).toBe(3);
  });

  test("two that keep the same batches at once: each row once, in order", async () => {
    const other = new Books({ url, name: "other", connections_max: 2 });
    const batches = Array.from({ length: 60 }, (_, index) => source.batch(1 + (index % 5), 10, -5));
    const keepAll = async (keeper: Books, size: number) => {
      for (let at = 0; at < batches.length; at += size) await keeper.keep(0, batches.slice(at, at + size));
    };
    await Promise.all([keepAll(books, 3), keepAll(other, 4), keepAll(other, 5)]);
    await other.close();
    expect(await entryCount()).toBe(source.entries);
    expect((await books.fence())?.lastG).toEqual([60, 0]);
    for (const [account, { balance, seq }] of source.accounts) {
      expect(await accountRow(account)).toMatchObject({ balance, seq });
    }
  });

  test("batches of another epoch are refused, and keep nothing", async () => {
    const stranger = new LedgerSource("another");
    expect(books.keep(0, [stranger.batch(1, 10)])).rejects.toThrow("the books are not of epoch another");
    expect(await entryCount()).toBe(0);
  });

  describe("a divergence keeps nothing and says where it is", () => {
    const outbox = () => [source.batch(2, 1), source.batch(1, 500)];

    async function expectDivergence(account: number | null, seq: number | null): Promise<void> {
      const error: unknown = await books.keep(0, outbox()).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Divergence);
      expect(error).toMatchObject({ account, seq, shard: 0 });
      expect((await books.fence())?.lastG).toEqual([0, 0]);
      expect(await accountRow(2)).toMatchObject({ seq: 0, balance: 0 });
    }

    test("a row that already exists", async () => {
      await sql`
        INSERT INTO entries (account, seq, kind, value, balance, credit_limit, description, command, time)
        VALUES (1, 1, 'credit', 5, 5, 100000, 'x', 'req:x', 1)`;
      await expectDivergence(1, 1);
    });

    test("another balance", async () => {
      await sql`UPDATE accounts SET balance = 7 WHERE account = 1`;
      await expectDivergence(1, 1);
    });

    test("another seq", async () => {
      await sql`UPDATE accounts SET seq = 7 WHERE account = 1`;
      await expectDivergence(1, 1);
    });

    test("another limit", async () => {
      await sql`UPDATE accounts SET credit_limit = 7 WHERE account = 1`;
      await expectDivergence(1, 1);
    });

    test("no such account", async () => {
      await sql`DELETE FROM accounts WHERE account = 1`;
      await expectDivergence(1, 1);
    });

    test("a limit that was passed", async () => {
      source.accounts.set(2, { balance: 0, seq: 0, limit: 80_000 });
      source.entry(2, -80_000);
      const passed = `d 2 1 5 80001 -80001 80000 req:x x`;
      const error: unknown = await books
        .keep(0, [{ epoch: "e", shard: 0, g: 1, events: [passed] }])
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Divergence);
      expect(await entryCount()).toBe(0);
    });

    test("a chain that is broken in the outbox itself", async () => {
      source.batch(1, 500);
      const broken = source.batch(1, 500);
      const error: unknown = await books
        .keep(0, [{ ...broken, g: 1, events: [...broken.events, ...broken.events] }])
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: "Divergence", account: 1, seq: 3 });
    });

    test("an event that is none", async () => {
      const error: unknown = await books
        .keep(0, [source.close(["nonsense"])])
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: "Divergence", account: null, g: 1 });
    });
  });

  test("no books yet: the fence is null", async () => {
    const fresh = new Books({ url: await server.createDatabase(), name: "fresh", connections_max: 1 });
    expect(await fresh.fence()).toBeNull();
    await fresh.close();
  });

  test("it works again after a restart of PostgreSQL", async () => {
    await books.keep(0, [source.batch(1, 10)]);
    await server.process.kill();
    const lost = source.batch(1, 20);
    expect(books.keep(0, [lost])).rejects.toThrow();
    await server.process.start();
    expect(await books.keep(0, [lost])).toEqual({ type: "kept", lastG: 2, entries: 1 });
  });
});
