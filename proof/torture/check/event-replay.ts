import { type Posting, WORLD } from "../clients/history.ts";
import { oppositeOf } from "./command-model.ts";
import type { AccountRow, Event, Move } from "./journal-events.ts";
import type { ReplayedLedger } from "./replayed-ledger.ts";
import { LedgerAtEvent } from "./ledger-at-event.ts";
import type { HoldRow, LedgerHistory, TransactionRow } from "./ledger-history.ts";
import { idOf, type PlacedEvent } from "./placed-event.ts";
import { PartReplay } from "./part-replay.ts";
import type { RoundFindings } from "./round-violations.ts";
import { postingsOf } from "./transits.ts";

/** The contest's accounts, with their limits. */
const INITIAL_LIMITS: ReadonlyMap<string, number> = new Map([
  ["1", 100_000],
  ["2", 80_000],
  ["3", 1_000_000],
  ["4", 10_000_000],
  ["5", 500_000],
]);

/** One event of the journal: applies it to the ledger, and checks that it follows. */
export class EventReplay {
  readonly #at: LedgerAtEvent;
  readonly #parts: PartReplay;
  readonly #history: LedgerHistory;

  constructor(replay: ReplayedLedger, placed: PlacedEvent, findings: RoundFindings) {
    this.#at = new LedgerAtEvent(replay, placed, findings);
    this.#parts = new PartReplay(this.#at, findings);
    this.#history = replay.history;
  }

