import { integers, texts } from "../../keep/pg-array.ts";
import { eventId, placeOfEvent } from "../../ledger/event-id.ts";
import type { EventId } from "../../ledger/transaction.ts";
import type { QueryBooks } from "../events.ts";
import type { Row } from "./books-snapshot.ts";

/** A hold in the books, with the texts that it is in Redis. */
export interface KeptHold {
  readonly id: EventId;
  readonly account: string;
  /** The batch that made it. */
  readonly g: number;
  readonly expiresAt: string;
  readonly open: string;
  /** `null`: it is open. */
  readonly end: { readonly g: number; readonly time: number; readonly text: string } | null;
}

export interface KeptReversal {
  readonly reversed: EventId;
  readonly reversal: EventId;
  readonly time: number;
}

/** How far the books were when something was read of them. */
export interface AsOf<T> {
  readonly cursor: number;
  readonly found: ReadonlyMap<EventId, T>;
}

/** What does not change of a hold's text but for its state, what was captured, and the transaction. */
const holdText = (state: string, captured: string, transaction: string): string => `
  concat_ws(' ', ${state}, h.account, coalesce(h.recipient, '@world'), h.amount, ${captured}, h.expires_at, h.time,
    ${transaction}, CASE h.details WHEN '{}' THEN '' ELSE h.details END)`;

const HOLD_COLUMNS = `
  h.account, h.time::text, h.shard, h.g::text, h.event, h.expires_at::text, h.state, h.ended_g::text, h.ended_at::text,
  ${holdText("'open'", "0", "'-'")} AS open,
  ${holdText(
    "h.state",
    "h.captured",
    "CASE WHEN h.captured > 0 THEN concat('t', h.shard, '-', h.ended_g, '-', h.ended_event, '-', h.ended_at % 1000000) ELSE '-' END",
  )} AS text`;

/** All holds that are open, or have ended since then; a page after the other, as they stand when it is read. */
export async function* keptHolds(
  queryBooks: QueryBooks,
  endedSince: number,
  count: number,
): AsyncGenerator<readonly (KeptHold & { readonly shard: number })[]> {
  let last: readonly (string | number)[] = [-1, 0, 0];
  for (;;) {
    const rows = await queryBooks(
      `SELECT ${HOLD_COLUMNS} FROM holds AS h
       WHERE (h.shard, h.g, h.event) > ($1::text::integer, $2::text::bigint, $3::text::integer)
         AND (h.state = 'open' OR h.ended_at > $4::text::bigint)
       ORDER BY h.shard, h.g, h.event LIMIT ${count}`,
      [...last, endedSince].map(String),
    );
    yield rows.map((row) => ({ ...holdIn(row), shard: Number(row["shard"]) }));
    const end = rows.at(-1);
    if (end === undefined || rows.length < count) return;
    last = [Number(end["shard"]), String(end["g"]), Number(end["event"])];
  }
}

/** Some holds of a shard, and how far the books of it are. */
export async function holdsNow(
  queryBooks: QueryBooks,
  shard: number,
  ids: readonly EventId[],
): Promise<AsOf<KeptHold>> {
  const places = ids.flatMap((id) => placeOfEvent("h", id) ?? []);
  const rows = await queryBooks(
    `SELECT c.last_g::text, ${HOLD_COLUMNS} FROM cursors AS c
     LEFT JOIN (
       holds AS h JOIN unnest($1::text::bigint[], $2::text::integer[]) AS p (g, event) ON h.g = p.g AND h.event = p.event
     ) ON h.shard = c.shard
     WHERE c.shard = $3::text::integer`,
    [integers(places, ({ g }) => g), integers(places, ({ index }) => index), String(shard)],
  );
  const holds = rows.filter((row) => row["account"] !== null).map(holdIn);
  return { cursor: Number(rows[0]?.["last_g"] ?? 0), found: new Map(holds.map((hold) => [hold.id, hold])) };
}

function holdIn(row: Row): KeptHold {
  const [shard = 0, g = 0, index = 0, time = 0] = [row["shard"], row["g"], row["event"], row["time"]].map(
    Number,
  );
  const end = { g: Number(row["ended_g"]), time: Number(row["ended_at"]), text: String(row["text"]) };
  return {
    id: eventId("h", shard, g, index, time),
    account: String(row["account"]),
    g,
    expiresAt: String(row["expires_at"]),
    open: String(row["open"]),
    end: row["state"] === "open" ? null : end,
  };
}

/** All reversals since then, as above. */
export async function* keptReversals(
  queryBooks: QueryBooks,
  since: number,
  count: number,
): AsyncGenerator<readonly KeptReversal[]> {
  for (let last = ""; ;) {
    const rows = await queryBooks(
      `SELECT reversed, reversal, time::text FROM reversals WHERE reversed > $1 AND time > $2::text::bigint
       ORDER BY reversed LIMIT ${count}`,
      [last, String(since)],
    );
    yield rows.map(reversalIn);
    const end = rows.at(-1);
    if (end === undefined || rows.length < count) return;
    last = String(end["reversed"]);
  }
}

/** The reversals of some transactions of a shard. */
export async function reversalsNow(
  queryBooks: QueryBooks,
  shard: number,
  reversed: readonly EventId[],
): Promise<AsOf<KeptReversal>> {
  const rows = await queryBooks(
    `SELECT c.last_g::text, r.reversed, r.reversal, r.time::text FROM cursors AS c
     LEFT JOIN reversals AS r ON r.reversed = ANY($1::text::text[]) WHERE c.shard = $2::text::integer`,
    [texts(reversed, (id) => id), String(shard)],
  );
  const found = rows.filter((row) => row["reversed"] !== null).map(reversalIn);
  return {
    cursor: Number(rows[0]?.["last_g"] ?? 0),
    found: new Map(found.map((one) => [one.reversed, one])),
  };
}

function reversalIn(row: Row): KeptReversal {
  return {
    reversed: String(row["reversed"]),
    reversal: String(row["reversal"]),
    time: Number(row["time"]),
  };
}
