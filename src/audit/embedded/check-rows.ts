import { stepsOf } from "../../keep/account-steps.ts";
import type { AccountId, AccountState } from "../../ledger/account.ts";
import type { LedgerEvent } from "../../ledger/event.ts";
import type { Place } from "../../ledger/event-results.ts";
import { placeOfEvent } from "../../ledger/event-id.ts";
import type { EventId } from "../../ledger/transaction.ts";
import { limitsPassed, reversalFault } from "../event-faults.ts";
import type { Findings } from "../findings.ts";
import { type AccountRow, AccountRows } from "./account-rows.ts";
import type { FileEvent } from "./journal-rows.ts";
import type { HoldRow } from "./made-rows.ts";

type Ending = Extract<FileEvent, { readonly type: "capture" | "release" | "expiry" }>;

/**
 * Whether each event of the journal follows on those before: it leaves an account's limit, holds and state as they were
 * but for what it is about, keeps to the limit, ends a hold that is open in its time, and reverses what was not a reversal,
 * by the opposite postings.
 */
export class RowCheck {
  readonly #findings: Findings;
  readonly #holdOf: (id: EventId) => HoldRow | null;
  readonly #eventAt: (place: Place) => LedgerEvent | null;
  readonly #rows = new AccountRows();

  /**
   * @param holdOf a hold as the events before have made it
   * @param eventAt what the journal has in a place
   */
  constructor(
    findings: Findings,
    holdOf: (id: EventId) => HoldRow | null,
    eventAt: (place: Place) => LedgerEvent | null,
  ) {
    this.#findings = findings;
    this.#holdOf = holdOf;
    this.#eventAt = eventAt;
  }

  add(event: FileEvent, place: Place): void {
    this.#follows(event, place);
    for (const { account, seq, detail } of limitsPassed(event))
      this.#findings.add("limit-passed", account, seq, detail);
  }

  #follows(event: FileEvent, place: Place): void {
    switch (event.type) {
      case "open":
        this.#rows.set(event.account, { creditLimit: event.creditLimit, held: 0, state: "open" });
        return;
      case "entry": {
        const { account, seq } = event.entry;
        this.#expect(account, seq, { creditLimit: event.creditLimit, held: 0, state: "open" });
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
        return;
      }
      case "transaction":
        for (const account of event.accounts) this.#expect(account.id, account.seq, account);
        this.#fits(event, 0);
        this.#reverses(event, place);
        return;
      case "hold":
        this.#expectHeld(event.account, event.amount);
        return;
      case "capture": {
        const [account, ...others] = event.accounts;
        if (account !== undefined) this.#end(account, event);
        for (const other of others) this.#expect(other.id, other.seq, other);
        this.#fits(event, this.#holdOf(event.hold)?.amount ?? 0);
        return;
      }
      case "release":
      case "expiry":
        this.#end(event.account, event);
        return;
      case "refusal":
      // Of these a data file has none: its only shard is home to everything.
      case "part":
      case "finish":
      case "undo":
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

  #end(account: AccountState, { type, time, hold: id }: Ending): void {
    const hold = this.#holdOf(id);
    if (hold?.state !== "open" || hold.account !== account.id) {
      const what = hold === null ? "is not there" : `of account ${hold.account} is ${hold.state}`;
      this.#broken(account.id, `a hold is ended that ${what}: ${id}`, id);
    } else if (type === "expiry" ? time < hold.expiresAt : time >= hold.expiresAt) {
      const when =
        type === "expiry" ? "has expired before its time" : `ends by a ${type} after it had expired`;
      this.#broken(account.id, `the hold ${id} ${when}`, id);
    }
    this.#expectHeld(account, -(hold?.amount ?? 0));
  }

  /** Both sides of each posting are there, and lead from one to the next and to the accounts as they stand after it. */
  #fits(event: Extract<FileEvent, { type: "transaction" | "capture" }>, freed: number): void {
    const [account] = event.accounts;
    if (account === undefined) return;
    const holds =
      event.type === "capture" ? [[event.hold, { account: account.id, amount: freed }] as const] : [];
    const misfit = stepsOf(event, new Map(holds));
    if (typeof misfit === "string")
      this.#differs(account, `the ${event.type} ${event.id} does not fit itself: ${misfit}`);
  }

  #reverses(event: Extract<FileEvent, { type: "transaction" }>, at: Place): void {
    const place = event.reverses === null ? null : placeOfEvent("t", event.reverses);
    const fault = reversalFault(event, at, place === null ? null : this.#eventAt(place));
    const [account] = event.accounts;
    if (fault !== null)
      this.#findings.add("reversal-broken", account?.id ?? null, account?.seq ?? null, fault);
  }

  #differs({ id, seq }: AccountState, detail: string): void {
    this.#findings.add("account-differs", id, seq, detail);
  }

  #broken(account: AccountId, detail: string, hold: EventId): void {
    this.#findings.add("hold-broken", account, null, detail, hold);
  }
}

function isSame(a: AccountRow, b: AccountRow): boolean {
  return a.creditLimit === b.creditLimit && a.held === b.held && a.state === b.state;
}

function textOf({ creditLimit, held, state }: AccountRow): string {
  return `${state} with limit ${creditLimit} and ${held} held`;
}
