import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createClient } from "@redis/client";
import postgres from "postgres";
import { functionLibrary } from "../../src/decide/function-library.ts";
import { headKey } from "../../src/decide/redis-client.ts";
import { Books } from "../../src/keep/books.ts";
import { initialise } from "../../src/keep/init.ts";
import { BOOKS_ROLES, type BooksRole, scramVerifier } from "../../src/keep/roles.ts";
import { LedgerSource } from "../support/ledger-source.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { type RedisServer, startRedis } from "../support/servers/redis.ts";

setDefaultTimeout(60_000);

const ROLES = Object.values(BOOKS_ROLES);
const FORBIDDEN = "42501";

/** What none of them may do. */
const FORBIDDEN_TO_ALL = [
  "UPDATE accounts SET balance = 0",
  "UPDATE accounts SET credit_limit = 9007199254740991",
  "INSERT INTO accounts (account, unit, credit_limit, balance, seq, opened_at, command) VALUES ('x', 'X', 0, 0, 0, 0, 'x')",
  "DELETE FROM accounts",
  "UPDATE entries SET value = 1",
  "DELETE FROM entries",
  "INSERT INTO entries SELECT * FROM entries",
  "DELETE FROM journal",
  "UPDATE journal SET hash = previous",
  "INSERT INTO journal SELECT * FROM journal",
  "TRUNCATE journal",
  "UPDATE holds SET amount = 1",
  "DELETE FROM reversals",
  "INSERT INTO limits SELECT * FROM limits",
  "UPDATE cursors SET last_g = 0",
  "UPDATE cursors SET seen_g = 0",
  "UPDATE system SET epoch = 'another'",
  "DELETE FROM restores",
  "INSERT INTO migrations (version) VALUES (99)",
  "INSERT INTO audits (finished_at, agreed, findings, seconds) VALUES (now(), true, 0, 0)",
  "DELETE FROM divergences",
  "SELECT add_changes(0, 'ab', '{}', '', '', '', '')",
  "DROP TABLE entries",
  "ALTER TABLE entries ADD COLUMN more text",
  "CREATE TABLE mine (id integer)",
  "CREATE TEMPORARY TABLE mine (id integer)",
  "CREATE OR REPLACE FUNCTION note_seen(of_shard integer, of_epoch text, g bigint) RETURNS void LANGUAGE sql AS ''",
  "BEGIN; LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE",
  "CREATE ROLE another SUPERUSER",
  "ALTER SYSTEM SET fsync = off",
  "SELECT pg_read_file('/etc/hostname')",
  "COPY accounts TO PROGRAM 'cat'",
  "SELECT rolpassword FROM pg_authid",
];

const KEEPING = "SELECT keep_batches(0, 'e', 1, 1, '', '', 'ab', '{}', '', '', '', '')";
const NOTING = "SELECT note_seen(0, 'e', 1)";
const STOPPING = "SELECT note_divergence(0, 1, 'none')";
const NAMES = ["api", "writer", "dispatch", "console"] as const satisfies readonly BooksRole[];

/** Of webhooks: the API makes their secrets and never reads one; the others have nothing to do with them. */
const READING_SECRETS = [
  "SELECT secret FROM webhook_secrets",
  "SELECT * FROM webhook_secrets",
  "UPDATE webhook_secrets SET until = 1 WHERE secret = 'a'",
  "INSERT INTO webhook_secrets VALUES ('w', 's', NULL) RETURNING secret",
  "COPY webhook_secrets TO STDOUT",
];
const SHOWN_HOOK_TABLES = new Set(["deliveries", "watches", "webhooks"]);
const HOOK_TABLES = new Set([
  ...SHOWN_HOOK_TABLES,
  "crossings",
  "hook_requests",
  "watch_below",
  "watch_position",
  "webhook_secrets",
]);
const CHANGING_WEBHOOKS = [
  "UPDATE webhooks SET url = 'https://elsewhere.example'",
  "DELETE FROM deliveries",
  "INSERT INTO watch_below VALUES ('c', '1')",
  "SELECT body FROM hook_requests",
];

const FORBIDDEN_TO: Readonly<Record<BooksRole, readonly string[]>> = {
  api: [...FORBIDDEN_TO_ALL, KEEPING, STOPPING, ...READING_SECRETS],
  writer: [...FORBIDDEN_TO_ALL, ...READING_SECRETS, ...CHANGING_WEBHOOKS],
  dispatch: [...FORBIDDEN_TO_ALL, KEEPING, NOTING, STOPPING],
  console: [...FORBIDDEN_TO_ALL, KEEPING, NOTING, STOPPING, ...READING_SECRETS, ...CHANGING_WEBHOOKS],
};

