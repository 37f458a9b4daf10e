import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import { bounds } from "../bounds.ts";
import { EnsuredStream, subjectOf } from "./ensure-stream.ts";
import { natsOptions, streamCopies } from "./nats-address.ts";
import type { Report } from "../log/report.ts";
import { type Batch, formatBatch, parseBatch } from "./batch.ts";
import { messageOf } from "../errors.ts";

export interface FeedOptions {
  /** nats://[user:password@]host:port[,host:port...] */
  readonly url: string;
  /** The name under which NATS shows this process. */
  readonly name: string;
  /** Whether NATS lets its user change the stream: then a stream with too few copies gets more. Default: no. */
  readonly changesStream?: boolean;
  /** Called once when NATS cannot be reached, and once when it can be again. */
  readonly onOutage?: Report;
}

const AWAY = { server: "NATS", outage: "away" } as const;

/**
 * Publishes batches to NATS and receives them from there. Nobody waits for NATS, and nothing depends on what it stores:
 * a batch that it loses is still in the outbox.
 *
 * Of several NATS servers this process is connected to one, and goes to another when that is lost. What was under way is
 * lost then, and the stream lacks what is published while its servers choose a leader, which takes seconds.
 *
 * Batches are published to a JetStream stream, which stores them for subscribers that read them later or again.
 * No acknowledgement is requested: it would only say that the batch is in the server's memory, and nobody would do
 * anything else because of it.
 *
 * Subscribers listen to the subject itself, not to a consumer of the stream. A consumer has state on the server. If
 * that state is lost or does not match the stream, because either of them was restored or recreated, the consumer stays
 * silent, without an error. A subscription has no state: after a reconnect it receives whatever is published from then
 * on.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #stream: EnsuredStream;
  readonly #subscribers = new Map<string, (batch: Batch) => void>();
  #connection: NatsConnection | null = null;
  #connected = false;
  #closed = false;
  #unconfirmed = 0;
  #flushing = false;
  #unsent: Batch[] = [];
  #sendTimer: ReturnType<typeof setTimeout> | undefined;
  #streamTimer: ReturnType<typeof setInterval> | undefined;

  /** Connects in the background, and retries until it succeeds. */
  constructor(options: FeedOptions) {
    this.#options = options;
    const { url, changesStream = false, onOutage } = options;
    this.#stream = new EnsuredStream(streamCopies(url), changesStream, onOutage);
    this.#connect().catch((error: unknown) => options.onOutage?.(messageOf(error)));
  }

  /**
   * Sends the batch soon. Drops it while NATS is away, or while too many batches are unconfirmed. Batches that come
   * within a few milliseconds are sent together: each one sent alone would wake this process, NATS and the subscribers.
   */
  publish(batch: Batch): void {
    if (!this.#connected || this.#closed) return;
    if (this.#unconfirmed + this.#unsent.length >= bounds.feed_unconfirmed_batches_max) return;
    if (this.#unsent.push(batch) === 1)
      this.#sendTimer = setTimeout(() => this.#send(), bounds.feed_pace_milliseconds);
  }

  /** `onBatch` may get a batch twice, late, of another epoch, or never. To be called once for each shard. */
  subscribe(shard: number, onBatch: (batch: Batch) => void): void {
    const subject = subjectOf(shard);
    this.#subscribers.set(subject, onBatch);
    if (this.#connection !== null) this.#listen(this.#connection, subject);
  }

  /** Sends the remaining batches, if NATS accepts them in time, and disconnects. */
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
      // The stream keeps only one of two messages with the same id: an API that lost a reply sends its batch again.
      messageHeaders.set("Nats-Msg-Id", `${epoch}.${shard}.${g}`);
      try {
        connection.publish(subjectOf(shard), formatBatch(batch), { headers: messageHeaders });
        this.#unconfirmed += 1;
      } catch {
        // It is larger than the server accepts, or the connection was just closed. The outbox has it.
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
          name,
          maxReconnectAttempts: -1,
          reconnectTimeWait: bounds.feed_reconnect_milliseconds,
          // A restarting server may refuse the credentials for a while.
          ignoreAuthErrorAbort: true,
          noAsyncTraces: true,
        });
        if (attempt > 0) onOutage?.("NATS is back", { server: "NATS" });
        attempt = 0;
        await this.#use(connection);
        // The client reconnects for ever, so this is reached only after close(), or after something unforeseen.
        this.#connected = false;
        clearInterval(this.#streamTimer);
      } catch (error) {
        if (attempt === 0) onOutage?.(`NATS cannot be reached (${messageOf(error)})`, AWAY);
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
        this.#options.onOutage?.("NATS is away", AWAY);
      } else if (status.type === "reconnect") {
        this.#options.onOutage?.("NATS is back", { server: "NATS" });
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

  /** Everything that was sent before a ping has arrived when the ping is answered. */
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

  #ensureStream(connection: NatsConnection): void {
    // What fails is told by it, and tried again.
    this.#stream.ensure(connection).catch(() => {});
  }
}
