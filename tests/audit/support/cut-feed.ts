import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { STREAM } from "../../../src/carry/ensure-stream.ts";

/** Takes the last messages out of the feed. The stream lets nobody delete one, so it is made anew without them. */
export async function cutFeed(connection: NatsConnection, count: number): Promise<void> {
  const { streams } = await jetstreamManager(connection);
  const { config, state } = await streams.info(STREAM);
  const kept = [];
  for (let seq = state.first_seq; seq <= state.last_seq - count; seq += 1) {
    const message = await streams.getMessage(STREAM, { seq });
    if (message !== null) kept.push(message);
  }
  await streams.delete(STREAM);
  await streams.add(config);
  for (const { subject, data } of kept) connection.publish(subject, data);
  await connection.flush();
}
