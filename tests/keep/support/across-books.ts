import { shardOf } from "../../../src/ledger/account-id.ts";
import type { AccountId, Party } from "../../../src/ledger/account.ts";
import type { AttemptId, Decided } from "../../../src/ledger/transit.ts";
import type { Details } from "../../../src/ledger/transaction.ts";
import { LedgerSource } from "../../support/ledger-source.ts";
import type { BooksUnderTest } from "./books-under-test.ts";

type Move = readonly [Party, Party, number];

/** Ids that begin so and are on this shard of the two. */
export function idsOn(shard: number, beginning: string): readonly AccountId[] {
  return Array.from({ length: 100 }, (_, index) => `${beginning}${index}`).filter(
    (id) => shardOf(id, 2) === shard,
  );
}

/** The steps of transactions across the two shards of the books, each kept as a batch of its own as soon as it is made. */
export class AcrossBooks {
  readonly sources: readonly [LedgerSource, LedgerSource];
  readonly #setup: BooksUnderTest;
  #attempts = 0;

  constructor(setup: BooksUnderTest) {
    this.#setup = setup;
    this.sources = [setup.source, new LedgerSource("e", 1)];
    // Between the times of the other shard.
    this.sources[1].began += 500;
  }

  async keep(shard: 0 | 1, ...events: readonly string[]): Promise<void> {
    await this.#setup.books.keep(shard, [this.sources[shard].close(events)]);
  }

  /** @returns the attempt, whose home is the other shard */
  async prepare(shard: 0 | 1, moves: readonly Move[], details: Partial<Details> = {}): Promise<AttemptId> {
    this.#attempts += 1;
    const attempt = `${1 - shard}-${String(this.#attempts).padStart(22, "a")}`;
    await this.keep(shard, this.sources[shard].part(attempt, moves, details));
    return attempt;
  }

  async decide(attempt: AttemptId, moves: readonly Move[], details: Partial<Details> = {}): Promise<Decided> {
    const home = attempt.startsWith("0") ? 0 : 1;
    const source = this.sources[home];
    const event = source.transaction(moves, { ...details, across: { attempt, shards: [1 - home] } });
    const { transaction, time } = source.latest;
    await this.keep(home, event);
    return { transaction, decidedAt: time, hold: null };
  }

  async finish(attempt: AttemptId, decided: Decided): Promise<void> {
    const shard = attempt.startsWith("0") ? 1 : 0;
    await this.keep(shard, this.sources[shard].finish(attempt, decided));
  }

  /** All of its steps. */
  async transfer(other: 0 | 1, moves: readonly Move[], details: Partial<Details> = {}): Promise<Decided> {
    const attempt = await this.prepare(other, moves, details);
    const decided = await this.decide(attempt, moves, details);
    await this.finish(attempt, decided);
    return decided;
  }
}
