import { openingHash } from "../../ledger/content-hash.ts";
import { type LedgerEvent, parseEventOrNull } from "../../ledger/event.ts";
import { formatDetails } from "../../ledger/details-text.ts";
import { entriesOf, type Place } from "../../ledger/event-results.ts";
import { idIn } from "../../ledger/named-id.ts";
import { stepsOf } from "../../keep/account-steps.ts";
import { type AccountState, WORLD } from "../../ledger/account.ts";
import type { KeptEntry } from "../../ledger/entry.ts";
import { eventId } from "../../ledger/event-id.ts";
import type { PartEvent } from "../../ledger/transit.ts";
import type { AccountTable } from "../books/account-table.ts";
import { DuplicateDetector } from "../duplicate-detector.ts";
import { limitsPassed } from "../event-faults.ts";
import { EntryHash } from "./entry-hash.ts";
import { textIn } from "./journal-reader.ts";
import { JournalAccounts, type OnMisfit } from "./journal-accounts.ts";
import { JournalTotals } from "./journal-totals.ts";
import { PartRows } from "./part-rows.ts";
import {
  ACCOUNT,
  DETAILS,
  ENTRY,
  HOLD,
  HOLD_END,
  LIMIT,
  REVERSAL,
  type RowKind,
  STANDING,
} from "./row-sums.ts";
import { detailsText } from "./row-texts.ts";
import type { TextHash } from "./text-hash.ts";

/**
 * Called with a row that an event makes; with `sign` -1 for one that it takes away. `key`, `place` and `hash` are as in
 * RowSums. Until it returns, `EventRows.text` is that of the row.
 */
export type OnRow = (kind: RowKind, key: number, place: number, hash: number, sign: 1 | -1) => void;

type MovingEvent = Extract<LedgerEvent, { readonly type: "transaction" | "capture" | "finish" }>;

type Ending = Extract<LedgerEvent, { readonly type: "capture" | "release" | "expiry" }>;

/** Makes the rows of the books from the journal's events, which have to come in order. */
export class EventRows {
  readonly #hash: TextHash;
  readonly #entry: EntryHash;
  readonly #onRow: OnRow;
  readonly #onMisfit: OnMisfit;
  readonly accounts: JournalAccounts;
  readonly totals = new JournalTotals();
  /** Of the commands whose parts are finished, each as often as it has entries of such a part. */
  readonly finished = new DuplicateDetector(0);
  readonly #parts: PartRows;
  readonly #encoder = new TextEncoder();
  #text: () => string = () => "";

  /** @param table gets each account that is opened */
  constructor(table: AccountTable, hash: TextHash, onRow: OnRow, onMisfit: OnMisfit = () => {}) {
    this.#hash = hash;
    this.#entry = new EntryHash(hash);
    this.#onRow = onRow;
    this.#onMisfit = onMisfit;
    this.accounts = new JournalAccounts(table, onMisfit);
    this.#parts = new PartRows((kind, key, text) => void this.#row(kind, key, 0, text), onMisfit);
  }

  /** Of the row that was made last. */
  get text(): string {
    return this.#text();
  }

  /** @returns false if the text is no event */
  take(view: DataView, from: number, to: number, { shard, g, index }: Place): boolean {
    const entry = this.#entry;
    if (entry.read(view, from, to)) {
      entry.setPlace(shard, g, index);
      this.#text = () => entryText(textIn(view, from, to), { shard, g, index });
      const total = this.accounts.takeEntry(entry.account, entry.limit, () => textIn(view, from, to));
      this.totals.addEntry(total, entry.value);
      this.#onRow(ENTRY, entry.account, entry.seq, entry.hash, 1);
      return true;
    }
    const event = parseEventOrNull(textIn(view, from, to));
    if (event === null || event.type === "entry") return false;
    this.#takeOther(event, { shard, g, index });
    for (const { account: id, seq, detail } of limitsPassed(event))
      this.#onMisfit("limit-passed", { id, seq }, detail);
    return true;
  }

