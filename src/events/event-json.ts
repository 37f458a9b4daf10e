import { accountJson, openHoldJson, openTransactionJson, postingsJson, stateJson } from "../http/v1/json.ts";
import { timestamp } from "../http/timestamp.ts";
import type { AccountState, Party } from "../ledger/account.ts";
import { eventId } from "../ledger/event-id.ts";
import { isOwnAccount, isOwnHold, isOwnParty, isOwnTransaction } from "../ledger/own-accounts.ts";
import type { Hold, Posting, Transaction } from "../ledger/transaction.ts";
import { accountsOf, type EventType, type PublicEvent } from "./public-event.ts";

/** An event as somebody sees it. */
export interface EventView {
  readonly type: EventType;
  /** `{"id", "type", "at", "data"}` */
  readonly json: string;
}

/** `{"id", "type", "at", "data"}`, where `data` has the object of `/v1` and its `accounts` as they stand after it. */
export function eventJson(event: PublicEvent): string {
  return withData(event, event.type, dataOf(event));
}

/**
 * The same as a key sees it that is bound to this beginning of account ids: nothing of accounts of somebody else.
 *
 * @returns `null` if it is not for it
 */
export function shownTo(beginning: string, event: PublicEvent): string | null {
  return viewOf(beginning, event)?.json ?? null;
}

/**
 * With its type, which may be another one: of somebody else's hold that pays one of these accounts, only the transaction
 * is shown.
 */
export function viewOf(beginning: string, event: PublicEvent): EventView | null {
  const { type } = event;
  if (beginning === "" || isWhollyOwn(beginning, event)) return { type, json: eventJson(event) };
  if (!accountsOf(event).some((account) => isOwnAccount(beginning, account))) return null;
  switch (event.type) {
    case "account.opened":
    case "account.changed":
      return null;
    case "transaction.created":
      return paymentView(beginning, event, event.transaction, event.accounts);
    case "hold.captured": {
      if (isOwnAccount(beginning, event.hold.from)) {
        const postings = ownPostings(beginning, event.postings);
        const accounts = ownAccounts(beginning, event.accounts);
        return {
          type,
          json: withData(event, type, captureData(ownHold(beginning, event.hold), accounts, postings)),
        };
      }
      // Of what is paid to another shard, that shard tells.
      if (!event.accounts.some(({ id }) => isOwnAccount(beginning, id))) return null;
      if (!touchesOwn(beginning, event.postings)) return null;
      const { shard, g, index } = event.place;
      const { description, reference } = event.hold;
      const transaction = {
        id: event.hold.transaction ?? eventId("t", shard, g, index, event.time),
        postings: event.postings,
        description,
        reference,
        time: event.time,
      };
      return paymentView(beginning, event, transaction, event.accounts);
    }
    case "hold.created":
    case "hold.released":
    case "hold.expired": {
      if (!isOwnAccount(beginning, event.hold.from)) return null;
      const accounts = ownAccounts(beginning, event.accounts);
      return { type, json: withData(event, type, holdData(ownHold(beginning, event.hold), accounts)) };
    }
  }
}

/** A transaction with somebody else, as the account's own entries show it. */
function paymentView(
  beginning: string,
  event: PublicEvent,
  transaction: Pick<Transaction, "id" | "postings" | "description" | "reference" | "time">,
  accounts: readonly AccountState[],
): EventView | null {
  // An account that was only looked at learns nothing of what others moved.
  if (!touchesOwn(beginning, transaction.postings)) return null;
  const shown = {
    ...transaction,
    postings: ownPostings(beginning, transaction.postings),
    metadata: {},
    reverses: null,
    hold: null,
  };
  const data = `${openTransactionJson(shown)},${accountsJson(ownAccounts(beginning, accounts))}}`;
  return { type: "transaction.created", json: withData(event, "transaction.created", data) };
}

function isWhollyOwn(beginning: string, event: PublicEvent): boolean {
  if ("account" in event) return isOwnAccount(beginning, event.account.id);
  if (!event.accounts.every(({ id }) => isOwnAccount(beginning, id))) return false;
  if (event.type === "transaction.created") return isOwnTransaction(beginning, event.transaction);
  return isOwnHold(beginning, event.hold) && (!("postings" in event) || isOwnTransaction(beginning, event));
}

interface SeenPosting {
  /** `null`: somebody else. */
  readonly from: Party | null;
  readonly to: Party | null;
  readonly amount: number;
}

/** A posting is of these accounts if one side is; the outside alone makes it nobody's. */
function isOwnPosting(beginning: string, { from, to }: Posting): boolean {
  return isOwnAccount(beginning, from) || isOwnAccount(beginning, to);
}

function touchesOwn(beginning: string, postings: readonly Posting[]): boolean {
  return postings.some((posting) => isOwnPosting(beginning, posting));
}

function ownPostings(beginning: string, postings: readonly Posting[]): SeenPosting[] {
  const seen = (party: Party): Party | null => (isOwnParty(beginning, party) ? party : null);
  return postings
    .filter((posting) => isOwnPosting(beginning, posting))
    .map(({ from, to, amount }) => ({ from: seen(from), to: seen(to), amount }));
}

function ownAccounts(beginning: string, accounts: readonly AccountState[]): AccountState[] {
  return accounts.filter(({ id }) => isOwnAccount(beginning, id));
}

/** A hold of one of these accounts, where it is not for them alone. */
function ownHold(beginning: string, hold: Hold): SeenHold {
  return { ...hold, to: isOwnParty(beginning, hold.to) ? hold.to : null, metadata: {} };
}

function dataOf(event: PublicEvent): string {
  switch (event.type) {
    case "account.opened":
    case "account.changed":
      return accountJson(event.account);
    case "transaction.created":
      return `${openTransactionJson(event.transaction)},${accountsJson(event.accounts)}}`;
    case "hold.captured":
      return captureData(event.hold, event.accounts, event.postings);
    case "hold.created":
    case "hold.released":
    case "hold.expired":
      return holdData(event.hold, event.accounts);
  }
}

type SeenHold = Parameters<typeof openHoldJson>[0];

function holdData(hold: SeenHold, accounts: readonly AccountState[]): string {
  return `${openHoldJson(hold)},${accountsJson(accounts)}}`;
}

function captureData(
  hold: SeenHold,
  accounts: readonly AccountState[],
  postings: readonly SeenPosting[],
): string {
  return `${openHoldJson(hold)},${accountsJson(accounts)},"postings":${postingsJson(postings)}}`;
}

function accountsJson(accounts: readonly AccountState[]): string {
  return `"accounts":{${accounts.map((account) => `"${account.id}":${stateJson(account)}`).join(",")}}`;
}

function withData({ id, time }: PublicEvent, type: EventType, data: string): string {
  return `{"id":"${id}","type":"${type}","at":"${timestamp(time)}","data":${data}}`;
}
