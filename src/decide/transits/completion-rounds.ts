import { bounds } from "../../bounds.ts";
import type { Shards } from "../shards.ts";
import { completeParts } from "./end-parts.ts";

/**
 * Completes what others have begun and left: in each round the parts that were open in the round before, and the
 * decisions that were not known to be completed then. Any number of processes may do so at once.
 */
export class CompletionRounds {
  readonly #shards: Shards;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Of each shard what the last round found: its clock may stand still, so times do not tell what is new since. */
  readonly #found = new Map<number, ReadonlySet<string>>();
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
    const before = this.#found.get(number);
    const shard = this.#shards.of(number);
    const count = bounds.transit_stale_count_max;
    const parts = await shard.oldestOpen("o", count);
    const decisions = await shard.oldestOpen("y", count);
    this.#found.set(number, new Set([...parts, ...decisions]));
    const isStale = (member: string): boolean => before?.has(member) === true;
    await Promise.allSettled([
      ...parts.filter(isStale).map((attempt) => completeParts(this.#shards, attempt, [number], false)),
      ...decisions.filter(isStale).map((member) => {
        const [attempt = "", shards = ""] = member.split(" ");
        return completeParts(this.#shards, attempt, shards.split(",").map(Number), true);
      }),
    ]);
  }
}
