import type { AccountId, AccountState } from "../ledger/account.ts";
import { type LedgerEvent, parseEvent, timeOf } from "../ledger/event.ts";
import { eventId, placeOfEvent } from "../ledger/event-id.ts";
import { endedHold, entriesOf, holdOf, type Place, transactionOf } from "../ledger/event-results.ts";
import type { EventId, Hold } from "../ledger/transaction.ts";
import type { AccountFacts, JournalSource, KeptRow } from "./journal-source.ts";
import type { PublicEvent } from "./public-event.ts";

/** Accounts, and holds, that are remembered. */
const REMEMBERED_MAX = 50_000;

/**
 * Makes public events of rows of the journal. It remembers what never changes of accounts, and the holds of the last rows,
 * so that most rows need no look-up.
 */
export class PublicEvents {
  readonly #journal: JournalSource;
  readonly #facts = new Map<AccountId, AccountFacts>();
  /** As they were made. */
  readonly #holds = new Map<EventId, Hold>();

  constructor(journal: JournalSource) {
    this.#journal = journal;
  }

  /**
   * In the order of the journal; `null` for what is no event (refusals, gaps), so that indexes stay those of the journal.
   *
   * @throws LedgerUnavailable
   */
  async of({ shard, g, events: texts }: KeptRow): Promise<readonly (PublicEvent | null)[]> {
    const events = texts.map(parseEvent);
    // What this row itself tells needs no look-up: a hold that is made and captured at once, an account that is new.
    events.forEach((event, index) => this.#learn(event, { shard, g, index }));
    const [facts, holds] = await Promise.all([this.#factsFor(events), this.#holdsFor(events)]);
    return events.map((event, index) => {
      const place = { shard, g, index };
      const time = timeOf(event);
      return toPublic(event, { id: eventId("e", shard, g, index, time), place, time }, facts, holds);
    });
  }

  #learn(event: LedgerEvent, place: Place): void {
    if (event.type === "open")
      remember(this.#facts, event.account, { unit: event.unit, openedAt: event.time });
    if (event.type === "hold") {
      const hold = holdOf(event, place);
      remember(this.#holds, hold.id, hold);
    }
    if ("accounts" in event) for (const account of event.accounts) this.#learnAccount(account);
    if ("account" in event && typeof event.account === "object") this.#learnAccount(event.account);
  }

  #learnAccount({ id, unit, openedAt }: AccountState): void {
    if (!this.#facts.has(id)) remember(this.#facts, id, { unit, openedAt });
  }

  /** Of the accounts of entries, whose events tell only what changed. One look-up for all of a row. */
  async #factsFor(events: readonly LedgerEvent[]): Promise<ReadonlyMap<AccountId, AccountFacts>> {
    const wanted = events.flatMap((event) => (event.type === "entry" ? [event.entry.account] : []));
    const { found, unknown } = lookUp(this.#facts, wanted);
    if (unknown.length === 0) return found;
    for (const [account, facts] of await this.#journal.facts(unknown)) {
      remember(this.#facts, account, facts);
      found.set(account, facts);
    }
    return found;
  }

  /** The holds that end, as they were made. */
  async #holdsFor(events: readonly LedgerEvent[]): Promise<ReadonlyMap<EventId, Hold>> {
    const wanted = events.flatMap((event) =>
      event.type === "capture" || event.type === "release" || event.type === "expiry" ? [event.hold] : [],
    );
    const { found, unknown } = lookUp(this.#holds, wanted);
    if (unknown.length === 0) return found;
    const places = unknown.map((hold) => {
      const place = placeOfEvent("h", hold);
      if (place === null) throw new Error(`the journal ends a hold with no id of one: ${hold}`);
      return place;
    });
    const texts = await this.#journal.eventTexts(places);
    for (const [index, id] of unknown.entries()) {
      const place = places[index];
      const text = texts[index] ?? null;
      const event = text === null ? null : parseEvent(text);
      const hold = event?.type === "hold" && place !== undefined ? holdOf(event, place) : null;
      // Books that end a hold which they do not have are not books that this program has kept.
      if (hold === null || hold.id !== id)
        throw new Error(`the journal ends a hold that it does not have: ${id}`);
      remember(this.#holds, id, hold);
      found.set(id, hold);
    }
    return found;
  }
}

function toPublic(
  event: LedgerEvent,
  common: Pick<PublicEvent, "id" | "place" | "time">,
  facts: ReadonlyMap<AccountId, AccountFacts>,
  holds: ReadonlyMap<EventId, Hold>,
): PublicEvent | null {
  switch (event.type) {
    case "refusal":
    case "missing":
    case "part":
    case "undo":
      return null;
    case "open": {
      const { account: id, time, unit, creditLimit, name, metadata } = event;
      const amounts = { creditLimit, balance: 0, held: 0, seq: 0 };
      const account = { id, unit, state: "open", ...amounts, time, openedAt: time, name, metadata } as const;
      return { ...common, type: "account.opened", account };
    }
    case "change": {
      const { account, name, metadata } = event;
      return { ...common, type: "account.changed", account: { ...account, name, metadata } };
    }
    case "hold":
      return {
        ...common,
        type: "hold.created",
        hold: holdOf(event, common.place),
        accounts: [event.account],
      };
    case "entry":
    case "transaction": {
      const transaction = transactionOf(event, common.place);
      if (transaction === null) return null;
      const accounts = event.type === "entry" ? [stateAfter(event, facts)] : event.accounts;
      return { ...common, type: "transaction.created", transaction, accounts };
    }
    case "finish": {
      // Where an account is only named by a condition, nothing happens.
      if (entriesOf(event, common.place).length === 0) return null;
      const transaction = transactionOf(event, common.place);
      if (transaction === null) return null;
      return { ...common, type: "transaction.created", transaction, accounts: event.accounts };
    }
    case "capture": {
      const hold = ended(event, common.place, holds);
      const postings = event.postings.map(({ from, to, amount }) => ({ from, to, amount }));
      return { ...common, type: "hold.captured", hold, accounts: event.accounts, postings };
    }
    case "release":
    case "expiry": {
      const type = event.type === "release" ? "hold.released" : "hold.expired";
      return { ...common, type, hold: ended(event, common.place, holds), accounts: [event.account] };
    }
  }
}

/** An entry's event is written only where the account is open and has no hold. */
function stateAfter(
  { entry, creditLimit }: Extract<LedgerEvent, { readonly type: "entry" }>,
  facts: ReadonlyMap<AccountId, AccountFacts>,
): AccountState {
  const { account: id, balance, seq, time } = entry;
  const fact = facts.get(id);
  if (fact === undefined)
    throw new Error(`the journal has an entry of an account that was not opened: ${id}`);
  const { unit, openedAt } = fact;
  return { id, unit, state: "open", creditLimit, balance, held: 0, seq, time, openedAt };
}

function ended(
  event: Extract<LedgerEvent, { readonly type: "capture" | "release" | "expiry" }>,
  place: Place,
  holds: ReadonlyMap<EventId, Hold>,
): Hold {
  const hold = holds.get(event.hold);
  if (hold === undefined) throw new Error(`the journal ends a hold that it does not have: ${event.hold}`);
  return endedHold(hold, event, place);
}

/** Those that are known, used now, and the rest, each once. */
function lookUp<T>(
  known: Map<string, T>,
  wanted: readonly string[],
): { readonly found: Map<string, T>; readonly unknown: readonly string[] } {
  const found = new Map<string, T>();
  const unknown = new Set<string>();
  for (const id of wanted) {
    const value = known.get(id);
    if (value === undefined) {
      unknown.add(id);
      continue;
    }
    if (!found.has(id)) remember(known, id, value);
    found.set(id, value);
  }
  return { found, unknown: [...unknown] };
}

/** As the one that was used last; the one that was not used for the longest time goes. */
function remember<T>(known: Map<string, T>, id: string, value: T): void {
  known.delete(id);
  if (known.size >= REMEMBERED_MAX) {
    const [oldest] = known.keys();
    if (oldest !== undefined) known.delete(oldest);
  }
  known.set(id, value);
}
