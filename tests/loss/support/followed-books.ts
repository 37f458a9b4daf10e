import { expect } from "bun:test";
import { eventually } from "../../support/eventually.ts";
import type { ThreeMachines } from "./three-machines.ts";

/** PostgreSQL and its standby on machines whose network is cut, and the outboxes that wait for both. */
export class FollowedBooks {
  readonly #machines: ThreeMachines;

  constructor(machines: ThreeMachines) {
    this.#machines = machines;
  }

  /** The last batch of each shard that a PostgreSQL has: the first one, 0, or its standby, 1. */
  async lastKept(index: 0 | 1): Promise<number[]> {
    const rows = await this.#machines.askBooks<{ last_g: number }>(
      index,
      "SELECT last_g::int FROM cursors ORDER BY shard",
    );
    return rows.map(({ last_g }) => last_g);
  }

  /** Until the standby shows all that is kept: it shows what it has on its disk a moment later. */
  async followed(): Promise<void> {
    await eventually("the standby shows all that was kept", async () =>
      Bun.deepEquals(await this.lastKept(1), await this.lastKept(0)),
    );
  }

  /** Whether each PostgreSQL is a standby. */
  async standbys(): Promise<unknown[]> {
    return Promise.all(
      ([0, 1] as const).map(async (index) => {
        const [row] = await this.#machines.askBooks<{ is: boolean }>(
          index,
          "SELECT pg_is_in_recovery() AS is",
        );
        return row?.is;
      }),
    );
  }

  /** Until the writer has come again, and asks a standby to confirm what it finds; none does. */
  async asksForProof(): Promise<void> {
    await eventually("the writer waits for a standby", async () => {
      const waiting = await this.#machines.askBooks(
        0,
        "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%pg_logical_emit_message%'",
      );
      return waiting.length > 0;
    });
  }

  /** Nothing that the standby lacks is gone from the outboxes, and something waits in each. */
  expectWaiting(had: readonly number[]): void {
    for (const [shard, first] of this.#machines.firstWaiting().entries()) {
      expect(first).not.toBeNull();
      expect(first).toBeLessThanOrEqual((had[shard] ?? -1) + 1);
    }
  }

  /** Until nothing waits in an outbox. */
  async trimmed(): Promise<void> {
    await eventually(
      "the outboxes are empty",
      () => this.#machines.firstWaiting().every((first) => first === null),
      () => this.#machines.firstWaiting(),
    );
  }
}
