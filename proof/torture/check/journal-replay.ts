import { WORLD } from "../clients/history.ts";
import type { Violation } from "./checker-types.ts";
import { oppositeOf } from "./command-model.ts";
import type { JournalRow } from "./journal-check.ts";
import { type AccountRow, type Event, type Move, readEvent } from "./journal-events.ts";
import { type HoldRow, LedgerHistory } from "./ledger-history.ts";
import { type EntryRow, idOf, type PlacedEvent, type Span } from "./placed-event.ts";
import type { RoundFindings } from "./round-violations.ts";

/** The contest's accounts, with their limits. */
const INITIAL_LIMITS: ReadonlyMap<string, number> = new Map([
  ["1", 100_000],
  ["2", 80_000],
  ["3", 1_000_000],
  ["4", 10_000_000],
  ["5", 500_000],
]);

/**
 * Makes the ledger anew from the journal, event by event, and checks that each follows from what was before it: that
 * seqs have no gap, that balances follow from amounts, that nothing goes out beyond what is available, that what is
 * held is the sum of the open holds, that each hold ends once and none is captured after its expiry, that a transaction
 * is taken back once, whole.
 */
export class JournalReplay {
  readonly history = new LedgerHistory();
  /** Of each account, since the ten before this round. */
  readonly entries = new Map<string, EntryRow[]>();
  /** What was taken out of the outside, by unit. */
  readonly world = new Map<string, bigint>();
  /** Of each shard the positions before and after this round's events: what it decides changes nothing at others. */
  readonly spans = new Map<number, Span>();
  readonly #shards = new Map<string, number>();
  /** The open holds of each account. */
  readonly #open = new Map<string, Map<string, HoldRow>>();

  /** Where an account is; undefined for one that was never opened. */
  shardOf(account: string): number | undefined {
    return this.#shards.get(account);
  }

  /** @returns the new events, one shard after the other */
  play(rows: readonly JournalRow[], findings: RoundFindings): PlacedEvent[] {
    this.history.beginRound();
    for (const entries of this.entries.values()) entries.splice(0, entries.length - 10);
    const began = this.history.position;
    for (const shard of this.spans.keys()) this.spans.set(shard, { from: began, to: began });
    return [...Map.groupBy(rows, ({ shard }) => shard)].flatMap(([shard, ofShard]) => {
      const from = this.history.position;
      const placed = ofShard.flatMap((row) => this.#playRow(row, findings));
      this.spans.set(shard, { from, to: this.history.position });
      return placed;
    });
  }

  #playRow({ shard, g, events }: JournalRow, findings: RoundFindings): PlacedEvent[] {
    return events.map((text, index): PlacedEvent => {
      this.history.position += 1;
      const event = readEvent(text);
      if (event.type === "open") this.#shards.set(event.account.id, shard);
      const placed = { event, text, shard, g, index, position: this.history.position };
      new EventReplay(this, placed, this.#open, findings).apply();
      return placed;
    });
  }
}

class EventReplay {
  readonly #replay: JournalReplay;
  readonly #history: LedgerHistory;
  readonly #placed: PlacedEvent;
  readonly #open: Map<string, Map<string, HoldRow>>;
  readonly #findings: RoundFindings;

  constructor(
    replay: JournalReplay,
    placed: PlacedEvent,
    open: Map<string, Map<string, HoldRow>>,
    findings: RoundFindings,
  ) {
    this.#replay = replay;
    this.#history = replay.history;
    this.#placed = placed;
    this.#open = open;
    this.#findings = findings;
  }

