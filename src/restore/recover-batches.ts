import type { Batch } from "../carry/batch.ts";
import type { AccountId } from "../ledger/account.ts";
import {
  accountsOf,
  type AccountStep,
  type ChangingEvent,
  endedBy,
  isChange,
  type OpenHold,
  type Standing,
  stepsOf,
} from "../keep/account-steps.ts";
import { commandIdOf, formatEvent, type LedgerEvent, parseEvent, timeOf } from "../ledger/event.ts";
import { eventId } from "../ledger/event-id.ts";
import type { Place } from "../ledger/event-results.ts";
import { isPartEvent, PartChanges, type PreparedPart } from "../keep/transits/part-changes.ts";
import type { EventId } from "../ledger/transaction.ts";
import type { AttemptId } from "../ledger/transit.ts";

/** The state of an account in the books. */
export type BooksAccount = AccountStep["after"];

/** What the books have of what the batches build upon. */
export interface InBooks {
  /** The accounts in the batches. */
  readonly accounts: ReadonlyMap<AccountId, BooksAccount>;
  /** The open ones of the holds that the batches end. */
  readonly openHolds: ReadonlyMap<EventId, OpenHold>;
  /** The same of parts of transactions across shards. */
  readonly openParts: ReadonlyMap<AttemptId, PreparedPart>;
}

/** The batches of one shard that outbox and feed have. The maps have the events of each batch, by g. */
export interface RecoverySources {
  readonly shard: number;
  readonly epoch: string;
  /** The books' cursor. */
  readonly lastG: number;
  /** The latest batch that any source knows of. */
  readonly knownG: number;
  readonly outbox: ReadonlyMap<number, readonly string[]>;
  readonly feed: ReadonlyMap<number, readonly string[]>;
}

export interface LatestKnown {
  readonly seq: number;
  readonly balance: number;
}

export interface RecoveredBatches {
  /** The batches that can be kept, in the order of g; in place of an event that does not continue is one that says so. */
  readonly batches: readonly Batch[];
  readonly fromOutbox: number;
  readonly fromFeed: number;
  /** Batches that no source has, `from` and `to` included. */
  readonly holes: readonly { readonly from: number; readonly to: number }[];
  /** Accounts with an event that cannot be kept, each with its latest known state. */
  readonly missing: ReadonlyMap<AccountId, LatestKnown>;
}

/**
 * Decides which of the batches after the books' cursor can be brought into the books.
 *
 * If outbox and feed differ, the outbox counts, since Redis answers from the same data. After a hole, events are judged
 * for each account: an event is kept if it continues the chain of each of its accounts (seq, balance, limit, what is held,
 * state), as it is in the books and in the events kept so far, and if the hold or the part that it ends is there. After the first
 * event that does not, nothing more of any of its accounts is kept: a chain with a hole would be wrong, and so would be
 * one side of a transaction. Refusals changed no account, and are kept.
 */
