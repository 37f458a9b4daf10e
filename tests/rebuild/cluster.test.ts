import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { auditCluster } from "../../src/audit/audit-cluster.ts";
import { rebuildCluster, type RebuildOptions } from "../../src/rebuild/rebuild-cluster.ts";
import { call } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { LoadedCluster } from "../support/loaded-cluster.ts";
import { Random, testSeed } from "../support/random.ts";
import { serversMissing } from "../support/servers/binaries.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const identified = z.looseObject({ id: z.string().optional() });
const seed = testSeed();
const random = new Random(seed);

const YES: RebuildOptions = { confirm: async () => true, say: () => {}, onProgress: () => {} };

describe.skipIf(serversMissing !== null)(`a rebuild of a cluster's books (seed ${seed})`, () => {
  let system: LoadedCluster;

  beforeAll(async () => {
    system = await LoadedCluster.start(seed, { shards: 2, writers: 1 });
    const load = await system.load();
    const opened = { unit: "USD/2", credit_limit: 500, name: "Padaria São  João", metadata: { a: "b" } };
    await send("POST", "/v1/accounts", opened);
    await send("PATCH", "/v1/accounts/2", { credit_limit: 90_000 });
    await send("PATCH", "/v1/accounts/2", { credit_limit: 80_000, name: "Two" });
    const transaction = await send("POST", "/v1/transactions", {
      postings: [
        { from: "1", to: "2", amount: 5 },
        { from: "2", to: "@world", amount: 2 },
      ],
      reference: "r",
    });
    await send("POST", `/v1/transactions/${transaction}/reversal`, {});
    const holds = [];
    for (const amount of [3, 4, 5]) holds.push(await send("POST", "/v1/holds", { from: "3", amount }));
    await send("POST", `/v1/holds/${holds[0]}/capture`, { to: "4" });
    await send("POST", `/v1/holds/${holds[1]}/release`, {});
    for (const account of [1, 2, 3, 4, 5, 5])
      await send("POST", `/clientes/${account}/transacoes`, { valor: 7, tipo: "c", descricao: " a  b " });
    await Bun.sleep(1000);
    await load.stop();
    await system.books.drained();
  });
  afterAll(() => system.dispose());

  /** @returns the id of what it is about, if it has one */
  async function send(method: "POST" | "PATCH", path: string, sent: object): Promise<string> {
    const { status, body } = await call(system.cluster.url, method, path, sent);
    expect(status).toBeLessThan(300);
    return identified.parse(body).id ?? "";
  }

  async function found(): Promise<string[]> {
    const { databaseUrl, redis, nats } = system.cluster;
    const report = await auditCluster({ databaseUrl, redisUrl: redis.url, natsUrl: nats.url });
    return report.findings.map(({ name, account, seq }) => `${name} ${account} ${seq}`);
  }

  const rebuild = (options: Partial<RebuildOptions> = {}) =>
    rebuildCluster(system.cluster.databaseUrl, { ...YES, ...options });

  /** Definitions, rights and rows of the tables. */
  async function describeBooks(): Promise<unknown> {
    const { sql } = system.books;
    const names =
      "('accounts', 'limits', 'entries', 'holds', 'reversals', 'parts', 'transits', 'from_shards')";
    return {
      columns: await sql.unsafe(`
        SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
        WHERE table_name IN ${names} ORDER BY table_schema, table_name, ordinal_position`),
      constraints: await sql.unsafe(`
        SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid::regclass::text IN ${names} ORDER BY 2, 1`),
      indexes: await sql.unsafe(`SELECT indexdef FROM pg_indexes WHERE tablename IN ${names} ORDER BY 1`),
      tables: await sql.unsafe(`
        SELECT relname, relnamespace::regnamespace::text, reloptions,
          coalesce(relacl, acldefault('r', relowner))::text FROM pg_class
        WHERE relname IN ${names} ORDER BY 1`),
      rows: {
        accounts: await sql`SELECT * FROM accounts ORDER BY account`,
        limits: await sql`SELECT * FROM limits ORDER BY account, version`,
        entries: await sql`SELECT * FROM entries ORDER BY account, seq`,
        holds: await sql`SELECT * FROM holds ORDER BY shard, g, event`,
        reversals: await sql`SELECT * FROM reversals ORDER BY reversed`,
      },
    };
  }

  async function leftOver(): Promise<number> {
    const rows = await system.books.sql`SELECT FROM pg_namespace WHERE nspname = 'razonete_rebuild'`;
    return rows.length;
  }

  /** Whatever a test has left. */
  afterEach(async () => {
    await rebuild();
    expect(await found()).toEqual([]);
    expect(await leftOver()).toBe(0);
  });

  test("of books that are right changes nothing", async () => {
    const before = await describeBooks();
    expect(await rebuild()).toMatchObject({ type: "not-needed", cursors: [] });
    expect(await describeBooks()).toEqual(before);
  });

  test("makes each table as it was, with its rows, constraints, indexes, storage and rights", async () => {
    const { sql } = system.books;
    await sql.unsafe(
      "DROP ROLE IF EXISTS reader; CREATE ROLE reader; GRANT SELECT ON entries, accounts TO reader",
    );
    const before = await describeBooks();
    const damage = [
      "UPDATE entries SET description = 'other' WHERE account = '1' AND seq = 1",
      "DELETE FROM entries WHERE account = '2' AND seq = 1",
      `INSERT INTO entries (account, seq, kind, value, balance, credit_limit, description, command, time, shard, g, event)
       VALUES ('5', 9999, 'credit', 1, 1, 0, 'x', 'req:x', 1, 1, 1, 0)`,
      "UPDATE accounts SET balance = balance + 1 WHERE account = '3'",
      "UPDATE accounts SET name = 'Other' WHERE name LIKE 'Padaria%'",
      "DELETE FROM accounts WHERE account = '4'",
      "DELETE FROM limits WHERE account = '4'",
      "UPDATE limits SET credit_limit = 1 WHERE account = '2' AND version = 2",
      "ALTER TABLE entries DROP CONSTRAINT entries_value_check",
      "UPDATE holds SET amount = 1 WHERE state = 'open'",
      "DELETE FROM holds WHERE state = 'released'",
      "DELETE FROM reversals",
      "UPDATE accounts SET from_others = 1 WHERE account = '5'",
    ];
    for (const one of damage) await sql.unsafe(one);
    expect(await found()).not.toEqual([]);
    const report = await rebuild();
    expect(report).toMatchObject({
      type: "rebuilt",
      tables: [
        { table: "accounts", differing: 4 },
        { table: "limits", differing: 2 },
        { table: "entries", differing: 3 },
        { table: "holds", differing: 2 },
        { table: "reversals", differing: 1 },
        { table: "parts", differing: 0 },
        { table: "transits", differing: 0 },
        { table: "from_shards", differing: 0 },
      ],
      cursors: [],
    });
    expect(report.tables.map(({ first }) => first.map(({ account }) => account))).toEqual([
      ["3", "4", "5", expect.stringMatching(/^a/)],
      ["2", "4"],
      ["1", "2", "5"],
      ["3", "3"],
      [expect.stringMatching(/^t0-/)],
      [],
      [],
      [],
    ]);
    expect(report.tables[2]?.first[2]).toEqual({
      account: "5",
      before: "(9999,1,1,0,1,1,1,0,5,credit,x,req:x,,,)",
      after: null,
    });
    expect(await describeBooks()).toEqual(before);
    await sql.unsafe("REVOKE ALL ON entries, accounts FROM reader; DROP ROLE reader");
  });

  test("of tables that are empty makes all of them", async () => {
    const before = await describeBooks();
    await system.books.sql.unsafe("TRUNCATE accounts, limits, entries, holds, reversals");
    expect(await rebuild()).toMatchObject({ type: "rebuilt" });
    expect(await describeBooks()).toEqual(before);
  });

  test("is refused where the chain is broken, and says where", async () => {
    const { sql } = system.books;
    await sql`UPDATE accounts SET balance = balance + 1 WHERE account = '3'`;
    const before = await describeBooks();
    const refused = async (damage: string) => {
      await sql.unsafe("CREATE TABLE saved AS TABLE journal");
      await sql.unsafe(damage);
      const error: unknown = await rebuild().catch((reason: unknown) => reason);
      await sql.unsafe("TRUNCATE journal; INSERT INTO journal TABLE saved; DROP TABLE saved");
      expect(await describeBooks()).toEqual(before);
      return error instanceof Error ? error.message : "not refused";
    };
    // Each shard has at least the rows 0 to 2: credits of its accounts came one after the other, on shard 1 those of 5.
    expect(await refused("UPDATE journal SET time = time + 1 WHERE shard = 1 AND g = 2")).toMatch(
      /^the journal is broken \(journal-hash: the hash of row 2 of the journal \(shard 1\) does not fit .*: put back a backup\.$/,
    );
    expect(await refused("DELETE FROM journal WHERE shard = 1 AND g = 1")).toContain("row 1 is missing");
    expect(
      await refused(
        "DELETE FROM journal WHERE shard = 1 AND g = (SELECT max(g) FROM journal WHERE shard = 1)",
      ),
    ).toContain("journal-cut: the journal of shard 1 ends at row");
    expect(
      await refused(
        "INSERT INTO journal SELECT 7, g, time, events, previous, hash FROM journal WHERE g = 0 AND shard = 0",
      ),
    ).toContain("(shard 7)");
  });

  test("sets a cursor that is behind its journal", async () => {
    const { sql } = system.books;
    await Promise.all(system.cluster.writers.map((writer) => writer.stop()));
    await sql`UPDATE cursors SET last_g = last_g - 1 WHERE shard = 1`;
    const report = await rebuild();
    expect(report).toMatchObject({ type: "rebuilt", cursors: [{ shard: 1 }] });
    expect((report.cursors[0]?.g ?? 0) - (report.cursors[0]?.lastG ?? 0)).toBe(1);
    await Promise.all(system.cluster.writers.map((writer) => writer.start()));
  });

  test("waits for those who read the tables, a moment at a time, and says so", async () => {
    const { sql } = system.books;
    await sql`UPDATE accounts SET balance = balance + 1 WHERE account = '3'`;
    const lines: string[] = [];
    const reading = Promise.withResolvers<void>();
    const waiting = Promise.withResolvers<void>();
    const say = (line: string): void => {
      lines.push(line);
      if (lines.length === 2) waiting.resolve();
    };
    const reader = sql.begin(async (transaction) => {
      await transaction`SELECT FROM entries LIMIT 1`;
      reading.resolve();
      await waiting.promise;
      // Another reader does not wait behind it for long.
      await sql`SELECT FROM entries LIMIT 1`;
    });
    await reading.promise;
    expect(await rebuild({ say })).toMatchObject({ type: "rebuilt" });
    await reader;
    expect(lines).toEqual([
      "Writers wait until this has ended. The APIs go on.",
      "Others read the tables: waiting for them to end.",
    ]);
  });

  function start(...flags: readonly string[]) {
    return Bun.spawn([process.execPath, MAIN, "rebuild", ...flags], {
      env: { PATH: process.env["PATH"] ?? "", DATABASE_URL: system.cluster.databaseUrl },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  async function run(...flags: readonly string[]) {
    const child = start(...flags);
    const [code, out, errors] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
    return { code, out, errors };
  }

  test("as a command: says what differs, asks, and ends with a code", async () => {
    const { sql } = system.books;
    expect(await run("--dry-run")).toMatchObject({ code: 0, errors: "" });
    await sql`UPDATE accounts SET balance = balance + 1 WHERE account = '3'`;
    const before = await describeBooks();
    const dry = await run("--dry-run");
    expect(dry).toMatchObject({ code: 2, errors: "" });
    expect(dry.out).toMatch(
      /^Writers wait .*\naccounts: \d+ rows, 1 of them differ\n {2}account 3: \(3,.*\) becomes \(3,.*\)\nlimits: .* 0 .*\nentries: .* 0 .*\nholds: .* 0 .*\nreversals: .* 0 .*\nparts: .* 0 .*\ntransits: .* 0 .*\nfrom_shards: .* 0 .*\nNothing was changed\.\n$/,
    );
    expect(await run()).toMatchObject({
      code: 1,
      errors:
        "razonete: nothing was changed: nobody can be asked here; say --yes where that is what you want.\n",
    });
    expect(await describeBooks()).toEqual(before);
    expect(await run("--yes")).toMatchObject({
      code: 0,
      out: expect.stringContaining("Rebuilt from the journal.\n"),
    });
    expect(await run("--yes")).toMatchObject({ code: 0, out: expect.stringContaining("Nothing to do") });
  });

  test("killed at any moment, nothing was changed, or all; the next one ends it", async () => {
    const { sql } = system.books;
    const right = await describeBooks();
    for (let round = 0; round < 8; round += 1) {
      await sql`UPDATE accounts SET balance = balance + 1 WHERE account = '3'`;
      await sql`DELETE FROM entries WHERE account = '2'`;
      const damaged = await describeBooks();
      const child = start("--yes");
      await Bun.sleep(random.integer(150, 900));
      child.kill("SIGKILL");
      await child.exited;
      await eventually("its session has ended", async () => {
        const rows = await sql`SELECT FROM pg_stat_activity WHERE application_name = 'razonete rebuild'`;
        return rows.length === 0;
      });
      expect([damaged, right]).toContainEqual(await describeBooks());
      expect(await leftOver()).toBe(0);
      await rebuild();
      expect(await describeBooks()).toEqual(right);
    }
  });

  test("while writers keep and clients are served: no request fails, and nothing is lost", async () => {
    const { sql } = system.books;
    const load = await system.load();
    for (let round = 0; round < 3; round += 1) {
      // Of an account that nobody uses meanwhile: a writer would stop with an alarm.
      await sql`UPDATE entries SET description = 'other' WHERE account = '1' AND seq = 1`;
      expect(await rebuild()).toMatchObject({
        type: "rebuilt",
        tables: [{}, {}, { differing: 1 }, {}, {}, {}, {}, {}],
      });
      await Bun.sleep(300);
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    await system.books.drained();
  });

  test("is the way on after an alarm of a writer", async () => {
    const { cluster } = system;
    await system.books.sql`UPDATE accounts SET balance = balance + 1 WHERE account = '3'`;
    await send("POST", "/clientes/3/transacoes", { valor: 1, tipo: "c", descricao: "c" });
    const [writer] = cluster.writers;
    expect(await writer?.exited).toBe(65);
    expect(readFileSync(writer?.logFile ?? "", "utf8")).toContain("razonete rebuild makes the books anew");
    expect(await rebuild()).toMatchObject({
      type: "rebuilt",
      tables: [{ differing: 1 }, {}, {}, {}, {}, {}, {}, {}],
    });
    await writer?.start();
    await system.books.drained();
  });
});
