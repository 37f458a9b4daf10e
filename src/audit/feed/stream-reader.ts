import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { type Batch, parseBatch } from "../../carry/batch.ts";
import { STREAM } from "../../carry/ensure-stream.ts";
import { natsOptions } from "../../carry/nats-address.ts";
import { bounds } from "../../bounds.ts";
import { messageOf } from "../../errors.ts";

/** A message of the feed; `batch` is null if it is not a batch. */
export interface FeedMessage {
  /** Its number in the stream. */
  readonly position: number;
  readonly batch: Batch | null;
}

/**
 * Reads everything that is in the stream at this moment, with an ordered consumer, which is deleted at the end. If there
 * is no stream, nothing is read.
 *
 * Rejects if NATS cannot be reached, or stops answering in between.
 */
export async function readFeed(
  url: string,
  onMessages: (messages: readonly FeedMessage[]) => Promise<void>,
): Promise<void> {
  const connection = await connect({
    ...natsOptions(url),
    name: "razonete audit",
    timeout: bounds.audit_connect_milliseconds_max,
    reconnect: false,
    noAsyncTraces: true,
  });
  try {
    const last = await lastPosition(connection);
    if (last > 0) await readUpTo(connection, last, onMessages);
  } finally {
    await connection.close();
  }
}

/** 0 if there is no stream, or it is empty. */
async function lastPosition(connection: NatsConnection): Promise<number> {
  try {
    const manager = await jetstreamManager(connection, { timeout: bounds.audit_connect_milliseconds_max });
    const { state } = await manager.streams.info(STREAM);
    return state.messages === 0 ? 0 : state.last_seq;
  } catch (error) {
    // The stream is created by the first API, and again if it was lost.
    if (/stream not found|jetstream (is )?not enabled/i.test(messageOf(error))) return 0;
    throw error;
  }
}

async function readUpTo(
  connection: NatsConnection,
  last: number,
  onMessages: (messages: readonly FeedMessage[]) => Promise<void>,
): Promise<void> {
  const consumer = await jetstream(connection, {
    timeout: bounds.audit_connect_milliseconds_max,
  }).consumers.get(STREAM);
  const messages = await consumer.consume({ max_messages: bounds.audit_chunk_batches });
  // Without a time-out, this would wait for ever if the server was killed.
  let silent = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const listen = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      silent = true;
      messages.stop();
    }, bounds.audit_connect_milliseconds_max);
  };
  let chunk: FeedMessage[] = [];
  try {
    listen();
    for await (const message of messages) {
      const { streamSequence: position, pending } = message.info;
      chunk.push({ position, batch: parseBatch(message.string()) });
      const isLast = position >= last || pending === 0;
      if (chunk.length >= bounds.audit_chunk_batches || isLast) {
        clearTimeout(timer);
        await onMessages(chunk);
        chunk = [];
      }
      if (isLast) return;
      listen();
    }
    if (silent) throw new Error("it stopped answering");
  } finally {
    clearTimeout(timer);
    await messages.close();
    await consumer.delete();
  }
}
