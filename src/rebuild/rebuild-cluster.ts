import { readerOf } from "../audit/books/books-snapshot.ts";
import { Findings } from "../audit/findings.ts";
import { JournalChain } from "../audit/journal/journal-chain.ts";
import { readJournal } from "../audit/journal/journal-reader.ts";
import { bounds } from "../bounds.ts";
import { messageOf, StartError } from "../errors.ts";
import { callAddChanges } from "../keep/call-keep-batches.ts";
import { Divergence } from "../keep/divergence.ts";
import { readEndingHolds } from "../keep/hold-changes.ts";
import { MIGRATIONS } from "../keep/migrate.ts";
import { netChanges } from "../keep/net-changes.ts";
import { readEndingParts } from "../keep/transits/ending-parts.ts";
import {
  codeOf,
  connectPostgres,
  INIT_LOCK,
  LOCK_CLASS,
  type Sql,
  type Transaction,
} from "../keep/postgres-client.ts";
import { waitForServer } from "../keep/wait-for-server.ts";
import { isNeeded, type RebuildReport, type RowChange, type TableChanges } from "./rebuild-report.ts";
import { refuseBroken } from "./refuse-broken.ts";

export interface RebuildOptions {
  /** Gets what would change; false leaves everything as it is. */
  readonly confirm: (changes: Omit<RebuildReport, "type">) => Promise<boolean>;
  /** Prints a line for the person who waits. */
  readonly say: (line: string) => void;
  /** Called with how much is done and how much there is to do, in rows of the journal. */
  readonly onProgress: (done: number, all: number) => void;
}

/** Thrown to roll back the transaction. */
class Declined extends Error {}

/** There only within the transaction. */
const SCHEMA = "razonete_rebuild";

/** `of`: whose row it is, for a person. */
const TABLES = [
  { table: "accounts", key: "account", of: "account" },
  { table: "limits", key: "account, version", of: "account" },
  { table: "entries", key: "account, seq", of: "account" },
  { table: "holds", key: "shard, g, event", of: "coalesce(old.account, made.account)" },
  { table: "reversals", key: "reversed", of: "reversed" },
  { table: "parts", key: "shard, g, event", of: "coalesce(old.attempt, made.attempt)" },
  { table: "transits", key: "attempt", of: "attempt" },
  { table: "from_shards", key: "shard, unit", of: "unit" },
] as const;

const LOCK_NOT_AVAILABLE = "55P03";

/**
 * Makes all that follows from the journal anew, as the writer has made it, and puts it in place of what is there.
 *
 * All of it is one transaction. It holds the cursors, which every writer needs, so writers wait; APIs read the old tables
 * until they are exchanged. Killed at any point, PostgreSQL rolls back, and nothing is left of it.
 *
 * @throws StartError if the journal is broken, or makes no books, or PostgreSQL fails
 */
export async function rebuildCluster(databaseUrl: string, options: RebuildOptions): Promise<RebuildReport> {
  const sql = connectPostgres({ url: databaseUrl, name: "razonete rebuild", connections_max: 1 });
  let report: RebuildReport | null = null;
  try {
    await waitForServer("PostgreSQL (DATABASE_URL)", () => sql`SELECT 1`);
    await sql`SET statement_timeout = 0`;
    // The pool has only one connection, which holds the lock until it is closed.
    await sql`SELECT pg_advisory_lock(${LOCK_CLASS}::int, ${INIT_LOCK}::int)`;
    await assertRebuildable(sql);
    await sql.begin(async (transaction) => {
      report = await rebuild(transaction, options);
      if (report.type !== "rebuilt") throw new Declined();
    });
  } catch (error) {
    if (error instanceof StartError) throw error;
    if (!(error instanceof Declined)) throw explain(error);
  } finally {
    await sql.end({ timeout: 1 });
  }
  if (report === null) throw new Error("the transaction ended without a report");
  return report;
}

function explain(error: unknown): StartError {
  const code = codeOf(error);
  const reason = messageOf(error) || code;
  // Class 22 is bad data, 23 a violated constraint. RZ001 is our own code.
  if (error instanceof Divergence || /^(2[23]|RZ001$)/.test(code)) {
    return new StartError(`the journal makes no books (${reason}): put back a backup; nothing was changed.`);
  }
  const detail = error instanceof Error && "detail" in error ? `: ${String(error.detail)}` : "";
  return new StartError(
    `the rebuild was interrupted (${reason}${detail.replaceAll("\n", " ")}): nothing was changed, run it again.`,
  );
}

