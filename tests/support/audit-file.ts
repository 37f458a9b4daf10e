import { constants, Database } from "bun:sqlite";
import { journalHash } from "../../src/ledger/journal.ts";

export interface FileEntry {
  readonly account: string;
  readonly seq: number;
  readonly kind: string;
  readonly value: bigint;
  readonly balance: bigint;
  readonly description: string;
  readonly command: string;
  readonly time: bigint;
}

/**
 * Reads the data file of a ledger that has ended and checks what must hold in it, if it was used by the contest's route
 * alone: seq without gaps, each balance the one before and the value, none under the limit that was in force when it was
 * decided, time rising, the tables themselves sound, the journal a chain that has these entries and no others. In BigInt,
 * so that nothing is rounded here.
 *
 * @returns all entries, by account and seq
 * @throws Error that names the first thing found
 */
export function auditFile(path: string): readonly FileEntry[] {
  const db = new Database(path, constants.SQLITE_OPEN_READWRITE);
  try {
    const check = db.query<{ integrity_check: string }, []>("PRAGMA integrity_check").all();
    if (check.length !== 1 || check[0]?.integrity_check !== "ok") throw new Error(JSON.stringify(check));
    const sql = "SELECT * FROM entries ORDER BY account, seq";
    const rows = db.query<Record<string, bigint | string>, []>(sql).safeIntegers(true).all();
    const entries = rows.map(toEntry);
    auditEntries(entries);
    auditJournal(db, entries);
    return entries;
  } finally {
    db.close();
  }
}

function auditEntries(entries: readonly FileEntry[]): void {
  let before: FileEntry | null = null;
  for (const entry of entries) {
    const first = before === null || before.account !== entry.account;
    const { seq, balance, time } = first || before === null ? { seq: 0, balance: 0n, time: 0n } : before;
    const after = balance + (entry.kind === "credit" ? entry.value : -entry.value);
    const broken =
      (entry.seq !== seq + 1 && "seq has a gap") ||
      (entry.balance !== after && "the balance is not the one before and the value") ||
      (entry.time <= time && "time does not rise");
    if (broken !== false) throw new Error(`${broken}: account ${entry.account}, seq ${entry.seq}`);
    before = entry;
  }
}

function auditJournal(db: Database, entries: readonly FileEntry[]): void {
  const rows = db
    .query<{ g: number; time: number; events: string; previous: Uint8Array; hash: Uint8Array }, []>(
      "SELECT * FROM journal ORDER BY g",
    )
    .all();
  let previous: Uint8Array = new Uint8Array(32);
  const decided: string[] = [];
  const limits = new Map<string, string>();
  for (const [index, { g, time, events, ...row }] of rows.entries()) {
    const texts: string[] = JSON.parse(events);
    const hash = journalHash({ shard: 0, g, time, events: texts, previous });
    if (g !== index || Buffer.compare(row.previous, previous) !== 0 || Buffer.compare(row.hash, hash) !== 0)
      throw new Error(`the journal is broken: row ${g}`);
    for (const text of texts) {
      const [letter, account = "", seq, at, value, balance, limit = "", command, ...description] =
        text.split(" ");
      if (letter === "o" || letter === "a") limits.set(account, at ?? "");
      if (letter !== "c" && letter !== "d") continue;
      decided.push(
        JSON.stringify([letter, account, seq, at, value, balance, command, description.join(" ")]),
      );
      if (limit !== limits.get(account)) throw new Error(`not the limit that was in force: ${text}`);
      if (letter === "d" && BigInt(balance ?? 0) < -BigInt(limit))
        throw new Error(`the balance is under the limit: ${text}`);
    }
    previous = row.hash;
  }
  const kept = entries.map(({ account, seq, kind, value, balance, description, command, time }) =>
    JSON.stringify([
      kind.slice(0, 1),
      ...[account, seq, time, value, balance].map(String),
      command,
      description,
    ]),
  );
  const differing = new Set(decided).symmetricDifference(new Set(kept));
  if (differing.size > 0 || decided.length !== kept.length)
    throw new Error(`journal and entries differ: ${[...differing].slice(0, 3).join("; ")}`);
}

function toEntry(row: Record<string, bigint | string>): FileEntry {
  const amount = BigInt(row["amount"] ?? 0);
  return {
    account: String(row["account"]),
    seq: Number(row["seq"]),
    kind: amount < 0n ? "debit" : "credit",
    value: amount < 0n ? -amount : amount,
    balance: BigInt(row["balance"] ?? 0),
    description: String(row["description"]),
    command: String(row["command"]),
    time: BigInt(row["time"] ?? 0),
  };
}
