import { DiscardPolicy, jetstreamManager, RetentionPolicy, StorageType } from "@nats-io/jetstream";
import { connect, headers, nanos, type NatsConnection } from "@nats-io/transport-node";
import { bounds } from "../bounds.ts";
import { natsOptions } from "./nats-address.ts";
import { type Batch, formatBatch, parseBatch } from "./batch.ts";
import { messageOf } from "../errors.ts";

export const STREAM = "RAZONETE";

export function subjectOf(shard: number): string {
  return `razonete.batches.${shard}`;
}

export interface FeedOptions {
  /** nats://[user:password@]host:port */
  readonly url: string;
  /** Of this process, as NATS shows it. */
  readonly name: string;
  /** Told once when NATS cannot be reached, and once when it can again. */
  readonly onOutage?: (message: string) => void;
}

/**
 * Batches to and from NATS, which is never waited for and never trusted with what is kept: whatever gets lost on the
 * way, the outbox still has.
 *
 * Published is onto a JetStream stream, which stores the batches for subscribers that read them later or again. No
 * acknowledgement is asked for: it would say that the batch is in the server's memory, and nobody could act on it.
 *
 * Subscribed is to the subject itself, not to a consumer of the stream. A consumer is state on the server, and that
 * state can be lost, or be older than the stream, or the stream younger than the consumer: then it is silent, without
 * an error. A subscription has no state: after a reconnect it brings what is published from then on.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #subscribers = new Map<string, (batch: Batch) => void>();
  #connection: NatsConnection | null = null;
  #connected = false;
  #closed = false;
  #unconfirmed = 0;
  #flushing = false;
  #unsent: Batch[] = [];
  #sendTimer: ReturnType<typeof setTimeout> | undefined;
  #streamTimer: ReturnType<typeof setInterval> | undefined;

  /** Connects by itself, for as long as it takes. */
  constructor(options: FeedOptions) {
    this.#options = options;
    this.#connect().catch((error: unknown) => options.onOutage?.(messageOf(error)));
  }

  /**
   * Sends the batch off soon, or drops it: while NATS is away, and while too much is on its way already. What comes
   * within a few milliseconds goes together: each piece on its own would wake this process, NATS and the subscribers.
   */
  publish(batch: Batch): void {
    if (!this.#connected || this.#closed) return;
    if (this.#unconfirmed + this.#unsent.length >= bounds.feed_unconfirmed_batches_max) return;
    if (this.#unsent.push(batch) === 1)
      this.#sendTimer = setTimeout(() => this.#send(), bounds.feed_pace_milliseconds);
  }

  /** `onBatch` may get a batch twice, late, of another epoch, or never. Once for a shard. */
  subscribe(shard: number, onBatch: (batch: Batch) => void): void {
    const subject = subjectOf(shard);
    this.#subscribers.set(subject, onBatch);
    if (this.#connection !== null) this.#listen(this.#connection, subject);
  }

  /** Sends what is left, if NATS takes it in time. */
  async close(): Promise<void> {
    clearTimeout(this.#sendTimer);
    this.#send();
    this.#closed = true;
    clearInterval(this.#streamTimer);
    const connection = this.#connection;
    if (this.#connected)
      await Promise.race([
        connection?.flush().catch(() => {}),
        Bun.sleep(bounds.feed_flush_milliseconds_max),
      ]);
    await connection?.close();
  }

  #send(): void {
    const batches = this.#unsent;
    this.#unsent = [];
    const connection = this.#connection;
    if (connection === null || !this.#connected) return;
    for (const batch of batches) {
      const { epoch, shard, g } = batch;
      const messageHeaders = headers();
      // The stream keeps one of two with the same id: an API sends a batch again whose reply it had lost.
      messageHeaders.set("Nats-Msg-Id", `${epoch}.${shard}.${g}`);
      try {
        connection.publish(subjectOf(shard), formatBatch(batch), { headers: messageHeaders });
        this.#unconfirmed += 1;
      } catch {
        // Larger than the server takes, or the connection was just closed: the outbox has it.
        continue;
      }
    }
    if (this.#unconfirmed >= bounds.feed_unconfirmed_batches_max / 2) this.#confirm(connection);
  }

  async #connect(): Promise<void> {
    const { url, name, onOutage } = this.#options;
    let attempt = 0;
    while (!this.#closed) {
      try {
        const connection = await connect({
          ...natsOptions(url),
          ...(url.startsWith("tls:") ? { tls: {} } : {}),
          name,
          maxReconnectAttempts: -1,
          reconnectTimeWait: bounds.feed_reconnect_milliseconds,
          // One that is restarting may refuse us for a while.
          ignoreAuthErrorAbort: true,
          noAsyncTraces: true,
        });
        if (attempt > 0) onOutage?.("NATS is back");
        attempt = 0;
        await this.#use(connection);
        // It reconnects for ever, so it ends with close() only, or by something that nobody has thought of.
        this.#connected = false;
        clearInterval(this.#streamTimer);
      } catch (error) {
        if (attempt === 0) onOutage?.(`NATS cannot be reached (${messageOf(error)})`);
        attempt += 1;
        await Bun.sleep(bounds.feed_reconnect_milliseconds);
      }
    }
  }

  async #use(connection: NatsConnection): Promise<void> {
    if (this.#closed) return connection.close();
    this.#connection = connection;
    for (const subject of this.#subscribers.keys()) this.#listen(connection, subject);
    this.#reconnected(connection);
    this.#streamTimer = setInterval(() => {
      if (this.#connected) this.#ensureStream(connection);
    }, bounds.feed_stream_look_milliseconds);
    for await (const status of connection.status()) {
      if (status.type === "disconnect" && this.#connected) {
        this.#connected = false;
        this.#options.onOutage?.("NATS is away");
      } else if (status.type === "reconnect") {
        this.#options.onOutage?.("NATS is back");
        this.#reconnected(connection);
      }
    }
  }

  #reconnected(connection: NatsConnection): void {
    this.#connected = true;
    this.#unconfirmed = 0;
    this.#ensureStream(connection);
  }

  #listen(connection: NatsConnection, subject: string): void {
    connection.subscribe(subject, {
      callback: (error, message) => {
        const batch = error === null ? parseBatch(message.string()) : null;
        if (batch !== null && subject === subjectOf(batch.shard)) this.#subscribers.get(subject)?.(batch);
      },
    });
  }

  /** The answer to a ping comes behind everything that was sent before it. */
  #confirm(connection: NatsConnection): void {
    if (this.#flushing) return;
    this.#flushing = true;
    const sent = this.#unconfirmed;
    connection
      .flush()
      .then(() => (this.#unconfirmed = Math.max(0, this.#unconfirmed - sent)))
      // The connection was lost: the next one begins at zero.
      .catch(() => {})
      .finally(() => {
        this.#flushing = false;
      });
  }

  /** The same again where it is there changes nothing; one with other bounds is left as its operator made it. */
  #ensureStream(connection: NatsConnection): void {
    jetstreamManager(connection, { checkAPI: false })
      .then((manager) =>
        manager.streams.add({
          name: STREAM,
          subjects: [subjectOf(0).replace(/0$/, "*")],
          retention: RetentionPolicy.Limits,
          storage: StorageType.File,
          discard: DiscardPolicy.Old,
          max_age: nanos(bounds.feed_kept_seconds * 1000),
          max_bytes: bounds.feed_kept_bytes_max,
        }),
      )
      // JetStream is not there, or not yet: the next look tries again.
      .catch(() => {});
  }
}
