import { type Cursor, markOf } from "../events/cursor.ts";
import type { JournalSource, KeptRow } from "../events/journal-source.ts";
import type { PublicEvent } from "../events/public-event.ts";
import type {
  DispatchedWatch,
  DispatchTables,
  NewCrossing,
  PendingDelivery,
  TellableWebhook,
} from "../hooks/dispatch-tables.ts";
import { placeText } from "../hooks/hook-rows.ts";
import { goneShard, latestCursor } from "../hooks/replay-start.ts";
import { isNamed } from "../hooks/webhook-filter.ts";
import { timestamp } from "../http/timestamp.ts";
import { stateJson } from "../http/v1/json.ts";
import type { AccountState } from "../ledger/account.ts";
import { availableOf } from "../ledger/rules.ts";
import type { Log } from "../log/log.ts";
import type { EventReader, ReadRow } from "./event-reader.ts";
import { newDelivery } from "./taker.ts";

/** The accounts as they are in the books, with what batch of each shard they stand at: of one moment. */
export interface BooksNow {
  /** @returns the ids of the accounts of the watch that have less available, and each shard's last batch */
  below(
    watch: Pick<DispatchedWatch, "account" | "prefix" | "availableLessThan">,
  ): Promise<{ readonly accounts: readonly string[]; readonly ends: readonly number[] }>;
  close(): Promise<void>;
}

export interface WatchLoopOptions {
  readonly tables: DispatchTables;
  readonly journal: JournalSource;
  readonly reader: EventReader;
  readonly books: BooksNow;
  readonly log: Log;
}

const ROWS_AT_ONCE = 64;

/**
 * Follows the journal for all watches, and tells each time that an account comes to have less available than a watch says.
 * Which accounts are below is kept with the cursor, in one transaction, so that each crossing is told once. A new watch is
 * armed first: what is below already is no crossing.
 */
export class WatchLoop {
  readonly #options: WatchLoopOptions;
  #cursor: Cursor | null = null;
  #below: ReadonlyMap<string, ReadonlySet<string>> = new Map();
  readonly #armed = new Map<string, readonly number[]>();

  constructor(options: WatchLoopOptions) {
    this.#options = options;
  }

  /** After a failure: what is in the tables counts. */
  forget(): void {
    this.#cursor = null;
    this.#armed.clear();
    this.#options.reader.forget();
  }