  #takeOther(event: LedgerEvent, place: Place): void {
    switch (event.type) {
      case "open": {
        const { account, time, creditLimit, id, unit } = event;
        const hash = this.#hash.ofText(account);
        const opening = openingHash(event);
        this.#row(ACCOUNT, account, 0, ["o", account, time, id, unit, opening].join(" "));
        this.#row(LIMIT, account, 1, ["l", account, 1, creditLimit, 0, time, id].join(" "));
        const details = this.#row(DETAILS, account, 0, ["n", account, detailsText(event)].join(" "));
        const standing = this.#row(STANDING, account, 0, ["s", account, "open", 0].join(" "));
        const total = this.totals.open(unit);
        this.accounts.open(hash, { creditLimit, details, standing, total });
        return;
      }
      case "change": {
        const { account, time, id } = event;
        const hash = this.#hash.ofText(account.id);
        const version = this.accounts.changeLimit(hash, account.creditLimit);
        if (version !== null) {
          const limit = ["l", account.id, version, account.creditLimit, account.seq, time, id];
          this.#row(LIMIT, account.id, version, limit.join(" "));
        }
        this.accounts.change(hash, account);
        const before = this.accounts.detailsOf(hash);
        this.#text = () => "";
        if (before !== null) this.#onRow(DETAILS, hash, 0, before, -1);
        const details = this.#row(DETAILS, account.id, 0, ["n", account.id, detailsText(event)].join(" "));
        this.accounts.setDetails(hash, details);
        this.#stand(account);
        return;
      }
      case "transaction": {
        for (const account of event.accounts) this.accounts.expect(this.#hash.ofText(account.id), account);
        this.#fits(event, 0);
        this.#parts.decide(event, place);
        this.#move(event, place);
        if (event.reverses === null) return;
        const reversal = eventId("t", place.shard, place.g, place.index, event.time);
        this.#row(REVERSAL, event.reverses, 0, ["v", event.reverses, reversal, event.time].join(" "));
        return;
      }
      case "hold": {
        const { account, time, to, amount, expiresAt, id } = event;
        this.accounts.hold(this.#hash.ofText(account.id), account, amount);
        const hold = eventId("h", place.shard, place.g, place.index, time);
        const details = formatDetails(event, null) || "{}";
        this.#row(HOLD, hold, 0, ["h", hold, account.id, to, amount, time, expiresAt, id, details].join(" "));
        this.#stand(account);
        return;
      }
      case "capture": {
        const [account, ...others] = event.accounts;
        for (const other of others) this.accounts.expect(this.#hash.ofText(other.id), other);
        if (account === undefined) return;
        const captured = event.postings.reduce((sum, { amount }) => sum + amount, 0);
        this.#fits(event, this.#end(event, account, ["captured", captured], place));
        this.#parts.decide(event, place);
        this.#move(event, place);
        return;
      }
      case "release":
        this.#end(event, event.account, ["released", 0], place);
        return;
      case "expiry":
        this.#end(event, event.account, ["expired", 0], place);
        return;
      case "entry":
      case "refusal":
      case "missing":
        return;
      case "part":
      case "finish":
      case "undo":
        this.#takePart(event, place);
    }
  }

  /**
   * What the event frees is compared with the amount of the hold, by the text.
   *
   * @returns what it frees
   */
  #end(event: Ending, account: AccountState, end: readonly [string, number], place: Place): number {
    const freed = this.accounts.free(this.#hash.ofText(account.id), account);
    const text = ["z", event.hold, account.id, freed, ...end, event.time, place.g, place.index];
    this.#row(HOLD_END, event.hold, 0, text.join(" "));
    this.#stand(account);
    return freed;
  }

  /** What is set aside is in what the account has held, until the part has ended. */
  #takePart(event: PartEvent, place: Place): void {
    for (const [index, account] of event.accounts.entries()) {
      const outgoing = event.sides[index]?.outgoing ?? 0;
      this.accounts.hold(
        this.#hash.ofText(account.id),
        account,
        event.type === "part" ? outgoing : -outgoing,
      );
      if (outgoing > 0) this.#stand(account);
    }
    this.#parts.take(event, place);
    if (event.type !== "finish") return;
    this.#fits(event, 0);
    if (entriesOf(event, place).length > 0) this.finished.addHash(this.#hash.ofText(idIn(event.id)));
    this.#move(event, place);
  }

  /** Both sides of each posting are there, and lead from one to the next and to the accounts as they stand after it. */
  #fits(event: MovingEvent, freed: number): void {
    const [account] = event.accounts;
    if (account === undefined) return;
    const holds =
      event.type === "capture" ? [[event.hold, { account: account.id, amount: freed }] as const] : [];
    const misfit = stepsOf(event, new Map(holds));
    if (typeof misfit === "string")
      this.#onMisfit(
        "account-differs",
        account,
        `the ${event.type} ${event.id} does not fit itself: ${misfit}`,
      );
  }

  #move(event: MovingEvent, place: Place): void {
    this.totals.move(event);
    const limits = new Map(event.accounts.map(({ id, creditLimit }) => [id, creditLimit]));
    for (const entry of entriesOf(event, place)) {
      this.#entry.setEntry(entry, limits.get(entry.account) ?? 0, place, event.time);
      this.#text = () => movedText(entry, limits.get(entry.account) ?? 0, place, event.time);
      this.#onRow(ENTRY, this.#entry.account, this.#entry.seq, this.#entry.hash, 1);
    }
  }

  /** Replaces what the account has held, and its state. */
  #stand(account: AccountState): void {
    const hash = this.#hash.ofText(account.id);
    const before = this.accounts.standingOf(hash);
    this.#text = () => "";
    if (before !== null) this.#onRow(STANDING, hash, 0, before, -1);
    const text = ["s", account.id, account.state, account.held].join(" ");
    this.accounts.setStanding(hash, this.#row(STANDING, account.id, 0, text));
  }

  /** @returns the hash of the row */
  #row(kind: RowKind, key: string, place: number, text: string): number {
    const bytes = this.#encoder.encode(text);
    const hash = this.#hash.of(new DataView(bytes.buffer), 0, bytes.length);
    this.#text = () => text;
    this.#onRow(kind, this.#hash.ofText(key), place, hash, 1);
    return hash;
  }
}

/** As the SQL in row-texts.ts. */
function entryText(event: string, { shard, g, index }: Place): string {
  const time = event.split(" ", 4)[3];
  return `${event} (${shard}-${g}-${index}, ${WORLD} ${time} -)`;
}

function movedText(
  entry: KeptEntry,
  creditLimit: number,
  { shard, g, index }: Place,
  decidedAt: number,
): string {
  const { account, seq, time, kind, value, balance, id, description, counterparty, reference } = entry;
  const letter = kind === "credit" ? "c" : "d";
  const event = [letter, account, seq, time, value, balance, creditLimit, id, description].join(" ");
  return `${event} (${shard}-${g}-${index}, ${counterparty} ${decidedAt} ${reference ?? "-"})`;
}
