import { constants, Database, SQLiteError } from "bun:sqlite";
import { existsSync, realpathSync } from "node:fs";
import { MONEY_CENTS_MAX, bounds } from "../../bounds.ts";
import { type DataFile, inspectDataFile, isLocked } from "../../embedded/data-file.ts";
import { messageOf, StartError } from "../../errors.ts";
import { faultsOf, type StoredEntry } from "../chain.ts";
import { DuplicateDetector, hash53 } from "../duplicate-detector.ts";
import { Findings } from "../findings.ts";
import { findMissingLastEntries } from "./missing-last-entries.ts";
import type { AuditReport } from "../report/audit-report.ts";
import { ProgressEstimate } from "../progress-estimate.ts";

const CANNOT_AUDIT = 2;
const CACHE_KIBIBYTES = 16 * 1024;
/** Number of entries between two progress reports. */
const PROGRESS_ENTRIES = 100_000;
/** The approximate size of an entry, to estimate their number before they are counted. */
const ENTRY_BYTES = 75;
/** The cost of SQLite's own check of the file for each entry, compared to the audit's cost. */
const CHECK_COST = 0.4;

/**
 * Audits the data file of the embedded ledger, also while a ledger uses it: a reader of a WAL does not disturb the
 * writer, and reads a consistent snapshot.
 *
 * @param onProgress called with how much is done and about how much there is to do; see {@link ProgressEstimate}
 * @throws StartError with exit code 2 if there is no such file, or it is not a ledger's
 */
