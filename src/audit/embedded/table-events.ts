import type { Database } from "bun:sqlite";
import type { AccountId } from "../../ledger/account.ts";
import type { LimitEvent } from "./event-sums.ts";
import type { Pace } from "./pace.ts";

/** With the balance that the account had when the limit was set. */
const LIMITS = `
  SELECT l.account, l.version, l.credit_limit AS creditLimit, l.after_seq AS seq, l.command, l.changed_at AS time,
    coalesce(e.balance, 0) AS balance, a.unit, a.name, a.state, a.held, a.command AS opened, a.opened_at AS openedAt
  FROM limits AS l
  LEFT JOIN accounts AS a ON a.account = l.account
  LEFT JOIN entries AS e ON l.after_seq > 0 AND e.account = l.account AND e.seq = l.after_seq
  ORDER BY l.account, l.version`;

interface LimitRow {
  readonly account: AccountId;
  readonly version: number;
  readonly creditLimit: number;
  readonly seq: number;
  readonly command: string;
  readonly time: number;
  readonly balance: number;
  /** Like all that follow, null if there is no such account. */
  readonly unit: string | null;
  readonly name: string | null;
  readonly state: string | null;
  readonly held: number | null;
  readonly opened: string | null;
  readonly openedAt: number | null;
}

/** Calls with the event of each row of accounts and limits: what the journal must have for it to be there. */
export async function readLimitEvents(
  db: Database,
  pace: Pace,
  onEvent: (event: LimitEvent) => void,
): Promise<void> {
  for (const row of db.query<LimitRow, []>(LIMITS).iterate()) {
    const { account, version } = row;
    // Without its account the row is of no event.
    if (row.opened !== null || version > 1)
      onEvent({ account, version, text: version === 1 ? textOfOpening(row) : textOfLimit(row) });
    if (pace.read(1)) await pace.pause();
  }
  pace.end();
}

function textOfOpening(row: LimitRow): string {
  const { account, creditLimit, seq, command, time, unit, name, state, held, opened, openedAt } = row;
  const text = ["o", account, openedAt, creditLimit, opened, unit, name ?? ""].join(" ");
  // What no event says, since it follows. It comes first: the name may be any text.
  const odd: string[] = [];
  if (seq !== 0 || command !== opened || time !== openedAt) odd.push(`first limit ${seq} ${time} ${command}`);
  if (state !== "open" || held !== 0) odd.push(`${state}, ${held} held`);
  if (name === "") odd.push("a name without characters");
  return odd.length === 0 ? text : `(${odd.join("; ")}) ${text}`;
}

function textOfLimit({ account, creditLimit, seq, command, time, balance }: LimitRow): string {
  return ["l", account, seq, time, balance, creditLimit, command].join(" ");
}
