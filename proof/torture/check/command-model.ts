import { type Command, type Condition, type Posting, WORLD } from "../clients/history.ts";
import type { AccountRow, RefusalText } from "./journal-events.ts";
import type { HoldRow, LedgerView } from "./ledger-history.ts";

/**
 * What a command ought to come to, by the contract: written apart from the ledger's rules. Times are not looked at here:
 * they follow from the journal.
 */

/** In place of the id of a reversal that is not made yet. */
export const NOT_YET_KNOWN = "";

const MONEY_MAX = Number.MAX_SAFE_INTEGER;

/** The ledger as a command, or several, would leave it. */
export class Trial implements LedgerView {
  readonly #before: LedgerView;
  readonly #accounts = new Map<string, AccountRow>();
  readonly #holds = new Map<string, HoldRow>();
  readonly #reversed = new Set<string>();

  constructor(before: LedgerView) {
    this.#before = before;
  }

  account(id: string): AccountRow | null {
    return this.#accounts.get(id) ?? this.#before.account(id);
  }

  isAway(account: string): boolean {
    return this.#before.isAway?.(account) ?? false;
  }

  hold(id: string): HoldRow | null {
    return this.#holds.get(id) ?? this.#before.hold(id);
  }

  transaction(id: string) {
    const found = this.#before.transaction(id);
    return found !== null && this.#reversed.has(id) ? { ...found, reversedBy: NOT_YET_KNOWN } : found;
  }

  /** The accounts that it has changed, as far as they are looked at. */
  get changed(): ReadonlyMap<string, AccountRow> {
    return new Map([...this.#accounts].filter(([id]) => !this.isAway(id)));
  }

  /** @returns why it is refused; null if it is accepted, and this is now the ledger after it */
  apply(command: Command): RefusalText | null {
    switch (command.type) {
      case "transact": {
        const { account, kind, value } = command;
        const posting =
          kind === "credit"
            ? { from: WORLD, to: account, amount: value }
            : { from: account, to: WORLD, amount: value };
        const refusal = this.#move([posting], [], false);
        return refusal === null ? null : { ...refusal, index: null };
      }
      case "open": {
        // The name of each opening is its own: the same id is always taken by another one.
        const { account, unit, creditLimit } = command;
        if (account === null) return null;
        if (this.account(account) !== null) return refused("account-exists", account);
        const money = { creditLimit, balance: 0, held: 0, seq: 0 };
        this.#accounts.set(account, { id: account, ...money, time: 0, unit, state: "open", openedAt: 0 });
        return null;
      }
      case "change-limit":
      case "change-state":
        return this.#change(command);
      case "transaction":
        return this.#move(command.postings, command.conditions, false);
      case "hold":
        return this.#hold(command);
      case "capture":
        return this.#capture(command);
      case "release": {
        const hold = this.#openHold(command.hold);
        if ("problem" in hold) return hold;
        this.#end(hold, "released");
        return null;
      }
      case "reversal": {
        const found = this.transaction(command.transaction);
        if (found === null) return refused("transaction-not-found");
        if (found.reverses !== null) return refused("not-reversible");
        if (found.reversedBy !== null) return refused("already-reversed", null, null, found.reversedBy);
        const refusal = this.#move(oppositeOf(found.postings), [], false);
        if (refusal === null) this.#reversed.add(command.transaction);
        return refusal;
      }
    }
  }

  #change(command: Extract<Command, { type: "change-limit" | "change-state" }>): RefusalText | null {
    const account = this.account(command.account);
    if (account === null) return refused("account-not-found", command.account);
    if (account.state === "closed") return refused("account-closed", account.id);
    const creditLimit = command.type === "change-limit" ? command.creditLimit : account.creditLimit;
    const state = command.type === "change-state" ? command.state : account.state;
    if (account.balance - account.held < -creditLimit) return refused("limit-too-low", account.id);
    if (state === "closed" && (account.balance !== 0 || account.held !== 0))
      return refused("account-not-empty", account.id);
    this.#accounts.set(account.id, { ...account, creditLimit, state });
    return null;
  }

  #hold({ from, to, amount }: Extract<Command, { type: "hold" }>): RefusalText | null {
    const sides = this.#sidesRefused({ from, to, amount }, null, false);
    if (sides !== null) return sides;
    const account = this.account(from);
    if (account === null) return refused("account-not-found", from);
    if (account.balance - account.held - amount < -account.creditLimit)
      return refused("limit-exceeded", from);
    this.#accounts.set(from, { ...account, held: account.held + amount });
    return null;
  }

