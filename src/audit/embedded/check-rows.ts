import { type AccountId, type AccountState, WORLD } from "../../ledger/account.ts";
import type { PostingDone } from "../../ledger/event.ts";
import type { EventId } from "../../ledger/transaction.ts";
import type { Findings } from "../findings.ts";
import { type AccountRow, AccountRows } from "./account-rows.ts";
import type { FileEvent } from "./journal-rows.ts";
import type { HoldRow } from "./made-rows.ts";

/**
 * Whether each event of the journal follows on those before: it leaves an account's limit, holds and state as they were
 * but for what it is about, keeps to the limit, and ends a hold that is open.
 */
export class RowCheck {
  readonly #findings: Findings;
  readonly #holdOf: (id: EventId) => HoldRow | null;
  readonly #rows = new AccountRows();

  /** @param holdOf a hold as the events before have made it */
  constructor(findings: Findings, holdOf: (id: EventId) => HoldRow | null) {
    this.#findings = findings;
    this.#holdOf = holdOf;
  }

  add(event: FileEvent): void {
    switch (event.type) {
      case "open":
        this.#rows.set(event.account, { creditLimit: event.creditLimit, held: 0, state: "open" });
        return;
      case "entry": {
        const { account, seq, kind, balance } = event.entry;
        this.#expect(account, seq, { creditLimit: event.creditLimit, held: 0, state: "open" });
        if (kind === "debit" && balance < -event.creditLimit)
          this.#passed(account, seq, balance, 0, event.creditLimit);
        return;
      }
      case "change": {
        const { account } = event;
        const before = this.#rows.get(account.id);
        this.#rows.set(account.id, account);
        if (before?.state === "closed") this.#differs(account, "it was closed before");
        if (before !== null && before.held !== account.held)
          this.#differs(account, `it had ${before.held} held, and has ${account.held}`);
        if (account.state === "closed" && (account.balance !== 0 || account.held !== 0))
          this.#differs(account, "it is closed, and not empty");
        this.#keepsTo(account);
        return;
      }
      case "transaction":
        for (const account of event.accounts) this.#expect(account.id, account.seq, account);
        this.#postings(event.postings, event.accounts);
        return;
      case "hold":
        this.#expectHeld(event.account, event.amount);
        this.#keepsTo(event.account);
        return;
      case "capture": {
        const [account, ...others] = event.accounts;
        if (account !== undefined) this.#end(account, event.hold);
        for (const other of others) this.#expect(other.id, other.seq, other);
        this.#postings(event.postings, event.accounts);
        return;
      }
      case "release":
        this.#end(event.account, event.hold);
        return;
      case "expiry":
        this.#end(event.account, event.hold);
        if ((this.#holdOf(event.hold)?.expiresAt ?? 0) > event.time)
          this.#broken(event.account.id, `the hold ${event.hold} has expired before its time`);
        return;
      case "refusal":
    }
  }

  /** What the event says of an account that it leaves as it is. */
  #expect(account: AccountId, seq: number, row: AccountRow): void {
    const before = this.#rows.get(account);
    if (before !== null && isSame(before, row)) return;
    this.#rows.set(account, row);
    if (before === null) return;
    const detail = `it was ${textOf(before)}, and is ${textOf(row)}`;
    this.#findings.add("account-differs", account, seq, detail);
  }

  #expectHeld(account: AccountState, more: number): void {
    const before = this.#rows.get(account.id);
    this.#rows.set(account.id, account);
    if (before === null) return;
    const expected = { ...before, held: before.held + more };
    if (!isSame(account, expected))
      this.#differs(account, `it should be ${textOf(expected)}, and is ${textOf(account)}`);
  }

  #end(account: AccountState, id: EventId): void {
    const hold = this.#holdOf(id);
    if (hold?.state !== "open" || hold.account !== account.id) {
      const what = hold === null ? "is not there" : `of account ${hold.account} is ${hold.state}`;
      this.#broken(account.id, `a hold is ended that ${what}: ${id}`);
    }
    this.#expectHeld(account, -(hold?.amount ?? 0));
  }

  #postings(postings: readonly PostingDone[], accounts: readonly AccountState[]): void {
    for (const { from, fromSeq, fromBalance } of postings) {
      if (from === WORLD) continue;
      const account = accounts.find(({ id }) => id === from);
      if (account === undefined) continue;
      const { held, creditLimit } = account;
      if (fromBalance - held < -creditLimit) this.#passed(from, fromSeq, fromBalance, held, creditLimit);
    }
  }

  #keepsTo({ id, seq, balance, held, creditLimit }: AccountState): void {
    if (balance - held < -creditLimit) this.#passed(id, seq, balance, held, creditLimit);
  }

  #passed(account: AccountId, seq: number, balance: number, held: number, limit: number): void {
    const what = held === 0 ? `the balance ${balance}` : `the balance ${balance}, less ${held} held,`;
    this.#findings.add("limit-passed", account, seq, `${what} is under the limit of ${limit}`);
  }

  #differs({ id, seq }: AccountState, detail: string): void {
    this.#findings.add("account-differs", id, seq, detail);
  }

  #broken(account: AccountId, detail: string): void {
    this.#findings.add("hold-broken", account, null, detail);
  }
}

function isSame(a: AccountRow, b: AccountRow): boolean {
  return a.creditLimit === b.creditLimit && a.held === b.held && a.state === b.state;
}

function textOf({ creditLimit, held, state }: AccountRow): string {
  return `${state} with limit ${creditLimit} and ${held} held`;
}
