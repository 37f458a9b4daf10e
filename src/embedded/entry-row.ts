import { WORLD } from "../ledger/account.ts";
import type { LedgerEvent } from "../ledger/event.ts";
import { entriesOf, type Place } from "../ledger/event-results.ts";

/** A row of `entries`, with its columns in their order. */
export interface EntryRow {
  readonly account: string;
  readonly seq: number;
  readonly amount: number;
  readonly balance: number;
  readonly description: string;
  readonly command: string;
  readonly time: number;
  readonly g: number;
  readonly event: number;
  readonly part: number | null;
  readonly decided_at: number | null;
  readonly counterparty: string | null;
  readonly reference: string | null;
}

/** The rows that an event makes, in the order of its postings. */
export function entryRowsOf(event: LedgerEvent, place: Place): EntryRow[] {
  const isContest = event.type === "entry";
  if (!isContest && event.type !== "transaction" && event.type !== "capture") return [];
  return entriesOf(event, place).map((entry, part) => ({
    account: entry.account,
    seq: entry.seq,
    amount: entry.kind === "credit" ? entry.value : -entry.value,
    balance: entry.balance,
    description: entry.description,
    command: entry.id,
    time: entry.time,
    g: place.g,
    event: place.index,
    part: isContest ? null : part,
    decided_at: isContest ? null : event.time,
    counterparty: entry.counterparty === WORLD ? null : entry.counterparty,
    reference: entry.reference,
  }));
}