  #capture(command: Extract<Command, { type: "capture" }>): RefusalText | null {
    const hold = this.#openHold(command.hold);
    if ("problem" in hold) return hold;
    const account = this.account(hold.from);
    const amount = command.amount ?? hold.amount;
    const parts = command.parts ?? (amount === 0 ? [] : [{ to: command.to ?? hold.to, amount }]);
    this.#end(hold, "captured");
    const refusal = this.#move(
      parts.map((part) => ({ from: hold.from, ...part })),
      [],
      true,
    );
    if (refusal !== null && account !== null) {
      this.#accounts.set(hold.from, account);
      this.#holds.set(hold.id, hold);
    }
    return refusal;
  }

  #openHold(id: string): HoldRow | RefusalText {
    const hold = this.hold(id);
    if (hold === null) return refused("hold-not-found");
    return hold.state === "open" ? hold : refused("hold-not-open", null, null, hold.state);
  }

  #end(hold: HoldRow, state: HoldRow["state"]): void {
    const account = this.account(hold.from);
    if (account !== null) this.#accounts.set(hold.from, { ...account, held: account.held - hold.amount });
    this.#holds.set(hold.id, { ...hold, state });
  }

  #move(
    postings: readonly Posting[],
    conditions: readonly Condition[],
    frozenMayPay: boolean,
  ): RefusalText | null {
    for (const [index, posting] of postings.entries()) {
      const refusal = this.#sidesRefused(posting, index, frozenMayPay);
      if (refusal !== null) return refusal;
    }
    for (const [index, condition] of conditions.entries()) {
      const account = this.account(condition.account);
      if (account === null) return refused("account-not-found", condition.account, index);
      if (this.isAway(condition.account)) continue;
      if (!isMet(condition, account)) return refused("condition-failed", condition.account, index);
    }
    const moved = new Map<string, AccountRow>();
    const of = (id: string) => (id === WORLD ? null : (moved.get(id) ?? this.account(id)));
    for (const [index, { from, to, amount }] of postings.entries()) {
      const payer = of(from);
      if (payer !== null) {
        const balance = payer.balance - amount;
        if (balance - payer.held < -payer.creditLimit) return refused("limit-exceeded", from, index);
        moved.set(from, { ...payer, balance, seq: payer.seq + 1 });
      }
      const payee = of(to);
      if (payee !== null) {
        const balance = payee.balance + amount;
        if (balance > MONEY_MAX) return refused("balance-out-of-range", to, index);
        moved.set(to, { ...payee, balance, seq: payee.seq + 1 });
      }
    }
    for (const [id, row] of moved) this.#accounts.set(id, row);
    return null;
  }

  #sidesRefused({ from, to }: Posting, index: number | null, frozenMayPay: boolean): RefusalText | null {
    const [payer, payee] = [from, to].map((id) => (id === WORLD ? null : this.account(id)));
    if (from !== WORLD && payer === null) return refused("account-not-found", from, index);
    if (to !== WORLD && payee === null) return refused("account-not-found", to, index);
    if (payer?.state === "closed") return refused("account-closed", from, index);
    if (payee?.state === "closed") return refused("account-closed", to, index);
    if (payer?.state === "frozen" && !frozenMayPay) return refused("account-frozen", from, index);
    if (payer && payee && payer.unit !== payee.unit) return refused("unit-mismatch", to, index);
    return null;
  }
}

export function oppositeOf(postings: readonly Posting[]): Posting[] {
  return postings.map(({ from, to, amount }) => ({ from: to, to: from, amount })).toReversed();
}

export function availableOf({ balance, held, creditLimit }: AccountRow): number {
  return Math.min(MONEY_MAX, balance - held + creditLimit);
}

function isMet({ what, is, value }: Condition, account: AccountRow): boolean {
  const found = what === "available" ? availableOf(account) : account[what];
  if (is === "eq") return found === value;
  return is === "gte" ? found >= value : found <= value;
}

function refused(
  problem: string,
  account: string | null = null,
  index: number | null = null,
  other: string | null = null,
): RefusalText {
  return { problem, account, index, other };
}
