import type { LedgerEvent } from "../ledger/event.ts";
import { type EventPlace, placeOfEvent } from "../ledger/event-id.ts";
import { transactionOf } from "../ledger/event-results.ts";
import { LedgerUnavailable } from "../ledger/ledger.ts";
import type { EventId, Transaction } from "../ledger/transaction.ts";
import type { Prepared } from "./function-codec.ts";
import type { BooksReader } from "./ports.ts";
import type { Shards } from "./shards.ts";
import { oppositeOf, refusedFor, shardOfEvent } from "./prepare.ts";
import { SharedReads } from "./shared-reads.ts";

/** Transactions and their reversals by id: from Redis, or from the books where Redis has them no more. */
export class KeptTransactions {
  readonly #shards: Shards;
  readonly #books: BooksReader;
  /** Of the books, by shard and g. */
  readonly #batches = new SharedReads<readonly LedgerEvent[] | null>();

  constructor(shards: Shards, books: BooksReader) {
    this.#shards = shards;
    this.#books = books;
  }

  /** What takes a transaction back, or why nothing does. */
  async opposite(id: EventId): Promise<Prepared> {
    const transaction = await this.transaction(id);
    if (transaction === null) return { type: "refused", refused: refusedFor("transaction-unknown") };
    if (transaction.reverses !== null) return { type: "refused", refused: refusedFor("not-reversible") };
    const kept = await fromBooks(this.#books.reversalOf(id));
    // The command itself may be the one that did.
    if (kept !== null && (await this.#isOld(kept)))
      return { type: "refused", refused: refusedFor("already-reversed", null, kept) };
    return { type: "reversal", postings: oppositeOf(transaction.postings) };
  }

  /** Redis knows the reversals of a day: by those that are older, only the books can tell. */
  async #isOld(id: EventId): Promise<boolean> {
    const shard = this.#shards.of(shardOfEvent("t", id, this.#shards.count()));
    return (await shard.reversalOf(id)) === null;
  }

  /** `null` if there is none of this id. */
  async transaction(id: EventId): Promise<Transaction | null> {
    const place = placeOfEvent("t", id);
    const count = this.#shards.count();
    // Before Redis was found their number is not known.
    if (place === null || (count > 0 && place.shard >= count)) return null;
    const event = await this.#event(place);
    const transaction = event === undefined ? null : transactionOf(event, place);
    return transaction?.id === id ? transaction : null;
  }

  /** An event, from the outbox, or else from the books. */
  async #event({ shard, g, index }: EventPlace): Promise<LedgerEvent | undefined> {
    const inOutbox = await this.#shards.of(shard).event(g, index);
    if (inOutbox !== null) return inOutbox;
    // Transactions that are taken back together were often made together.
    const read = () => fromBooks(this.#books.batch(shard, g));
    return (await this.#batches.read(`${shard}-${g}`, read))?.[index];
  }

  /** The reversal of a transaction; `null` if there is none. */
  async reversalOf(id: EventId): Promise<EventId | null> {
    const shard = this.#shards.of(shardOfEvent("t", id, this.#shards.count()));
    return (await shard.reversalOf(id)) ?? (await fromBooks(this.#books.reversalOf(id)));
  }
}

/** @throws LedgerUnavailable if they cannot be read */
export async function fromBooks<T>(read: Promise<T>, more = ""): Promise<T> {
  try {
    return await read;
  } catch (error) {
    throw new LedgerUnavailable(`the books in PostgreSQL cannot be read${more}`, "none", { cause: error });
  }
}
