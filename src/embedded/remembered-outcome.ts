import { bounds } from "../bounds.ts";
import type { AccountState, Micros } from "../ledger/account.ts";
import { contentOf } from "../ledger/command.ts";
import { type LedgerEvent, timeOf } from "../ledger/event.ts";
import type { Outcome } from "../ledger/ledger.ts";

const KEPT_MICROS = bounds.idempotency_key_kept_seconds * 1_000_000;

/** The events that decisions make. */
export type DecisionEvent = Exclude<LedgerEvent, { readonly type: "missing" }>;

/** An outcome that is remembered under a client's key. */
export interface RememberedOutcome {
  readonly content: string;
  /** JSON of the outcome. */
  readonly outcome: string;
  readonly forgetAt: Micros;
}

/** All of it follows from the event, so that the audit can tell whether it was changed. */
export function rememberedOutcome(event: DecisionEvent): RememberedOutcome {
  return {
    content: contentOfDecision(event),
    outcome: JSON.stringify(outcomeOf(event)),
    forgetAt: forgetAt(timeOf(event)),
  };
}

/**
 * When a key is forgotten. An entry's time may be some microseconds after the clock that it was decided by, which has
 * whole milliseconds.
 *
 * @param time the event's
 */
export function forgetAt(time: Micros): Micros {
  return time - (time % 1000) + KEPT_MICROS;
}

/** What was answered. */
export function outcomeOf(event: DecisionEvent): Outcome {
  if (event.type === "refusal") return { type: "refused", refusal: event.refusal, replayed: false };
  return { type: "accepted", account: accountAfter(event), replayed: false };
}

function accountAfter(event: Exclude<DecisionEvent, { readonly type: "refusal" }>): AccountState {
  const { creditLimit } = event;
  switch (event.type) {
    case "entry": {
      const { account, balance, seq } = event.entry;
      return { id: account, creditLimit, balance, seq };
    }
    case "open":
      return { id: event.account, creditLimit, balance: 0, seq: 0 };
    case "limit":
      return { id: event.account, creditLimit, balance: event.balance, seq: event.seq };
  }
}

function contentOfDecision(event: DecisionEvent): string {
  switch (event.type) {
    case "entry":
      return contentOf({ type: "transact", ...event.entry });
    case "open":
      return contentOf(event);
    case "limit":
      return contentOf({
        type: "change-limit",
        account: event.account,
        creditLimit: event.creditLimit,
      });
    case "refusal":
      return event.content;
  }
}
