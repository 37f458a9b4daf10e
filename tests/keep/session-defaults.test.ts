import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { messageOf } from "../../src/errors.ts";
import { Books } from "../../src/keep/books.ts";
import { migrate } from "../../src/keep/migrate.ts";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";

/** What a session of ours does not leave to the defaults of a server, a database or a role. */

failOnLeaks();
setDefaultTimeout(60_000);

const HOLD = "h0-1-0-1";

describe.skipIf(serversMissing !== null)("a session with PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.process.dispose());

  const WANTED = [
    ["default_transaction_read_only", "on", "off"],
    ["default_transaction_isolation", "serializable", "read committed"],
    ["synchronous_commit", "off", "on"],
    ["statement_timeout", "0", "5s"],
    // Else a machine that vanishes keeps its locks for two hours.
    ["tcp_keepalives_idle", "0", "5"],
    ["tcp_keepalives_interval", "0", "1"],
    ["tcp_keepalives_count", "0", "5"],
    ["tcp_user_timeout", "0", "10000"],
  ] as const;
  for (const [name, theirs, ours] of WANTED) {
    test(`has its own ${name}`, async () => {
      const url = await server.createDatabase();
      const session = async (text: string): Promise<unknown> => {
        const sql = connectPostgres({ url, name: "test", connections_max: 1 });
        try {
          return (await sql.unsafe(text))[0]?.[name];
        } finally {
          await sql.end({ timeout: 1 });
        }
      };
      const database = new URL(url).pathname.slice(1);
      await session(`ALTER DATABASE ${database} SET ${name} = '${theirs}'`);
      expect(await session(`SHOW ${name}`)).toBe(ours);
    });
  }

  test("has statements ended by PostgreSQL before the connection is given up, which others use", async () => {
    const url = await server.createDatabase();
    // Far apart, so that a machine that stands still does not make the later one come first.
    const answer_milliseconds_max = 20_000;
    const books = new Books({ url, name: "reader", connections_max: 2, answer_milliseconds_max });
    const sql = connectPostgres({ url, name: "test", connections_max: 1 });
    const brief = connectPostgres({ url, name: "test", connections_max: 1, answer_milliseconds_max: 5_000 });
    try {
      expect((await brief`SHOW statement_timeout`)[0]?.["statement_timeout"]).toBe("4s");
      await migrate(sql);
      const connections = () =>
        sql`SELECT pid FROM pg_stat_activity WHERE application_name = 'reader' ORDER BY pid`;
      await Promise.all([books.fence(), books.hold(HOLD)]);
      const before = await connections();
      await sql.begin(async (blocker) => {
        await blocker`LOCK TABLE holds`;
        const late = books.hold(HOLD).catch(messageOf);
        expect(await late).toBe("canceling statement due to statement timeout");
      });
      expect(await books.hold(HOLD)).toBe(null);
      expect(await connections()).toEqual(before);
    } finally {
      await books.close();
      await Promise.all([sql, brief].map((each) => each.end({ timeout: 1 })));
    }
  });
});