export async function auditFile(
  dataFile: string,
  onProgress: (done: number, all: number) => void = () => {},
): Promise<AuditReport> {
  // The log is beside the file itself, not beside a link to it.
  const path = existsSync(dataFile) ? realpathSync(dataFile) : dataFile;
  const began = performance.now();
  const findings = new Findings();
  const counts = { accounts: 0, entries: 0 };
  const found = inspect(path);
  if (found.type === "absent") throw cannotAudit(path, "there is no such file");
  if (found.type === "refused") throw new StartError(found.sentence, CANNOT_AUDIT);
  if (found.type === "damaged") {
    findings.add("unreadable", null, null, `the file ${path} is damaged: ${found.finding}`);
  } else await auditDatabase(path, findings, counts, new ProgressEstimate(onProgress));
  return {
    agreed: findings.count === 0,
    system: "embedded",
    counts: { ...counts, outboxEntries: 0, feedBatches: 0, statements: 0 },
    heads: [],
    seconds: (performance.now() - began) / 1000,
    findings: findings.listed,
    findingsInAll: findings.count,
  };
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
  counts: { accounts: number; entries: number },
  progress: ProgressEstimate,
): Promise<void> {
  const hadLog = existsSync(`${path}-wal`);
  const db = open(path, hadLog);
  try {
    Object.assign(counts, await auditTables(db, findings, progress));
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

async function auditTables(
  db: Database,
  findings: Findings,
  progress: ProgressEstimate,
): Promise<{ accounts: number; entries: number }> {
  db.run(`PRAGMA cache_size = -${CACHE_KIBIBYTES}`);
  db.run("PRAGMA busy_timeout = 2000");
  db.run("BEGIN");
  const guessed = bytesOf(db) / ENTRY_BYTES;
  progress.plan(guessed * (CHECK_COST + 1));
  const checks = db.query<{ quick_check: string }, []>("PRAGMA quick_check").all();
  for (const { quick_check: check } of checks) {
    if (check !== "ok") findings.add("unreadable", null, null, `SQLite says of the file: ${check}`);
  }
  if (findings.count > 0) return { accounts: 0, entries: 0 };
  progress.did(guessed * CHECK_COST);
  const accounts = checkAccounts(db, findings);
  const all = countOf(db, "entries");
  const commands = new DuplicateDetector(all + countOf(db, "limits"));
  const entries = await checkEntries(db, findings, commands, (some) => progress.did((some / all) * guessed));
  findMissingLastEntries(db, findings);
  for (const row of db
    .query<{ command: string }, []>("SELECT command FROM limits WHERE command <> 'initial'")
    .iterate())
    commands.add(row.command);
  checkCommands(db, findings, commands.candidates());
  return { accounts, entries };
}

function bytesOf(db: Database): number {
  const size = "SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size";
  return db.query<{ bytes: number }, []>(size).get()?.bytes ?? 0;
}

function checkAccounts(db: Database, findings: Findings): number {
  const each = (query: string, detail: string): void => {
    for (const { account } of db.query<{ account: number }, []>(query).iterate())
      findings.add("account-missing", account, null, detail);
  };
  each(
    "SELECT DISTINCT account FROM limits WHERE account NOT IN (SELECT account FROM accounts)",
    "it has limits, and is not among the accounts",
  );
  each(
    "SELECT account FROM accounts WHERE account NOT IN (SELECT account FROM limits)",
    "it has no limit among the limits",
  );
  const holes = db.query<{ account: number; versions: number; version: number }, []>(`
    SELECT account, count(*) AS versions, max(version) AS version FROM limits
    GROUP BY account HAVING count(*) <> max(version)`);
  for (const { account, versions, version } of holes.iterate()) {
    const detail = `of its limits up to version ${version} only ${versions} are there`;
    findings.add("account-differs", account, null, detail);
  }
  return countOf(db, "accounts");
}

function countOf(db: Database, table: "accounts" | "limits" | "entries"): number {
  return db.query<{ count: number }, []>(`SELECT count(*) AS count FROM ${table}`).get()?.count ?? 0;
}

interface EntryRow {
  readonly account: number;
  readonly seq: number;
  readonly kind: string;
  readonly value: number;
  readonly balance: number;
  readonly time: number;
  readonly command: string;
}

interface LimitRow {
  readonly account: number;
  readonly credit_limit: number;
  readonly after_seq: number;
}

/** Reads all entries in the order of the key, and compares each with the one before it and with the limit in force. */
async function checkEntries(
  db: Database,
  findings: Findings,
  commands: DuplicateDetector,
  onEntries: (some: number) => void,
): Promise<number> {
  const rows = db.query<EntryRow, []>(
    "SELECT account, seq, kind, value, balance, time, command FROM entries ORDER BY account, seq",
  );
  const limitsOf = db.prepare<LimitRow, [number]>(
    "SELECT account, credit_limit, after_seq FROM limits WHERE account = ? ORDER BY version DESC",
  );
  const isAccount = db.prepare<{ account: number }, [number]>(
    "SELECT account FROM accounts WHERE account = ?",
  );
  let before: EntryRow | null = null;
  let accountLimits: LimitRow[] = [];
  const passed = new PassedLimit(findings);
  let done = 0;
  for (const row of rows.iterate()) {
    if (before === null || before.account !== row.account) {
      before = null;
      accountLimits = limitsOf.all(row.account);
      if (isAccount.get(row.account) === null)
        findings.add("account-missing", row.account, null, "it has entries, and is not among the accounts");
    }
    const limit = limitFor(row.seq, accountLimits);
    if (!fits(row, before, limit?.credit_limit ?? null))
      reportFaults(db, row, before, limit, findings, passed);
    commands.add(row.command);
    before = row;
    done += 1;
    if (done % PROGRESS_ENTRIES === 0) {
      onEntries(PROGRESS_ENTRIES);
      // There is an object for each row: without this the garbage collector lets them grow to hundreds of megabytes.
      Bun.gc(true);
      // Lets the progress bar update.
      await Bun.sleep(0);
    }
  }
  passed.report();
  if (done > 0) onEntries(done % PROGRESS_ENTRIES);
  return done;
}

function limitFor(seq: number, versions: readonly LimitRow[]): LimitRow | null {
  return versions.find((version) => version.after_seq < seq) ?? null;
}

/** A limit that was changed may fit none of its entries. They are one finding, which names the first of them. */
class PassedLimit {
  readonly #findings: Findings;
  #limit: LimitRow | null = null;
  #first: { readonly account: number; readonly seq: number; readonly detail: string } | null = null;
  #more = 0;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  add(limit: LimitRow | null, account: number, seq: number, detail: string): void {
    if (this.#first?.account === account && this.#limit === limit) {
      this.#more += 1;
      return;
    }
    this.report();
    this.#limit = limit;
    this.#first = { account, seq, detail };
  }

  report(): void {
    if (this.#first === null) return;
    const { account, seq, detail } = this.#first;
    const more = this.#more === 0 ? "" : `; nor do ${this.#more} later entries fit it`;
    this.#findings.add("limit-passed", account, seq, detail + more);
    this.#first = null;
    this.#more = 0;
  }
}

/** The fast check. Sums beyond 2^53 are rounded, but never back into the range. */
function fits(row: EntryRow, before: EntryRow | null, limit: number | null): boolean {
  const { seq, kind, value, balance, time } = row;
  const balanceBefore = before === null ? 0 : before.balance;
  return (
    seq === (before === null ? 1 : before.seq + 1) &&
    balance === (kind === "credit" ? balanceBefore + value : balanceBefore - value) &&
    (kind === "credit" || kind === "debit") &&
    value > 0 &&
    value <= MONEY_CENTS_MAX &&
    Math.abs(balance) <= MONEY_CENTS_MAX &&
    limit !== null &&
    balance >= -limit &&
    (before === null || time > before.time)
  );
}

/** The exact check, for a row that does not fit. The primary key excludes duplicates, so account and seq are one row. */
function reportFaults(
  db: Database,
  row: EntryRow,
  before: EntryRow | null,
  limit: LimitRow | null,
  findings: Findings,
  passed: PassedLimit,
): void {
  const exact = (place: EntryRow): StoredEntry => {
    const found = db
      .query<Record<"value" | "balance" | "time", bigint>, [number, number]>(
        "SELECT value, balance, time FROM entries WHERE account = ? AND seq = ?",
      )
      .safeIntegers(true)
      .get(place.account, place.seq);
    return {
      account: BigInt(place.account),
      seq: BigInt(place.seq),
      kind: place.kind,
      value: found?.value ?? 0n,
      balance: found?.balance ?? 0n,
      time: found?.time ?? 0n,
      creditLimit: null,
      limitInForce: limit === null ? null : BigInt(limit.credit_limit),
    };
  };
  for (const { name, seq, detail } of faultsOf(exact(row), before === null ? null : exact(before))) {
    if (name === "limit-passed") passed.add(limit, row.account, Number(seq), detail);
    else findings.add(name, row.account, Number(seq), detail);
  }
}

interface Effect {
  readonly account: number;
  readonly seq: number | null;
  readonly command: string;
  readonly time: number;
}

/** Reads the commands with a candidate's hash again. If all is well, there are no candidates. */
function checkCommands(db: Database, findings: Findings, candidates: ReadonlySet<number>): void {
  if (candidates.size === 0) return;
  const keptMicros = bounds.idempotency_key_kept_seconds * 1_000_000;
  const rows = db.query<Effect, []>(`
    SELECT account, seq, command, time FROM entries
    UNION ALL SELECT account, NULL, command, changed_at FROM limits WHERE command <> 'initial'`);
  const byCommand = new Map<string, Effect[]>();
  for (const row of rows.iterate()) {
    if (!candidates.has(hash53(row.command))) continue;
    const known = byCommand.get(row.command);
    if (known === undefined) byCommand.set(row.command, [row]);
    else known.push(row);
  }
  for (const effects of byCommand.values()) {
    effects.sort((a, b) => a.time - b.time || a.account - b.account || (a.seq ?? 0) - (b.seq ?? 0));
    for (const [index, effect] of effects.entries()) {
      const first = effects[index - 1];
      if (first === undefined) continue;
      if (effect.command.startsWith("key:") && effect.time >= first.time + keptMicros) continue;
      const where = `account ${first.account}${first.seq === null ? "" : `, seq ${first.seq}`}`;
      const detail = `the command ${effect.command} took effect already: ${where}`;
      findings.add("command-doubled", effect.account, effect.seq, detail);
    }
  }
}
