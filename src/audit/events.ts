import { z } from "zod";
import { bounds } from "../bounds.ts";
import { integers, texts } from "../keep/pg-array.ts";
import type { AccountId } from "../ledger/account.ts";
import { formatEvent, type LedgerEvent, parseEventOrNull } from "../ledger/event.ts";
import { eventId } from "../ledger/event-id.ts";
import { entriesOf, type Place } from "../ledger/event-results.ts";
import type { Row } from "./books/books-snapshot.ts";

/** SQL for the text of the event of a row of `entries AS e`, if that is one of its own. */
export const EVENT_OF_ENTRY = entryText("e.description");

/** SQL for the text of a row of `entries AS e` in a statement in Redis, as {@link statementTexts} has it. */
export const STATEMENT_OF_ENTRY = entryText(
  `left(e.description, ${bounds.statement_description_characters})`,
);

function entryText(description: string): string {
  return `
  concat_ws(' ', CASE e.kind WHEN 'credit' THEN 'c' ELSE 'd' END, e.account, e.seq, e.time, e.value, e.balance,
    e.credit_limit, e.command, ${description})`;
}

/** SQL for whether an id of a command is behind the name of an access key, see `NamedId`. */
export function isNamedInSql(id: string): string {
  return `substr(${id}, 4, 1) <> ':'`;
}

/** SQL for the id of a command without that name. */
export function idInSql(id: string): string {
  return `CASE WHEN ${isNamedInSql(id)} THEN substr(${id}, strpos(${id}, '/') + 1) ELSE ${id} END`;
}

/** Queries the current state of the books, not a snapshot. */
export type QueryBooks = (query: string, parameters: readonly (string | number | null)[]) => Promise<Row[]>;

/** An entry that the books should have, with what they have instead. */
export interface EventDiffers {
  readonly text: string;
  readonly account: AccountId;
  readonly seq: number;
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

/** The accounts that it changes: none for a refusal. */
export function accountsOf(event: Decision): readonly AccountId[] {
  switch (event.type) {
    case "entry":
      return [event.entry.account];
    case "open":
      return [event.account];
    case "transaction":
    case "capture":
    case "part":
    case "finish":
    case "undo":
      return event.accounts.map(({ id }) => id);
    case "refusal":
      return [];
    case "change":
    case "hold":
    case "release":
    case "expiry":
      return [event.account.id];
  }
}

/** The key in Redis, without the shard's prefix, of the hold, reversal or part that an event is about; `null` if there is none. */
export function moveKeyOf(event: Decision, { shard, g, index }: Place): string | null {
  switch (event.type) {
    case "hold":
      return `hold:${eventId("h", shard, g, index, event.time)}`;
    case "capture":
    case "release":
    case "expiry":
      return `hold:${event.hold}`;
    case "transaction":
      return event.reverses === null ? null : `reversed:${event.reverses}`;
    case "entry":
    case "open":
    case "change":
    case "refusal":
      return null;
    case "part":
    case "finish":
    case "undo":
      return `part:${event.attempt}`;
  }
}

/** The entries that an event adds to statements in Redis, in the order of its postings. */
export function statementTexts(event: Decision): { account: AccountId; seq: number; text: string }[] {
  const limits = new Map(
    event.type === "transaction" || event.type === "capture" || event.type === "finish"
      ? event.accounts.map(({ id, creditLimit }) => [id, creditLimit])
      : [],
  );
  const most = bounds.statement_description_characters;
  // Where the event stands is not in the texts.
  return entriesOf(event, { shard: 0, g: 0, index: 0 }).map((entry) => {
    const { account, seq } = entry;
    const description = Array.from(entry.description).slice(0, most).join("");
    const creditLimit = event.type === "entry" ? event.creditLimit : (limits.get(account) ?? 0);
    return {
      account,
      seq,
      text: formatEvent({ type: "entry", entry: { ...entry, description }, creditLimit }),
    };
  });
}

/** An event of a batch. */
export interface BatchEvent {
  readonly shard: number;
  readonly g: number;
  readonly text: string;
}

const textsReply = z.array(z.string().nullable());

/** Which of the events the journal does not have in their batches. */
export async function missingEvents<E extends BatchEvent>(
  queryBooks: QueryBooks,
  events: readonly E[],
): Promise<E[]> {
  if (events.length === 0) return [];
  const keyOf = (shard: unknown, g: unknown): string => `${String(shard)} ${String(g)}`;
  const batches = [...new Map(events.map((event) => [keyOf(event.shard, event.g), event])).values()];
  const rows = await queryBooks(
    `SELECT j.shard, j.g::text, array_to_json(j.events)::text AS events
     FROM unnest($1::text::bigint[], $2::text::bigint[]) AS w (shard, g)
     JOIN journal AS j ON j.shard = w.shard AND j.g = w.g`,
    [integers(batches, ({ shard }) => shard), integers(batches, ({ g }) => g)],
  );
  const kept = new Map(
    rows.map((row) => [
      keyOf(row["shard"], row["g"]),
      new Set(textsReply.parse(JSON.parse(String(row["events"])))),
    ]),
  );
  return events.filter(({ shard, g, text }) => kept.get(keyOf(shard, g))?.has(text) !== true);
}

/** Which of the events of entries the books do not have in exactly this form. */
export async function differingEntries(
  queryBooks: QueryBooks,
  entries: readonly { readonly account: AccountId; readonly seq: number; readonly text: string }[],
): Promise<EventDiffers[]> {
  if (entries.length === 0) return [];
  const rows = await queryBooks(
    `SELECT w.account, w.seq::text, w.text, ${EVENT_OF_ENTRY} AS kept, e.seq IS NULL AS missing
     FROM unnest($1::text::text[], $2::text::bigint[], $3::text::text[]) AS w (account, seq, text)
     LEFT JOIN entries AS e ON e.account = w.account AND e.seq = w.seq
     WHERE e.seq IS NULL OR ${EVENT_OF_ENTRY} <> w.text`,
    [texts(entries, (e) => e.account), integers(entries, (e) => e.seq), texts(entries, (e) => e.text)],
  );
  return rows.map((row) => ({
    text: String(row["text"]),
    account: String(row["account"]),
    seq: Number(row["seq"]),
    kept: row["missing"] === true ? null : String(row["kept"]),
  }));
}
