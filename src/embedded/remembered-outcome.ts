import { type Account, type AccountId, type Micros, WORLD } from "../ledger/account.ts";
import { type Command, isClientKey } from "../ledger/command.ts";
import { contentHash } from "../ledger/content-hash.ts";
import { commandIdOf, type CommandEvent, type LedgerEvent } from "../ledger/event.ts";
import { holdOf, type Place, transactionOf } from "../ledger/event-results.ts";
import type { Outcome, Result } from "../ledger/ledger.ts";
import type { Hold } from "../ledger/transaction.ts";

const HOUR_MICROS = 3_600_000_000;

/** Where the outcome of a client's key is in the journal. */
export interface RememberedPlace {
  readonly g: number;
  readonly event: number;
  readonly forgetAt: Micros;
}

/**
 * When a key is forgotten. An entry's time may be some microseconds after the clock that it was decided by, which has
 * whole milliseconds.
 *
 * @param time the event's
 * @param hours for how long keys were remembered when it was decided
 */
export function forgetAt(time: Micros, hours: number): Micros {
  return time - (time % 1000) + hours * HOUR_MICROS;
}

/** The id of the command that an event comes from; `null` if it is none of a client. */
export function clientKeyOf(event: LedgerEvent): string | null {
  const id = commandIdOf(event);
  return id !== null && isClientKey(id) ? id : null;
}

/**
 * The outcome that an event is, at first and whenever its command is sent again.
 *
 * @param asked what the command was
 * @param hold of a capture or a release: the hold as it is after it
 */
export function outcomeOf(
  event: CommandEvent,
  place: Place,
  asked: Command["type"],
  hold: Hold | null,
  replayed: boolean,
): Outcome {
  if (event.type === "refusal") return { type: "refused", ...event.refusal, replayed };
  return { type: "accepted", result: resultOf(event, place, asked, hold), replayed };
}

function resultOf(
  event: Exclude<CommandEvent, { readonly type: "refusal" }>,
  place: Place,
  asked: Command["type"],
  hold: Hold | null,
): Result {
  switch (event.type) {
    case "entry": {
      const { account: id, balance, seq } = event.entry;
      return { type: "entry", account: { id, creditLimit: event.creditLimit, balance, seq } };
    }
    case "open":
      return { type: "account", account: openedAccount(event), opened: true };
    case "change": {
      const { account, name, metadata } = event;
      return { type: "account", account: { ...account, name, metadata }, opened: asked !== "open" };
    }
    case "transaction": {
      const { accounts } = event;
      const [account] = accounts;
      if (asked === "transact" && account !== undefined) {
        const { id, creditLimit, balance, seq } = account;
        return { type: "entry", account: { id, creditLimit, balance, seq } };
      }
      const transaction = transactionOf(event, place);
      if (transaction === null) throw new Error("a transaction without postings");
      return { type: "transaction", transaction, accounts };
    }
    case "hold":
      return { type: "hold", hold: holdOf(event, place), account: event.account };
    case "capture":
    case "release": {
      const account = event.type === "capture" ? event.accounts[0] : event.account;
      if (account === undefined || hold === null) throw new Error(`the hold ${event.hold} is missing`);
      return { type: "hold", hold, account };
    }
  }
}

/** An account as it is opened. */
export function openedAccount(event: Extract<LedgerEvent, { readonly type: "open" }>): Account {
  const { account: id, unit, creditLimit, time, name, metadata } = event;
  const row = { balance: 0, held: 0, seq: 0, time, state: "open", openedAt: time } as const;
  return { id, unit, creditLimit, ...row, name, metadata };
}

/** The hash of what the event's command asked for. An event of the contest's route says it without one. */
export function contentHashOf(event: CommandEvent): string {
  if (event.type === "entry") {
    const { account, kind, value, description } = event.entry;
    return contentHash({ type: "transact", account, kind, value, description });
  }
  if (event.content !== null) return event.content;
  const [posting, ...others] = event.type === "transaction" ? event.postings : [];
  if (event.type !== "transaction" || posting === undefined || others.length > 0)
    throw new Error("an event of a client's key without the hash of its content");
  const isCredit = posting.from === WORLD;
  const account: AccountId = isCredit ? posting.to : posting.from;
  return contentHash({
    type: "transact",
    account,
    kind: isCredit ? "credit" : "debit",
    value: posting.amount,
    description: event.description ?? "",
  });
}
