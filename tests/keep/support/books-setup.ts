import { afterAll, afterEach, beforeAll, beforeEach } from "bun:test";
import { Books } from "../../../src/keep/books.ts";
import { migrate } from "../../../src/keep/migrate.ts";
import { connectPostgres, type Sql } from "../../../src/keep/postgres-client.ts";
import { type AccountId, INITIAL_CREDIT_LIMITS } from "../../../src/ledger/account.ts";
import { journalHash, NO_HASH } from "../../../src/ledger/journal.ts";
import { LedgerSource } from "../../support/ledger-source.ts";
import { type PostgresServer, startPostgres } from "../../support/servers/postgres.ts";

/** Books of two shards with the accounts of the start, new for each test, and a source of batches for shard 0. */
class BooksSetup {
  declare server: PostgresServer;
  declare url: string;
  declare sql: Sql;
  declare books: Books;
  declare source: LedgerSource;

  async entryCount(): Promise<number> {
    const [row] = await this.sql<{ count: number }[]>`SELECT count(*) AS count FROM entries`;
    return row?.count ?? -1;
  }

  async accountRow(account: AccountId) {
    const [row] = await this.sql`
      SELECT seq, balance, credit_limit, name FROM accounts WHERE account = ${account}`;
    return row === undefined ? null : { ...row };
  }
}

/** To be called once in a describe. What it returns is filled before each test. */
export function booksSetup(): BooksSetup {
  const setup = new BooksSetup();

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
  for (const [index, limit] of INITIAL_CREDIT_LIMITS.entries()) {
    await sql`
      INSERT INTO accounts (account, unit, credit_limit, balance, seq, opened_at, command)
      VALUES (${String(index + 1)}, 'BRL/2', ${limit}, 0, 0, 1, 'initial')`;
    await sql`
      INSERT INTO limits (account, version, credit_limit, after_seq, command, changed_at)
      VALUES (${String(index + 1)}, 1, ${limit}, 0, 'initial', 1)`;
  }
  const opened = INITIAL_CREDIT_LIMITS.map((limit, index) => `o ${index + 1} 1 ${limit} initial BRL/2 `);
  for (const [shard, events] of [opened, []].entries()) {
    const hash = journalHash({ shard, g: 0, time: 1, events, previous: NO_HASH });
    await sql`
      INSERT INTO journal (shard, g, time, events, previous, hash)
      VALUES (${shard}, 0, 1, ${JSON.stringify(events).replace("[", "{").replace("]", "}")}::text::text[],
        ${Buffer.from(NO_HASH)}, ${Buffer.from(hash)})`;
  }
}

export function failure(work: Promise<unknown>): Promise<unknown> {
  return work.catch((reason: unknown) => reason);
}
