import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readStream } from "../../src/carry/read-stream.ts";
import { Feed } from "../../src/carry/feed.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { LoadedCluster } from "../support/loaded-cluster.ts";
import { testSeed } from "../support/random.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { NatsCluster } from "../support/servers/nats-cluster.ts";
import type { NatsServer } from "../support/servers/nats.ts";
import type { ServerProcess } from "../support/servers/server-process.ts";

failOnLeaks();
setDefaultTimeout(120_000);

/** Of an audit that could not be made. */
const AUDIT_FAILED = 2;
const seed = testSeed();

describe.skipIf(serversMissing !== null)(`one of three NATS servers away, under load (seed ${seed})`, () => {
  let nats: NatsCluster;
  let system: LoadedCluster;
  let feed: Feed;
  /** The latest batch that a subscriber was brought. */
  let latest = 0;

  beforeAll(async () => {
    nats = await NatsCluster.start();
    system = await LoadedCluster.start(seed, { nats: nats.asOne });
    feed = new Feed({ url: nats.url, name: "subscriber" });
    feed.subscribe(0, ({ g }) => {
      latest = Math.max(latest, g);
    });
  });

  afterAll(async () => {
    await feed?.close();
    await system?.dispose();
    await nats?.dispose();
  });

  /** What is decided, kept, brought to subscribers and stored, goes on from here. */
  async function goesOn(): Promise<void> {
    const before = await system.books.lastG();
    await eventually("the books go on", async () => (await system.books.lastG()) > before + 50);
    await eventually("the subscriber is brought what is decided now", () => latest > before + 50);
    const { state } = await nats.stream();
    await eventually(
      "the stream goes on",
      async () => (await nats.stream()).state.messages > state.messages + 20,
    );
  }

  async function unharmedBy(harm: () => Promise<void>): Promise<void> {
    const load = await system.load();
    await eventually("the subscriber is brought batches", () => latest > 0);
    await harm();
    await goesOn();
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.statements.failed).toBe(0);
    await system.check();
  }

  async function leaderAndFollower(): Promise<{ leader: ServerProcess; follower: NatsServer }> {
    await isWhole();
    const { cluster } = await nats.stream();
    const [follower] = cluster?.replicas ?? [];
    return {
      leader: nats.server(cluster?.leader ?? "").process,
      follower: nats.server(follower?.name ?? ""),
    };
  }

  /** The stream is on all three, and each has all of it. */
  async function isWhole(): Promise<void> {
    await eventually("the stream is on all three", async () => {
      const { config, cluster } = await nats.stream();
      const replicas = cluster?.replicas ?? [];
      return config.num_replicas === 3 && replicas.length === 2 && replicas.every(({ current }) => current);
    });
  }

  test("the stream is on all three of them", isWhole);

  test("a follower killed, its folder lost, and back: no request fails, books and stream go on, and it has all again", async () => {
    const { follower } = await leaderAndFollower();
    await unharmedBy(() => follower.process.kill());
    follower.forget();
    await follower.process.start();
    await isWhole();
  });

  test("the stream's leader killed, and back: no request fails, the books go on, and the stream with the next leader", async () => {
    const { leader } = await leaderAndFollower();
    await unharmedBy(() => leader.kill());
    await leader.start();
    await isWhole();
  });

  test("the stream's leader frozen, and back: no request fails, books and stream go on", async () => {
    const { leader } = await leaderAndFollower();
    try {
      await unharmedBy(async () => leader.signal("SIGSTOP"));
    } finally {
      leader.signal("SIGCONT");
    }
    await isWhole();
  });

  test("all of them killed, and back: no request fails, books and stream go on", async () => {
    await isWhole();
    await unharmedBy(async () => {
      await Promise.all(nats.servers.map(({ process }) => process.kill()));
      const before = await system.books.lastG();
      await eventually("the books go on without", async () => (await system.books.lastG()) > before + 50);
      await Promise.all(nats.servers.map(({ process }) => process.start()));
    });
    await isWhole();
  });

  // What is published while there is no leader is not stored, and nobody says so.
  test("what the stream lacks is in the journal: together they have each batch, as it was decided", async () => {
    const stored = new Map<number, readonly string[]>();
    // All were killed just now: the stream is whole before all servers know who leads them, and answer.
    await eventually("the stream is read", async () => {
      await readStream(nats.url, ({ g, events }) => stored.set(g, events));
      return true;
    });
    const journal = await system.books.sql<{ g: number; events: string[] }[]>`
      SELECT g, to_json(events) AS events FROM journal WHERE shard = 0 AND g > 0 ORDER BY g`;
    expect(journal.map(({ g }) => g)).toEqual(journal.map((_, index) => index + 1));
    expect(stored.size).toBeGreaterThan(100);
    const healed = journal.map(({ g, events }) => ({ g, events: stored.get(g) ?? events }));
    expect(healed).toEqual([...journal]);
    expect(Math.max(...stored.keys())).toBeLessThanOrEqual(journal.length);

    let audit = system.cluster.run("audit");
    // Again where it could not look: the stream may have another leader in between.
    await eventually("the audit has looked", () => {
      if (audit.exitCode === AUDIT_FAILED) audit = system.cluster.run("audit");
      return audit.exitCode !== AUDIT_FAILED;
    });
    expect([audit.exitCode, audit.stdout.toString()]).toEqual([
      0,
      expect.stringMatching(/^feed +[\d,]+ batches$/m),
    ]);
  });
});