async function assertRebuildable(sql: Sql): Promise<void> {
  const [found] = await sql<{ books: boolean; journal: boolean }[]>`
    SELECT to_regclass('system') IS NOT NULL AS books, to_regclass('journal') IS NOT NULL AS journal`;
  if (found?.books !== true)
    throw new StartError("the database (DATABASE_URL) holds no books: run razonete init first.");
  if (!found.journal)
    throw new StartError("the database (DATABASE_URL) has no journal: its books are of an earlier version.");
  const unfinished = await sql`SELECT FROM restores WHERE finished_at IS NULL`;
  if (unfinished.length > 0)
    throw new StartError("a restore of this ledger was begun and not finished: run razonete restore.");
}

async function rebuild(sql: Transaction, options: RebuildOptions): Promise<RebuildReport> {
  // The answer of a person is waited for in here.
  await sql`SET LOCAL idle_in_transaction_session_timeout = 0`;
  const cursors = await sql<{ shard: number; last_g: number }[]>`
    SELECT shard, last_g FROM cursors ORDER BY shard FOR UPDATE`;
  options.say("Writers wait until this has ended. The APIs go on.");
  const [size] = await sql<{ rows: number }[]>`SELECT count(*) AS rows FROM journal`;
  const all = 2 * Number(size?.rows);
  let done = 0;
  const did = (rows: number): void => {
    done += rows;
    options.onProgress(done, all);
  };

  const ends = await checkChain(sql, new Map(cursors.map(({ shard, last_g: g }) => [shard, g])), did);
  const moved = cursors
    .map(({ shard, last_g: lastG }) => ({ shard, lastG, g: ends.get(shard) ?? lastG }))
    .filter(({ lastG, g }) => lastG !== g);
  const [place] = await sql<{ schema: string; path: string }[]>`
    SELECT quote_ident(current_schema()) AS schema, current_setting('search_path') AS path`;
  if (place === undefined) throw new Error("PostgreSQL does not say where the books are");
  await makeTables(sql);
  for (const { shard } of cursors) await addEvents(sql, place.schema, shard, did);
  await sql.unsafe(TABLES.map(({ table }) => `ANALYZE ${table}`).join(";"));
  await sql`SELECT set_config('search_path', ${place.path}, true)`;
  const tables: TableChanges[] = [];
  for (const table of TABLES) tables.push(await compare(sql, table));

  const changes = { tables, cursors: moved };
  if (!isNeeded(changes)) return { type: "not-needed", ...changes };
  if (!(await options.confirm(changes))) return { type: "declined", ...changes };
  await exchange(sql, place.schema, options.say);
  for (const { shard, g } of moved) await sql`UPDATE cursors SET last_g = ${g} WHERE shard = ${shard}`;
  return { type: "rebuilt", ...changes };
}

/** @returns by shard, the last row of its journal */
async function checkChain(
  sql: Transaction,
  cursors: ReadonlyMap<number, number>,
  did: (rows: number) => void,
): Promise<Map<number, number>> {
  const findings = new Findings();
  const chain = new JournalChain(findings, null);
  let rows = 0;
  await readJournal(readerOf(sql), (row) => {
    chain.take(row);
    rows += 1;
    if (rows % bounds.rebuild_page_journal_rows === 0) did(bounds.rebuild_page_journal_rows);
  });
  did(rows % bounds.rebuild_page_journal_rows);
  const ends = new Map(chain.heads().map(({ shard, g }) => [shard, g]));
  // A cursor that is behind is set to where the journal ends. One that is ahead shows that the journal was cut.
  chain.finish(new Map([...cursors].map(([shard, g]) => [shard, Math.max(g, ends.get(shard) ?? 0)])));
  refuseBroken(findings);
  return ends;
}

/** All tables as a new ledger has them, in a schema of their own; from then on their names mean these. */
async function makeTables(sql: Transaction): Promise<void> {
  await sql.unsafe(`CREATE SCHEMA ${SCHEMA}; SET LOCAL search_path TO ${SCHEMA}`);
  for (const migration of MIGRATIONS) await sql.unsafe(migration);
}