export function recoverBatches(sources: RecoverySources, inBooks: InBooks): RecoveredBatches {
  const { shard, epoch, lastG, knownG, outbox, feed } = sources;
  const accounts = new Map(inBooks.accounts);
  const openHolds = new Map(inBooks.openHolds);
  const parts = new PartChanges(inBooks.openParts);
  const stopped = new Set<AccountId>();
  const missing = new Map<AccountId, LatestKnown>();
  const batches: Batch[] = [];
  const holes: { from: number; to: number }[] = [];
  let [fromOutbox, fromFeed, reached] = [0, 0, lastG];
  const continues = ({ account, before }: AccountStep, isOpening: boolean): boolean => {
    const found = stopped.has(account) ? null : accounts.get(account);
    return isOpening ? found === undefined : found !== null && found !== undefined && isAt(found, before);
  };

  for (const g of gsOf(sources)) {
    if (g > reached + 1) holes.push({ from: reached + 1, to: g - 1 });
    reached = g;
    const inOutbox = outbox.get(g);
    const inFeed = feed.get(g);
    if (inOutbox === undefined) fromFeed += 1;
    else fromOutbox += 1;
    const events: string[] = [];
    let kept = 0;
    for (const [index, text] of (inOutbox ?? inFeed ?? []).entries()) {
      const event = parseEvent(text);
      const steps = isChange(event) ? stepsOf(event, openHolds) : [];
      const isNext =
        typeof steps !== "string" && steps.every((step) => continues(step, event.type === "open"));
      if (isNext && partFault(parts, event, { shard, g, index }) === null) {
        for (const { account, after } of steps) accounts.set(account, after);
        const ended = endedBy(event);
        if (ended !== null) openHolds.delete(ended);
        if (event.type === "hold") {
          const { account, amount, time } = event;
          openHolds.set(eventId("h", shard, g, index, time), { account: account.id, amount });
        }
        events.push(text);
        kept = events.length;
      } else if (isChange(event)) {
        for (const { id } of accountsOf(event)) stopped.add(id);
        noteMissing(missing, event);
        // Ids of transactions and holds are places: so those behind it keep theirs.
        events.push(formatEvent({ type: "missing", time: timeOf(event), from: g, to: g }));
      }
    }
    events.length = kept;
    // Redis came back older and decided another batch under this number. The one in the feed was answered as well.
    const displaced = inOutbox === undefined ? [] : (inFeed ?? []).filter((text) => !inOutbox.includes(text));
    const decided =
      displaced.length === 0 ? [] : (inOutbox ?? []).map((text) => commandIdOf(parseEvent(text)));
    for (const text of displaced) {
      const event = parseEvent(text);
      // What was refused in it is remembered, unless the same key was decided again.
      if (event.type === "refusal" && !decided.includes(commandIdOf(event))) events.push(text);
      if (isChange(event)) noteMissing(missing, event);
    }
    batches.push({ epoch, shard, g, events });
  }
  if (knownG > reached) holes.push({ from: reached + 1, to: knownG });
  return { batches, fromOutbox, fromFeed, holes, missing };
}

/** Why an event of a part does not follow from that part. What fits is noted. */
function partFault(parts: PartChanges, event: LedgerEvent, place: Place): string | null {
  return isPartEvent(event) ? parts.take(event, place) : null;
}

/** The batches after the cursor, with all of their events. */
export function batchesIn(sources: RecoverySources): Batch[] {
  const { shard, epoch, outbox, feed } = sources;
  return gsOf(sources).map((g) => ({ epoch, shard, g, events: outbox.get(g) ?? feed.get(g) ?? [] }));
}

/** The accounts in the batches. */
export function accountsIn(batches: readonly Batch[]): AccountId[] {
  const accounts = new Set<AccountId>();
  for (const event of batches.flatMap(({ events }) => events.map(parseEvent)).filter(isChange))
    for (const { id } of accountsOf(event)) accounts.add(id);
  return [...accounts];
}

function gsOf({ lastG, outbox, feed }: RecoverySources): number[] {
  const gs = new Set([...outbox.keys(), ...feed.keys()].filter((g) => g > lastG));
  return [...gs].toSorted((a, b) => a - b);
}

function isAt(found: BooksAccount, { seq, balance, creditLimit, held, state }: Standing): boolean {
  return (
    found.seq === seq &&
    found.balance === balance &&
    found.held === held &&
    (creditLimit === null || found.creditLimit === creditLimit) &&
    (state === null || found.state === state)
  );
}

/** Records that an event is missing: its state becomes the latest known one of its accounts, unless a later one is known. */
export function noteMissing(missing: Map<AccountId, LatestKnown>, event: ChangingEvent): void {
  for (const { id, seq, balance } of accountsOf(event))
    missing.set(id, laterOf(missing.get(id), { seq, balance }));
}

function laterOf(first: LatestKnown | undefined, second: LatestKnown): LatestKnown {
  return first !== undefined && first.seq > second.seq ? first : second;
}