  apply(): void {
    const { event } = this.#placed;
    switch (event.type) {
      case "open": {
        const { account, id } = event;
        if (this.#account(account.id) !== null) this.#wrong("chain-broken", "opens an account that is there");
        if (id === "initial" && INITIAL_LIMITS.get(account.id) !== account.creditLimit)
          this.#wrong("unasked", "is no account of the start");
        this.#history.setAccount(account);
        return;
      }
      case "change": {
        const before = this.#account(event.account.id);
        const { creditLimit, state } = event.account;
        if (before?.state === "closed") this.#wrong("chain-broken", "changes a closed account");
        if (state === "closed" && (before?.balance !== 0 || before.held !== 0))
          this.#wrong("chain-broken", "closes an account that is not empty");
        this.#setRow(before === null ? null : { ...before, creditLimit, state }, event.account);
        return;
      }
      case "entry":
        return this.#entry(event);
      case "transaction": {
        const { moves, accounts, details } = event;
        this.#moves(moves, accounts, event, new Map());
        const id = idOf("t", this.#placed);
        const { reverses } = details;
        if (reverses !== null) this.#reverse(reverses, id, moves);
        this.#addTransaction(id, moves, { reference: details.reference, reverses, hold: null });
        return;
      }
      case "hold": {
        const { account, to, amount, expiresAt } = event;
        const before = this.#account(account.id);
        if (before !== null && before.state !== "open")
          this.#wrong("chain-broken", `holds something of an account that is ${before.state}`);
        this.#setRow(before === null ? null : { ...before, held: before.held + amount }, account);
        const id = idOf("h", this.#placed);
        const ends = { captured: 0, transaction: null };
        this.#setHold({ id, state: "open", from: account.id, to, amount, expiresAt, ...ends });
        this.#checkHeld(account);
        return;
      }
      case "capture":
        return this.#capture(event);
      case "release":
      case "expiry": {
        const hold = this.#endOf(event);
        const before = this.#account(event.account.id);
        this.#setRow(
          before === null || hold === null ? null : { ...before, held: before.held - hold.amount },
          event.account,
        );
        if (hold !== null)
          this.#setHold({ ...hold, state: event.type === "release" ? "released" : "expired" });
        this.#checkHeld(event.account);
        return;
      }
      case "refusal":
      case "missing":
        return;
    }
  }

  #entry(event: Extract<Event, { type: "entry" }>): void {
    const { account, kind, value, balance, seq, time, creditLimit, id, description } = event;
    const before = this.#account(account);
    const after = (before?.balance ?? 0) + (kind === "credit" ? value : -value);
    if (before === null || seq !== before.seq + 1 || balance !== after || value < 1) {
      this.#wrong("chain-broken", `follows seq ${before?.seq} with balance ${before?.balance}`);
    } else if (creditLimit !== before.creditLimit)
      this.#wrong(
        "chain-broken",
        `was decided under another limit than ${before.creditLimit}, which was in force`,
      );
    else if (before.held !== 0 || before.state !== "open")
      this.#wrong(
        "held-off",
        `says that nothing was held and the account open; ${before.held}, ${before.state}`,
      );
    if (before !== null && time <= before.time)
      this.#wrong("chain-broken", "is not after the entry before it");
    const row = { ...emptyRow(account), ...before, seq, balance, time };
    this.#history.setAccount(row);
    this.#checkLimit(row);
    const reference = null;
    const { shard, g, index } = this.#placed;
    const rest = { description, command: id, time, counterparty: WORLD, reference, shard, g, event: index };
    this.#addEntry({ account, seq, kind, value, balance, ...rest });
    const moved = { from: kind === "credit" ? WORLD : account, to: kind === "credit" ? account : WORLD };
    this.#count({ ...moved, amount: value }, row.unit);
    const none = { reference: null, reverses: null, hold: null };
    this.#addTransaction(idOf("t", this.#placed), [{ ...moved, amount: value }], none);
  }

