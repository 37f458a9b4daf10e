import { Database } from "bun:sqlite";
import { formatEvent, type LedgerEvent, parseEvent, timeOf } from "../../src/ledger/event.ts";
import { journalHash, NO_HASH } from "../../src/ledger/journal.ts";

/**
 * Gives the data file of a ledger that has ended a journal, made of its tables, if it has none. It goes away with the
 * embedded ledger that writes the journal itself.
 */
export function addFileJournal(path: string): void {
  const db = new Database(path, { readwrite: true, create: false });
  try {
    if (db.query("SELECT 1 FROM sqlite_master WHERE name = 'journal'").get() !== null) return;
    db.run(`CREATE TABLE journal (g INTEGER PRIMARY KEY, time INTEGER NOT NULL, events TEXT NOT NULL,
      previous BLOB NOT NULL, hash BLOB NOT NULL) STRICT`);
    const texts = db
      .query<{ text: string }, []>(
        `SELECT 'o ' || l.account || ' ' || l.changed_at || ' ' || l.credit_limit || ' ' || l.command || ' '
           || coalesce(a.name, '') AS text, l.account AS account, l.changed_at AS time, 0 AS place
         FROM limits AS l JOIN accounts AS a USING (account) WHERE l.version = 1
         UNION ALL
         SELECT 'l ' || l.account || ' ' || l.after_seq || ' ' || l.changed_at || ' ' || coalesce(e.balance, 0) || ' '
           || l.credit_limit || ' ' || l.command, l.account, l.changed_at, 2 * l.after_seq + 1
         FROM limits AS l LEFT JOIN entries AS e ON e.account = l.account AND e.seq = l.after_seq
         WHERE l.version > 1
         UNION ALL
         SELECT CASE e.kind WHEN 'credit' THEN 'c ' ELSE 'd ' END || e.account || ' ' || e.seq || ' ' || e.time || ' '
           || e.value || ' ' || e.balance || ' ' || (
             SELECT credit_limit FROM limits WHERE account = e.account AND after_seq < e.seq ORDER BY version DESC
           ) || ' ' || e.command || ' ' || e.description, e.account, e.time, 2 * e.seq
         FROM entries AS e ORDER BY time, place, account`,
      )
      .all()
      .map(({ text }) => parseEvent(text));
    const isFirst = (event: LedgerEvent): boolean => event.type === "open" && event.id === "initial";
    const rows = [texts.filter(isFirst), ...texts.filter((event) => !isFirst(event)).map((event) => [event])];
    let previous = NO_HASH;
    for (const [g, events] of rows.entries()) {
      const row = {
        shard: 0,
        g,
        time: Math.max(...events.map(timeOf)),
        events: events.map(formatEvent),
        previous,
      };
      const hash = journalHash(row);
      db.run("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", [
        g,
        row.time,
        JSON.stringify(row.events),
        previous,
        hash,
      ]);
      previous = hash;
    }
  } finally {
    db.close();
  }
}
