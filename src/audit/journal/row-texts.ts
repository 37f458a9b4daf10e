import type { AccountDetails, Metadata } from "../../ledger/account.ts";
import { EVENT_OF_ENTRY } from "../events.ts";
import {
  ACCOUNT,
  DETAILS,
  ENTRY,
  HOLD,
  HOLD_END,
  LIMIT,
  PART,
  PART_END,
  REVERSAL,
  type RowKind,
  STANDING,
  TRANSIT,
} from "./row-sums.ts";

/** SQL for the id of a row of holds, see `eventId`. */
const HOLD_ID = "concat('h', shard, '-', g, '-', event, '-', time % 1000000)";

/** SQL for where a part, or what is in `transits`, stands in the journal. */
const AT = "concat(shard, '-', g, '-', event)";

export interface RowSource {
  readonly kind: RowKind;
  readonly table: string;
  /** SQL for what the row is of: see `account` in RowSums. */
  readonly key: string;
  /** SQL for its place, see RowSums. */
  readonly place: string;
  /** SQL for its text: it is named by it, and all but entries are compared by it. Its second word is the key. */
  readonly text: string;
  /** SQL for which rows there is one. */
  readonly where: string;
}

const OF_ACCOUNT = { key: "account", place: "0::bigint", where: "true" };

/** What the books have of each kind. EventRows makes the same texts. */
export const SOURCES: readonly RowSource[] = [
  {
    ...OF_ACCOUNT,
    kind: ACCOUNT,
    table: "accounts",
    text: "concat_ws(' ', 'o', account, opened_at, command, unit, opening)",
  },
  {
    ...OF_ACCOUNT,
    kind: DETAILS,
    table: "accounts",
    text: "concat_ws(' ', 'n', account, metadata::text, name)",
  },
  { ...OF_ACCOUNT, kind: STANDING, table: "accounts", text: "concat_ws(' ', 's', account, state, held)" },
  {
    kind: LIMIT,
    table: "limits",
    key: "account",
    place: "version::bigint",
    where: "true",
    text: "concat_ws(' ', 'l', account, version, credit_limit, after_seq, changed_at, command)",
  },
  {
    kind: HOLD,
    table: "holds",
    key: HOLD_ID,
    place: "0::bigint",
    where: "true",
    text: `concat_ws(' ', 'h', ${HOLD_ID}, account, coalesce(recipient, '@world'), amount, time, expires_at, command, details)`,
  },
  {
    kind: HOLD_END,
    table: "holds",
    key: HOLD_ID,
    place: "0::bigint",
    where:
      "state <> 'open' OR captured <> 0 OR ended_at IS NOT NULL OR ended_g IS NOT NULL OR ended_event IS NOT NULL",
    text: `concat_ws(' ', 'z', ${HOLD_ID}, account, amount, state, captured, ended_at, ended_g, ended_event)`,
  },
  {
    kind: REVERSAL,
    table: "reversals",
    key: "reversed",
    place: "0::bigint",
    where: "true",
    text: "concat_ws(' ', 'v', reversed, reversal, time)",
  },
  {
    kind: PART,
    table: "parts",
    key: AT,
    place: "0::bigint",
    where: "true",
    text: `concat_ws(' ', 'q', ${AT}, attempt, time)`,
  },
  {
    kind: PART_END,
    table: "parts",
    key: AT,
    place: "0::bigint",
    where:
      "state <> 'open' OR transaction IS NOT NULL OR ended_at IS NOT NULL OR ended_g IS NOT NULL OR ended_event IS NOT NULL",
    text: `concat_ws(' ', 'k', ${AT}, attempt, state, coalesce(transaction, '-'), ended_g, ended_event, ended_at)`,
  },
  {
    kind: TRANSIT,
    table: "transits",
    key: "attempt",
    place: "0::bigint",
    where: "true",
    text: `concat_ws(' ', 'w', attempt, ${AT}, time, transaction, coalesce(hold, '-'), array_to_string(shards, ','))`,
  },
  {
    kind: ENTRY,
    table: "entries",
    key: "account",
    place: "seq",
    where: "true",
    text: `concat_ws(' ', ${EVENT_OF_ENTRY}, concat('(', e.shard, '-', e.g, '-', e.event, ','), coalesce(e.counterparty, '@world'),
      coalesce(e.decided_at, e.time), concat(coalesce(e.reference, '-'), ')'))`,
  },
];

export function sourceOf(kind: RowKind): RowSource {
  const found = SOURCES.find((source) => source.kind === kind);
  if (found === undefined) throw new Error(`there is no kind ${kind}`);
  return found;
}

/** Name and metadata of an account, as the text of DETAILS has them. */
export function detailsText({ name, metadata }: AccountDetails): string {
  return name === null ? jsonbText(metadata) : `${jsonbText(metadata)} ${name}`;
}

/** As PostgreSQL writes a `jsonb`: shorter names first, then by their bytes. */
function jsonbText(metadata: Metadata): string {
  const members = Object.entries(metadata).map(([name, text]) => ({ name: Buffer.from(name), text }));
  const ordered = members.toSorted((a, b) => a.name.length - b.name.length || Buffer.compare(a.name, b.name));
  const texts = ordered.map(
    ({ name, text }) => `${JSON.stringify(name.toString())}: ${JSON.stringify(text)}`,
  );
  return `{${texts.join(", ")}}`;
}
