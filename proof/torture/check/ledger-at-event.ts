import { type Posting, WORLD } from "../clients/history.ts";
import type { Violation } from "./checker-types.ts";
import type { AccountRow } from "./journal-events.ts";
import type { ReplayedLedger } from "./replayed-ledger.ts";
import type { EntryRow, PlacedEvent } from "./placed-event.ts";
import type { RoundFindings } from "./round-violations.ts";

/** The ledger as an event meets it, and changes it. What is wrong with it is told of the event. */
export class LedgerAtEvent {
  readonly replay: ReplayedLedger;
  readonly placed: PlacedEvent;
  readonly #findings: RoundFindings;

  constructor(replay: ReplayedLedger, placed: PlacedEvent, findings: RoundFindings) {
    this.replay = replay;
    this.placed = placed;
    this.#findings = findings;
  }

  account(id: string): AccountRow | null {
    return this.replay.history.at(this.replay.history.position).account(id);
  }

  isElsewhere(party: string): boolean {
    const place = this.replay.placeOf(party);
    return place !== undefined && place.shard !== this.placed.shard;
  }

  /** Of an account that was never opened it is not known where it would be. */
  isHere(account: string): boolean {
    return this.replay.placeOf(account)?.shard === this.placed.shard;
  }

  /** @returns the unit of both */
  checkUnits(from: string, to: string): string {
    const units = [from, to].flatMap((side) => (side === WORLD ? [] : [this.replay.placeOf(side)?.unit]));
    if (new Set(units).size > 1) this.wrong("chain-broken", `moves ${units.join(" into ")}`);
    return units[0] ?? "";
  }

  /** @param wanted what follows from the row before, but for its time; null if there was none, or nothing can follow */
  setRow(wanted: AccountRow | null, row: AccountRow): void {
    if (wanted === null || rowText({ ...wanted, time: row.time }) !== rowText(row))
      this.wrong("chain-broken", `leaves ${rowText(row)}, where ${wanted && rowText(wanted)} follows`);
    else if (row.time < wanted.time) this.wrong("chain-broken", "has an account's time go back");
    this.replay.history.setAccount(row);
    this.checkLimit(row);
  }

  checkLimit({ id, balance, held, creditLimit }: AccountRow): void {
    if (balance - held >= -creditLimit && held >= 0) return;
    const detail = `leaves account ${id} with balance ${balance}, ${held} held and limit ${creditLimit}`;
    this.wrong("limit-passed", detail);
  }

  checkHeld({ id, held }: AccountRow): void {
    let sum = this.replay.transits.outgoingOf(id);
    for (const { amount } of this.replay.openHolds.get(id)?.values() ?? []) sum += amount;
    if (sum !== held)
      this.wrong(
        "held-off",
        `leaves ${held} held, where the open holds, and the parts of transactions, are ${sum}`,
      );
  }

  addEntry(entry: EntryRow): void {
    const { entries } = this.replay;
    const known = entries.get(entry.account);
    if (known === undefined) entries.set(entry.account, [entry]);
    else known.push(entry);
  }

  /** @param isFinish whether it is what was in transit until now */
  count({ from, to, amount }: Posting, unit: string, isFinish: boolean): void {
    const { world, transits } = this.replay;
    const value = BigInt(amount);
    for (const [side, other, change] of [
      [from, to, -value],
      [to, from, value],
    ] as const) {
      const isElsewhere = this.isElsewhere(side);
      if (other === WORLD) {
        if (!isElsewhere) world.set(unit, (world.get(unit) ?? 0n) - change);
      } else if (side !== WORLD && isElsewhere !== isFinish)
        transits.sums.set(unit, (transits.sums.get(unit) ?? 0n) + (isFinish ? -change : change));
    }
  }

  wrong(name: Violation["name"], detail: string): void {
    const { shard, g, text } = this.placed;
    this.#findings.add(name, `The event "${text}" of shard ${shard}'s batch ${g} ${detail}.`);
  }
}

function rowText(row: AccountRow): string {
  const { id, creditLimit, balance, held, seq, time, unit, state, openedAt } = row;
  return [id, creditLimit, balance, held, seq, time, unit, state, openedAt].join(" ");
}
