import { constants, Database, SQLiteError } from "bun:sqlite";
import { existsSync, realpathSync } from "node:fs";
import { type DataFile, inspectDataFile, isLocked } from "../../embedded/data-file.ts";
import { entryRowsOf } from "../../embedded/entry-row.ts";
import { SHARD } from "../../embedded/read-tables.ts";
import { messageOf, StartError } from "../../errors.ts";
import type { AccountId } from "../../ledger/account.ts";
import type { JournalHead } from "../../ledger/journal.ts";
import type { AuditOptions } from "../audit-options.ts";
import { DuplicateDetector } from "../duplicate-detector.ts";
import { Findings } from "../findings.ts";
import { ProgressEstimate } from "../progress-estimate.ts";
import type { AuditReport } from "../report/audit-report.ts";
import { checkCommands, commandOf } from "./check-commands.ts";
import { checkEntries } from "./check-entries.ts";
import { RowCheck } from "./check-rows.ts";
import { EntrySums } from "./entry-sums.ts";
import { checkJournal, eventsIn, latestTimeIn } from "./journal-rows.ts";
import { MadeRows } from "./made-rows.ts";
import { nameDifferences } from "./name-differences.ts";
import { OutcomeSet } from "./outcome-set.ts";
import { Pace } from "./pace.ts";

const CANNOT_AUDIT = 2;
const CACHE_KIBIBYTES = 16 * 1024;
/** The approximate size of an entry and its event, to estimate their number before they are counted. */
const ENTRY_BYTES = 225;
/** The cost of SQLite's own check of the file for each entry, compared to the audit's cost. */
const CHECK_COST = 0.4;
/** The cost of an event of the journal. */
const JOURNAL_COST = 1;

/**
 * Audits the data file of the embedded ledger, also while a ledger uses it: a reader of a WAL does not disturb the
 * writer, and reads a consistent snapshot.
 *
 * @throws StartError with exit code 2 if there is no such file, it is not a ledger's, or `since` is of another journal
 */
export async function auditFile(dataFile: string, options: AuditOptions = {}): Promise<AuditReport> {
  const since = ofThisShard(options.since ?? null);
  // The log is beside the file itself, not beside a link to it.
  const path = existsSync(dataFile) ? realpathSync(dataFile) : dataFile;
  const began = performance.now();
  const findings = new Findings();
  let audited: Audited = { accounts: 0, entries: 0, head: null };
  const found = inspect(path);
  if (found.type === "absent") throw cannotAudit(path, "there is no such file");
  if (found.type === "refused") throw new StartError(found.sentence, CANNOT_AUDIT);
  if (found.type === "damaged") {
    findings.add("unreadable", null, null, `the file ${path} is damaged: ${found.finding}`);
  } else {
    const progress = new ProgressEstimate(options.onProgress ?? (() => {}));
    audited = await auditDatabase(path, findings, since, progress);
  }
  const { accounts, entries, head } = audited;
  return {
    agreed: findings.count === 0,
    system: "embedded",
    counts: { accounts, entries, outboxEntries: 0, feedBatches: 0, statements: 0 },
    seconds: (performance.now() - began) / 1000,
    findings: findings.listed,
    findingsInAll: findings.count,
    heads: head === null ? [] : [head],
  };
}

/** @throws StartError if what was given has no head of a data file's journal */
function ofThisShard(since: readonly JournalHead[] | null): JournalHead | null {
  if (since === null) return null;
  const [head, ...others] = since;
  if (head?.shard === SHARD && others.length === 0) return head;
  throw new StartError(
    "the earlier head is of a cluster's journal: give one that was printed for this data file.",
    CANNOT_AUDIT,
  );
}

function inspect(path: string): DataFile {
  try {
    return inspectDataFile(path, isLocked(path));
  } catch (error) {
    throw cannotAudit(path, messageOf(error));
  }
}

async function auditDatabase(
  path: string,
  findings: Findings,
  since: JournalHead | null,
  progress: ProgressEstimate,
): Promise<Audited> {
  const hadLog = existsSync(`${path}-wal`);
  const db = open(path, hadLog);
  let audited: Audited = { accounts: 0, entries: 0, head: null };
  try {
    audited = await auditTables(db, findings, since, progress);
  } catch (error) {
    if (!(error instanceof SQLiteError)) throw error;
    if (/^SQLITE_(BUSY|CANTOPEN|IOERR|PERM)/.test(error.code ?? ""))
      throw cannotAudit(path, messageOf(error));
    // All other errors of SQL mean that the file is damaged.
    findings.add("unreadable", null, null, `the file ${path} is damaged: ${messageOf(error)}`);
  } finally {
    db.close();
  }
  // The file was opened as one that nobody changes, which is no longer true.
  if (!hadLog && existsSync(`${path}-wal`)) throw cannotAudit(path, "a ledger was started on it meanwhile");
  return audited;
}

