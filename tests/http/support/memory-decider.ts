import {
  type Account,
  type AccountId,
  type Metadata,
  type Micros,
  WORLD,
} from "../../../src/ledger/account.ts";
import type { Party } from "../../../src/ledger/account.ts";
import {
  type ChangeAccount,
  type Command,
  type CommandId,
  contentOf,
  type OpenAccount,
} from "../../../src/ledger/command.ts";
import type { KeptEntry } from "../../../src/ledger/entry.ts";
import type { Outcome, Result } from "../../../src/ledger/ledger.ts";
import { mergedMetadata } from "../../../src/ledger/metadata.ts";
import type { Refusal } from "../../../src/ledger/refusal.ts";
import type { Refused } from "../../../src/ledger/refused.ts";
import * as rules from "../../../src/ledger/rules.ts";
import { eventId } from "../../../src/ledger/event-id.ts";
import {
  type Condition,
  type Details,
  type Hold,
  NO_DETAILS,
  type Posting,
  type Transaction,
} from "../../../src/ledger/transaction.ts";

export interface MemoryAccount extends rules.AccountRow {
  openedAt: Micros;
  name: string | null;
  metadata: Metadata;
  /** What it was opened with. */
  opening: string;
}

type WithoutReplayed<Of> = Of extends unknown ? Omit<Of, "replayed"> : never;
export type Decided = WithoutReplayed<Outcome>;

export interface MemoryState {
  readonly accounts: Map<AccountId, MemoryAccount>;
  readonly holds: Map<string, Hold>;
  readonly transactions: Map<string, Transaction>;
  readonly entries: KeptEntry[];
  readonly outcomes: Map<CommandId, { readonly content: string; readonly decided: Decided }>;
  g: number;
}

/** Decides one command at a time, by the rules, at one time. */
export class MemoryDecider {
  readonly #state: MemoryState;
  readonly #now: Micros;

  constructor(state: MemoryState, now: Micros) {
    this.#state = state;
    this.#now = now;
  }

  account(id: AccountId): Account | null {
    const account = this.#state.accounts.get(id);
    if (account === undefined) return null;
    this.expire();
    const { opening: _, ...rest } = account;
    return { id, ...rest };
  }

