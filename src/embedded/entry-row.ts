import { type AccountId, type Party, WORLD } from "../ledger/account.ts";
import type { LedgerEvent } from "../ledger/event.ts";
import { entryTime, type Place } from "../ledger/event-results.ts";

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
  readonly place: number;
  readonly part: number | null;
  readonly decided_at: number | null;
  readonly counterparty: string | null;
  readonly reference: string | null;
}

/** The rows that an event makes, in the order of its postings. */
export function entryRowsOf(event: LedgerEvent, place: Place): EntryRow[] {
  const { g, index } = place;
  if (event.type === "entry") {
    const { account, seq, kind, value, balance, description, id: command, time } = event.entry;
    const amount = kind === "credit" ? value : -value;
    const entry = { account, seq, amount, balance, description, command, time, g, place: index };
    return [{ ...entry, part: null, decided_at: null, counterparty: null, reference: null }];
  }
  if (event.type !== "transaction" && event.type !== "capture") return [];
  const rows: EntryRow[] = [];
  const add = (
    account: AccountId,
    seq: number,
    amount: number,
    balance: number,
    counterparty: Party,
  ): void => {
    const time = entryTime(event, account, seq);
    rows.push({
      account,
      seq,
      amount,
      balance,
      description: event.description ?? "",
      command: event.id,
      time,
      g,
      place: index,
      part: rows.length,
      decided_at: event.time,
      counterparty: counterparty === WORLD ? null : counterparty,
      reference: event.reference,
    });
  };
  for (const { from, to, amount, fromSeq, fromBalance, toSeq, toBalance } of event.postings) {
    if (from !== WORLD) add(from, fromSeq, -amount, fromBalance, to);
    if (to !== WORLD) add(to, toSeq, amount, toBalance, from);
  }
  return rows;
}
