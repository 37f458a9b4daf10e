import type { Batch } from "../carry/batch.ts";
import { openingHash } from "../ledger/content-hash.ts";
import { messageOf } from "../errors.ts";
import { type AccountId, type AccountStatus, type Metadata, WORLD } from "../ledger/account.ts";
import type { KeptEntry } from "../ledger/entry.ts";
import { type LedgerEvent, parseEvent, timeOf } from "../ledger/event.ts";
import { entriesOf, type Place } from "../ledger/event-results.ts";
import { eventId } from "../ledger/event-id.ts";
import type { EventId } from "../ledger/transaction.ts";
import type { AttemptId, PartEvent } from "../ledger/transit.ts";
import { type AccountStep, type ChangingEvent, isChange, type OpenHold, stepsOf } from "./account-steps.ts";
import { Divergence } from "./divergence.ts";
import { type HoldEnd, HoldChanges, type NewHold } from "./hold-changes.ts";
import { PartChanges, type PreparedPart, type TransitChanges } from "./transits/part-changes.ts";

/** The state that an account must have before the batches, and its state after them. */
export interface AccountChange {
  readonly account: AccountId;
  readonly seqBefore: number;
  readonly balanceBefore: number;
  /** `null`: the events do not say; so for the state. */
  readonly limitBefore: number | null;
  readonly heldBefore: number;
  readonly stateBefore: AccountStatus | null;
  readonly seq: number;
  readonly balance: number;
  readonly creditLimit: number;
  readonly held: number;
  readonly state: AccountStatus;
  /** What came in from other accounts, less what went out to them. */
  readonly fromOthers: bigint;
  /** The entries that are not the first of a transaction: all others count one. */
  readonly entriesMore: number;
  /** It was open all the time, had no hold, and each of its entries is a transaction with the outside. */
  readonly isPlain: boolean;
}

/** Named as add_changes reads it; so are the next ones. */
export interface Opened {
  readonly account: AccountId;
  readonly unit: string;
  readonly name: string | null;
  readonly metadata: Metadata;
  readonly opening: string;
  readonly credit_limit: number;
  readonly opened_at: number;
  readonly command: string;
}

export interface NewDetails {
  readonly account: AccountId;
  readonly name: string | null;
  readonly metadata: Metadata;
}

/** The limit after an event that may have changed it. */
export interface NewLimit {
  readonly account: AccountId;
  readonly credit_limit: number;
  readonly after_seq: number;
  readonly command: string;
  readonly changed_at: number;
}

export interface Reversal {
  readonly reversed: EventId;
  readonly reversal: EventId;
  readonly time: number;
}

/** An entry of a transaction that is more than a credit or debit of the contest's route. */
export interface MovedEntry {
  readonly entry: KeptEntry;
  readonly creditLimit: number;
  readonly place: Place;
  /** When its event was decided. */
  readonly decidedAt: number;
}

/** The effect of some consecutive batches on the books. */
export interface NetChanges {
  readonly opened: readonly Opened[];
  /** Each account once. */
  readonly details: readonly NewDetails[];
  readonly newLimits: readonly NewLimit[];
  readonly reversals: readonly Reversal[];
  readonly moved: readonly MovedEntry[];
  readonly holds: readonly NewHold[];
  readonly ends: readonly HoldEnd[];
  /** `null`: none of the transactions is one across shards. */
  readonly transits: TransitChanges | null;
  /** Each account once. */
  readonly changes: readonly AccountChange[];
  /** How many there are. */
  readonly entries: number;
  /** For each batch, the latest time among its events; 0 if it has none. */
  readonly times: readonly number[];
}

/**
 * Reads the events of the batches into one net change for each account, and checks that the events of each account
 * follow from each other. Whether the first one follows from what the books have is checked by the books.
 *
 * @param openHolds the holds in the books that the batches end
 * @param openParts as well, of transactions across shards
 * @throws Divergence if a text is not an event, or an event does not follow from the one before it
 */
export function netChanges(
  batches: readonly Batch[],
  openHolds: ReadonlyMap<EventId, OpenHold> = new Map(),
  openParts: ReadonlyMap<AttemptId, PreparedPart> = new Map(),
): NetChanges {
  const collector = new Collector(openHolds, openParts);
  const times = batches.map(({ shard, g, events }) => {
    let latest = 0;
    for (const [index, text] of events.entries()) {
      const event = parse(text, shard, g);
      latest = Math.max(latest, timeOf(event));
      // Refusals, and what is missing, stand in the journal alone.
      if (isChange(event)) collector.take(event, { shard, g, index }, text);
    }
    return latest;
  });
  return { ...collector.changes(), times };
}

