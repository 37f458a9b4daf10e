import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { headKey } from "../../src/decide/redis-client.ts";
import { functionLibrary } from "../../src/decide/function-library.ts";
import { initialise } from "../../src/keep/init.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { CopiedLedger, SHARDS } from "./support/copied-ledger.ts";

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
        for (const [index, node] of ledger.redis.nodesOf(shard).entries()) {
          if (index > 0) await node.command("READONLY");
          expect(await node.command("HGET", headKey(shard), "epoch")).toBe(ledger.epoch);
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
  },
);
