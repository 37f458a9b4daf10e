import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { formatCursor } from "../../src/events/cursor.ts";
import { newDelivery } from "../../src/dispatch/taker.ts";
import { BookHooks } from "../../src/hooks/book-hooks.ts";
import { DispatchTables, type PendingDelivery } from "../../src/hooks/dispatch-tables.ts";
import { FileHooks } from "../../src/hooks/file-hooks.ts";
import type { HookDatabase } from "../../src/hooks/hook-database.ts";
import { newHookId } from "../../src/hooks/hook-rows.ts";
import { dropUnwanted } from "../../src/hooks/webhook-filter.ts";
import { migrate } from "../../src/keep/migrate.ts";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import { freePorts } from "../support/servers/free-ports.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const DAY = 86_400_000_000;
const NOW = 20_000 * DAY;
const CURSOR = formatCursor([{ shard: 0, g: 5, seen: null, mark: 0 }]);

test("clients are not told where PostgreSQL is, if it does not answer", async () => {
  const [port = 0] = await freePorts(1);
  const hooks = new BookHooks(`postgres://a:b@127.0.0.1:${port}/books`, "test");
  expect(await hooks.all("SELECT 1").catch(String)).toBe("LedgerUnavailable: PostgreSQL: ECONNREFUSED");
  await hooks.close();
});

describe("the tables of webhooks in a file", () => {
  const folder = temporaryFolder("hook-tables");
  const database = new FileHooks(join(folder.path, "hooks"));
  afterAll(async () => {
    await database.close();
    folder[Symbol.dispose]();
  });
  suite(() => database);
});

describe.skipIf(serversMissing !== null)("the tables of webhooks in PostgreSQL", () => {
  let [server, database]: [PostgresServer | null, BookHooks | null] = [null, null];
  beforeAll(async () => {
    server = await startPostgres();
    const url = await server.createDatabase();
    const sql = connectPostgres({ url, name: "test", connections_max: 1 });
    await migrate(sql);
    await sql.end();
    database = new BookHooks(url, "test");
  });
  afterAll(async () => {
    await database?.close();
    await server?.process.dispose();
  });
  suite(() => {
    if (database === null) throw new Error("there is no database");
    return database;
  });
});

