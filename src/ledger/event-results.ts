import { type AccountId, type AccountState, type Micros, type Party, WORLD } from "./account.ts";
import type { KeptEntry } from "./entry.ts";
import type { LedgerEvent } from "./event.ts";
import { eventId, type EventPlace } from "./event-id.ts";
import { type Hold, NO_DETAILS, type Transaction } from "./transaction.ts";

/** Where an event stands in the journal. */
export type Place = Omit<EventPlace, "micros">;

/**
 * The transaction that an event is, or that it has a part in; `null` if it is none, as the capture of nothing. Of a
 * transaction across shards the place that names it is that of its decision.
 */
export function transactionOf(event: LedgerEvent, { shard, g, index }: Place): Transaction | null {
  if (event.type === "entry") {
    const { account, kind, value: amount, description, time } = event.entry;
    const posting =
      kind === "credit" ? { from: WORLD, to: account, amount } : { from: account, to: WORLD, amount };
    const id = eventId("t", shard, g, index, time);
    const details = { ...NO_DETAILS, description: description || null };
    return { id, postings: [posting], ...details, reverses: null, hold: null, time };
  }
  if (event.type !== "transaction" && event.type !== "capture" && event.type !== "finish") return null;
  if (event.postings.length === 0) return null;
  const { description, reference, metadata, time } = event;
  if (event.type === "finish")
    return {
      id: event.transaction,
      postings: event.postings.map(({ from, to, amount }) => ({ from, to, amount })),
      description,
      reference,
      metadata,
      reverses: event.reverses,
      hold: event.hold,
      time: event.decidedAt,
    };
  return {
    id: eventId("t", shard, g, index, time),
    postings: event.postings.map(({ from, to, amount }) => ({ from, to, amount })),
    description,
    reference,
    metadata,
    reverses: event.type === "transaction" ? event.reverses : null,
    hold: event.type === "capture" ? event.hold : null,
    time,
  };
}

/** The hold that an event has made. */
export function holdOf(event: Extract<LedgerEvent, { readonly type: "hold" }>, place: Place): Hold {
  const { time, to, amount, expiresAt, account, description, reference, metadata } = event;
  return {
    id: eventId("h", place.shard, place.g, place.index, time),
    state: "open",
    from: account.id,
    to,
    amount,
    captured: 0,
    expiresAt,
    description,
    reference,
    metadata,
    time,
    transaction: null,
  };
}

/** The hold as it is after the event that ended it. */
export function endedHold(
  hold: Hold,
  event: Extract<LedgerEvent, { readonly type: "capture" | "release" | "expiry" }>,
  place: Place,
): Hold {
  switch (event.type) {
    case "capture": {
      const captured = event.postings.reduce((sum, { amount }) => sum + amount, 0);
      return { ...hold, state: "captured", captured, transaction: transactionOf(event, place)?.id ?? null };
    }
    case "release":
      return { ...hold, state: "released" };
    case "expiry":
      return { ...hold, state: "expired" };
  }
}

/** The entries that an event has made on its shard, in the order of its postings. */
export function entriesOf(event: LedgerEvent, place: Place): KeptEntry[] {
  if (event.type === "entry") {
    const { time } = event.entry;
    const transaction = eventId("t", place.shard, place.g, place.index, time);
    return [{ ...event.entry, counterparty: WORLD, transaction, reference: null }];
  }
  if (event.type !== "transaction" && event.type !== "capture" && event.type !== "finish") return [];
  const description = event.description ?? "";
  const { reference, id } = event;
  const transaction =
    event.type === "finish" ? event.transaction : eventId("t", place.shard, place.g, place.index, event.time);
  // An account on another shard has no seq here, like the outside.
  // Members one by one: copied from an object, they took several times as long.
  const entries: KeptEntry[] = [];
  for (const { from, to, amount: value, fromSeq, fromBalance, toSeq, toBalance } of event.postings) {
    if (fromSeq > 0)
      entries.push({
        account: from,
        seq: fromSeq,
        time: entryTime(event, from, fromSeq),
        kind: "debit",
        value,
        balance: fromBalance,
        description,
        id,
        counterparty: to,
        transaction,
        reference,
      });
    if (toSeq > 0)
      entries.push({
        account: to,
        seq: toSeq,
        time: entryTime(event, to, toSeq),
        kind: "credit",
        value,
        balance: toBalance,
        description,
        id,
        counterparty: from,
        transaction,
        reference,
      });
  }
  return entries;
}

/** What the decision of a transaction across shards moves on an account of another shard. */
interface MoveElsewhere {
  readonly account: AccountId;
  /** Under 0 where it goes out. */
  readonly amount: number;
  /** `null`: the event does not tell it. */
  readonly unit: string | null;
}

export function movesElsewhere(event: LedgerEvent): readonly MoveElsewhere[] {
  if ((event.type !== "transaction" && event.type !== "capture") || event.across === undefined) return [];
  const units = new Map<Party, string>(event.accounts.map(({ id, unit }) => [id, unit]));
  const isHere = (party: Party): boolean => party === WORLD || units.has(party);
  return event.postings.flatMap(({ from, to, amount }) => [
    ...(isHere(from) ? [] : [{ account: from, amount: -amount, unit: units.get(to) ?? null }]),
    ...(isHere(to) ? [] : [{ account: to, amount, unit: units.get(from) ?? null }]),
  ]);
}

/** The times of an account's entries in one event are one microsecond apart. */
export function entryTime(
  event: { readonly time: Micros; readonly accounts: readonly AccountState[] },
  account: AccountId,
  seq: number,
): Micros {
  for (const after of event.accounts) if (after.id === account) return after.time - (after.seq - seq);
  return event.time;
}
