import { type AccountId, type AccountState, type AccountStatus, WORLD } from "../ledger/account.ts";
import type { LedgerEvent } from "../ledger/event.ts";
import type { EventId, PostingDone } from "../ledger/transaction.ts";

/** What an account is, as far as the books check each event against it. `null`: the event does not say. */
export interface Standing {
  readonly seq: number;
  readonly balance: number;
  readonly creditLimit: number | null;
  readonly held: number;
  readonly state: AccountStatus | null;
}

const NOTHING_FREED: readonly number[] = [];

/** What an event makes of one account. */
export interface AccountStep {
  readonly account: AccountId;
  readonly before: Standing;
  readonly after: { readonly [Member in keyof Standing]: NonNullable<Standing[Member]> };
}

/** A hold that has not ended. */
export interface OpenHold {
  readonly account: AccountId;
  readonly amount: number;
}

/** An event that changes accounts. */
export type ChangingEvent = Exclude<LedgerEvent, { readonly type: "refusal" | "missing" }>;

export function isChange(event: LedgerEvent): event is ChangingEvent {
  return event.type !== "refusal" && event.type !== "missing";
}

/**
 * What an event makes of its accounts, each once.
 *
 * @param openHolds the holds that have not ended before it, as far as events end them
 * @returns a text where the event does not fit itself, or ends a hold that is not open
 */
export function stepsOf(
  event: ChangingEvent,
  openHolds: ReadonlyMap<EventId, OpenHold>,
): readonly AccountStep[] | string {
  switch (event.type) {
    case "entry": {
      const { account, seq, kind, value, balance } = event.entry;
      const balanceBefore = kind === "credit" ? balance - value : balance + value;
      const same = { creditLimit: event.creditLimit, held: 0, state: "open" } as const;
      const before = { seq: seq - 1, balance: balanceBefore, ...same };
      return [{ account, before, after: { seq, balance, ...same } }];
    }
    case "open": {
      const opened = { seq: 0, balance: 0, creditLimit: event.creditLimit, held: 0, state: "open" } as const;
      return [{ account: event.account, before: opened, after: opened }];
    }
    case "change": {
      const after = event.account;
      return [{ account: after.id, before: { ...standingOf(after), creditLimit: null, state: null }, after }];
    }
    case "transaction":
      return stepsOfPostings(event.postings, event.accounts, NOTHING_FREED, event.across !== undefined);
    case "hold": {
      const after = event.account;
      const before = { ...standingOf(after), held: after.held - event.amount };
      return [{ account: after.id, before, after }];
    }
    case "capture": {
      const hold = openHolds.get(event.hold);
      const payer = event.accounts[0]?.id;
      if (hold === undefined || hold.account !== payer) return `${event.hold} is no open hold of it`;
      if (event.postings.some(({ from }) => from !== payer)) return "it is paid by another account";
      return stepsOfPostings(event.postings, event.accounts, [hold.amount], event.across !== undefined);
    }
    case "release":
    case "expiry": {
      const after = event.account;
      const hold = openHolds.get(event.hold);
      if (hold === undefined || hold.account !== after.id) return `${event.hold} is no open hold of it`;
      const before = { ...standingOf(after), held: after.held + hold.amount };
      return [{ account: after.id, before, after }];
    }
    // What an event says of its sides is compared with the part as it was prepared where parts are kept.
    case "part":
      return event.accounts.map((after, index) => {
        const held = after.held - (event.sides[index]?.outgoing ?? 0);
        return { account: after.id, before: { ...standingOf(after), held }, after };
      });
    case "finish": {
      const freed = event.sides.map(({ outgoing }) => outgoing);
      return stepsOfPostings(event.postings, event.accounts, freed, true);
    }
    case "undo":
      return event.accounts.map((after, index) => {
        const held = after.held + (event.sides[index]?.outgoing ?? 0);
        return { account: after.id, before: { ...standingOf(after), held }, after };
      });
  }
}

/** The accounts that an event changes. */
export function accountsOf(event: ChangingEvent): readonly Pick<AccountState, "id" | "seq" | "balance">[] {
  switch (event.type) {
    case "entry":
      return [{ id: event.entry.account, seq: event.entry.seq, balance: event.entry.balance }];
    case "open":
      return [{ id: event.account, seq: 0, balance: 0 }];
    case "transaction":
    case "capture":
    case "part":
    case "finish":
    case "undo":
      return event.accounts;
    case "change":
    case "hold":
    case "release":
    case "expiry":
      return [event.account];
  }
}

/** The hold that an event ends; `null` if it ends none. */
export function endedBy(event: LedgerEvent): EventId | null {
  return event.type === "capture" || event.type === "release" || event.type === "expiry" ? event.hold : null;
}

/**
 * Follows the postings from one to the next, and to the accounts as they stand after all of them.
 *
 * @param freed what was held of the accounts until then, as far as it is free with it
 * @param isAcross whether some of the accounts are on other shards: these have neither seq nor balance here
 */
function stepsOfPostings(
  postings: readonly PostingDone[],
  accounts: readonly AccountState[],
  freed: readonly number[],
  isAcross: boolean,
): readonly AccountStep[] | string {
  const units = new Map(accounts.map(({ id, unit }) => [id, unit]));
  const first = new Map<AccountId, { readonly seq: number; readonly balance: number }>();
  const last = new Map<AccountId, { readonly seq: number; readonly balance: number }>();
  const takes = (account: string, seq: number, balance: number, change: number): boolean => {
    if (!units.has(account)) return seq === 0 && balance === 0;
    const before = last.get(account) ?? { seq: seq - 1, balance: balance - change };
    if (!first.has(account)) first.set(account, before);
    last.set(account, { seq, balance });
    return seq === before.seq + 1 && balance === before.balance + change;
  };
  for (const { from, to, amount, fromSeq, fromBalance, toSeq, toBalance } of postings) {
    if (!isAcross && [from, to].some((party) => party !== WORLD && !units.has(party)))
      return "its accounts are not those of its postings";
    if (from === to || amount < 1) return "one of its postings moves nothing";
    if (units.has(from) && units.has(to) && units.get(from) !== units.get(to)) return "its units differ";
    if (!takes(from, fromSeq, fromBalance, -amount) || !takes(to, toSeq, toBalance, amount))
      return "its postings do not follow from each other";
  }
  const steps: AccountStep[] = [];
  for (const [index, after] of accounts.entries()) {
    const { seq, balance } = last.get(after.id) ?? after;
    if (seq !== after.seq || balance !== after.balance)
      return `${after.id} does not end where its postings do`;
    const start = first.get(after.id) ?? after;
    const held = after.held + (freed[index] ?? 0);
    const before = { ...standingOf(after), seq: start.seq, balance: start.balance, held };
    steps.push({ account: after.id, before, after });
  }
  if (units.size !== accounts.length) return "its accounts are not those of its postings";
  return steps;
}

function standingOf({ seq, balance, creditLimit, held, state }: AccountState): AccountStep["after"] {
  return { seq, balance, creditLimit, held, state };
}