function suite(database: () => HookDatabase): void {
  /** Each with a webhook of its own. */
  async function webhook(): Promise<string> {
    const id = newHookId("w");
    await database().change((queries) =>
      queries.all(
        `INSERT INTO webhooks (id, owner, beginning, url, state, taken, version, created_at)
        VALUES ($1, '', '', 'https://a.example.com/', 'active', $2, 1, 1)`,
        [id, CURSOR],
      ),
    );
    return id;
  }

  async function add(id: string, g: number, more: Partial<Record<string, string | number>>): Promise<void> {
    const row = {
      state: "delivered",
      done_at: NOW,
      sub: "",
      type: "transaction.created",
      accounts: '["a"]',
      ...more,
    };
    await database().change((queries) =>
      queries.all(
        `INSERT INTO deliveries (webhook, shard, g, event, sub, id, type, accounts, before, state, tried, next_at, done_at, attempts)
        VALUES ($1, 0, $2, 0, $3, $4, $5, $6, '0 all 0', $7, 1, 0, $8, '[]')`,
        [
          id,
          g,
          row.sub,
          `e${g}`,
          row.type,
          row.accounts,
          row.state,
          row.state === "waiting" ? null : row.done_at,
        ],
      ),
    );
  }

  const left = async (id: string): Promise<readonly number[]> => {
    const rows = await database().all<{ g: number }>(
      "SELECT g FROM deliveries WHERE webhook = $1 ORDER BY g",
      [id],
    );
    return rows.map(({ g }) => g);
  };

  test("prune takes what was delivered long ago, and leaves what waits or is parked", async () => {
    const id = await webhook();
    await add(id, 1, { done_at: NOW - 4 * DAY });
    await add(id, 2, { done_at: NOW - 2 * DAY });
    await add(id, 3, { done_at: NOW - 4 * DAY, state: "parked" });
    await add(id, 4, { state: "waiting" });
    await new DispatchTables(database()).prune(NOW);
    expect(await left(id)).toEqual([2, 3, 4]);
  });

  test("prune takes what a webhook and a watch left that are gone, and secrets whose time is over", async () => {
    const [id, gone, watch, goneWatch] = [await webhook(), newHookId("w"), newHookId("c"), newHookId("c")];
    await add(gone, 1, { state: "waiting" });
    await add(id, 1, { state: "waiting", sub: `${watch} a` });
    await add(id, 2, { state: "waiting", sub: `${goneWatch} a` });
    await add(id, 3, { sub: `${goneWatch} a` });
    await database().change(async (queries) => {
      await queries.all(
        "INSERT INTO watches (id, owner, beginning, account, available_lt, created_at) VALUES ($1, '', '', 'a', 1, 1)",
        [watch],
      );
      for (const of of [watch, goneWatch]) {
        await queries.all("INSERT INTO watch_below VALUES ($1, 'a')", [of]);
        await queries.all(
          "INSERT INTO crossings (watch, shard, g, event, account, body) VALUES ($1, 0, 1, 0, 'a', '')",
          [of],
        );
      }
      await queries.all("INSERT INTO webhook_secrets VALUES ($1, 'now', NULL)", [id]);
      await queries.all("INSERT INTO webhook_secrets VALUES ($1, 'still', $2)", [id, NOW + 1]);
      await queries.all("INSERT INTO webhook_secrets VALUES ($1, 'over', $2)", [id, NOW - 1]);
    });
    await new DispatchTables(database()).prune(NOW);
    expect(await left(gone)).toEqual([]);
    expect(await left(id)).toEqual([1, 3]);
    for (const table of ["watch_below", "crossings"])
      expect(await database().all(`SELECT watch FROM ${table}`)).toEqual([{ watch }]);
    const secrets = await database().all<{ secret: string }>(
      "SELECT secret FROM webhook_secrets WHERE webhook = $1 ORDER BY secret",
      [id],
    );
    expect(secrets.map(({ secret }) => secret)).toEqual(["now", "still"]);
  });

  test("prune leaves the last 10,000 of a webhook, however many go at once", async () => {
    const id = await webhook();
    const series = `WITH RECURSIVE n (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM n WHERE g < 12500)`;
    await database().change((queries) =>
      queries.all(
        `INSERT INTO deliveries (webhook, shard, g, event, sub, id, type, accounts, before, state, tried, next_at, done_at, attempts)
        ${series} SELECT '${id}', 0, g, 0, '', 'e', 'transaction.created', '["a"]', '', 'delivered', 1, 0, ${NOW - 20_000} + g, '[]'
        FROM n`,
      ),
    );
    await new DispatchTables(database()).prune(NOW);
    const rest = await left(id);
    // The one at the border may stay, too.
    expect([rest[0], rest.at(-1), rest.length]).toEqual([2_500, 12_500, 10_001]);
  });

  test("a changed filter drops what waits or is parked and no longer matches", async () => {
    const id = await webhook();
    await add(id, 1, { state: "waiting" });
    await add(id, 2, { state: "waiting", accounts: '["b1"]' });
    await add(id, 3, { state: "parked" });
    await add(id, 4, {});
    await add(id, 5, { state: "parked", accounts: '["b2"]', type: "hold.created" });
    const filter = { types: '["transaction.created"]', accounts: '["b*"]' };
    await database().change((queries) => dropUnwanted(queries, id, filter));
    expect(await left(id)).toEqual([2, 4]);
  });

  test("another event in the place of one that was lost takes its row over; the same one keeps its attempts", async () => {
    const id = await webhook();
    const tables = new DispatchTables(database());
    for (const g of [6, 7]) await add(id, g, {});
    await database().change((queries) =>
      queries.all(
        `UPDATE deliveries SET attempts = '[{"at":1,"status":500,"error":null,"milliseconds":1}]' WHERE webhook = $1`,
        [id],
      ),
    );
    const [found] = (await tables.definitions(NOW)).webhooks.filter((one) => one.id === id);
    if (found === undefined) throw new Error("there is no webhook");
    const made = (g: number, event: string): PendingDelivery => ({
      ...newDelivery(0, g, 0, 9),
      id: event,
      type: "hold.created",
      accounts: ["b"],
      before: "5 all 1",
    });
    const until = found.taken.map((position) => ({ ...position, g: 7 }));
    expect(await tables.take(found, found.taken, until, [made(6, "e6"), made(7, "other")])).toBe(true);
    const waiting = await tables.waiting(found);
    expect(
      waiting.map(({ id: event, type, accounts, attempts }) => [event, type, accounts, attempts.length]),
    ).toEqual([
      ["e6", "hold.created", ["b"], 1],
      ["other", "hold.created", ["b"], 0],
    ]);
    const [, other] = waiting;
    if (other === undefined) throw new Error("it does not wait");
    await tables.drop(id, { ...other, id: "e7" });
    expect(await left(id)).toEqual([6, 7]);
    await tables.drop(id, other);
    expect(await left(id)).toEqual([6]);
  });
}
