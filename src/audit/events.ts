import type { AccountId } from "../ledger/account.ts";
import { type LedgerEvent, parseEventOrNull } from "../ledger/event.ts";
import { integers, texts } from "../keep/pg-array.ts";
import type { Row } from "./books/books-snapshot.ts";

/** SQL for the text of the event of a row of `entries AS e`. */
export const EVENT_OF_ENTRY = `
  concat_ws(' ', CASE e.kind WHEN 'credit' THEN 'c' ELSE 'd' END, e.account, e.seq, e.time, e.value, e.balance,
    e.credit_limit, e.command, e.description)`;

/** Queries the current state of the books, not a snapshot. */
export type QueryBooks = (query: string, parameters: readonly (string | number | null)[]) => Promise<Row[]>;

/** An event that the books should have, with what they have instead. */
export interface EventDiffers {
  readonly text: string;
  readonly account: AccountId;
  readonly seq: number | null;
  /** `null`: nothing. */
  readonly kept: string | null;
}

export function quote(text: string): string {
  return JSON.stringify(text.slice(0, 120));
}

/** The same of what Redis decides: only a restore writes that batches are missing, and only into the journal. */
export function parseDecision(text: string): Decision | null {
  const event = parseEventOrNull(text);
  return event?.type === "missing" ? null : event;
}

export type Decision = Exclude<LedgerEvent, { readonly type: "missing" }>;

/** `null` for a refusal, which is of no account. */
export function accountOf(event: Decision): AccountId | null {
  if (event.type === "refusal") return null;
  return event.type === "entry" ? event.entry.account : event.account;
}

/** A refusal in a batch. Of the books only the journal keeps it. */
export interface BatchRefusal {
  readonly shard: number;
  readonly g: number;
  readonly text: string;
}

/** Which of the refusals the journal does not have in their batches. */
export async function missingRefusals(
  queryBooks: QueryBooks,
  refusals: readonly BatchRefusal[],
): Promise<BatchRefusal[]> {
  if (refusals.length === 0) return [];
  const rows = await queryBooks(
    `SELECT w.shard::text, w.g::text, w.text
     FROM unnest($1::text::bigint[], $2::text::bigint[], $3::text::text[]) AS w (shard, g, text)
     WHERE NOT EXISTS (
       SELECT FROM journal AS j WHERE j.shard = w.shard AND j.g = w.g AND w.text = ANY(j.events)
     )`,
    [
      integers(refusals, (refusal) => refusal.shard),
      integers(refusals, (refusal) => refusal.g),
      texts(refusals, (refusal) => refusal.text),
    ],
  );
  return rows.map((row) => ({ shard: Number(row["shard"]), g: Number(row["g"]), text: String(row["text"]) }));
}

/** Which of the events, all valid, the books do not have in exactly this form. */
export async function differingEvents(
  queryBooks: QueryBooks,
  events: readonly string[],
): Promise<EventDiffers[]> {
  const entries: { account: AccountId; seq: number; text: string }[] = [];
  const opened: { account: AccountId; text: string }[] = [];
  const changed: { account: AccountId; seq: number; id: string; text: string }[] = [];
  for (const text of events) {
    const event = parseEventOrNull(text);
    switch (event?.type) {
      case "entry":
        entries.push({ account: event.entry.account, seq: event.entry.seq, text });
        break;
      case "open":
        opened.push({ account: event.account, text });
        break;
      case "limit":
        changed.push({ account: event.account, seq: event.seq, id: event.id, text: limitText(event) });
        break;
      // A refusal changes no row, see missingRefusals.
      case "refusal":
      case "missing":
      case undefined:
    }
  }
  const rows = await Promise.all([
    entries.length === 0
      ? []
      : queryBooks(
          `SELECT w.account, w.seq::text, w.text, ${EVENT_OF_ENTRY} AS kept, e.seq IS NULL AS missing
           FROM unnest($1::text::text[], $2::text::bigint[], $3::text::text[]) AS w (account, seq, text)
           LEFT JOIN entries AS e ON e.account = w.account AND e.seq = w.seq
           WHERE e.seq IS NULL OR ${EVENT_OF_ENTRY} <> w.text`,
          [texts(entries, (e) => e.account), integers(entries, (e) => e.seq), texts(entries, (e) => e.text)],
        ),
    opened.length === 0
      ? []
      : queryBooks(
          `SELECT w.account, NULL AS seq, w.text, a.kept, a.kept IS NULL AS missing
           FROM unnest($1::text::text[], $2::text::text[]) AS w (account, text)
           LEFT JOIN LATERAL (
             SELECT concat_ws(' ', 'o', a.account, a.opened_at, l.credit_limit, a.command, a.unit,
               coalesce(a.name, '')) AS kept
             FROM accounts AS a JOIN limits AS l ON l.account = a.account AND l.version = 1
             WHERE a.account = w.account
           ) AS a ON true
           WHERE a.kept IS DISTINCT FROM w.text`,
          [texts(opened, (o) => o.account), texts(opened, (o) => o.text)],
        ),
    changed.length === 0
      ? []
      : queryBooks(
          `SELECT w.account, w.seq::text, w.text, l.kept, l.kept IS NULL AS missing
           FROM unnest($1::text::text[], $2::text::bigint[], $3::text::text[], $4::text::text[])
             AS w (account, seq, command, text)
           LEFT JOIN LATERAL (
             SELECT concat_ws(' ', 'l', account, after_seq, changed_at, credit_limit, command) AS kept
             FROM limits WHERE account = w.account AND after_seq = w.seq AND command = w.command LIMIT 1
           ) AS l ON true
           WHERE l.kept IS DISTINCT FROM w.text`,
          [
            texts(changed, (c) => c.account),
            integers(changed, (c) => c.seq),
            texts(changed, (c) => c.id),
            texts(changed, (c) => c.text),
          ],
        ),
  ]);
  return rows.flat().map((row) => ({
    text: String(row["text"]),
    account: String(row["account"]),
    seq: row["seq"] === null ? null : Number(row["seq"]),
    kept: row["missing"] === true ? null : String(row["kept"]),
  }));
}

/** The event without its balance, which the books do not keep with a limit. */
function limitText(event: LedgerEvent & { readonly type: "limit" }): string {
  return `l ${event.account} ${event.seq} ${event.time} ${event.creditLimit} ${event.id}`;
}
