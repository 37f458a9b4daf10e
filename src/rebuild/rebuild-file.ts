import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { finishChain, journalRows, takeRow, textsIn } from "../audit/embedded/journal-rows.ts";
import { Findings } from "../audit/findings.ts";
import { JournalChain } from "../audit/journal/journal-chain.ts";
import { bounds } from "../bounds.ts";
import { explain } from "../embedded/data-file.ts";
import { noteSchema } from "../embedded/log-link.ts";
import { openFile } from "../embedded/open-file.ts";
import { StartError } from "../errors.ts";
import { type LedgerEvent, parseEvent } from "../ledger/event.ts";
import type { RebuildOptions } from "./rebuild-cluster.ts";
import { isNeeded, type RebuildReport, type RowChange, type TableChanges } from "./rebuild-report.ts";
import { refuseBroken } from "./refuse-broken.ts";

const TABLES = [
  { table: "accounts", key: "account" },
  { table: "limits", key: "account, version" },
  { table: "entries", key: "account, seq" },
] as const;

/**
 * The same as rebuildCluster, on a data file that no ledger uses. It is one transaction: killed at any point, the next
 * start finds the file as it was.
 *
 * @throws StartError if the file is in use, is no ledger's, or its journal is broken or makes no books
 */
export async function rebuildFile(path: string, options: RebuildOptions): Promise<RebuildReport> {
  if (!existsSync(path)) throw new StartError(`there is no ledger to rebuild: ${path} does not exist.`);
  const { db, logLink, lock } = openFile(
    path,
    () => {},
    () => null,
  );
  try {
    db.run("BEGIN IMMEDIATE");
    logLink.begun();
    const report = await rebuild(db, options);
    if (report.type === "rebuilt") {
      db.run("COMMIT");
      logLink.committed();
    }
    return report;
  } catch (error) {
    throw isConstraint(error)
      ? new StartError("the journal makes no books: put back a backup.")
      : explain(error, path);
  } finally {
    if (db.inTransaction) db.run("ROLLBACK");
    logLink.finalize();
    db.close();
    logLink.close();
    lock.close();
  }
}

async function rebuild(db: Database, { confirm, onProgress }: RebuildOptions): Promise<RebuildReport> {
  const rows = db.query<{ rows: number }, []>("SELECT count(*) AS rows FROM journal").get()?.rows ?? 0;
  let done = 0;
  const did = (): void => {
    done += 1;
    if (done % bounds.rebuild_page_journal_rows === 0 || done === 2 * rows) onProgress(done, 2 * rows);
  };
  checkChain(db, did);
  for (const { table } of TABLES) makeTable(db, table);
  addRows(db, did);
  const changes = { tables: TABLES.map(({ table, key }) => compare(db, table, key)), cursors: [] };
  if (!isNeeded(changes)) return { type: "not-needed", ...changes };
  if (!(await confirm(changes))) return { type: "declined", ...changes };
  for (const { table } of TABLES) {
    db.run(`DROP TABLE ${table}`);
    db.run(`ALTER TABLE ${made(table)} RENAME TO ${table}`);
  }
  noteSchema(db);
  return { type: "rebuilt", ...changes };
}

function made(table: string): string {
  return `rebuilt_${table}`;
}

function checkChain(db: Database, did: () => void): void {
  const findings = new Findings();
  const chain = new JournalChain(findings, null);
  for (const row of journalRows(db)) {
    takeRow(chain, row);
    did();
  }
  finishChain(chain);
  refuseBroken(findings);
}

/** A table like the one that is there, without rows. */
function makeTable(db: Database, table: string): void {
  const found = db
    .query<{ sql: string }, [string]>("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?")
    .get(table);
  if (found === null) throw new StartError(`the table ${table} is missing: put back a backup.`);
  // The first place of the name is that of the table, in quotes once it was renamed.
  db.run(found.sql.replace(new RegExp(`"?\\b${table}\\b"?`), made(table)));
}

function addRows(db: Database, did: () => void): void {
  const account =
    db.prepare(`INSERT INTO ${made("accounts")} (account, unit, name, state, held, command, opened_at)
    VALUES (?, ?, ?, 'open', 0, ?, ?)`);
  const limit = db.prepare(`INSERT INTO ${made("limits")}
      (account, version, credit_limit, after_seq, command, changed_at)
    SELECT ?1, coalesce(max(version), 0) + 1, ?2, ?3, ?4, ?5 FROM ${made("limits")} WHERE account = ?1`);
  const entry = db.prepare(`INSERT INTO ${made("entries")}
      (account, seq, kind, value, balance, description, command, time)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`);
  const add = (event: LedgerEvent): void => {
    if (event.type === "open") {
      const { unit, name, id, time, creditLimit } = event;
      account.run(event.account, unit, name, id, time);
      limit.run(event.account, creditLimit, 0, id, time);
    } else if (event.type === "limit") {
      limit.run(event.account, event.creditLimit, event.seq, event.id, event.time);
    } else if (event.type === "entry") {
      const { seq, kind, value, balance, description, id, time } = event.entry;
      entry.run(event.entry.account, seq, kind, value, balance, description, id, time);
    }
  };
  try {
    for (const { events } of journalRows(db)) {
      for (const text of textsIn(events) ?? []) add(parseEvent(text));
      did();
    }
  } finally {
    for (const statement of [account, limit, entry]) statement.finalize();
  }
}

function compare(db: Database, table: TableChanges["table"], key: string): TableChanges {
  const count = (query: string): number =>
    db.query<{ count: number }, []>(`SELECT count(*) AS count FROM (${query})`).get()?.count ?? 0;
  const removed = `SELECT * FROM ${table} EXCEPT SELECT * FROM ${made(table)}`;
  const added = `SELECT * FROM ${made(table)} EXCEPT SELECT * FROM ${table}`;
  const keys = `SELECT ${key} FROM (${removed}) UNION SELECT ${key} FROM (${added})`;
  const differing = count(keys);
  const rows = count(`SELECT 1 FROM ${made(table)}`);
  if (differing === 0) return { table, rows, differing, first: [] };
  const places = db.query<Place, []>(`${keys} ORDER BY ${key} LIMIT ${bounds.missing_told_max}`).all();
  return { table, rows, differing, first: places.map((place) => changeAt(db, table, place)) };
}

/** The values of a key. */
type Place = Readonly<Record<string, string | number>>;

function changeAt(db: Database, table: string, place: Place): RowChange {
  const where = Object.keys(place).map((column) => `${column} = ?`);
  const read = (from: string): string | null => {
    const row = db
      .query<Record<string, string | number | null>, (string | number)[]>(
        `SELECT * FROM ${from} WHERE ${where.join(" AND ")}`,
      )
      .get(...Object.values(place));
    return row === null ? null : `(${Object.values(row).join(",")})`;
  };
  return { account: String(place["account"]), before: read(table), after: read(made(table)) };
}

function isConstraint(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_CONSTRAINT");
}