  expire(): void {
    for (const [id, hold] of this.#state.holds) {
      const account = this.#state.accounts.get(hold.from);
      if (hold.state !== "open" || hold.expiresAt > this.#now || account === undefined) continue;
      rules.endHold(account, hold.amount);
      this.#state.holds.set(id, { ...hold, state: "expired" });
    }
  }

  decide(command: Command): Decided {
    this.expire();
    switch (command.type) {
      case "transact": {
        const { account: id, kind, value: amount, description } = command;
        const posting = kind === "credit" ? { from: WORLD, to: id, amount } : { from: id, to: WORLD, amount };
        const decided = this.#move(command.id, [posting], [], { ...NO_DETAILS, description }, {});
        // The contest's route has no list of postings, so a refusal has no index.
        if (decided.type === "refused") return { ...decided, index: null };
        const account = this.account(id);
        return account === null ? decided : accepted({ type: "entry", account });
      }
      case "open":
        return this.#open(command);
      case "change":
        return this.#change(command);
      case "transaction":
        return this.#move(command.id, command.postings, command.conditions, command, {
          isDryRun: command.isDryRun,
        });
      case "reversal": {
        const reversed = this.#state.transactions.get(command.transaction);
        if (reversed === undefined) return refused("transaction-unknown");
        if (reversed.reverses !== null) return refused("not-reversible");
        const reversal = [...this.#state.transactions.values()].find((one) => one.reverses === reversed.id);
        if (reversal !== undefined) return refused("already-reversed", { other: reversal.id });
        const postings = reversed.postings.map(({ from, to, amount }) => ({ from: to, to: from, amount }));
        return this.#move(command.id, postings.toReversed(), [], command, { reverses: reversed.id });
      }
      case "hold": {
        const { from, to, amount, expiresInSeconds, description, reference, metadata } = command;
        const account = this.#state.accounts.get(from);
        if (account === undefined) return refused("account-unknown", { account: from });
        const other = to === WORLD ? null : this.#state.accounts.get(to);
        if (other === undefined) return refused("account-unknown", { account: to });
        if (other?.state === "closed" && account.state !== "closed")
          return refused("account-closed", { account: to });
        if (account.state === "open" && other !== null && other.unit !== account.unit)
          return refused("unit-mismatch", { account: to });
        const refusal = rules.hold(account, amount);
        if (refusal !== null) return refused(refusal, { account: from });
        const id = this.#newId("h");
        const expiresAt = this.#now + expiresInSeconds * 1_000_000;
        const details = { description, reference, metadata, time: this.#now, transaction: null };
        return this.#hold({ id, state: "open", from, to, amount, captured: 0, expiresAt, ...details });
      }
      case "capture":
      case "release": {
        const hold = this.#state.holds.get(command.hold);
        const account = this.#state.accounts.get(hold?.from ?? "");
        if (hold === undefined || account === undefined) return refused("hold-unknown");
        if (hold.state !== "open") return refused("hold-not-open", { other: hold.state });
        rules.endHold(account, hold.amount);
        if (command.type === "release") return this.#hold({ ...hold, state: "released" });
        const amount = command.amount ?? hold.amount;
        const whole = amount === 0 ? [] : [{ to: command.to ?? hold.to, amount }];
        const postings = (command.parts ?? whole).map((part) => ({ from: hold.from, ...part }));
        const captured = postings.reduce((sum, posting) => sum + posting.amount, 0);
        const ended = { ...hold, state: "captured", captured } as const;
        if (postings.length === 0) return this.#hold(ended);
        const moved = this.#move(command.id, postings, [], hold, { hold: hold.id });
        if (moved.type === "refused") account.held += hold.amount;
        if (moved.type === "refused" || moved.result.type !== "transaction") return moved;
        return this.#hold({ ...ended, transaction: moved.result.transaction.id });
      }
    }
  }

  #hold(hold: Hold): Decided {
    this.#state.holds.set(hold.id, hold);
    const account = this.account(hold.from);
    if (account === null) throw new Error("a hold has no account");
    return accepted({ type: "hold", hold, account });
  }

  #open({ account, unit, creditLimit, name, metadata }: OpenAccount): Decided {
    const id = account ?? `made-${this.#state.accounts.size + 1}`;
    const opening = contentOf({ type: "open", account: id, unit, creditLimit, name, metadata });
    const known = this.#state.accounts.get(id);
    if (known !== undefined && known.opening !== opening) return refused("account-exists", { account: id });
    if (known === undefined) {
      const row = rules.openAccount(creditLimit, unit, this.#now);
      this.#state.accounts.set(id, { ...row, openedAt: this.#now, name, metadata, opening });
    }
    return this.#accountResult(id, known === undefined);
  }