async function addEvents(
  sql: Transaction,
  schema: string,
  shard: number,
  did: (rows: number) => void,
): Promise<void> {
  for (let last = -1; ;) {
    const rows = await sql.unsafe<{ g: number; events: readonly string[] }[]>(
      `SELECT g, array_to_json(events) AS events FROM ${schema}.journal WHERE shard = $1 AND g > $2
       ORDER BY g LIMIT ${bounds.rebuild_page_journal_rows}`,
      [shard, last],
    );
    const to = rows.at(-1)?.g;
    if (to === undefined) return;
    const batches = rows.map((row) => ({ epoch: "", shard, ...row }));
    const holds = await readEndingHolds(sql, shard, batches);
    const parts = await readEndingParts(sql, shard, batches, `${schema}.journal`);
    const changes = netChanges(batches, holds, parts);
    await callAddChanges(sql, shard, batches, changes);
    await sql.unsafe(
      `INSERT INTO entries (
         seq, value, balance, credit_limit, time, event, account, kind, description, command, g, shard
       )
       SELECT e.*, j.g, j.shard FROM ${schema}.journal AS j, entries_of(j.events) AS e
       WHERE j.shard = $1 AND j.g > $2 AND j.g <= $3`,
      [shard, last, to],
    );
    last = to;
    did(rows.length);
  }
}

async function compare(sql: Transaction, { table, key, of }: (typeof TABLES)[number]): Promise<TableChanges> {
  const differing = `FROM ${table} AS old FULL JOIN ${SCHEMA}.${table} AS made USING (${key})
    WHERE old IS DISTINCT FROM made`;
  const [count] = await sql.unsafe<{ rows: number; differing: number }[]>(
    `SELECT (SELECT count(*) FROM ${SCHEMA}.${table}) AS rows, (SELECT count(*) ${differing}) AS differing`,
  );
  const first =
    Number(count?.differing) === 0
      ? []
      : await sql.unsafe<RowChange[]>(
          `SELECT ${of} AS account, old::text AS before, made::text AS after ${differing}
           ORDER BY ${key} LIMIT ${bounds.missing_told_max}`,
        );
  return { table, rows: Number(count?.rows), differing: Number(count?.differing), first: [...first] };
}

/**
 * Puts the new tables in place of the old ones, with the rights that others have been given on them. Whoever reads the
 * old ones at this moment is waited for, a moment at a time, so that nobody else waits behind this.
 */
async function exchange(sql: Transaction, schema: string, say: (line: string) => void): Promise<void> {
  const names = TABLES.map(({ table }) => `${schema}.${table}`).join(", ");
  await sql.unsafe(`SET LOCAL lock_timeout = ${bounds.rebuild_retry_milliseconds}`);
  for (let attempt = 1; ; attempt += 1) {
    try {
      await sql.savepoint((savepoint) => savepoint.unsafe(`LOCK TABLE ${names} IN ACCESS EXCLUSIVE MODE`));
      break;
    } catch (error) {
      if (codeOf(error) !== LOCK_NOT_AVAILABLE) throw error;
      if (attempt === 1) say("Others read the tables: waiting for them to end.");
      await Bun.sleep(bounds.rebuild_retry_milliseconds);
    }
  }
  const tables = TABLES.map(({ table }) => table);
  const grants = await sql<{ grant: string }[]>`
    SELECT format('GRANT %s ON %I.%I TO %s', g.privilege_type, n.nspname, c.relname,
      CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END)
      || CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS grant
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace, aclexplode(c.relacl) AS g
    WHERE quote_ident(n.nspname) = ${schema} AND c.relname IN ${sql(tables)}
      AND g.grantee <> c.relowner`;
  await sql.unsafe(`DROP TABLE ${names}`);
  for (const { table } of TABLES) await sql.unsafe(`ALTER TABLE ${SCHEMA}.${table} SET SCHEMA ${schema}`);
  await sql.unsafe(`DROP SCHEMA ${SCHEMA} CASCADE`);
  for (const { grant } of grants) await sql.unsafe(grant);
}
