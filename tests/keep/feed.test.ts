import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { Batch } from "../../src/carry/batch.ts";
import { STREAM } from "../../src/carry/ensure-stream.ts";
import { Feed } from "../../src/carry/feed.ts";
import { bounds } from "../../src/bounds.ts";
import { eventually } from "../support/eventually.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type NatsServer, startNats } from "../support/servers/nats.ts";

setDefaultTimeout(60_000);

describe.skipIf(serversMissing !== null)("the feed", () => {
  let server: NatsServer;
  let publisher: Feed;
  let subscriber: Feed;
  let connection: NatsConnection;
  let brought: Batch[];
  let outages: string[];

  beforeEach(async () => {
    server = await startNats();
    outages = [];
    brought = [];
    publisher = new Feed({ url: server.url, name: "publisher", onOutage: (line) => outages.push(line) });
    subscriber = new Feed({ url: server.url, name: "subscriber" });
    subscriber.subscribe(0, (batch) => brought.push(batch));
    connection = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
    await streamIsThere();
  });

  afterEach(async () => {
    await Promise.all([publisher.close(), subscriber.close(), connection.close()]);
    await server.process.dispose();
  });

  async function stream() {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    return (await manager.streams.info(STREAM)).state;
  }

  const streamIsThere = () => eventually("the stream is there", async () => (await stream()).messages >= 0);

  const batch = (g: number): Batch => ({
    epoch: "e",
    shard: 0,
    g,
    events: [`c 1 ${g} 1 1 ${g} 0 req:a ☺ b`],
  });

  /** Publishes until one comes through: what is published while a side is away is lost, as it may be. */
  async function comesThrough(g: number): Promise<void> {
    await eventually(`batch ${g} comes through`, async () => {
      publisher.publish(batch(g));
      await Bun.sleep(50);
      return brought.some((each) => each.g === g);
    });
  }

  test("brings batches in order, as they were, and the stream stores each once", async () => {
    await comesThrough(1);
    // The first one may have been published twice, until it came.
    const others = () => brought.filter(({ g }) => g !== 1);
    for (let g = 2; g <= 500; g += 1) publisher.publish(batch(g));
    publisher.publish(batch(500));
    await eventually("all have come", () => others().length >= 500);
    expect(others().slice(0, 499)).toEqual(Array.from({ length: 499 }, (_, index) => batch(index + 2)));
    await eventually("all are stored", async () => (await stream()).messages === 500);
  });

  test("brings only what is for the shard, and only batches", async () => {
    const other: Batch[] = [];
    subscriber.subscribe(1, (each) => other.push(each));
    await comesThrough(1);
    connection.publish("razonete.batches.0", "not JSON");
    connection.publish("razonete.batches.0", JSON.stringify({ epoch: "e", shard: 0, g: "1", events: ["x"] }));
    connection.publish("razonete.batches.0", JSON.stringify({ ...batch(7), shard: 1 }));
    publisher.publish({ ...batch(8), shard: 1 });
    await eventually("shard 1 has its own", () => other.length === 1);
    expect(other).toEqual([{ ...batch(8), shard: 1 }]);
    expect(brought.filter(({ g }) => g !== 1)).toEqual([]);
  });

  test("a stream that was deleted is made again, and nobody waits for it", async () => {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    await manager.streams.delete(STREAM);
    await comesThrough(1);
    await streamIsThere();
  });

  test("a NATS that comes back without its data is used again, by both sides", async () => {
    await comesThrough(1);
    await server.process.kill();
    server.forget();
    await eventually("it is noticed", () => outages.includes("NATS is away"));
    publisher.publish(batch(2));
    await server.process.start();
    await comesThrough(3);
    await streamIsThere();
    expect(outages).toEqual(["NATS is away", "NATS is back"]);
  });

  test("a NATS that takes nothing does not hold up who publishes, and does not fill the memory", async () => {
    await comesThrough(1);
    server.process.signal("SIGSTOP");
    const before = process.memoryUsage.rss();
    const large = { ...batch(2), events: Array.from({ length: 100 }, () => "x".repeat(1000)) };
    // 10 GB, if it were all kept.
    for (let count = 0; count < 100_000; count += 1) publisher.publish(large);
    expect(process.memoryUsage.rss() - before).toBeLessThan(
      3 * bounds.feed_unconfirmed_batches_max * 100_000,
    );
    server.process.signal("SIGCONT");
    await comesThrough(3);
  });
});
