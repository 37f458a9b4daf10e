import {
  type Accepted,
  type ShownAccount,
  type ShownHold,
  type ShownTransaction,
  WORLD,
} from "../clients/history.ts";
import { availableOf } from "./command-model.ts";
import type { AccountRow, Event } from "./journal-events.ts";
import { idOf, type PlacedEvent } from "./placed-event.ts";
import type { ReplayedLedger } from "./replayed-ledger.ts";
import type { HoldRow, LedgerView, TransactionRow } from "./ledger-history.ts";
import { ShardView } from "./shard-view.ts";

/** Whether what clients are shown is what the ledger has at some position. */

export function isAccountShown(shown: ShownAccount, row: AccountRow | null): boolean {
  if (row === null || shown.id !== row.id) return false;
  if (shown.creditLimit !== row.creditLimit || shown.balance !== row.balance) return false;
  const { rest } = shown;
  if (rest === null) return true;
  return (
    rest.unit === row.unit &&
    rest.state === row.state &&
    rest.held === row.held &&
    rest.seq === row.seq &&
    rest.available === availableOf(row)
  );
}

export function isHoldShown(shown: ShownHold, row: HoldRow | null): boolean {
  return (
    row !== null &&
    shown.id === row.id &&
    shown.state === row.state &&
    shown.from === row.from &&
    shown.to === row.to &&
    shown.amount === row.amount &&
    shown.captured === row.captured &&
    shown.transaction === row.transaction
  );
}

export function isTransactionShown(shown: ShownTransaction, row: TransactionRow | null): boolean {
  if (row === null) return false;
  const { id, postings, reference, reverses, hold } = row;
  return textOf(shown) === textOf({ id, postings, reference, reverses, hold });
}

function textOf({ id, postings, reference, reverses, hold }: ShownTransaction): string {
  const moves = postings.map(({ from, to, amount }) => [from, to, amount]);
  return JSON.stringify([id, moves, reference, reverses, hold]);
}

/** Whether the answer to a command is what its event says. */
export function isEventShown(answer: Accepted, placed: PlacedEvent, after: LedgerView): boolean {
  const accounts = accountsAfter(placed.event);
  const shown = answer.accounts.map(({ id }) => id).toSorted();
  if (shown.join(" ") !== accounts.toSorted().join(" ")) return false;
  if (!answer.accounts.every((one) => isAccountShown(one, after.account(one.id)))) return false;
  const hold = holdOf(placed);
  if (answer.hold !== null || hold !== null)
    return answer.hold !== null && isHoldShown(answer.hold, after.hold(hold ?? ""));
  return (
    answer.transaction === null ||
    isTransactionShown(answer.transaction, after.transaction(idOf("t", placed)))
  );
}

/**
 * Of the ledger after an event that which answers to it show: later rounds do not know all of it. Of accounts of other shards
 * it is how they were when their parts were finished.
 */
export function shownAfter(placed: PlacedEvent, replay: ReplayedLedger): LedgerView {
  const positions = new Map([[placed.shard, placed.position]]);
  const { event } = placed;
  const across = event.type === "transaction" || event.type === "capture" ? event.details.across : null;
  if (across !== null)
    for (const { end } of replay.transits.finishedParts(across.attempt))
      positions.set(end.shard, end.position);
  const after = new ShardView(replay, positions);
  const accounts = new Map(accountsAfter(event).map((id) => [id, after.account(id)]));
  const hold = after.hold(holdOf(placed) ?? "");
  const made = after.transaction(idOf("t", placed));
  return {
    account: (id) => accounts.get(id) ?? null,
    hold: (id) => (hold?.id === id ? hold : null),
    transaction: (id) => (made?.id === id ? made : null),
  };
}

function holdOf(placed: PlacedEvent): string | null {
  const { event } = placed;
  return event.type === "hold" ? idOf("h", placed) : "hold" in event ? event.hold : null;
}

/** The accounts that an answer shows: of a capture that whose hold it is. */
function accountsAfter(event: Event): string[] {
  switch (event.type) {
    case "entry":
      return [event.account];
    case "transaction":
      return [...new Set(event.moves.flatMap(({ from, to }) => [from, to]))].filter((id) => id !== WORLD);
    case "capture":
      return event.accounts.slice(0, 1).map(({ id }) => id);
    case "part":
    case "finish":
    case "undo":
    case "refusal":
    case "missing":
      return [];
    case "open":
    case "change":
    case "hold":
    case "release":
    case "expiry":
      return [event.account.id];
  }
}
