import { afterAll, afterEach, beforeAll, beforeEach } from "bun:test";
import { Books } from "../../../src/keep/books.ts";
import { callAddChanges } from "../../../src/keep/call-keep-batches.ts";
import { migrate } from "../../../src/keep/migrate.ts";
import { netChanges } from "../../../src/keep/net-changes.ts";
import { texts } from "../../../src/keep/pg-array.ts";
import { connectPostgres, type Sql } from "../../../src/keep/postgres-client.ts";
import { type AccountId, INITIAL_CREDIT_LIMITS } from "../../../src/ledger/account.ts";
import { formatEvent } from "../../../src/ledger/event.ts";
import { INITIAL } from "../../../src/ledger/command.ts";
import { journalHash, NO_HASH } from "../../../src/ledger/journal.ts";
import { LedgerSource } from "../../support/ledger-source.ts";
import { type PostgresServer, startPostgres } from "../../support/servers/postgres.ts";

/** Books of two shards with the accounts of the start, new for each test, and a source of batches for shard 0. */
export class BooksUnderTest {
  declare server: PostgresServer;
  declare url: string;
  declare sql: Sql;
  declare books: Books;
  declare source: LedgerSource;

  async entryCount(): Promise<number> {
    const [row] = await this.sql<{ count: number }[]>`SELECT count(*) AS count FROM entries`;
    return row?.count ?? -1;
  }

  async accountRow(account: AccountId): Promise<object | null> {
    const [row] = await this.sql`
      SELECT seq, balance, credit_limit, name FROM accounts WHERE account = ${account}`;
    return row === undefined ? null : { ...row };
  }

  /** Keeps a batch of these events. */
  async keep(...events: readonly string[]): Promise<void> {
    await this.books.keep(0, [this.source.close(events)]);
  }
}

/** To be called once in a describe. What it returns is filled before each test. */
export function booksUnderTest(): BooksUnderTest {
  const setup = new BooksUnderTest();

  beforeAll(async () => {
    setup.server = await startPostgres();
  });

  afterAll(() => setup.server.process.dispose());

  beforeEach(async () => {
    setup.url = await setup.server.emptyDatabase();
    setup.sql = connectPostgres({ url: setup.url, name: "test", connections_max: 1 });
    await begin(setup.sql);
    setup.books = new Books({ url: setup.url, name: "test books", connections_max: 2 });
    setup.source = new LedgerSource("e");
  });

  afterEach(async () => {
    await setup.books.close();
    await setup.sql.end();
  });
  return setup;
}

async function begin(sql: Sql): Promise<void> {
  await migrate(sql);
  await sql`INSERT INTO system (epoch, shards, loaded) VALUES ('e', 2, true)`;
  await sql`INSERT INTO cursors (shard, last_g) VALUES (0, 0), (1, 0)`;
  const opened = INITIAL_CREDIT_LIMITS.map((creditLimit, index) => {
    const account = { account: String(index + 1), creditLimit, unit: "BRL/2", name: null, metadata: {} };
    return formatEvent({ type: "open", time: 1, id: INITIAL, content: null, ...account });
  });
  for (const [shard, events] of [opened, []].entries()) {
    const hash = journalHash({ shard, g: 0, time: 1, events, previous: NO_HASH });
    await sql`
      INSERT INTO journal (shard, g, time, events, previous, hash)
      VALUES (${shard}, 0, 1, ${texts(events, (event) => event)}::text::text[],
        ${Buffer.from(NO_HASH)}, ${Buffer.from(hash)})`;
    const batch = { epoch: "e", shard, g: 0, events };
    await callAddChanges(sql, shard, [batch], netChanges([batch]));
  }
}
