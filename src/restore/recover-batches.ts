import type { Batch } from "../carry/batch.ts";
import type { AccountId } from "../ledger/account.ts";
import type { ChangingEvent } from "../keep/net-changes.ts";
import { type LedgerEvent, parseEvent } from "../ledger/event.ts";

/** The state of an account in the books. */
export interface BooksAccount {
  readonly seq: number;
  readonly balance: number;
  readonly creditLimit: number;
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
  /** The batches that can be kept, in the order of g, without events that do not continue their account's chain. */
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
 * for each account: an event is kept if it continues its account's chain (seq, balance, limit), as it is in the books
 * and in the events kept so far. After the first event that does not, nothing more of that account is kept: a chain
 * with a hole would be wrong. Refusals changed no account, and are kept.
 *
 * @param inBooks the accounts in the batches, as far as the books have them
 */
export function recoverBatches(
  sources: RecoverySources,
  inBooks: ReadonlyMap<AccountId, BooksAccount>,
): RecoveredBatches {
  const { shard, epoch, lastG, knownG, outbox, feed } = sources;
  const accounts = new Map(inBooks);
  const stopped = new Set<AccountId>();
  const missing = new Map<AccountId, LatestKnown>();
  const markMissing = (event: ChangingEvent): void => noteMissing(missing, event);
  const batches: Batch[] = [];
  const holes: { from: number; to: number }[] = [];
  let [fromOutbox, fromFeed, reached] = [0, 0, lastG];

  for (const g of gsOf(sources)) {
    if (g > reached + 1) holes.push({ from: reached + 1, to: g - 1 });
    reached = g;
    const inOutbox = outbox.get(g);
    const inFeed = feed.get(g);
    if (inOutbox === undefined) fromFeed += 1;
    else fromOutbox += 1;
    // Redis came back older and decided another batch under this number. The one in the feed was answered as well.
    const displaced = inOutbox === undefined ? [] : (inFeed ?? []).filter((text) => !inOutbox.includes(text));
    // What was refused in it is remembered, unless the same key was decided again.
    const events = displaced.filter((text) => !isChange(parseEvent(text)));
    for (const text of inOutbox ?? inFeed ?? []) {
      const event = parseEvent(text);
      if (!isChange(event)) {
        events.push(text);
        continue;
      }
      const account = accountOf(event);
      const next = stopped.has(account) ? null : accountAfter(accounts.get(account), event);
      if (next === null) {
        stopped.add(account);
        markMissing(event);
      } else {
        accounts.set(account, next);
        events.push(text);
      }
    }
    batches.push({ epoch, shard, g, events });
    for (const event of displaced.map(parseEvent).filter(isChange)) markMissing(event);
  }
  if (knownG > reached) holes.push({ from: reached + 1, to: knownG });
  return { batches, fromOutbox, fromFeed, holes, missing };
}

/** The accounts in the batches after the cursor. */
export function accountsIn(sources: RecoverySources): AccountId[] {
  const accounts = new Set<AccountId>();
  for (const g of gsOf(sources)) {
    const events = (sources.outbox.get(g) ?? sources.feed.get(g) ?? []).map(parseEvent);
    for (const event of events.filter(isChange)) accounts.add(accountOf(event));
  }
  return [...accounts];
}

function gsOf({ lastG, outbox, feed }: RecoverySources): number[] {
  const gs = new Set([...outbox.keys(), ...feed.keys()].filter((g) => g > lastG));
  return [...gs].toSorted((a, b) => a - b);
}

/** The account after the event; null if the event does not continue its chain. */
function accountAfter(before: BooksAccount | undefined, event: ChangingEvent): BooksAccount | null {
  switch (event.type) {
    case "entry": {
      const { seq, kind, value, balance } = event.entry;
      const { creditLimit } = event;
      const follows =
        before !== undefined &&
        seq === before.seq + 1 &&
        balance === (kind === "credit" ? before.balance + value : before.balance - value) &&
        creditLimit === before.creditLimit;
      return follows ? { seq, balance, creditLimit } : null;
    }
    case "open":
      return before === undefined ? { seq: 0, balance: 0, creditLimit: event.creditLimit } : null;
    case "limit": {
      const { seq, balance, creditLimit } = event;
      const follows = before !== undefined && seq === before.seq && balance === before.balance;
      return follows ? { seq, balance, creditLimit } : null;
    }
  }
}

export function isChange(event: LedgerEvent): event is ChangingEvent {
  return event.type !== "refusal" && event.type !== "missing";
}

function accountOf(event: ChangingEvent): AccountId {
  return event.type === "entry" ? event.entry.account : event.account;
}

function knownOf(event: ChangingEvent): LatestKnown {
  switch (event.type) {
    case "entry":
      return { seq: event.entry.seq, balance: event.entry.balance };
    case "open":
      return { seq: 0, balance: 0 };
    case "limit":
      return { seq: event.seq, balance: event.balance };
  }
}

/** Records that an event is missing: its state becomes the latest known one of its account, unless a later one is known. */
export function noteMissing(missing: Map<AccountId, LatestKnown>, event: ChangingEvent): void {
  const account = accountOf(event);
  missing.set(account, laterOf(missing.get(account), knownOf(event)));
}

function laterOf(first: LatestKnown | undefined, second: LatestKnown): LatestKnown {
  return first !== undefined && first.seq > second.seq ? first : second;
}
