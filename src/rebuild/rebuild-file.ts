import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { finishChain, journalRows, takeRow, textsIn } from "../audit/embedded/journal-rows.ts";
import { Findings } from "../audit/findings.ts";
import { JournalChain } from "../audit/journal/journal-chain.ts";
import { bounds } from "../bounds.ts";
import { explain } from "../embedded/data-file.ts";
import { EventKeeper, prepareKeeping } from "../embedded/keep-event.ts";
import { noteSchema } from "../embedded/log-link.ts";
import {
  differingKeys,
  type Key,
  MADE_PREFIX,
  madeTable,
  makeTable,
  rowText,
} from "../embedded/made-tables.ts";
import { openFile } from "../embedded/open-file.ts";
import { SHARD } from "../embedded/read-tables.ts";
import { StartError } from "../errors.ts";
import { parseEvent } from "../ledger/event.ts";
import type { RebuildOptions } from "./rebuild-cluster.ts";
import { isNeeded, type RebuildReport, type RowChange, type TableChanges } from "./rebuild-report.ts";
import { refuseBroken } from "./refuse-broken.ts";

const TABLES = [
  { table: "accounts", key: "account" },
  { table: "entries", key: "account, seq" },
  { table: "holds", key: "account, g, place" },
  { table: "reversals", key: "reversed" },
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
  for (const { table } of TABLES) makeTable(db, table, false);
  addRows(db, did);
  const changes = { tables: TABLES.map(({ table, key }) => compare(db, table, key)), cursors: [] };
  if (!isNeeded(changes)) return { type: "not-needed", ...changes };
  if (!(await confirm(changes))) return { type: "declined", ...changes };
  for (const { table } of TABLES) replace(db, table);
  noteSchema(db);
  return { type: "rebuilt", ...changes };
}

/** Puts the table that was made anew in place of the one that is there, with the same indexes. */
function replace(db: Database, table: string): void {
  const indexes = db
    .query<{ sql: string }, [string]>(
      "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
    )
    .all(table);
  db.run(`DROP TABLE ${table}`);
  db.run(`ALTER TABLE ${madeTable(table)} RENAME TO ${table}`);
  for (const { sql } of indexes) db.run(sql);
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

function addRows(db: Database, did: () => void): void {
  const statements = prepareKeeping(db, MADE_PREFIX);
  const keeper = new EventKeeper(statements);
  try {
    for (const { g, events } of journalRows(db)) {
      for (const [index, text] of (textsIn(events) ?? []).entries())
        keeper.keep(parseEvent(text), { shard: SHARD, g, index });
      keeper.flush();
      did();
    }
  } finally {
    for (const statement of Object.values(statements)) statement.finalize();
  }
}

function compare(db: Database, table: TableChanges["table"], key: string): TableChanges {
  const count = (query: string): number =>
    db.query<{ count: number }, []>(`SELECT count(*) AS count FROM (${query})`).get()?.count ?? 0;
  const keys = differingKeys(table, key);
  const differing = count(keys);
  const rows = count(`SELECT 1 FROM ${madeTable(table)}`);
  if (differing === 0) return { table, rows, differing, first: [] };
  const places = db.query<Key, []>(`${keys} ORDER BY ${key} LIMIT ${bounds.missing_told_max}`).all();
  return { table, rows, differing, first: places.map((place) => changeAt(db, table, place)) };
}

function changeAt(db: Database, table: string, place: Key): RowChange {
  const of = String(place["account"] ?? place["reversed"]);
  return { account: of, before: rowText(db, table, place), after: rowText(db, madeTable(table), place) };
}

function isConstraint(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_CONSTRAINT");
}