  /**
   * Reads the journal on by some rows.
   *
   * @returns the webhooks that got deliveries, and whether there may be more rows
   * @throws LedgerUnavailable
   */
  async step(
    watches: readonly DispatchedWatch[],
  ): Promise<{ readonly touched: ReadonlySet<string>; readonly isMore: boolean }> {
    const { tables } = this.#options;
    const none = new Set<string>();
    this.#cursor ??= await this.#begin(watches);
    // What is known of the watches has to be read anew.
    if (this.#cursor === null) return { touched: none, isMore: false };
    const fresh = watches.filter(({ id, armed }) => armed === null && !this.#armed.has(id));
    for (const watch of fresh) await this.#arm(watch);
    if (fresh.length > 0) this.#below = await tables.below();
    // What was read of the definitions may be older than what was armed here.
    const armed = watches.map((watch) => ({
      ...watch,
      armed: watch.armed ?? this.#armed.get(watch.id) ?? null,
    }));
    const rows = await this.#read();
    if (rows.length === 0) return { touched: none, isMore: false };
    return { touched: await this.#cross(rows, armed), isMore: true };
  }

  /** @returns null where they have to begin anew */
  async #begin(watches: readonly DispatchedWatch[]): Promise<Cursor | null> {
    const { tables, journal, log } = this.#options;
    this.#below = await tables.below();
    const kept = await tables.watchPosition();
    const isAnyArmed = watches.some(({ armed }) => armed !== null);
    if (kept !== null && isAnyArmed) {
      if ((await goneShard(journal, kept)) === null) return kept;
      log.alarm("watches begin anew: the journal that they had read is not there any more.");
    }
    const latest = await latestCursor(journal);
    const hasBegun = await tables.beginWatching(kept, latest);
    this.forget();
    return hasBegun && !isAnyArmed ? latest : null;
  }

  async #arm(watch: DispatchedWatch): Promise<void> {
    const { tables, books } = this.#options;
    const { accounts, ends } = await books.below(watch);
    await tables.arm(watch.id, ends, accounts);
    this.#armed.set(watch.id, ends);
  }

  async #read(): Promise<readonly ReadRow[]> {
    const rows: ReadRow[] = [];
    for (const { shard, g } of this.#cursor ?? [])
      rows.push(...(await this.#options.reader.rows(shard, g + 1, ROWS_AT_ONCE)));
    return rows;
  }

  async #cross(rows: readonly ReadRow[], watches: readonly DispatchedWatch[]): Promise<ReadonlySet<string>> {
    const below = new Map([...this.#below].map(([watch, accounts]) => [watch, new Set(accounts)]));
    const changes: { watch: string; account: string; isBelow: boolean }[] = [];
    const crossings: NewCrossing[] = [];
    const told: { account: string; delivery: PendingDelivery }[] = [];
    for (const { row, index, event, account } of standings(rows)) {
      for (const watch of watches) {
        if (row.g <= (watch.armed?.[row.shard] ?? Number.POSITIVE_INFINITY)) continue;
        if (!isWatched(watch, account.id)) continue;
        const isBelow = availableOf(account) < watch.availableLessThan;
        const known = below.getOrInsertComputed(watch.id, () => new Set());
        if (isBelow === known.has(account.id)) continue;
        changes.push({ watch: watch.id, account: account.id, isBelow });
        if (isBelow) known.add(account.id);
        else known.delete(account.id);
        // What was just opened had no more before: it did not come to have less.
        if (!isBelow || event.type === "account.opened") continue;
        const place = { shard: row.shard, g: row.g, event: index };
        crossings.push({
          ...place,
          watch: watch.id,
          account: account.id,
          body: bodyOf(watch, event, account),
        });
        told.push({ account: account.id, delivery: deliveryOf(watch, event, account) });
      }
    }
    const until = (this.#cursor ?? []).map((position) => {
      const last = rows.findLast(({ row }) => row.shard === position.shard)?.row;
      return last === undefined
        ? position
        : { shard: position.shard, g: last.g, seen: null, mark: markOf(last.hash) };
    });
    const from = this.#cursor ?? [];
    const touched = await this.#options.tables.cross(from, until, changes, crossings, (webhook) =>
      told.filter(({ account }) => isToldTo(webhook, account)).map(({ delivery }) => delivery),
    );
    if (touched === null) {
      this.forget();
      return new Set();
    }
    this.#cursor = until;
    this.#below = below;
    return touched;
  }
}

interface Standing {
  readonly row: KeptRow;
  readonly index: number;
  readonly event: PublicEvent;
  /** As the event leaves it. */
  readonly account: AccountState;
}

function* standings(rows: readonly ReadRow[]): Generator<Standing> {
  for (const { row, events } of rows) {
    for (const [index, event] of events.entries()) {
      if (event === null) continue;
      for (const account of "account" in event ? [event.account] : event.accounts)
        yield { row, index, event, account };
    }
  }
}

function isWatched({ account, prefix, beginning }: DispatchedWatch, id: string): boolean {
  return id.startsWith(beginning) && (account === null ? id.startsWith(prefix ?? "") : account === id);
}

/** Also one that is paused: it goes on where it was. */
function isToldTo({ types, accounts, beginning }: TellableWebhook, id: string): boolean {
  if (!id.startsWith(beginning)) return false;
  return (types === null || types.has(CROSSED)) && (accounts === null || isNamed(accounts, id));
}

const CROSSED = "watch.crossed";

function bodyOf(watch: DispatchedWatch, event: PublicEvent, account: AccountState): string {
  const head = `"id":"${crossingId(watch.id, event.id, account.id)}","type":"${CROSSED}","at":"${timestamp(event.time)}"`;
  return `{${head},"data":{"watch":"${watch.id}","account":${stateJson(account)},"event":"${event.id}"}}`;
}

export function crossingId(watch: string, event: string, account: string): string {
  return `w${watch}-${event}-${account}`;
}

/** Behind its event, among those of its account. */
function deliveryOf(watch: DispatchedWatch, event: PublicEvent, account: AccountState): PendingDelivery {
  const { shard, g, index } = event.place;
  return {
    ...newDelivery(shard, g, index, Date.now() * 1000),
    sub: `${watch.id} ${account.id}`,
    id: crossingId(watch.id, event.id, account.id),
    type: CROSSED,
    accounts: [account.id],
    before: placeText({ g, seen: index + 1, mark: 0 }),
  };
}
