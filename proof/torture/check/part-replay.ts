import { WORLD } from "../clients/history.ts";
import type { AccountRow, Event, Move, Side } from "./journal-events.ts";
import type { LedgerAtEvent } from "./ledger-at-event.ts";
import type { RoundFindings } from "./round-violations.ts";
import { postingsOf } from "./transits.ts";

/** Applies what a part of a transaction across shards does beside its entries, and checks it. */
export class PartReplay {
  readonly #at: LedgerAtEvent;
  readonly #findings: RoundFindings;

  constructor(at: LedgerAtEvent, findings: RoundFindings) {
    this.#at = at;
    this.#findings = findings;
  }

  /** What would change an account that a condition was looked at on waits. Only the time of a hold does not. */
  checkLocks(event: Event): void {
    if (event.type === "expiry") return;
    const own = "attempt" in event ? event.attempt : null;
    for (const id of accountsIn(event)) {
      const attempt = this.#at.replay.transits.lockOf(id);
      if (attempt !== null && attempt !== own)
        this.#at.wrong("lock-broken", `changes account ${id}, which attempt ${attempt} has locked`);
    }
  }

  prepare(event: Extract<Event, { type: "part" }>): void {
    const { moves, accounts, sides } = event;
    const told = new Set(accounts.map(({ id }) => id));
    for (const { from, to, fromSeq, fromBalance, toSeq, toBalance } of moves) {
      if (fromSeq !== 0 || fromBalance !== 0 || toSeq !== 0 || toBalance !== 0)
        this.#at.wrong("chain-broken", "has entries, though it is only prepared");
      for (const side of [from, to])
        if (this.#at.isHere(side) && !told.has(side))
          this.#at.wrong("chain-broken", `does not tell what it sets aside of account ${side}`);
      // The units of accounts of other shards, and which of them there are, is known at home alone, which then refuses it.
      const areHere = [from, to].every((side) => side === WORLD || this.#at.isHere(side));
      if (areHere) this.#at.checkUnits(from, to);
    }
    for (const [index, row] of accounts.entries()) {
      const { id } = row;
      const { outgoing = 0, incoming = 0 } = sides[index] ?? {};
      const needed = sideOf(id, moves);
      if (outgoing !== needed.outgoing || incoming !== needed.incoming) {
        const right = `${needed.outgoing} and ${needed.incoming}`;
        this.#at.wrong(
          "held-off",
          `sets ${outgoing} of account ${id} aside, and room for ${incoming}; right: ${right}`,
        );
      }
      const state = this.#at.account(id)?.state;
      const [pays, isPaid] = [moves.some(({ from }) => from === id), moves.some(({ to }) => to === id)];
      if ((state === "closed" && (pays || isPaid)) || (state === "frozen" && pays))
        this.#at.wrong("chain-broken", `has account ${id} take part, which is ${state}`);
    }
    this.#at.replay.transits.prepare({ ...this.#at.placed, event });
    for (const [index, row] of accounts.entries()) this.#setAside(row, sides[index]?.outgoing ?? 0);
  }

  /** Of one that is finished the entries, and the rows after them, are to be looked at besides. */
  end(event: Extract<Event, { type: "finish" | "undo" }>): void {
    const prepared = this.#at.replay.transits.end({ ...this.#at.placed, event }, this.#findings);
    if (event.type === "undo")
      for (const [index, row] of event.accounts.entries())
        this.#setAside(row, -(event.sides[index]?.outgoing ?? 0));
    if (prepared === null) return;
    const { accounts, sides, moves, id } = prepared.event;
    const ids = (of: readonly AccountRow[]) => of.map((row) => row.id);
    const wanted: unknown[] = [ids(accounts), sides];
    const done: unknown[] = [ids(event.accounts), event.sides];
    if (event.type === "finish") {
      wanted.push(postingsOf(moves), id);
      done.push(postingsOf(event.moves), event.id);
    }
    if (JSON.stringify(done) !== JSON.stringify(wanted))
      this.#at.wrong("part-differs", `ends otherwise than it was prepared: "${prepared.text}"`);
  }

  /** @param change of what is held */
  #setAside(row: AccountRow, change: number): void {
    const before = this.#at.account(row.id);
    this.#at.setRow(before === null ? null : { ...before, held: before.held + change }, row);
    this.#at.checkHeld(row);
  }
}

/** What a part has to set aside of an account: how far its balance falls, and rises, on the way. */
function sideOf(account: string, moves: readonly Move[]): Pick<Side, "outgoing" | "incoming"> {
  let [balance, lowest, highest] = [0, 0, 0];
  for (const { from, to, amount } of moves) {
    balance += (to === account ? amount : 0) - (from === account ? amount : 0);
    lowest = Math.min(lowest, balance);
    highest = Math.max(highest, balance);
  }
  return { outgoing: 0 - lowest, incoming: highest };
}

/** The accounts that an event changes. */
function accountsIn(event: Event): string[] {
  if (event.type === "entry") return [event.account];
  if ("accounts" in event) return event.accounts.map(({ id }) => id);
  return "account" in event ? [event.account.id] : [];
}
