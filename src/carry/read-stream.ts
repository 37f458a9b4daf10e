import { AckPolicy, DeliverPolicy, JetStreamApiError, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, nanos, type NatsConnection } from "@nats-io/transport-node";
import { bounds } from "../bounds.ts";
import { type Batch, parseBatch } from "./batch.ts";
import { STREAM, subjectOf } from "./ensure-stream.ts";
import { natsOptions } from "./nats-address.ts";

const STREAM_NOT_FOUND = 10_059;

/**
 * Reads every batch that the stream holds, in order. Messages that are not batches are skipped. Leaves nothing behind
 * in NATS.
 *
 * @throws Error if NATS or its stream cannot be read, or stops answering in between
 */
export async function readStream(url: string, onBatch: (batch: Batch) => void): Promise<void> {
  const connection = await connect({
    ...natsOptions(url),
    name: "razonete restore",
    timeout: bounds.stream_silence_milliseconds_max,
    reconnect: false,
  });
  try {
    await readAll(connection, onBatch);
  } finally {
    await connection.close();
  }
}

async function readAll(connection: NatsConnection, onBatch: (batch: Batch) => void): Promise<void> {
  const manager = await jetstreamManager(connection);
  const messages = await messagesIn(manager);
  if (messages === 0) return;
  const { name } = await manager.consumers.add(STREAM, {
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.All,
    mem_storage: true,
    // It is deleted below. If this process is killed before that, NATS deletes it after this time.
    inactive_threshold: nanos(10 * bounds.stream_silence_milliseconds_max),
  });
  try {
    const consumer = await jetstream(connection).consumers.get(STREAM, name);
    for (let pending = messages; pending > 0;) {
      const read = await consumer.fetch({
        max_messages: bounds.stream_read_messages_max,
        expires: bounds.stream_silence_milliseconds_max,
      });
      let isSilent = true;
      for await (const message of read) {
        isSilent = false;
        pending = message.info.pending;
        const batch = parseBatch(message.string());
        if (batch !== null && message.subject === subjectOf(batch.shard)) onBatch(batch);
        if (pending === 0) break;
      }
      if (isSilent) throw new Error("the stream in NATS fell silent");
    }
  } finally {
    await manager.consumers.delete(STREAM, name);
  }
}

async function messagesIn(manager: Awaited<ReturnType<typeof jetstreamManager>>): Promise<number> {
  try {
    return (await manager.streams.info(STREAM)).state.messages;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND) return 0;
    throw error;
  }
}
