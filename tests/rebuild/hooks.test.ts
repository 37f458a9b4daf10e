import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { auditCluster } from "../../src/audit/audit-cluster.ts";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import { hookFileOf } from "../../src/hooks/file-hooks.ts";
import schema from "../../src/keep/migrations/007_webhooks.sql" with { type: "text" };
import { rebuildCluster } from "../../src/rebuild/rebuild-cluster.ts";
import { rebuildFile } from "../../src/rebuild/rebuild-file.ts";
import { call } from "../support/api.ts";
import { Cluster } from "../support/cluster.ts";
import { KeptBooks } from "../support/kept-books.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { startServer } from "../support/server.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(60_000);

/**
 * Webhooks and watches are no part of the journal, so nothing can make them anew: a rebuild leaves every row of them alone,
 * and an audit finds nothing wrong in that they are there.
 */

const TABLES = [...schema.matchAll(/^CREATE TABLE (\w+)/gm)].map(([, name]) => String(name));
const YES = { confirm: async () => true, say: () => {}, onProgress: () => {} };
/** What a dispatcher makes. */
const ROWS = [
  `INSERT INTO deliveries VALUES ('w', 0, 1, 0, '', 'e', 'transaction.created', '["1"]', '{}', 'waiting', 2, 5, 6, NULL, '[]')`,
  "INSERT INTO watch_below VALUES ('v', '1')",
  "INSERT INTO crossings VALUES ('v', 0, 1, 0, '1', '{}')",
  "INSERT INTO watch_position VALUES (1, '[]') ON CONFLICT DO NOTHING",
];
const DAMAGE = "DELETE FROM accounts WHERE account = '4'";

async function make(url: string): Promise<void> {
  const send = async (path: string, body: object): Promise<void> => {
    const { status } = await call(url, "POST", path, body, `key:${path}`);
    expect(status).toBe(201);
  };
  await send("/v1/webhooks", { url: "https://hooks.invalid/" });
  await send("/v1/watches", { account: "1", available_lt: 10 });
  await send("/v1/transactions", { postings: [{ from: "@world", to: "3", amount: 7 }] });
}

function expectSomeOfEach(all: Readonly<Record<string, readonly unknown[]>>): void {
  expect(Object.entries(all).filter(([, rows]) => rows.length === 0)).toEqual([]);
}

test("of a data file leaves the file of webhooks beside it as it is", async () => {
  using folder = temporaryFolder("rebuild-hooks");
  const data = join(folder.path, "data");
  const file = join(data, "razonete.db");
  {
    await using server = await startServer({ data });
    await make(server.url);
    // With its dispatcher.
    await server.stop();
  }
  const hooks = new Database(hookFileOf(file));
  for (const row of ROWS) hooks.run(row);
  const rowsOf = () =>
    Object.fromEntries(TABLES.map((table) => [table, hooks.query(`SELECT * FROM ${table}`).values()]));
  const before = rowsOf();
  expectSomeOfEach(before);
  expect((await auditFile(file)).findings).toEqual([]);
  const ledger = new Database(file);
  ledger.run(DAMAGE);
  ledger.close();
  expect((await auditFile(file)).findings).not.toEqual([]);
  expect(await rebuildFile(file, YES)).toMatchObject({ type: "rebuilt" });
  expect((await auditFile(file)).findings).toEqual([]);
  expect(rowsOf()).toEqual(before);
  hooks.close();
});

describe.skipIf(serversMissing !== null)("of a cluster's books", () => {
  let cluster: Cluster;
  let books: KeptBooks;
  beforeAll(async () => {
    cluster = await Cluster.start();
    books = new KeptBooks(cluster);
  });
  afterAll(async () => {
    await books.close();
    await cluster[Symbol.asyncDispose]();
  });

  test("leaves the tables of webhooks as they are", async () => {
    await make(cluster.url);
    await books.drained();
    const { sql } = books;
    for (const row of ROWS) await sql.unsafe(row);
    const rowsOf = async () =>
      Object.fromEntries(
        await Promise.all(
          TABLES.map(async (table) => [table, await sql.unsafe(`SELECT * FROM ${table}`).values()] as const),
        ),
      );
    const { databaseUrl, redis, nats } = cluster;
    const found = async () =>
      (await auditCluster({ databaseUrl, redisUrl: redis.url, natsUrl: nats.url })).findings;
    const before = await rowsOf();
    expectSomeOfEach(before);
    expect(await found()).toEqual([]);
    await sql.unsafe(DAMAGE);
    expect(await found()).not.toEqual([]);
    expect(await rebuildCluster(databaseUrl, YES)).toMatchObject({ type: "rebuilt" });
    expect(await found()).toEqual([]);
    expect(await rowsOf()).toEqual(before);
  });
});
