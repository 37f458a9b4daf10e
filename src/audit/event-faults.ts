import { oppositeOf } from "../decide/prepare.ts";
import { type AccountId, type AccountState, WORLD } from "../ledger/account.ts";
import type { LedgerEvent } from "../ledger/event.ts";
import { placeOfEvent } from "../ledger/event-id.ts";
import { type Place, transactionOf } from "../ledger/event-results.ts";

/** Where an event leaves an account below its limit. */
export interface LimitPassed {
  readonly account: AccountId;
  readonly seq: number;
  readonly detail: string;
}

/** What goes out, or is held, and passes the limit. What comes in may leave an account below it. */
export function limitsPassed(event: LedgerEvent): LimitPassed[] {
  switch (event.type) {
    case "entry": {
      const { account, seq, kind, balance } = event.entry;
      if (kind === "credit") return [];
      return passedBy({ id: account, seq, balance, held: 0, creditLimit: event.creditLimit });
    }
    case "transaction":
    case "capture":
    case "finish":
      return event.postings.flatMap(({ from, fromSeq: seq, fromBalance: balance }) => {
        const account = event.accounts.find(({ id }) => id === from);
        return from === WORLD || account === undefined ? [] : passedBy({ ...account, seq, balance });
      });
    case "change":
    case "hold":
      return passedBy(event.account);
    case "part":
      return event.accounts.flatMap(passedBy);
    case "open":
    case "release":
    case "expiry":
    case "undo":
    case "refusal":
    case "missing":
      return [];
  }
}

function passedBy({
  id,
  seq,
  balance,
  held,
  creditLimit,
}: Pick<AccountState, "id" | "seq" | "balance" | "held" | "creditLimit">): LimitPassed[] {
  if (balance - held >= -creditLimit) return [];
  const what = held === 0 ? `the balance ${balance}` : `the balance ${balance}, less ${held} held,`;
  return [{ account: id, seq, detail: `${what} is under the limit of ${creditLimit}` }];
}

export type ReversalEvent = Extract<LedgerEvent, { readonly type: "transaction" }>;

/**
 * Why an event is not the reversal of what it says it reverses; `null` if it is. That there is one alone has to be checked
 * besides.
 *
 * @param reversed the event in that place, `null` if there is none
 */
export function reversalFault(event: ReversalEvent, at: Place, reversed: LedgerEvent | null): string | null {
  const { reverses, postings } = event;
  if (reverses === null) return null;
  const place = placeOfEvent("t", reverses);
  const transaction = place === null || reversed === null ? null : transactionOf(reversed, place);
  if (place === null || transaction?.id !== reverses)
    return `it reverses the transaction ${reverses}, which the journal does not have`;
  if (place.g > at.g || (place.g === at.g && place.index >= at.index))
    return `it reverses the transaction ${reverses}, which came after it`;
  if (transaction.reverses !== null)
    return `it reverses the transaction ${reverses}, which is a reversal itself`;
  const opposite = oppositeOf(transaction.postings);
  if (
    Bun.deepEquals(
      opposite,
      postings.map(({ from, to, amount }) => ({ from, to, amount })),
    )
  )
    return null;
  return `it reverses the transaction ${reverses}, and its postings are not the opposite ones`;
}
