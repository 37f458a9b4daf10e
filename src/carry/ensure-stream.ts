import {
  DiscardPolicy,
  type JetStreamManager,
  JetStreamApiError,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { nanos, type NatsConnection } from "@nats-io/transport-node";
import { bounds } from "../bounds.ts";
import { messageOf } from "../errors.ts";
import type { Report } from "../log/report.ts";

/** The stream that stores batches for subscribers which read them later, or again. */
export const STREAM = "RAZONETE";

export function subjectOf(shard: number): string {
  return `razonete.batches.${shard}`;
}

const EXISTS_OTHERWISE = 10_058;

const ABOUT = { server: "NATS stream" } as const;

/**
 * Sees to it that the stream is there. One that exists stays as its operator made it, but for this: it is not left with
 * fewer copies than it is to have. It may well be, where it was made while NATS was, or was named as, one server.
 */
export class EnsuredStream {
  readonly #copies: number;
  readonly #mayChange: boolean;
  readonly #report: Report | undefined;
  #isLooking = false;
  /** Since when it has been without its copies, by `performance.now()`; `null` while it has them. */
  #missedSince: number | null = null;
  #isTold = false;

  /**
   * @param copies how many servers are to hold it
   * @param mayChange false for a user that NATS lets make streams only: somebody else's adds the copies
   * @param report called once when it has been without its copies for a while, and once when it has them again. Of a
   *   stream with one copy nothing is said: where there is none, nobody reads it.
   */
  constructor(copies: number, mayChange: boolean, report: Report | undefined) {
    this.#copies = copies;
    this.#mayChange = mayChange;
    this.#report = copies > 1 ? report : undefined;
  }

  /** To be called again and again, while connected. Does not reject. */
  async ensure(connection: NatsConnection): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      await this.#ensure(connection);
      this.#isThere();
    } catch (error) {
      // Of a connection that was lost nothing is known.
      if (!connection.isClosed()) this.#isMissed(messageOf(error));
    } finally {
      this.#isLooking = false;
    }
  }

  #isThere(): void {
    if (this.#isTold) this.#report?.(`the stream ${STREAM} in NATS is on ${this.#copies} servers`, ABOUT);
    this.#isTold = false;
    this.#missedSince = null;
  }

  #isMissed(reason: string): void {
    this.#missedSince ??= performance.now();
    if (this.#isTold || performance.now() - this.#missedSince < bounds.feed_stream_patience_milliseconds)
      return;
    this.#isTold = true;
    const what = `the stream ${STREAM} in NATS is not on ${this.#copies} servers, as it should be (${reason})`;
    this.#report?.(what, { ...ABOUT, outage: "copies" });
  }

  async #ensure(connection: NatsConnection): Promise<void> {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    try {
      await manager.streams.add({
        name: STREAM,
        subjects: [subjectOf(0).replace(/0$/, "*")],
        retention: RetentionPolicy.Limits,
        storage: StorageType.File,
        discard: DiscardPolicy.Old,
        max_age: nanos(bounds.feed_kept_seconds * 1000),
        max_bytes: bounds.feed_kept_bytes_max,
        num_replicas: this.#copies,
        // NATS sends its answers to where the sender says, with rights of its own: also to what empties the stream.
        deny_delete: true,
        deny_purge: true,
      });
    } catch (error) {
      if (!(error instanceof JetStreamApiError && error.code === EXISTS_OTHERWISE)) throw error;
      if (this.#mayChange && this.#copies > 1) await addCopies(manager, this.#copies);
    }
  }
}

async function addCopies(manager: JetStreamManager, copies: number): Promise<void> {
  const { config } = await manager.streams.info(STREAM);
  if (config.num_replicas < copies) await manager.streams.update(STREAM, { num_replicas: copies });
}
