import type { Database } from "bun:sqlite";
import type { Entry } from "../../ledger/entry.ts";
import { formatEvent } from "../../ledger/event.ts";
import type { PlacedEvent } from "./event-sums.ts";
import type { Pace } from "./pace.ts";

/** With the balance that the account had when the limit was set. */
const LIMITS = `
  SELECT l.account, l.version, l.credit_limit AS creditLimit, l.after_seq AS seq, l.command, l.changed_at AS time,
    coalesce(e.balance, 0) AS balance, a.name, a.command AS opened, a.opened_at AS openedAt
  FROM limits AS l
  LEFT JOIN accounts AS a ON a.account = l.account
  LEFT JOIN entries AS e ON e.account = l.account AND e.seq = l.after_seq
  ORDER BY l.account, l.version`;

interface LimitRow {
  readonly account: number;
  readonly version: number;
  readonly creditLimit: number;
  readonly seq: number;
  readonly command: string;
  readonly time: number;
  readonly balance: number;
  readonly name: string | null;
  readonly opened: string | null;
  readonly openedAt: number | null;
}

/** Calls with the event of each row of accounts and limits: what the journal must have for it to be there. */
export async function readAccountEvents(
  db: Database,
  pace: Pace,
  onEvent: (event: PlacedEvent) => void,
): Promise<void> {
  for (const row of db.query<LimitRow, []>(LIMITS).iterate()) {
    const { account, version } = row;
    // Without its account the row is of no event.
    if (row.opened !== null || version > 1)
      onEvent({ account, seq: null, version, text: version === 1 ? textOfOpening(row) : textOfLimit(row) });
    if (pace.read(1)) await pace.pause();
  }
  pace.end();
}

function textOfOpening({
  account,
  creditLimit,
  seq,
  command,
  time,
  name,
  opened,
  openedAt,
}: LimitRow): string {
  const text = ["o", account, openedAt, creditLimit, opened, name ?? ""].join(" ");
  // An account's first limit says the same again; an account without a name has none, not an empty one.
  const same = seq === 0 && command === opened && time === openedAt && name !== "";
  return same ? text : `${text} (its first limit: ${seq} ${time} ${command})`;
}

function textOfLimit({ account, creditLimit, seq, command, time, balance }: LimitRow): string {
  return ["l", account, seq, time, balance, creditLimit, command].join(" ");
}

/** @param creditLimit the limit in force; null if there was none */
export function eventOfEntry(entry: Entry, creditLimit: number | null): PlacedEvent {
  const { account, seq } = entry;
  return {
    account,
    seq,
    version: null,
    text: formatEvent({ type: "entry", entry, creditLimit: creditLimit ?? -1 }),
  };
}
