import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { headKey } from "../../src/decide/redis-client.ts";
import { functionLibrary } from "../../src/decide/function-library.ts";
import { initialise } from "../../src/keep/init.ts";
import { eventually } from "../support/eventually.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { CopiedLedger, SHARDS } from "../support/copies/copied-ledger.ts";

setDefaultTimeout(120_000);

describe.skipIf(serversMissing !== null)(
  "with a Redis Cluster, three shards and two replicas of each",
  () => {
    let ledger: CopiedLedger;

    beforeEach(async () => {
      ledger = await CopiedLedger.begin();
    });
    afterEach(() => ledger.dispose());

    /** The books are what was answered, and no writer ended by itself. */
    async function isWhole(): Promise<void> {
      await ledger.answered();
      await ledger.drained();
      expect(await ledger.differences()).toEqual([]);
      expect(await ledger.stopWriters()).toEqual([undefined]);
    }

    test("init fills each shard where it is, with its functions, and copies; again it changes nothing", async () => {
      for (let shard = 0; shard < SHARDS; shard += 1)
        for (const node of ledger.redis.nodesOf(shard)) {
          await node.command("READONLY");
          // Init waits for one of two replicas.
          await eventually(
            "the node has it",
            async () => (await node.command("HGET", headKey(shard), "epoch")) === ledger.epoch,
          );
          const status = await node.command("FCALL_RO", "razonete_status", "1", headKey(shard));
          expect(Object(status).slice(0, 4)).toEqual([ledger.epoch, expect.anything(), String(SHARDS), "0"]);
        }
      const { databaseUrl } = ledger.config;
      const again = { databaseUrl, minReplicas: 1, shards: null, library: functionLibrary };
      expect(await initialise({ ...again, redisUrl: ledger.redis.url })).toMatchObject({
        type: "there",
        epoch: ledger.epoch,
      });
      const [one] = ledger.redis.nodes;
      expect(initialise({ ...again, redisUrl: one?.url ?? "" })).rejects.toThrow(
        /^REDIS_URL names one node of a Redis Cluster.*: write redis-cluster:/,
      );
    });

    test("a writer that is given one of its nodes says what to write, and keeps nothing", async () => {
      const [one] = ledger.redis.nodesOf(1);
      ledger.startWriter(one?.url ?? "");
      await ledger.decided(0);
      await ledger.said(/^shard 0: REDIS_URL names one node of a Redis Cluster.*: nothing is kept$/);
      expect(ledger.lines.join("\n")).not.toContain("MOVED");
      expect(await ledger.keptG(0)).toBe(0);
    });

    test("a primary is killed under load: the books are what was answered, and nothing is there twice", async () => {
      ledger.startWriter();
      ledger.beginClients();
      for (let shard = 0; shard < SHARDS; shard += 1) await ledger.moreAnswers(shard);
      const primary = await ledger.redis.primaryOf(0);
      await primary.process.kill();
      await ledger.moreAnswers(0);
      await primary.process.start();
      for (let shard = 0; shard < SHARDS; shard += 1) await ledger.moreAnswers(shard);
      await isWhole();
    });

    test("a primary is frozen, replaced and thawed: nothing of its own past gets into the books", async () => {
      ledger.startWriter();
      ledger.beginClients();
      await ledger.moreAnswers(1);
      const primary = await ledger.redis.primaryOf(1);
      primary.process.signal("SIGSTOP");
      await ledger.moreAnswers(1);
      primary.process.signal("SIGCONT");
      for (let shard = 0; shard < SHARDS; shard += 1) await ledger.moreAnswers(shard);
      await isWhole();
    });

    test("a batch that no replica has is not kept; another one gets its number, and is", async () => {
      ledger.startWriter();
      for (let round = 0; round < 3; round += 1) await ledger.decided(0);
      await ledger.drained();
      const { primary, replicas } = await ledger.redis.rolesOf(0);
      const [first, second] = replicas;
      if (first === undefined || second === undefined) throw new Error("no nodes");
      await Promise.all([first, second].map(({ process }) => process.kill()));
      const alone = ledger.newId();
      expect(ledger.credit(0, alone)).rejects.toThrow(/replicas confirm it, not 1/);
      await eventually(
        "the primary has decided it",
        async () => (await primary.command("HGET", headKey(0), "g")) === "4",
      );
      await ledger.said(/^shard 0: Redis cannot be used \(0 replicas confirm it, not 1 \(MIN_REPLICAS\)/);
      // Several looks later.
      await Bun.sleep(500);
      expect(await ledger.keptG(0)).toBe(3);
      expect(Number(await primary.command("XLEN", "razonete:{0}:outbox"))).toBe(1);

      await primary.process.kill();
      await Promise.all([first, second].map(({ process }) => process.start()));
      // Nobody knows for them that they have all that was answered.
      await eventually("a replica takes over by hand", async () => {
        await first.command("CLUSTER", "FAILOVER", "TAKEOVER");
        return /role:master/.test(String(await first.command("INFO", "replication")));
      });
      const other = ledger.newId();
      await eventually("the shard answers", async () => {
        await ledger.credit(0, other);
        return true;
      });
      await ledger.said(/^shard 0: Redis can be used again/);
      await primary.process.start();
      await ledger.redis.followed();
      await ledger.drained();
      expect(await ledger.keptG(0)).toBe(4);
      expect([...ledger.told.keys()]).not.toContain(alone);
      await isWhole();
    });

    test("writers and primaries are killed, again and again: the books are what was answered", async () => {
      ledger.beginClients();
      for (let shard = 0; shard < SHARDS; shard += 1) {
        const writer = ledger.startWriterProcess();
        await ledger.moreAnswers(shard);
        await eventually("it keeps", async () => (await ledger.keptG(shard)) > 0);
        const primary = await ledger.redis.primaryOf(shard);
        await primary.process.kill();
        writer.kill("SIGKILL");
        await ledger.moreAnswers(shard);
        await primary.process.start();
        await ledger.redis.followed();
      }
      ledger.startWriter();
      await isWhole();
    });
  },
);