type EntryEvent = Extract<ChangingEvent, { type: "entry" }>;

class Collector {
  readonly #changes = new Map<AccountId, Change>();
  readonly #holds: HoldChanges;
  readonly #parts: PartChanges;
  readonly #opened: Opened[] = [];
  readonly #details = new Map<AccountId, NewDetails>();
  readonly #newLimits: NewLimit[] = [];
  readonly #reversals: Reversal[] = [];
  readonly #moved: MovedEntry[] = [];
  #entries = 0;

  constructor(openHolds: ReadonlyMap<EventId, OpenHold>, openParts: ReadonlyMap<AttemptId, PreparedPart>) {
    this.#holds = new HoldChanges(openHolds);
    this.#parts = new PartChanges(openParts);
  }

  take(event: ChangingEvent, place: Place, text: string): void {
    if (event.type === "entry") {
      this.#takeEntry(event, place, text);
      return;
    }
    const steps = stepsOf(event, this.#holds.open);
    if (typeof steps === "string") throw misfit(place, text, steps);
    for (const step of steps) this.#step(step, event.type === "open", place, text);
    switch (event.type) {
      case "open": {
        const { account, unit, name, metadata, creditLimit, time, id } = event;
        const opening = openingHash(event);
        const opened = { account, unit, name, metadata, opening, credit_limit: creditLimit };
        this.#opened.push({ ...opened, opened_at: time, command: id });
        this.#newLimits.push(newLimit({ id: account, creditLimit, seq: 0 }, event));
        break;
      }
      case "change": {
        const { account, name, metadata } = event;
        this.#details.set(account.id, { account: account.id, name, metadata });
        this.#newLimits.push(newLimit(account, event));
        break;
      }
      case "transaction":
        if (event.reverses !== null) {
          const { time, reverses: reversed } = event;
          const reversal = eventId("t", place.shard, place.g, place.index, time);
          this.#reversals.push({ reversed, reversal, time });
        }
        this.#parts.decide(event, place);
        this.#move(event, place);
        break;
      case "hold":
        this.#holds.create(event, place);
        break;
      case "capture":
        this.#holds.end(event, place);
        this.#parts.decide(event, place);
        this.#move(event, place);
        break;
      case "release":
      case "expiry":
        this.#holds.end(event, place);
        break;
      case "finish":
        this.#takePart(event, place, text);
        this.#move(event, place);
        break;
      case "part":
      case "undo":
        this.#takePart(event, place, text);
    }
  }

  changes(): Omit<NetChanges, "times"> {
    const { created: holds, ends } = this.#holds;
    return {
      opened: this.#opened,
      details: [...this.#details.values()],
      newLimits: this.#newLimits,
      reversals: this.#reversals,
      moved: this.#moved,
      holds: [...holds],
      ends,
      transits: this.#parts.changes,
      changes: [...this.#changes.values()],
      entries: this.#entries,
    };
  }

  /** Nearly all events are of this kind: so no object is made for each. */
  #takeEntry({ entry, creditLimit }: EntryEvent, place: Place, text: string): void {
    const { account, seq, kind, value, balance } = entry;
    const gained = kind === "credit" ? value : -value;
    let change = this.#changes.get(account);
    if (change === undefined) {
      const before = {
        seq: seq - 1,
        balance: balance - gained,
        creditLimit,
        held: 0,
        state: "open",
      } as const;
      change = new Change(account, before, { ...before, seq, balance });
      this.#changes.set(account, change);
    } else {
      const follows =
        change.seq === seq - 1 &&
        change.balance === balance - gained &&
        change.creditLimit === creditLimit &&
        change.held === 0 &&
        change.state === "open";
      if (!follows) throw brokenChain(change, place, text);
      change.seq = seq;
      change.balance = balance;
    }
    this.#entries += 1;
  }

  #step({ account, before, after }: AccountStep, isOpening: boolean, place: Place, text: string): void {
    const change = this.#changes.get(account);
    if (change === undefined) this.#changes.set(account, new Change(account, before, after));
    else if (isOpening || !change.isAt(before)) throw brokenChain(change, place, text);
    else change.moveTo(after);
  }

  #takePart(event: PartEvent, place: Place, text: string): void {
    const fault = this.#parts.take(event, place);
    if (fault !== null) throw misfit(place, text, fault);
  }

