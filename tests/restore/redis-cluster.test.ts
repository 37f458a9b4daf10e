import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { auditCluster } from "../../src/audit/audit-cluster.ts";
import type { AuditReport } from "../../src/audit/report/audit-report.ts";
import { RedisReader } from "../../src/audit/redis/redis-reader.ts";
import { functionLibrary } from "../../src/decide/function-library.ts";
import { messageOf } from "../../src/errors.ts";
import { restore } from "../../src/restore/restore.ts";
import type { RestoreReport } from "../../src/restore/restore-report.ts";
import { accountOn } from "../support/account-on.ts";
import { CopiedLedger, SHARDS } from "../support/copies/copied-ledger.ts";
import { eventually } from "../support/eventually.ts";
import { NOTHING_MISSING } from "../support/run-restore.ts";
import { serversMissing } from "../support/servers/binaries.ts";

setDefaultTimeout(120_000);

const ANOTHER_PRIMARY =
  /^the primary of shard \d was lost, or became another one, during the audit: run razonete audit again\.$/;

describe.skipIf(serversMissing !== null)("a ledger of three shards on a Redis Cluster", () => {
  let ledger: CopiedLedger;

  beforeEach(async () => {
    ledger = await CopiedLedger.begin();
  });
  afterEach(() => ledger.dispose());

  /** As it says to be asked again, where a primary has stood still so long that a replica took its place. */
  const audit = async (duringRestore = false): Promise<AuditReport> => {
    const { databaseUrl, natsUrl } = ledger.config;
    const redisUrl = ledger.redis.urlOf("admin");
    const options = { databaseUrl, redisUrl, natsUrl: duringRestore ? null : natsUrl, duringRestore };
    for (;;) {
      try {
        return await auditCluster(options);
      } catch (error) {
        if (!ANOTHER_PRIMARY.test(messageOf(error))) throw error;
      }
    }
  };

  const restored = (force = false): Promise<RestoreReport> =>
    restore({
      ...ledger.config,
      redisUrl: ledger.redis.urlOf("admin"),
      force,
      discardUnknown: false,
      library: functionLibrary,
      audit: () => audit(true),
      confirm: async () => true,
      say: () => {},
    });

  async function eachShardAnswers(): Promise<void> {
    for (let shard = 0; shard < SHARDS; shard += 1) await ledger.moreAnswers(shard);
  }

  test("is audited under load, and after a failover; what differs on any node is found", async () => {
    ledger.startWriter();
    ledger.beginClients();
    await eachShardAnswers();
    expect(await audit()).toMatchObject({ agreed: true, findings: [] });
    await (await ledger.redis.primaryOf(2)).process.kill();
    await eachShardAnswers();
    await ledger.answered();
    await ledger.drained();
    const report = await audit();
    expect(report).toMatchObject({ agreed: true, findings: [] });
    expect(report.counts).toMatchObject({ accounts: 5, entries: ledger.told.size });

    for (let shard = 0; shard < SHARDS; shard += 1) {
      const account = accountOn(shard, SHARDS);
      const key = `razonete:{${shard}}:account:${account}`;
      await eventually(`shard ${shard} has taken it`, async () => {
        const row = (await ledger.nodes.shard(shard).sendCommand<string>(["GET", key])).split(" ");
        await ledger.nodes.shard(shard).confirmed.sendCommand(["SET", key, row.with(1, "7").join(" ")]);
        return true;
      });
    }
    const { agreed, findings } = await audit();
    expect(agreed).toBe(false);
    const found = new Set(findings.map(({ name, account }) => `${name} ${account}`));
    for (let shard = 0; shard < SHARDS; shard += 1)
      expect(found).toContain(`redis-differs ${accountOn(shard, SHARDS)}`);
  });

  test("an audit says that it could not look where a shard gets another primary meanwhile", async () => {
    const reader = await RedisReader.connect(ledger.redis.url);
    try {
      expect((await reader.head(0))?.epoch).toBe(ledger.epoch);
      await reader.requireSameNodes();
      const [former, replica] = ledger.redis.nodesOf(0);
      await replica?.command("CLUSTER", "FAILOVER");
      // What is read until the former one knows of it was read from the primary.
      await eventually("it is the primary, and the former one knows", async () =>
        /role:slave/.test(String(await former?.command("INFO", "replication"))),
      );
      expect(reader.requireSameNodes()).rejects.toMatchObject({
        message: expect.stringMatching(ANOTHER_PRIMARY),
        exitCode: 2,
      });
    } finally {
      reader.close();
    }
  });

  test("a shard that has lost all its copies, and what no writer has kept, come back by a restore", async () => {
    ledger.startWriter();
    ledger.beginClients();
    await eachShardAnswers();
    await ledger.answered();
    await ledger.drained();
    await ledger.stopWriters();
    // These wait in the outboxes.
    for (let shard = 0; shard < SHARDS; shard += 1) await ledger.decided(shard);
    const shards = { found: "whole", fromOutbox: 1 };
    await (await ledger.redis.primaryOf(1)).command("FLUSHALL");
    const report = await restored();
    expect(report).toMatchObject({
      type: "restored",
      missing: NOTHING_MISSING,
      shards: [shards, { found: "empty", fromOutbox: 0 }, shards],
    });

    ledger.goOnWith(report.epoch);
    ledger.startWriter();
    ledger.beginClients();
    await eachShardAnswers();
    // It is on the replicas as well: one of them takes over.
    await (await ledger.redis.primaryOf(1)).process.kill();
    await eachShardAnswers();
    await ledger.answered();
    await ledger.drained();
    expect(await ledger.differences()).toEqual([]);
    expect(await audit()).toMatchObject({ agreed: true, findings: [] });
    expect(await restored()).toMatchObject({ type: "not-needed" });
    expect(await restored(true)).toMatchObject({ type: "restored" });
    expect(await audit()).toMatchObject({ agreed: true, findings: [] });
  });
});