describe.skipIf(serversMissing !== null)("the roles of our processes in the books", () => {
  let server: PostgresServer;
  let redis: RedisServer;
  let databaseUrl: string;
  const init = () =>
    initialise({
      databaseUrl,
      redisUrl: redis.url,
      shards: null,
      library: functionLibrary,
      rolePasswords: {
        api: "of the api",
        writer: "of the writer",
        dispatch: "of the dispatcher",
        console: "of the console",
      },
    });
  const urlOf = (role: BooksRole): string => {
    const url = new URL(databaseUrl);
    url.username = BOOKS_ROLES[role];
    return url.href;
  };

  beforeAll(async () => {
    [server, redis] = await Promise.all([startPostgres(), startRedis()]);
    databaseUrl = await server.emptyDatabase();
    await init();
    // As if it had decided what the tests keep: init looks at that.
    const client = createClient({ url: redis.url });
    await client.connect();
    await client.hSet(headKey(0), "g", "1000");
    client.destroy();
  });

  afterAll(async () => {
    await Promise.all([server.process.dispose(), redis.process.dispose()]);
  });

  async function as<Result>(url: string, use: (sql: postgres.Sql) => Promise<Result>): Promise<Result> {
    const sql = postgres(url, { max: 1, onnotice: () => {} });
    try {
      return await use(sql);
    } finally {
      await sql.end();
    }
  }

  for (const role of NAMES) {
    for (const statement of FORBIDDEN_TO[role]) {
      test(`${BOOKS_ROLES[role]} is refused: ${statement}`, async () => {
        const refused = await as(urlOf(role), (sql) =>
          sql.unsafe(statement).then(
            () => "done",
            (error: unknown) => Object(error).code,
          ),
        );
        expect(refused).toBe(FORBIDDEN);
      });
    }
  }

  test("the writer does its whole work by its role, and the API reads it by its own", async () => {
    const [epoch = ""] = await as(databaseUrl, (sql) =>
      sql`SELECT epoch FROM system`.then((rows) => rows.map((row) => String(row["epoch"]))),
    );
    const source = new LedgerSource(epoch);
    const writer = new Books({ url: urlOf("writer"), name: "test", connections_max: 1 });
    const api = new Books({ url: urlOf("api"), name: "test", connections_max: 1 });
    try {
      expect(await writer.keep(0, [source.batch("1", 30), source.batch("2", 10)])).toMatchObject({
        lastG: 2,
      });
      expect(await writer.settingsFault(false)).toBe(null);
      await writer.noteSeen(epoch, 0, 7);
      await api.noteSeen(epoch, 0, 9);
      expect(await api.fence()).toMatchObject({ lastG: [2], seenG: [9] });
      expect(await api.settingsFault(false)).toBe(null);
      const page = {
        count: 10,
        order: "asc",
        from: null,
        before: null,
        fromTime: null,
        beforeTime: null,
      } as const;
      expect((await api.entries("1", page)).entries.length).toBeGreaterThan(0);
      expect(await api.balanceAt("1", Date.now() * 1000)).not.toBe(null);
      expect(await api.batch(0, 1)).not.toBe(null);
      expect(await api.totals()).not.toBe(null);
    } finally {
      await Promise.all([writer.close(), api.close()]);
    }
  });

  test("nobody else may call what runs with the owner's rights, or is turned aside to tables of the caller", async () => {
    const functions = await as(
      databaseUrl,
      (sql) => sql`
      SELECT p.proname AS name, p.prosecdef AS definer, has_function_privilege('public', p.oid, 'EXECUTE') AS open,
        p.proconfig @> ARRAY['search_path=public, pg_temp'] AS fixed
      FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace ORDER BY 1`,
    );
    const rows = functions.map((row) => ({ ...row }));
    expect(rows.filter(({ definer }) => definer)).toEqual([
      { name: "keep_batches", definer: true, open: false, fixed: true },
      { name: "keep_transits", definer: true, open: false, fixed: true },
      { name: "note_divergence", definer: true, open: false, fixed: true },
      { name: "note_seen", definer: true, open: false, fixed: true },
    ]);
  });

  test("what they may call they may not only because everyone may: a server may begin with that taken from all", async () => {
    const granted = await as(
      databaseUrl,
      (sql) => sql`
      SELECT p.proname AS name, string_agg(a.grantee::regrole::text, ' ' ORDER BY a.grantee::regrole::text) AS to
      FROM pg_proc AS p, aclexplode(p.proacl) AS a
      WHERE p.pronamespace = 'public'::regnamespace AND a.grantee::regrole::text LIKE 'razonete\\_%'
      GROUP BY 1 ORDER BY 1`,
    );
    const both = "razonete_api razonete_writer";
    const all = "razonete_api razonete_console razonete_dispatch razonete_writer";
    expect(granted.map((row) => [row["name"], row["to"]])).toEqual([
      ["entries_of", all],
      ["first_g", all],
      ["first_seq", all],
      ["keep_batches", "razonete_writer"],
      ["keep_transits", "razonete_writer"],
      ["note_divergence", "razonete_writer"],
      ["note_seen", both],
    ]);
  });

  test("every table of the books is one that roles.sql knows, so that none is forgotten or given by chance", async () => {
    const tables = await as(
      databaseUrl,
      (sql) => sql`
      SELECT relname AS name,
        has_table_privilege(${BOOKS_ROLES.api}, oid, 'SELECT') AS api,
        has_table_privilege(${BOOKS_ROLES.writer}, oid, 'SELECT') AS writer,
        has_table_privilege(${BOOKS_ROLES.dispatch}, oid, 'SELECT') AS dispatch,
        has_table_privilege(${BOOKS_ROLES.console}, oid, 'SELECT') AS console
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1`,
    );
    expect(tables.length).toBeGreaterThan(9);
    for (const { name, api, writer, dispatch, console } of tables)
      expect([name, api, writer, dispatch, console]).toEqual([
        name,
        name !== "webhook_secrets",
        name !== "access_keys" && !HOOK_TABLES.has(String(name)),
        true,
        !HOOK_TABLES.has(String(name)) || SHOWN_HOOK_TABLES.has(String(name)),
      ]);
  });

  test("init grants them again each time: what was taken from them, and what else they were given", async () => {
    const privileges = () =>
      as(databaseUrl, (sql) =>
        sql`
        SELECT grantee, table_name, privilege_type FROM information_schema.role_table_grants
        WHERE grantee IN ${sql(ROLES)} ORDER BY 1, 2, 3`.then((rows) => rows.map((row) => ({ ...row }))),
      );
    const before = await privileges();
    await as(databaseUrl, async (sql) => {
      await sql.unsafe(
        "REVOKE SELECT ON entries FROM razonete_api; GRANT DELETE ON journal TO razonete_writer",
      );
    });
    expect(await privileges()).not.toEqual(before);
    await init();
    expect(await privileges()).toEqual(before);
  });

  test("a schema in which everyone may make things, as before PostgreSQL 15, is closed by init", async () => {
    const made = () =>
      as(urlOf("api"), (sql) =>
        sql.unsafe("CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'").then(
          () => "made",
          (error: unknown) => Object(error).code,
        ),
      );
    await as(databaseUrl, (sql) => sql`GRANT CREATE ON SCHEMA public TO PUBLIC`);
    await init();
    expect(await made()).toBe(FORBIDDEN);
  });

  test("what is sent for a password is what PostgreSQL makes of it, and another each time", async () => {
    // In place of a login: the tests' server asks nobody for a password.
    const kept = async () =>
      as(databaseUrl, (sql) => sql`SELECT rolpassword AS kept FROM pg_authid WHERE rolname = 'razonete_api'`);
    const [before] = await kept();
    await init();
    const [after] = await kept();
    expect(String(after?.["kept"])).toMatch(/^SCRAM-SHA-256\$4096:\S+\$\S+:\S+$/);
    expect(after).not.toEqual(before);
    expect(scramVerifier("of the api")).not.toContain("api");
  });
});

describe.skipIf(serversMissing !== null)("without such roles", () => {
  test("init makes none, and grants nothing", async () => {
    const [server, redis] = await Promise.all([startPostgres(), startRedis()]);
    try {
      const databaseUrl = await server.emptyDatabase();
      await initialise({ databaseUrl, redisUrl: redis.url, shards: null, library: functionLibrary });
      const sql = postgres(databaseUrl, { max: 1 });
      expect(await sql`SELECT rolname FROM pg_roles WHERE rolname LIKE 'razonete%'`).toHaveLength(1);
      await sql.end();
    } finally {
      await Promise.all([server.process.dispose(), redis.process.dispose()]);
    }
  });
});