  #capture(event: Extract<Event, { type: "capture" }>): void {
    const { moves, accounts, details } = event;
    const hold = this.#endOf(event);
    const freed = new Map<string, number>(hold === null ? [] : [[hold.from, hold.amount]]);
    if (hold !== null && moves.some(({ from }) => from !== hold.from))
      this.#wrong("chain-broken", `takes from others than ${hold.from}, whose hold it is`);
    this.#moves(moves, accounts, event, freed);
    const id = moves.length === 0 ? null : idOf("t", this.#placed);
    if (hold !== null) {
      const captured = moves.reduce((sum, { amount }) => sum + amount, 0);
      this.#setHold({ ...hold, state: "captured", captured, transaction: id });
      for (const row of accounts) if (row.id === hold.from) this.#checkHeld(row);
    }
    if (id !== null)
      this.#addTransaction(id, moves, { reference: details.reference, reverses: null, hold: event.hold });
  }

  /** @param freed what is no longer held, by account */
  #moves(
    moves: readonly Move[],
    accounts: readonly AccountRow[],
    event: Extract<Event, { type: "transaction" | "capture" }>,
    freed: ReadonlyMap<string, number>,
  ): void {
    const rows = new Map<string, AccountRow>();
    const last = new Map(accounts.map((row) => [row.id, row]));
    for (const { id } of accounts) {
      const before = this.#account(id);
      if (before !== null) rows.set(id, { ...before, held: before.held - (freed.get(id) ?? 0) });
    }
    const { shard, g, index } = this.#placed;
    const { description, reference } = event.details;
    const common = { description: description ?? "", command: event.id, reference, shard, g, event: index };
    for (const { from, to, amount, fromSeq, fromBalance, toSeq, toBalance } of moves) {
      for (const [side, other, seq, balance, change] of [
        [from, to, fromSeq, fromBalance, -amount],
        [to, from, toSeq, toBalance, amount],
      ] as const) {
        if (side === WORLD) continue;
        const row = rows.get(side);
        if (row === undefined || seq !== row.seq + 1 || balance !== row.balance + change || amount < 1) {
          this.#wrong(
            "chain-broken",
            `moves ${amount} of ${side} from seq ${row?.seq}, balance ${row?.balance}`,
          );
        }
        if (
          row?.state === "closed" ||
          (row?.state === "frozen" && change < 0 && event.type === "transaction")
        )
          this.#wrong("chain-broken", `changes account ${side}, which is ${row.state}`);
        const next = { ...emptyRow(side), ...row, seq, balance };
        rows.set(side, next);
        if (change < 0) this.#checkLimit(next);
        const after = last.get(side);
        const time = after === undefined ? event.time : after.time - (after.seq - seq);
        const kind = change < 0 ? ("debit" as const) : ("credit" as const);
        this.#addEntry({
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
      const units = [from, to].flatMap((side) => (side === WORLD ? [] : [rows.get(side)?.unit]));
      if (new Set(units).size > 1) this.#wrong("chain-broken", `moves ${units.join(" into ")}`);
      this.#count({ from, to, amount }, units[0] ?? "");
    }
    for (const row of accounts) this.#setRow(rows.get(row.id) ?? null, row);
    for (const id of rows.keys())
      if (!last.has(id)) this.#wrong("chain-broken", `does not tell how account ${id} stands after it`);
  }

  #reverse(reversed: string, by: string, moves: readonly Move[]): void {
    const found = this.#history.at(this.#history.position).transaction(reversed);
    if (found === null) return this.#wrong("unasked", `takes back ${reversed}, which there is not`);
    if (found.reverses !== null) this.#wrong("reversed-twice", "takes back what is a reversal itself");
    if (found.reversedBy !== null)
      this.#wrong("reversed-twice", `takes back ${reversed}, which ${found.reversedBy} has taken back`);
    const wanted = oppositeOf(found.postings);
    const done = moves.map(({ from, to, amount }) => ({ from, to, amount }));
    if (JSON.stringify(done) !== JSON.stringify(wanted))
      this.#wrong("partly-applied", `does not take back the whole of ${reversed}`);
    this.#history.setTransaction({ ...found, reversedBy: by });
  }

  /** The hold that ends. */
  #endOf(event: Extract<Event, { type: "capture" | "release" | "expiry" }>): HoldRow | null {
    const hold = this.#history.at(this.#history.position).hold(event.hold);
    if (hold === null) {
      this.#wrong("unasked", "ends a hold that there is not");
      return null;
    }
    if (hold.state !== "open") this.#wrong("hold-ended-twice", `ends a hold that is ${hold.state}`);
    const isDue = event.time >= hold.expiresAt;
    if (event.type === "expiry" && !isDue)
      this.#wrong("expired-wrongly", "lets a hold expire before its time");
    if (event.type !== "expiry" && isDue)
      this.#wrong(
        "expired-wrongly",
        `has the hold end so at ${event.time}, after it expired at ${hold.expiresAt}`,
      );
    return hold;
  }

  #setHold(row: HoldRow): void {
    this.#history.setHold(row);
    let open = this.#open.get(row.from);
    if (open === undefined) this.#open.set(row.from, (open = new Map()));
    if (row.state === "open") open.set(row.id, row);
    else open.delete(row.id);
  }

  #checkHeld({ id, held }: AccountRow): void {
    let sum = 0;
    for (const { amount } of this.#open.get(id)?.values() ?? []) sum += amount;
    if (sum !== held) this.#wrong("held-off", `leaves ${held} held, where the open holds are ${sum}`);
  }

  #addTransaction(
    id: string,
    postings: readonly { readonly from: string; readonly to: string; readonly amount: number }[],
    rest: {
      readonly reference: string | null;
      readonly reverses: string | null;
      readonly hold: string | null;
    },
  ): void {
    const moved = postings.map(({ from, to, amount }) => ({ from, to, amount }));
    this.#history.setTransaction({ id, postings: moved, ...rest, reversedBy: null });
  }

  #addEntry(entry: EntryRow): void {
    const { entries } = this.#replay;
    const known = entries.get(entry.account);
    if (known === undefined) entries.set(entry.account, [entry]);
    else known.push(entry);
  }

  #count(
    { from, to, amount }: { readonly from: string; readonly to: string; readonly amount: number },
    unit: string,
  ): void {
    const { world } = this.#replay;
    const change = (to === WORLD ? BigInt(amount) : 0n) - (from === WORLD ? BigInt(amount) : 0n);
    world.set(unit, (world.get(unit) ?? 0n) + change);
  }

  #account(id: string): AccountRow | null {
    return this.#history.at(this.#history.position).account(id);
  }

  /** @param wanted what follows from the row before, but for its time; null if there was none, or nothing can follow */
  #setRow(wanted: AccountRow | null, row: AccountRow): void {
    if (wanted === null || rowText({ ...wanted, time: row.time }) !== rowText(row))
      this.#wrong("chain-broken", `leaves ${rowText(row)}, where ${wanted && rowText(wanted)} follows`);
    else if (row.time < wanted.time) this.#wrong("chain-broken", "has an account's time go back");
    this.#history.setAccount(row);
    this.#checkLimit(row);
  }

  #checkLimit({ id, balance, held, creditLimit }: AccountRow): void {
    if (balance - held >= -creditLimit && held >= 0) return;
    const detail = `leaves account ${id} with balance ${balance}, ${held} held and limit ${creditLimit}`;
    this.#wrong("limit-passed", detail);
  }

  #wrong(name: Violation["name"], detail: string): void {
    const { shard, g, text } = this.#placed;
    this.#findings.add(name, `The event "${text}" of shard ${shard}'s batch ${g} ${detail}.`);
  }
}

function emptyRow(id: string): AccountRow {
  const money = { creditLimit: 0, balance: 0, held: 0, seq: 0 };
  return { id, ...money, time: 0, unit: "", state: "open", openedAt: 0 };
}

export function rowText(row: AccountRow): string {
  const { id, creditLimit, balance, held, seq, time, unit, state, openedAt } = row;
  return [id, creditLimit, balance, held, seq, time, unit, state, openedAt].join(" ");
}