/** A file without a log was closed properly. It is opened as immutable: otherwise SQLite would create files beside it. */
function open(path: string, hasLog: boolean): Database {
  try {
    if (hasLog) return new Database(path, constants.SQLITE_OPEN_READONLY);
    const uri = `file:${encodeURI(path).replaceAll("?", "%3f").replaceAll("#", "%23")}?immutable=1`;
    return new Database(uri, constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI);
  } catch (error) {
    throw cannotAudit(path, messageOf(error));
  }
}

function cannotAudit(path: string, reason: string): StartError {
  return new StartError(
    `the data file ${path} cannot be audited (${reason}): give another --data, or audit again.`,
    CANNOT_AUDIT,
  );
}

interface Audited {
  readonly accounts: number;
  readonly entries: number;
  /** Where the journal ends. */
  readonly head: JournalHead | null;
}

async function auditTables(
  db: Database,
  findings: Findings,
  since: JournalHead | null,
  progress: ProgressEstimate,
): Promise<Audited> {
  db.run(`PRAGMA cache_size = -${CACHE_KIBIBYTES}`);
  db.run("PRAGMA busy_timeout = 2000");
  db.run("BEGIN");
  const guessed = bytesOf(db) / ENTRY_BYTES;
  progress.plan(guessed * (CHECK_COST + JOURNAL_COST + 1));
  const checks = db.query<{ quick_check: string }, []>("PRAGMA quick_check").all();
  for (const { quick_check: check } of checks) {
    if (check !== "ok") findings.add("unreadable", null, null, `SQLite says of the file: ${check}`);
  }
  if (findings.count > 0) return { accounts: 0, entries: 0, head: null };
  progress.did(guessed * CHECK_COST);
  checkHeld(db, findings);
  const accounts = countOf(db, "accounts");
  const all = countOf(db, "entries");
  const pace = (cost: number): Pace =>
    new Pace((rows) => progress.did((rows / Math.max(all, 1)) * guessed * cost));

  const made = new MadeRows(db, findings);
  try {
    const head = await checkAgainstJournal(db, findings, since, made, pace);
    return { accounts, entries: all, head };
  } finally {
    made.close();
  }
}

async function checkAgainstJournal(
  db: Database,
  findings: Findings,
  since: JournalHead | null,
  made: MadeRows,
  pace: (cost: number) => Pace,
): Promise<JournalHead | null> {
  const sums = new EntrySums();
  const rows = new RowCheck(findings, (id) => made.hold(id), eventsIn(db));
  const outcomes = new OutcomeSet(db, findings, latestTimeIn(db));
  const count = countOf(db, "entries") + countOf(db, "accounts") + 2 * countOf(db, "holds");
  const commands = new DuplicateDetector(count);
  const head = await checkJournal(db, findings, since, pace(JOURNAL_COST), (event, place, text) => {
    for (const row of entryRowsOf(event, place)) sums.add(row, 1);
    rows.add(event, place);
    made.add(event, place, text);
    outcomes.add(event, place);
    const command = commandOf(event);
    if (command !== null) commands.add(command);
  });
  outcomes.finish();
  await checkEntries(db, findings, pace(1), (row) => sums.add(row, -1));
  await nameDifferences(db, findings, sums, made.compare());
  await checkCommands(db, findings, commands.candidates());
  return head;
}

function bytesOf(db: Database): number {
  const size = "SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size";
  return db.query<{ bytes: number }, []>(size).get()?.bytes ?? 0;
}

/** What an account has held is the sum of its open holds. */
function checkHeld(db: Database, findings: Findings): void {
  const differing = db.query<{ account: AccountId; difference: number }, []>(`
    SELECT account, sum(held) AS difference FROM
      (SELECT account, held FROM accounts WHERE held <> 0
       UNION ALL SELECT account, -amount FROM holds WHERE state = 'open')
    GROUP BY account HAVING sum(held) <> 0 ORDER BY account`);
  for (const { account, difference } of differing.iterate()) {
    const detail = `what it has held is not the sum of its open holds: ${difference} too much`;
    findings.add("hold-broken", account, null, detail);
  }
}

function countOf(db: Database, table: "accounts" | "entries" | "holds"): number {
  return db.query<{ count: number }, []>(`SELECT count(*) AS count FROM main.${table}`).get()?.count ?? 0;
}
