import type { Command, Reading } from "../clients/history.ts";
import { shardInId, shardsOf } from "../clients/operation-shards.ts";
import type { AccountRow } from "./journal-events.ts";
import type { ReplayedLedger } from "./replayed-ledger.ts";
import type { HoldRow, LedgerView, TransactionRow } from "./ledger-history.ts";

/**
 * The ledger as some of its shards had it, each at a position of its own: shards have no order among each other. Accounts of
 * the other shards take part in everything, so what a command comes to in this view is what the shards that are looked at
 * make of it. Which is all there is to it, since a refusal is always for what one shard knows: what the shards refuse
 * together is the first of what each refuses.
 */
export class ShardView implements LedgerView {
  readonly #replay: ReplayedLedger;
  readonly #positions: ReadonlyMap<number, number>;

  /** @param positions by shard */
  constructor(replay: ReplayedLedger, positions: ReadonlyMap<number, number>) {
    this.#replay = replay;
    this.#positions = positions;
  }

  account(id: string): AccountRow | null {
    const place = this.#replay.placeOf(id);
    if (place === undefined) return null;
    const view = this.#at(place.shard);
    if (view !== null) return view.account(id);
    const money = { creditLimit: Number.MAX_SAFE_INTEGER, balance: 0, held: 0, seq: 0 };
    return { id, ...money, time: 0, unit: place.unit, state: "open", openedAt: 0 };
  }

  isAway(account: string): boolean {
    const place = this.#replay.placeOf(account);
    return place !== undefined && !this.#positions.has(place.shard);
  }

  hold(id: string): HoldRow | null {
    const view = this.#at(shardInId(id));
    if (view !== null) return view.hold(id);
    const hold = this.#latest.hold(id);
    return hold === null ? null : { ...hold, state: "open", captured: 0, transaction: null };
  }

  transaction(id: string): TransactionRow | null {
    const view = this.#at(shardInId(id));
    if (view !== null) return view.transaction(id);
    const transaction = this.#latest.transaction(id);
    return transaction === null ? null : { ...transaction, reversedBy: null };
  }

  get #latest(): LedgerView {
    return this.#replay.history.at(this.#replay.history.position);
  }

  #at(shard: number | undefined): LedgerView | null {
    const position = shard === undefined ? undefined : this.#positions.get(shard);
    return position === undefined ? null : this.#replay.history.at(position);
  }
}

/** The shards that have to do with an operation, its home first. Accounts that were never opened are on none. */
export function shardsTouched(replay: ReplayedLedger, operation: Command | Reading): readonly number[] {
  const latest = replay.history.at(replay.history.position);
  const accounts: string[] = [];
  if (operation.type === "capture" && operation.parts === null && operation.to === null) {
    const hold = latest.hold(operation.hold);
    if (hold !== null && operation.amount !== 0) accounts.push(hold.to);
  }
  if (operation.type === "reversal")
    for (const { from, to } of latest.transaction(operation.transaction)?.postings ?? [])
      accounts.push(from, to);
  const shardOf = (account: string): number | undefined => replay.placeOf(account)?.shard;
  const more = accounts.map(shardOf).filter((shard) => shard !== undefined);
  return [...new Set([...shardsOf(operation, shardOf), ...more])];
}