  apply(): void {
    const { event } = this.#at.placed;
    this.#parts.checkLocks(event);
    switch (event.type) {
      case "open": {
        const { account, id } = event;
        if (this.#at.account(account.id) !== null)
          this.#at.wrong("chain-broken", "opens an account that is there");
        if (id === "initial" && INITIAL_LIMITS.get(account.id) !== account.creditLimit)
          this.#at.wrong("unasked", "is no account of the start");
        this.#history.setAccount(account);
        return;
      }
      case "change": {
        const before = this.#at.account(event.account.id);
        const { creditLimit, state } = event.account;
        if (before?.state === "closed") this.#at.wrong("chain-broken", "changes a closed account");
        const isEmpty = before?.balance === 0 && before.held === 0;
        if (state === "closed" && (!isEmpty || this.#at.replay.transits.hasParts(event.account.id)))
          this.#at.wrong("chain-broken", "closes an account that is not empty");
        this.#at.setRow(before === null ? null : { ...before, creditLimit, state }, event.account);
        return;
      }
      case "entry":
        return this.#entry(event);
      case "transaction": {
        const { moves, accounts, details } = event;
        this.#moves(moves, accounts, event, new Map());
        if (details.across !== null)
          this.#at.replay.transits.decide(details.across.attempt, { ...this.#at.placed, event });
        const id = idOf("t", this.#at.placed);
        const { reverses } = details;
        if (reverses !== null) this.#reverse(reverses, id, moves);
        this.#addTransaction(id, moves, { reference: details.reference, reverses, hold: null });
        return;
      }
      case "hold": {
        const { account, to, amount, expiresAt } = event;
        const before = this.#at.account(account.id);
        if (before !== null && before.state !== "open")
          this.#at.wrong("chain-broken", `holds something of an account that is ${before.state}`);
        this.#at.setRow(before === null ? null : { ...before, held: before.held + amount }, account);
        const id = idOf("h", this.#at.placed);
        const ends = { captured: 0, transaction: null };
        this.#setHold({ id, state: "open", from: account.id, to, amount, expiresAt, ...ends });
        this.#at.checkHeld(account);
        return;
      }
      case "capture":
        return this.#capture(event);
      case "release":
      case "expiry": {
        const hold = this.#endOf(event);
        const before = this.#at.account(event.account.id);
        this.#at.setRow(
          before === null || hold === null ? null : { ...before, held: before.held - hold.amount },
          event.account,
        );
        if (hold !== null)
          this.#setHold({ ...hold, state: event.type === "release" ? "released" : "expired" });
        this.#at.checkHeld(event.account);
        return;
      }
      case "part":
        return this.#parts.prepare(event);
      case "finish": {
        const { moves, accounts, sides } = event;
        this.#parts.end(event);
        const freed = accounts.map(({ id }, index) => [id, sides[index]?.outgoing ?? 0] as const);
        this.#moves(moves, accounts, event, new Map(freed));
        for (const row of accounts) this.#at.checkHeld(row);
        return;
      }
      case "undo":
        return this.#parts.end(event);
      case "refusal":
      case "missing":
        return;
    }
  }

  #entry(event: Extract<Event, { type: "entry" }>): void {
    const { account, kind, value, balance, seq, time, creditLimit, id, description } = event;
    const before = this.#at.account(account);
    const after = (before?.balance ?? 0) + (kind === "credit" ? value : -value);
    if (before === null || seq !== before.seq + 1 || balance !== after || value < 1) {
      this.#at.wrong("chain-broken", `follows seq ${before?.seq} with balance ${before?.balance}`);
    } else if (creditLimit !== before.creditLimit)
      this.#at.wrong(
        "chain-broken",
        `was decided under another limit than ${before.creditLimit}, which was in force`,
      );
    else if (before.held !== 0 || before.state !== "open")
      this.#at.wrong(
        "held-off",
        `says that nothing was held and the account open; ${before.held}, ${before.state}`,
      );
    if (before !== null && time <= before.time)
      this.#at.wrong("chain-broken", "is not after the entry before it");
    const row = { ...emptyRow(account), ...before, seq, balance, time };
    this.#history.setAccount(row);
    this.#at.checkLimit(row);
    const reference = null;
    const { shard, g, index } = this.#at.placed;
    const rest = { description, command: id, time, counterparty: WORLD, reference, shard, g, event: index };
    this.#at.addEntry({ account, seq, kind, value, balance, ...rest });
    const moved = { from: kind === "credit" ? WORLD : account, to: kind === "credit" ? account : WORLD };
    this.#at.count({ ...moved, amount: value }, row.unit, false);
    const none = { reference: null, reverses: null, hold: null };
    this.#addTransaction(idOf("t", this.#at.placed), [{ ...moved, amount: value }], none);
  }

  #capture(event: Extract<Event, { type: "capture" }>): void {
    const { moves, accounts, details } = event;
    const hold = this.#endOf(event);
    const freed = new Map<string, number>(hold === null ? [] : [[hold.from, hold.amount]]);
    if (hold !== null && moves.some(({ from }) => from !== hold.from))
      this.#at.wrong("chain-broken", `takes from others than ${hold.from}, whose hold it is`);
    this.#moves(moves, accounts, event, freed);
    if (details.across !== null)
      this.#at.replay.transits.decide(details.across.attempt, { ...this.#at.placed, event });
    const id = moves.length === 0 ? null : idOf("t", this.#at.placed);
    if (hold !== null) {
      const captured = moves.reduce((sum, { amount }) => sum + amount, 0);
      this.#setHold({ ...hold, state: "captured", captured, transaction: id });
      for (const row of accounts) if (row.id === hold.from) this.#at.checkHeld(row);
    }
    if (id !== null)
      this.#addTransaction(id, moves, { reference: details.reference, reverses: null, hold: event.hold });
  }

  /** @param freed what is no longer held, by account */
  #moves(
    moves: readonly Move[],
    accounts: readonly AccountRow[],
    event: Extract<Event, { type: "transaction" | "capture" | "finish" }>,
    freed: ReadonlyMap<string, number>,
  ): void {
    const rows = new Map<string, AccountRow>();
    const last = new Map(accounts.map((row) => [row.id, row]));
    for (const { id } of accounts) {
      const before = this.#at.account(id);
      if (before !== null) rows.set(id, { ...before, held: before.held - (freed.get(id) ?? 0) });
    }
    const { shard, g, index } = this.#at.placed;
    const { description, reference } = event.details;
    const common = { description: description ?? "", command: event.id, reference, shard, g, event: index };
    for (const { from, to, amount, fromSeq, fromBalance, toSeq, toBalance } of moves) {
      for (const [side, other, seq, balance, change] of [
        [from, to, fromSeq, fromBalance, -amount],
        [to, from, toSeq, toBalance, amount],
      ] as const) {
        if (side === WORLD) continue;
        if (this.#at.isElsewhere(side)) {
          this.#checkElsewhere(side, event);
          if (seq !== 0 || balance !== 0)
            this.#at.wrong("chain-broken", `has an entry of account ${side}, which is on another shard`);
          continue;
        }
        const row = rows.get(side);
        if (row === undefined || seq !== row.seq + 1 || balance !== row.balance + change || amount < 1) {
          this.#at.wrong(
            "chain-broken",
            `moves ${amount} of ${side} from seq ${row?.seq}, balance ${row?.balance}`,
          );
        }
        if (
          row?.state === "closed" ||
          (row?.state === "frozen" && change < 0 && event.type === "transaction")
        )
          this.#at.wrong("chain-broken", `changes account ${side}, which is ${row.state}`);
        const next = { ...emptyRow(side), ...row, seq, balance };
        rows.set(side, next);
        if (change < 0) this.#at.checkLimit(next);
        const after = last.get(side);
        const time = after === undefined ? event.time : after.time - (after.seq - seq);
        const kind = change < 0 ? ("debit" as const) : ("credit" as const);
        this.#at.addEntry({
          account: side,
          seq,
          kind,
          value: amount,
          balance,
          time,
          counterparty: other,
          ...common,
        });
      }
      const unit = this.#at.checkUnits(from, to);
      this.#at.count({ from, to, amount }, unit, event.type === "finish");
    }
    for (const row of accounts) this.#at.setRow(rows.get(row.id) ?? null, row);
    for (const id of rows.keys())
      if (!last.has(id)) this.#at.wrong("chain-broken", `does not tell how account ${id} stands after it`);
  }

  /** Its home has to say that a part of it is there. */
  #checkElsewhere(
    account: string,
    event: Extract<Event, { type: "transaction" | "capture" | "finish" }>,
  ): void {
    if (event.type === "finish") return;
    const shard = this.#at.replay.placeOf(account)?.shard ?? -1;
    if (event.details.across?.shards.includes(shard) !== true)
      this.#at.wrong(
        "partly-applied",
        `moves something of account ${account}, and has no part on its shard ${shard}`,
      );
  }

  #reverse(reversed: string, by: string, moves: readonly Move[]): void {
    const found = this.#history.at(this.#history.position).transaction(reversed);
    if (found === null) return this.#at.wrong("unasked", `takes back ${reversed}, which there is not`);
    if (found.reverses !== null) this.#at.wrong("reversed-twice", "takes back what is a reversal itself");
    if (found.reversedBy !== null)
      this.#at.wrong("reversed-twice", `takes back ${reversed}, which ${found.reversedBy} has taken back`);
    const wanted = oppositeOf(found.postings);
    if (JSON.stringify(postingsOf(moves)) !== JSON.stringify(wanted))
      this.#at.wrong("partly-applied", `does not take back the whole of ${reversed}`);
    this.#history.setTransaction({ ...found, reversedBy: by });
  }

  /** The hold that ends. */
  #endOf(event: Extract<Event, { type: "capture" | "release" | "expiry" }>): HoldRow | null {
    const hold = this.#history.at(this.#history.position).hold(event.hold);
    if (hold === null) {
      this.#at.wrong("unasked", "ends a hold that there is not");
      return null;
    }
    if (hold.state !== "open") this.#at.wrong("hold-ended-twice", `ends a hold that is ${hold.state}`);
    const isDue = event.time >= hold.expiresAt;
    if (event.type === "expiry" && !isDue)
      this.#at.wrong("expired-wrongly", "lets a hold expire before its time");
    if (event.type !== "expiry" && isDue)
      this.#at.wrong(
        "expired-wrongly",
        `has the hold end so at ${event.time}, after it expired at ${hold.expiresAt}`,
      );
    return hold;
  }

  #setHold(row: HoldRow): void {
    this.#history.setHold(row);
    const { openHolds } = this.#at.replay;
    let open = openHolds.get(row.from);
    if (open === undefined) openHolds.set(row.from, (open = new Map()));
    if (row.state === "open") open.set(row.id, row);
    else open.delete(row.id);
  }

  #addTransaction(
    id: string,
    postings: readonly Posting[],
    rest: Pick<TransactionRow, "reference" | "reverses" | "hold">,
  ): void {
    this.#history.setTransaction({ id, postings: postingsOf(postings), ...rest, reversedBy: null });
  }
}

function emptyRow(id: string): AccountRow {
  const money = { creditLimit: 0, balance: 0, held: 0, seq: 0 };
  return { id, ...money, time: 0, unit: "", state: "open", openedAt: 0 };
}
