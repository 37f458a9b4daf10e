import { bounds } from "../../bounds.ts";
import { integers, texts } from "../../keep/pg-array.ts";
import { type LedgerEvent, parseEventOrNull } from "../../ledger/event.ts";
import { type EventPlace, placeOfEvent } from "../../ledger/event-id.ts";
import type { EventId } from "../../ledger/transaction.ts";
import { reversalFault } from "../event-faults.ts";
import { inTransitOf } from "../expected-accounts.ts";
import type { Findings } from "../findings.ts";
import { accountIn, queryLimited } from "./books-accounts.ts";
import type { Row, Snapshot } from "./books-snapshot.ts";

/**
 * What an account has held is the sum of its open holds and of what open parts set aside, no hold expires before its time, and
 * none is captured or released from that time on.
 */
export async function checkHolds(books: Snapshot, findings: Findings): Promise<void> {
  const aside = [...(await inTransitOf(books, null)).outgoing()];
  const parameters = [texts(aside, ({ account }) => account), integers(aside, ({ outgoing }) => outgoing)];
  for (const row of await queryLimited(books, findings, HELD_OTHERWISE, parameters)) {
    const detail = `what it has held is not the sum of its open holds and parts: ${row["difference"]} too much`;
    findings.add("hold-broken", accountIn(row), null, detail);
  }
  for (const row of await queryLimited(books, findings, ENDED_OUT_OF_TIME, [])) {
    const { g, event, state } = row;
    const when = state === "expired" ? "has expired before its time" : `was ${state} after it had expired`;
    const hold = `the hold at ${event} of batch ${g}`;
    findings.add("hold-broken", accountIn(row), null, `${hold} ${when}`, hold);
  }
}

const HELD_OTHERWISE = `
  SELECT account, sum(held)::text AS difference FROM (
    SELECT account, held FROM accounts WHERE held <> 0
    UNION ALL SELECT account, -amount FROM holds WHERE state = 'open'
    UNION ALL SELECT account, -outgoing FROM unnest($1::text::text[], $2::text::bigint[]) AS o (account, outgoing)
  ) AS one GROUP BY account HAVING sum(held) <> 0`;

const ENDED_OUT_OF_TIME = `
  SELECT account, g::text, event, state FROM holds
  WHERE CASE state WHEN 'open' THEN false WHEN 'expired' THEN ended_at < expires_at ELSE ended_at >= expires_at END`;

/** Each reversal has the opposite postings of what it reverses. What `reversals` itself has is compared with the journal. */
export async function checkReversals(books: Snapshot, findings: Findings): Promise<void> {
  const some = bounds.audit_rows_named_max;
  for (let last = ""; ;) {
    const rows = await books.query(
      `SELECT reversed, reversal FROM reversals WHERE reversed > $1 ORDER BY reversed LIMIT ${some}`,
      [last],
    );
    last = String(rows.at(-1)?.["reversed"]);
    await checkSome(books, rows, findings);
    if (rows.length < some) return;
  }
}

async function checkSome(books: Snapshot, rows: readonly Row[], findings: Findings): Promise<void> {
  const pairs = rows.map((row) => [String(row["reversed"]), String(row["reversal"])] as const);
  const events = await eventsAt(books, pairs.flat());
  for (const [reversed, reversal] of pairs) {
    const place = placeOfEvent("t", reversal);
    const event = events.get(reversal);
    if (place === null || event?.type !== "transaction" || event.reverses !== reversed) continue;
    const fault = reversalFault(event, place, events.get(reversed) ?? null);
    const [account] = event.accounts;
    if (fault !== null)
      findings.add("reversal-broken", account?.id ?? null, account?.seq ?? null, `${reversal}: ${fault}`);
  }
}

/** What stands in the places of these transactions, by their ids. */
async function eventsAt(books: Snapshot, ids: readonly EventId[]): Promise<Map<EventId, LedgerEvent>> {
  const places = ids
    .map((id) => placeOfEvent("t", id))
    .filter((place): place is EventPlace => place !== null);
  const rows = await books.query(
    `SELECT w.shard, w.g::text, w.event, j.events[w.event + 1] AS text
     FROM unnest($1::text::integer[], $2::text::bigint[], $3::text::integer[]) AS w (shard, g, event)
     JOIN journal AS j ON j.shard = w.shard AND j.g = w.g`,
    [
      integers(places, ({ shard }) => shard),
      integers(places, ({ g }) => g),
      integers(places, ({ index }) => index),
    ],
  );
  const textAt = new Map(rows.map((row) => [`${row["shard"]}-${row["g"]}-${row["event"]}`, row["text"]]));
  const events = new Map<EventId, LedgerEvent>();
  for (const id of ids) {
    const place = placeOfEvent("t", id);
    const text = place === null ? null : textAt.get(`${place.shard}-${place.g}-${place.index}`);
    const event = typeof text === "string" ? parseEventOrNull(text) : null;
    if (event !== null) events.set(id, event);
  }
  return events;
}
