import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { STREAM } from "../../src/carry/ensure-stream.ts";
import { Feed } from "../../src/carry/feed.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { testSeed } from "../support/random.ts";
import { eventually } from "../support/eventually.ts";
import { LoadedCluster } from "../support/loaded-cluster.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const seed = testSeed();

describe.skipIf(serversMissing !== null)(`NATS away, under load (seed ${seed})`, () => {
  let system: LoadedCluster;
  beforeAll(async () => {
    system = await LoadedCluster.start(seed);
  });
  afterAll(() => system.dispose());

  test("NATS killed, and its folder lost: no request fails, the books go on, subscribers see what comes later", async () => {
    const { cluster, books } = system;
    const { nats } = cluster;
    const feed = new Feed({ url: nats.url, name: "subscriber" });
    try {
      let latest = 0;
      feed.subscribe(0, ({ g }) => {
        latest = Math.max(latest, g);
      });
      const load = await system.load();
      await eventually("the subscriber sees batches", () => latest > 0);

      await nats.process.kill();
      nats.forget();
      const before = await books.lastG();
      await eventually("the books go on", async () => (await books.lastG()) > before + 50);
      await nats.process.start();
      const back = await books.lastG();
      await eventually("the subscriber sees batches again", () => latest > back);
      await eventually("the stream holds batches again", async () => (await storedBatches(nats.url)) > 0);
      await load.stop();
      expect(load.failures).toEqual([]);
      expect(load.statements.failed).toBe(0);
      await system.check();
    } finally {
      await feed.close();
    }
  });

  test("NATS frozen: no request fails, and the books go on", async () => {
    const { cluster, books } = system;
    const load = await system.load();
    cluster.nats.process.signal("SIGSTOP");
    try {
      const before = await books.lastG();
      await eventually("the books go on", async () => (await books.lastG()) > before + 100);
      const { attempts } = load;
      await eventually("no request waits for it", () =>
        attempts.every(({ known }) => known.type !== "unknown"),
      );
    } finally {
      cluster.nats.process.signal("SIGCONT");
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    await system.check();
  });
});

async function storedBatches(url: string): Promise<number> {
  const connection = await connect({ servers: new URL(url).host });
  try {
    const { state } = await (await jetstreamManager(connection)).streams.info(STREAM);
    return state.messages;
  } finally {
    await connection.close();
  }
}
