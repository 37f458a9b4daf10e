import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";

/** What a session of ours does not leave to the defaults of a server, a database or a role. */

failOnLeaks();
setDefaultTimeout(60_000);

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
});
