import { type Account, type AccountId, type AccountState, WORLD } from "../ledger/account.ts";
import {
  type CaptureHold,
  type ChangeAccount,
  type Command,
  type CreateHold,
  type CreateTransaction,
  isClientKey,
  type OpenAccount,
  type ReleaseHold,
  type ReverseTransaction,
  type Transact,
} from "../ledger/command.ts";
import type { CommandEvent } from "../ledger/event.ts";
import { contentHash, openingHash } from "../ledger/content-hash.ts";
import { endedHold, holdOf, transactionOf } from "../ledger/event-results.ts";
import type { Result } from "../ledger/ledger.ts";
import { mergedMetadata } from "../ledger/metadata.ts";
import { namedId } from "../ledger/named-id.ts";
import type { Refusal } from "../ledger/refusal.ts";
import type { Refused } from "../ledger/refused.ts";
import {
  applyTransaction,
  capture,
  changeAccount,
  endHold,
  hold as setAside,
  transact,
} from "../ledger/rules.ts";
import { eventId } from "../ledger/event-id.ts";
import type { EventId, Hold, Posting } from "../ledger/transaction.ts";
import { newAccountId } from "../new-account-id.ts";
import type { BatchState } from "./batch-state.ts";
import { accountsIn, postingsDone, refusedAt, stateOf, transactionRows } from "./posting-rows.ts";
import { SHARD } from "./read-tables.ts";
import { openedAccount } from "./remembered-outcome.ts";

/** What a command comes to: an event, or one of these. */
export type Decision =
  | Exclude<CommandEvent, { readonly type: "refusal" }>
  | { readonly type: "refused"; readonly refused: Refused }
  /** Nothing changes. */
  | { readonly type: "unchanged"; readonly result: Result };

/** Decides a command by the rules. What it changes is put into the state, all but the event. */
export function decideCommand(state: BatchState, command: Command): Decision {
  switch (command.type) {
    case "transact":
      return decideTransact(state, command);
    case "open":
      return decideOpen(state, command);
    case "change":
      return decideChange(state, command);
    case "transaction":
      return decideTransaction(state, command, command.postings, command.conditions, null);
    case "hold":
      return decideHold(state, command);
    case "capture":
      return decideCapture(state, command);
    case "release":
      return decideRelease(state, command);
    case "reversal":
      return decideReversal(state, command);
  }
}

function decideTransact(state: BatchState, command: Transact): Decision {
  const account = state.copy(command.account);
  if (account === null) return refused("account-unknown", command.account);
  const { kind, value, description } = command;
  const id = namedId(command);
  const refusal = transact(account, kind, value, state.now);
  if (refusal !== null) return refused(refusal, account.id);
  state.decided.accounts.set(account.id, account);
  const { seq, balance, time, creditLimit } = account;
  if (account.held === 0 && account.state === "open") {
    const entry = { account: account.id, seq, kind, value, balance, description, id, time };
    return { type: "entry", entry, creditLimit };
  }
  const posting =
    kind === "credit"
      ? { from: WORLD, to: account.id, fromSeq: 0, fromBalance: 0, toSeq: seq, toBalance: balance }
      : { from: account.id, to: WORLD, fromSeq: seq, fromBalance: balance, toSeq: 0, toBalance: 0 };
  return {
    type: "transaction",
    time,
    postings: [{ ...posting, amount: value }],
    accounts: [stateOf(account)],
    id,
    content: null,
    reverses: null,
    description: description || null,
    reference: null,
    metadata: {},
  };
}

function decideOpen(state: BatchState, command: OpenAccount): Decision {
  const { id, unit, creditLimit, name, metadata } = command;
  if (command.account !== null) {
    const known = state.account(command.account);
    if (known !== null) {
      if (state.opening(known.id) !== openingHash(command)) return refused("account-exists", known.id);
      if (isClientKey(id)) return changeEvent(state, command, known);
      return { type: "unchanged", result: { type: "account", account: known, opened: false } };
    }
  }
  const event = {
    type: "open",
    account: command.account ?? newAccountId(),
    time: state.now,
    creditLimit,
    id: namedId(command),
    content: contentIn(command),
    unit,
    name,
    metadata,
  } as const;
  state.decided.accounts.set(event.account, openedAccount(event));
  return event;
}

function decideChange(state: BatchState, command: ChangeAccount): Decision {
  const account = state.copy(command.account);
  if (account === null) return refused("account-unknown", command.account);
  const { creditLimit = account.creditLimit, name = account.name } = command;
  const metadata = mergedMetadata(account.metadata, command.metadata ?? {});
  if (metadata === null && account.state !== "closed") return refused("metadata-too-large", account.id);
  const refusal = changeAccount(account, creditLimit, command.state ?? account.state);
  if (refusal !== null || metadata === null) return refused(refusal ?? "metadata-too-large", account.id);
  const changed = { ...account, name, metadata };
  state.decided.accounts.set(account.id, changed);
  return changeEvent(state, command, changed);
}

/** Also of an opening of what was opened just so before: nothing changes, but its key is remembered. */
function changeEvent(state: BatchState, command: ChangeAccount | OpenAccount, account: Account): Decision {
  const { name, metadata } = account;
  return {
    type: "change",
    time: Math.max(state.now, account.time),
    account: stateOf(account),
    id: namedId(command),
    content: contentIn(command),
    name,
    metadata,
  };
}

