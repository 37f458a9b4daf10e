import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { STREAM } from "../../../src/carry/ensure-stream.ts";
import { natsOptions } from "../../../src/carry/nats-address.ts";
import { stackBounds } from "../../../src/stack/stack-bounds.ts";

const ANSWER_MILLISECONDS = 1_000;

/** Who has the stream, where NATS is several servers. @throws Error if it has no leader, or NATS does not answer */
export async function streamServers(url: string): Promise<{ leader: string; isWhole: boolean }> {
  const options = { ...natsOptions(url), reconnect: false, timeout: ANSWER_MILLISECONDS };
  const connection = await connect(options);
  try {
    const manager = await jetstreamManager(connection, { timeout: ANSWER_MILLISECONDS });
    const { cluster } = await manager.streams.info(STREAM);
    if (cluster?.leader === undefined) throw new Error("NATS's stream has no leader");
    const others = cluster.replicas ?? [];
    const isWhole =
      others.length === stackBounds.nats_servers - 1 &&
      others.every(({ current, offline }) => current && !(offline ?? false));
    return { leader: cluster.leader, isWhole };
  } finally {
    await connection.close();
  }
}