  /** The entries of the postings. */
  #move(event: Extract<ChangingEvent, { type: "transaction" | "capture" | "finish" }>, place: Place): void {
    for (const { from, to, amount } of event.postings) {
      if (from === WORLD || to === WORLD) continue;
      this.#changes.get(from)?.addFromOthers(-amount);
      this.#changes.get(to)?.addFromOthers(amount);
    }
    const limits = new Map(event.accounts.map(({ id, creditLimit }) => [id, creditLimit]));
    const entries = entriesOf(event, place);
    for (const [index, entry] of entries.entries()) {
      const { account } = entry;
      const creditLimit = limits.get(account) ?? 0;
      this.#moved.push({ entry, creditLimit, place, decidedAt: event.time });
      // A transaction across shards counts at home.
      if (index > 0 || event.type === "finish") this.#changes.get(account)?.addEntryMore();
    }
    this.#entries += entries.length;
  }
}

class Change implements AccountChange {
  readonly account: AccountId;
  readonly seqBefore: number;
  readonly balanceBefore: number;
  readonly limitBefore: number | null;
  readonly heldBefore: number;
  readonly stateBefore: AccountStatus | null;
  seq: number;
  balance: number;
  creditLimit: number;
  held: number;
  state: AccountStatus;
  entriesMore = 0;
  /** The sum is in two parts, since each amount alone may be as large as a number can be exact. */
  #fromOthers = 0;
  #fromOthersBefore = 0n;

  constructor(account: AccountId, before: AccountStep["before"], after: AccountStep["after"]) {
    this.account = account;
    this.seqBefore = before.seq;
    this.balanceBefore = before.balance;
    this.limitBefore = before.creditLimit;
    this.heldBefore = before.held;
    this.stateBefore = before.state;
    this.seq = after.seq;
    this.balance = after.balance;
    this.creditLimit = after.creditLimit;
    this.held = after.held;
    this.state = after.state;
  }

  get fromOthers(): bigint {
    return this.#fromOthersBefore + BigInt(this.#fromOthers);
  }

  get isPlain(): boolean {
    const hasNoHold = this.heldBefore === 0 && this.held === 0;
    const isOpen = this.stateBefore === "open" && this.state === "open";
    const isFromOthers = this.#fromOthers !== 0 || this.#fromOthersBefore !== 0n;
    return hasNoHold && isOpen && !isFromOthers && this.entriesMore === 0;
  }

  isAt({ seq, balance, creditLimit, held, state }: AccountStep["before"]): boolean {
    return (
      this.seq === seq &&
      this.balance === balance &&
      this.held === held &&
      (creditLimit === null || this.creditLimit === creditLimit) &&
      (state === null || this.state === state)
    );
  }

  moveTo({ seq, balance, creditLimit, held, state }: AccountStep["after"]): void {
    this.seq = seq;
    this.balance = balance;
    this.creditLimit = creditLimit;
    this.held = held;
    this.state = state;
  }

  addFromOthers(amount: number): void {
    const sum = this.#fromOthers + amount;
    if (Number.isSafeInteger(sum)) {
      this.#fromOthers = sum;
    } else {
      this.#fromOthersBefore += BigInt(this.#fromOthers) + BigInt(amount);
      this.#fromOthers = 0;
    }
  }

  addEntryMore(): void {
    this.entriesMore += 1;
  }
}

function parse(text: string, shard: number, g: number): LedgerEvent {
  try {
    return parseEvent(text);
  } catch (error) {
    throw new Divergence({ shard, g }, messageOf(error));
  }
}

function misfit({ shard, g }: Place, text: string, why: string): Divergence {
  return new Divergence({ shard, g }, `in the outbox is ${JSON.stringify(text.slice(0, 300))}, but ${why}`);
}

function brokenChain(change: Change, { shard, g }: Place, text: string): Divergence {
  const { account, seq, balance, creditLimit, held, state } = change;
  const found = `seq ${seq} with balance ${balance}, limit ${creditLimit}, ${held} held, ${state}`;
  return new Divergence(
    { shard, g, account, seq: seq + 1 },
    `in the outbox ${JSON.stringify(text)} follows ${found}`,
  );
}

function newLimit(
  account: { readonly id: AccountId; readonly creditLimit: number; readonly seq: number },
  event: { readonly id: string; readonly time: number },
): NewLimit {
  return {
    account: account.id,
    credit_limit: account.creditLimit,
    after_seq: account.seq,
    command: event.id,
    changed_at: event.time,
  };
}