function decideTransaction(
  state: BatchState,
  command: CreateTransaction | ReverseTransaction,
  postings: readonly Posting[],
  conditions: CreateTransaction["conditions"],
  reverses: EventId | null,
): Decision {
  const copies = state.copies(accountsIn(postings));
  const rows = transactionRows(postings, conditions, (id) => copies.get(id) ?? state.account(id));
  const refusal = applyTransaction(rows, false, state.now);
  if (refusal !== null) return { type: "refused", refused: refusedAt(refusal, rows, postings, conditions) };
  const { description, reference, metadata } = command;
  const event = {
    type: "transaction",
    time: state.now,
    postings: postingsDone(postings, rows),
    accounts: statesOf(copies),
    id: namedId(command),
    content: contentIn(command),
    reverses,
    description,
    reference,
    metadata,
  } as const;
  if (command.type === "transaction" && command.isDryRun) {
    const made = transactionOf(event, state.place);
    if (made === null) throw new Error("a transaction without postings");
    const result = { type: "transaction", accounts: event.accounts } as const;
    return { type: "unchanged", result: { ...result, transaction: { ...made, id: "" } } };
  }
  state.take(copies);
  return event;
}

function decideReversal(state: BatchState, command: ReverseTransaction): Decision {
  const of = command.transaction;
  const original = state.transaction(of);
  if (original === null) return refused("transaction-unknown");
  if (original.reverses !== null) return refused("not-reversible");
  const reversal = state.reversal(of);
  if (reversal !== null) return refused("already-reversed", null, reversal);
  const postings = original.postings
    .toReversed()
    .map(({ from, to, amount }) => ({ from: to, to: from, amount }));
  const decision = decideTransaction(state, command, postings, [], of);
  if (decision.type === "transaction")
    state.decided.reversals.set(of, eventId("t", SHARD, state.g, state.events.length, state.now));
  return decision;
}

function decideHold(state: BatchState, command: CreateHold): Decision {
  const { amount, description, reference, metadata } = command;
  const account = state.copy(command.from);
  if (account === null) return refused("account-unknown", command.from);
  const to = command.to === WORLD ? null : state.account(command.to);
  if (command.to !== WORLD) {
    if (to === null) return refused("account-unknown", command.to);
    if (to.state === "closed" && account.state !== "closed") return refused("account-closed", to.id);
    if (to.unit !== account.unit && account.state === "open") return refused("unit-mismatch", to.id);
  }
  const refusal = setAside(account, amount);
  if (refusal !== null) return refused(refusal, account.id);
  state.decided.accounts.set(account.id, account);
  const event = {
    type: "hold",
    time: state.now,
    to: command.to,
    amount,
    expiresAt: state.now + command.expiresInSeconds * 1_000_000,
    account: stateOf(account),
    id: namedId(command),
    content: contentIn(command),
    description,
    reference,
    metadata,
  } as const;
  const made = holdOf(event, state.place);
  state.decided.holds.set(made.id, made);
  return event;
}

function decideCapture(state: BatchState, command: CaptureHold): Decision {
  const hold = openHold(state, command.hold);
  if ("type" in hold) return hold;
  const { from, description, reference, metadata } = hold;
  const { amount, to, parts } = command;
  const asked = parts ?? [{ to: to ?? hold.to, amount: amount ?? hold.amount }];
  const postings = asked.filter((part) => part.amount > 0).map((part) => ({ from, ...part }));
  const copies = state.copies(new Set([from, ...accountsIn(postings)]));
  const account = copies.get(from);
  if (account === undefined) throw new Error(`the account ${from} of the hold ${hold.id} is missing`);
  const rows = transactionRows(postings, [], (id) => copies.get(id) ?? null);
  const refusal = capture(account, hold.amount, rows, state.now);
  if (refusal !== null) return { type: "refused", refused: refusedAt(refusal, rows, postings, []) };
  state.take(copies);
  const event = {
    type: "capture",
    time: state.now,
    hold: hold.id,
    postings: postingsDone(postings, rows),
    accounts: statesOf(copies),
    id: namedId(command),
    content: contentIn(command),
    description,
    reference,
    metadata,
  } as const;
  state.decided.holds.set(hold.id, endedHold(hold, event, state.place));
  return event;
}

function decideRelease(state: BatchState, command: ReleaseHold): Decision {
  const hold = openHold(state, command.hold);
  if ("type" in hold) return hold;
  const account = state.copy(hold.from);
  if (account === null) throw new Error(`the account ${hold.from} of the hold ${hold.id} is missing`);
  endHold(account, hold.amount);
  state.decided.accounts.set(account.id, account);
  const event = {
    type: "release",
    time: state.now,
    hold: hold.id,
    account: stateOf(account),
    id: namedId(command),
    content: contentIn(command),
  } as const;
  state.decided.holds.set(hold.id, endedHold(hold, event, state.place));
  return event;
}

function openHold(state: BatchState, id: EventId): Hold | Extract<Decision, { readonly type: "refused" }> {
  const hold = state.hold(id);
  if (hold === null) return refused("hold-unknown");
  return hold.state === "open" ? hold : refused("hold-not-open", null, hold.state);
}

function refused(
  refusal: Refusal,
  account: AccountId | null = null,
  other: string | null = null,
): Extract<Decision, { readonly type: "refused" }> {
  return { type: "refused", refused: { refusal, account, index: null, other } };
}

/** The hash of what it asks for, under a client's key. */
function contentIn(command: Command): string | null {
  return isClientKey(command.id) ? contentHash(command) : null;
}

function statesOf(accounts: ReadonlyMap<AccountId, Account>): AccountState[] {
  return Array.from(accounts.values(), stateOf);
}