  #change({ account: id, creditLimit, state, name, metadata }: ChangeAccount): Decided {
    const account = this.#state.accounts.get(id);
    if (account === undefined) return refused("account-unknown", { account: id });
    const merged = mergedMetadata(account.metadata, metadata ?? {});
    if (merged === null && account.state !== "closed") return refused("metadata-too-large", { account: id });
    const refusal = rules.changeAccount(account, creditLimit ?? account.creditLimit, state ?? account.state);
    if (refusal !== null || merged === null) return refused(refusal ?? "metadata-too-large", { account: id });
    if (name !== undefined) account.name = name;
    account.metadata = merged;
    return this.#accountResult(id, true);
  }

  #accountResult(id: AccountId, opened: boolean): Decided {
    const account = this.account(id);
    if (account === null) throw new Error("no account");
    return accepted({ type: "account", account, opened });
  }

  #move(
    command: CommandId,
    postings: readonly Posting[],
    conditions: readonly Condition[],
    { description, reference, metadata }: Details,
    { isDryRun = false, reverses = null, hold = null }: Moving,
  ): Decided {
    const world = { ...rules.openAccount(0, "", 0) };
    const row = (id: Party) => (id === WORLD ? world : (this.#state.accounts.get(id) ?? false));
    const none = { fromSeq: 0, fromBalance: 0, toSeq: 0, toBalance: 0, fromTime: 0, toTime: 0 };
    const rows: rules.TransactionRow = {
      postings: postings.map(({ from, to, amount }) => ({ from: row(from), to: row(to), amount, ...none })),
      conditions: conditions.map(({ account, ...rest }) => ({ account: row(account), ...rest })),
      refusedAt: 0,
    };
    const refusal = rules.applyTransaction(rows, hold !== null, this.#now);
    if (refusal !== null) return refused(refusal, placeOf(refusal, rows, postings, conditions));
    const ids = new Set(postings.flatMap(({ from, to }) => [from, to]));
    const accounts = [...ids].flatMap((id) => this.account(id) ?? []);
    const id = isDryRun ? "" : this.#newId("t");
    const details = { description: description || null, reference, metadata };
    const transaction = { id, postings, ...details, reverses, hold, time: this.#now };
    if (isDryRun) rules.undoTransaction(rows, postings.length);
    else {
      this.#state.transactions.set(id, transaction);
      for (const [index, { from, to, amount: value }] of postings.entries()) {
        const done = rows.postings[index];
        if (done === undefined) continue;
        const common = { value, description: description ?? "", reference, transaction: id, id: command };
        const [out, into] = [accounts.find((one) => one.id === from), accounts.find((one) => one.id === to)];
        if (out !== undefined) {
          const [seq, balance] = [done.fromSeq, done.fromBalance];
          const time = out.time - (out.seq - seq);
          const side = { account: from, kind: "debit", counterparty: to } as const;
          this.#state.entries.push({ ...common, ...side, seq, balance, time });
        }
        if (into !== undefined) {
          const [seq, balance] = [done.toSeq, done.toBalance];
          const time = into.time - (into.seq - seq);
          const side = { account: to, kind: "credit", counterparty: from } as const;
          this.#state.entries.push({ ...common, ...side, seq, balance, time });
        }
      }
    }
    return accepted({ type: "transaction", transaction, accounts });
  }

  #newId(letter: "t" | "h"): string {
    this.#state.g += 1;
    return eventId(letter, 0, this.#state.g, 0, this.#now);
  }
}

interface Moving {
  readonly isDryRun?: boolean;
  readonly reverses?: string | null;
  readonly hold?: string | null;
}

function placeOf(
  refusal: Refusal,
  rows: rules.TransactionRow,
  postings: readonly Posting[],
  conditions: readonly Condition[],
): Partial<Refused> {
  const index = rows.refusedAt;
  const posting = rows.postings[index];
  const isOfCondition =
    refusal === "condition-failed" ||
    (refusal === "account-unknown" && (posting === undefined || (posting.from && posting.to)));
  if (isOfCondition) return { index, account: conditions[index]?.account ?? null };
  const isOfFrom =
    refusal === "limit-exceeded" ||
    refusal === "account-frozen" ||
    (refusal === "account-unknown" && posting?.from === false) ||
    (refusal === "account-closed" && posting?.from !== false && posting?.from.state === "closed");
  return { index, account: (isOfFrom ? postings[index]?.from : postings[index]?.to) ?? null };
}

function accepted(result: Result): Decided {
  return { type: "accepted", result };
}

function refused(refusal: Refusal, place: Partial<Refused> = {}): Decided {
  return { type: "refused", refusal, account: null, index: null, other: null, ...place };
}
