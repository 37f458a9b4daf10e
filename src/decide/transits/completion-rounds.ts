import { bounds } from "../../bounds.ts";
import type { Micros } from "../../ledger/account.ts";
import type { Shards } from "../shards.ts";
import { completeParts } from "./end-parts.ts";

/**
 * Completes what others have begun and left: in each round the parts that were open in the round before, and the
 * decisions that were not known to be completed then. Any number of processes may do so at once.
 */
export class CompletionRounds {
  readonly #shards: Shards;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Of each shard, by its own clock. */
  readonly #lastRound = new Map<number, Micros>();
  #running = false;

  constructor(shards: Shards, milliseconds: number = bounds.transit_stale_milliseconds) {
    this.#shards = shards;
    this.#timer = setInterval(() => void this.#round(), milliseconds);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #round(): Promise<void> {
    // With one shard there is nothing across shards.
    if (this.#running || this.#shards.count() < 2) return;
    this.#running = true;
    try {
      // A shard that is away keeps none of the others waiting.
      const all = Array.from({ length: this.#shards.count() }, async (_, shard) => this.#completeOn(shard));
      await Promise.allSettled(all);
    } finally {
      this.#running = false;
    }
  }

  /** @throws LedgerUnavailable (as a rejection) */
  async #completeOn(number: number): Promise<void> {
    const before = this.#lastRound.get(number) ?? 0;
    const shard = this.#shards.of(number);
    const count = bounds.transit_stale_count_max;
    const parts = await shard.openSince("o", count, before);
    const decisions = await shard.openSince("y", count, before);
    this.#lastRound.set(number, parts.readAt);
    await Promise.allSettled([
      ...parts.members.map((attempt) => completeParts(this.#shards, attempt, [number], false)),
      ...decisions.members.map((member) => {
        const [attempt = "", shards = ""] = member.split(" ");
        return completeParts(this.#shards, attempt, shards.split(",").map(Number), true);
      }),
    ]);
  }
}
