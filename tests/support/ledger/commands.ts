import { type AccountId, CONTEST_UNIT, type Party, WORLD } from "../../../src/ledger/account.ts";
import type {
  CaptureHold,
  ChangeAccount,
  CommandId,
  CreateHold,
  CreateTransaction,
  OpenAccount,
  ReleaseHold,
  ReverseTransaction,
  Transact,
} from "../../../src/ledger/command.ts";
import type { EntryKind } from "../../../src/ledger/entry.ts";
import type { EntriesPage, Ledger, Outcome, Result } from "../../../src/ledger/ledger.ts";
import type { Refusal } from "../../../src/ledger/refusal.ts";
import type { Refused } from "../../../src/ledger/refused.ts";
import {
  type Condition,
  type EventId,
  type Hold,
  NO_DETAILS,
  type Posting,
} from "../../../src/ledger/transaction.ts";

/** A ledger as it is at the start, with nobody else on it. */
export interface LedgerUnderTest {
  readonly ledger: Ledger;
  /** Those of the journal, but for what it began with, in their order. */
  events(): Promise<readonly string[]>;
  /** Moves the ledger's clock. */
  advanceClock(seconds: number): void;
  /** Closes it, if that was not done, and removes what it left. */
  dispose(): Promise<void>;
}

/** What an adapter cannot be tested for, each with the reason. */
export interface Skips {
  readonly clock?: string;
  /** That a key is known on every account, whatever it was first used on. */
  readonly keysEverywhere?: string;
  /** What only accounts of one shard can do. */
  readonly together?: string;
}

export function because(name: string, reason: string | undefined): string {
  return reason === undefined ? name : `${name} (not here: ${reason})`;
}

let commandCount = 0;

/** Of a command without a key. */
export function requestId(): CommandId {
  commandCount += 1;
  return `req:test-${commandCount}`;
}

export function transact(
  account: AccountId,
  kind: EntryKind,
  value: number,
  id: CommandId = requestId(),
): Transact {
  return { type: "transact", id, account, kind, value, description: "test" };
}

export function open(creditLimit: number, changes: Partial<OpenAccount> = {}): OpenAccount {
  const opening = { account: null, unit: CONTEST_UNIT, creditLimit, name: null, metadata: {} };
  return { type: "open", id: requestId(), ...opening, ...changes };
}

export function change(account: AccountId, changes: Partial<ChangeAccount>): ChangeAccount {
  return { type: "change", id: requestId(), account, ...changes };
}

/** From, to and amount. */
export type Move = readonly [Party, Party, number];

function postingsOf(moves: readonly Move[]): Posting[] {
  return moves.map(([from, to, amount]) => ({ from, to, amount }));
}

export function transaction(
  moves: readonly Move[],
  changes: Partial<CreateTransaction> = {},
): CreateTransaction {
  const content = { postings: postingsOf(moves), conditions: [], isDryRun: false, ...NO_DETAILS };
  return { type: "transaction", id: requestId(), ...content, ...changes };
}

/** What is at least, or exactly, or at most so much. */
export function condition(
  account: AccountId,
  what: Condition["what"],
  least: number | null,
  most: number | null = null,
): Condition {
  return { account, what, least: least ?? -(2 ** 53), most: most ?? 2 ** 53 };
}

export function hold(from: AccountId, amount: number, changes: Partial<CreateHold> = {}): CreateHold {
  const content = { from, to: WORLD, amount, expiresInSeconds: 600, ...NO_DETAILS } as const;
  return { type: "hold", id: requestId(), ...content, ...changes };
}

export function capture(of: EventId, changes: Partial<CaptureHold> = {}): CaptureHold {
  return { type: "capture", id: requestId(), hold: of, amount: null, to: null, parts: null, ...changes };
}

export function release(of: EventId, id: CommandId = requestId()): ReleaseHold {
  return { type: "release", id, hold: of };
}

export function reversal(of: EventId, changes: Partial<ReverseTransaction> = {}): ReverseTransaction {
  return { type: "reversal", id: requestId(), transaction: of, ...NO_DETAILS, ...changes };
}

/** What an accepted command did. */
export function resultOf(outcome: Outcome): Result {
  if (outcome.type !== "accepted") throw new Error(`refused: ${JSON.stringify(outcome)}`);
  return outcome.result;
}

/** The account that a command was about. */
export function accepted(outcome: Outcome) {
  const result = resultOf(outcome);
  if (result.type === "transaction") throw new Error("it was a transaction of several accounts");
  return result.account;
}

export function moved(outcome: Outcome): Extract<Result, { readonly type: "transaction" }> {
  const result = resultOf(outcome);
  if (result.type !== "transaction") throw new Error(`it was no transaction: ${result.type}`);
  return result;
}

export function held(outcome: Outcome): Hold {
  const result = resultOf(outcome);
  if (result.type !== "hold") throw new Error(`it was no hold: ${result.type}`);
  return result.hold;
}

export function refused(
  refusal: Refusal,
  place: Partial<Refused> = {},
  replayed = false,
): Extract<Outcome, { readonly type: "refused" }> {
  return { type: "refused", refusal, account: null, index: null, other: null, ...place, replayed };
}

/** All entries, the newest first. */
export function page(changes: Partial<EntriesPage> = {}): EntriesPage {
  const all = {
    count: 100,
    order: "desc",
    from: null,
    before: null,
    fromTime: null,
    beforeTime: null,
  } as const;
  return { ...all, ...changes };
}
