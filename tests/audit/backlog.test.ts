import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { connectRedis, headKey, outboxKey, type Redis } from "../../src/decide/redis-client.ts";
import { bounds } from "../../src/bounds.ts";
import { openingHash } from "../../src/ledger/content-hash.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { AuditedCluster, places } from "./support/audited-cluster.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const UNTIL_KEPT = join(import.meta.dir, "support/until-kept.ts");

/** More than are compared at once, and than are read at once. */
const ACCOUNTS = bounds.audit_moving_accounts + 700;
const SMALL_BATCHES = 2 * bounds.audit_chunk_batches + 100;
/** Entries of one account: more than a statement shows. */
const HOT = 3;

/** Where these stand in an account's row in Redis. */
const LIMIT = 0;
const BALANCE = 1;

const applyReply = z.array(z.string());

/** What the function gets of an opening, see head.lua. */
function opening(account: number, creditLimit: number): string {
  const opened = { account: String(account), unit: "BRL/2", creditLimit, name: null, metadata: {} };
  return JSON.stringify({ unit: opened.unit, opening: openingHash(opened), details: "" });
}

describe.skipIf(serversMissing !== null)(
  "an audit of an outbox that has grown while PostgreSQL was away",
  () => {
    let system: AuditedCluster;
    let redis: Redis;
    let epoch = "";
    let ids = 0;
    let first = 0;

    /** Decides a batch: kind, account and amount of each command. */
    async function decide(...commands: readonly (readonly [string, number, number])[]): Promise<void> {
      const args = commands.flatMap(([kind, account, amount]) => {
        ids += 1;
        return [
          kind,
          `req:${ids}`,
          String(account),
          String(amount),
          "",
          kind === "o" ? opening(account, amount) : "c",
        ];
      });
      // Every second one comes with an access key.
      const names = commands.map((_, index) => (index % 2 === 0 ? "shop" : "-")).join(" ");
      const call = ["FCALL", "razonete_apply", "1", headKey(0), epoch, "0", "1000000", ...args, names];
      const reply = applyReply.parse(await redis.sendCommand(call));
      expect(reply.filter((outcome) => /^[!?#]/.test(outcome))).toEqual([]);
    }

    beforeAll(async () => {
      system = await AuditedCluster.start();
      for (const account of [1, HOT]) await system.credit(account, 2);
      await system.books.drained();
      await Promise.all(system.cluster.writers.map((writer) => writer.stop()));
      first = (await system.books.outbox()).g + 1;
      epoch = (await system.books.sql<{ epoch: string }[]>`SELECT epoch FROM system`)[0]?.epoch ?? "";
      redis = connectRedis(system.cluster.redis.url, () => {});
      await redis.connect();
      // Several at once: Redis writes to its disk before it answers each.
      const atOnce = 50;
      for (let at = 0; at < SMALL_BATCHES; at += atOnce) {
        const length = Math.min(atOnce, SMALL_BATCHES - at);
        await Promise.all(Array.from({ length }, () => decide(["c", HOT, 1], ["c", 1, 2])));
      }
      const some = 500;
      for (let at = 0; at < ACCOUNTS; at += some) {
        const opened = Array.from({ length: Math.min(some, ACCOUNTS - at) }, (_, index) => 6 + at + index);
        await decide(...opened.map((account) => ["o", account, 1000 + account] as const));
        await decide(...opened.map((account) => ["d", account, 5] as const));
      }
    });

    afterAll(async () => {
      redis.destroy();
      await system[Symbol.asyncDispose]();
    });

    test("finds nothing, and counts what waits", async () => {
      const report = await system.audit();
      expect(report.findings).toEqual([]);
      expect(report.counts).toMatchObject({
        accounts: 5,
        entries: 4,
        outboxEntries: 2 * SMALL_BATCHES + ACCOUNTS,
      });
    });

    test("finds what is wrong in any part of it", async () => {
      const last = 5 + ACCOUNTS;
      await system.inRow(String(last), BALANCE, "7");
      await system.inRow("9", LIMIT, "7");
      await redis.sendCommand(["ZREMRANGEBYRANK", `razonete:{0}:statement:${HOT}`, "-1", "-1"]);
      const seq = 2 + SMALL_BATCHES;
      expect(places(await system.audit()).toSorted()).toEqual(
        [`redis-differs ${last} 1`, "redis-differs 9 1", `statement-differs ${HOT} ${seq}`].toSorted(),
      );
      await system.inRow(String(last), BALANCE, "-5");
      await system.inRow("9", LIMIT, "1009");
      const statement = `razonete:{0}:statement:${HOT}`;
      const batch: unknown = await redis.sendCommand([
        "XRANGE",
        outboxKey(0),
        `${first + SMALL_BATCHES - 1}-0`,
        "+",
        "COUNT",
        "1",
      ]);
      const [[, [, event = ""]]] = z.tuple([z.tuple([z.string(), z.array(z.string())])]).parse(batch);
      await redis.sendCommand(["ZADD", statement, String(seq), event]);
      expect(places(await system.audit())).toEqual([]);
    });

    test("finds a batch that is missing after the first page", async () => {
      const g = first + bounds.audit_chunk_batches + 50;
      const copy = "saved:{0}:outbox";
      await redis.sendCommand(["COPY", outboxKey(0), copy]);
      await redis.sendCommand(["XDEL", outboxKey(0), `${g}-0`]);
      const hole = 2 + bounds.audit_chunk_batches + 52;
      expect(places(await system.audit()).toSorted()).toEqual([
        "outbox-gap - -",
        `outbox-gap 1 ${hole}`,
        `outbox-gap ${HOT} ${hole}`,
      ]);
      await redis.sendCommand(["RENAME", copy, outboxKey(0)]);
    });

    test("a shard that is flagged during an audit is reported as flagged", async () => {
      const { g } = await system.books.outbox();
      const mark = `
      import { createClient } from "@redis/client";
      const client = await createClient({ url: "${system.cluster.redis.url}" }).connect();
      await client.hSet("razonete:{0}:head", "lost", "${g}");
      client.destroy()`;
      let calls = 0;
      const onProgress = (): void => {
        calls += 1;
        // The passes over journal and books have begun and ended; the accounts in Redis were compared.
        if (calls !== 4) return;
        const { exitCode } = Bun.spawnSync([process.execPath, "-e", mark], { cwd: import.meta.dir });
        expect(exitCode).toBe(0);
      };
      try {
        const { findings } = await system.audit({ onProgress });
        expect(findings.map(({ name, detail }) => `${name}: ${detail.split(",", 1)[0]}`)).toEqual([
          `redis-other: in shard 0 batch ${g} was answered and is gone`,
        ]);
      } finally {
        await redis.sendCommand(["HDEL", headKey(0), "lost"]);
      }
    });

    test("holds against the books also what they keep while it goes on, and takes nothing else amiss", async () => {
      const { sql } = system.books;
      const { writers } = system.cluster;
      // The writer comes up, and is held before it has kept anything; what it keeps of the opened accounts is then made
      // wrong.
      await sql.unsafe(`
      CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN UPDATE entries SET description = 'spoiled' WHERE kind = 'debit'; RETURN NEW; END $$;
      CREATE CONSTRAINT TRIGGER written_spoiled AFTER UPDATE OF last_g ON cursors DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION spoil()`);
      await sql.begin(async (transaction) => {
        await transaction`SELECT FROM cursors FOR UPDATE`;
        await Promise.all(writers.map((writer) => writer.start()));
        for (const writer of writers) writer.signal("SIGSTOP");
      });
      const { g, length: waiting } = await system.books.outbox();
      const planned: number[] = [];
      let doneBefore = 0;
      let isKept = false;
      const onProgress = (done: number, all: number): void => {
        if (all !== planned.at(-1)) {
          planned.push(all);
          doneBefore = done;
        }
        // The first of the accounts that may change are compared, and the outbox as a whole; the others come next.
        if (planned.length !== 2 || done === doneBefore || isKept) return;
        isKept = true;
        for (const writer of writers) writer.signal("SIGCONT");
        const kept = [process.execPath, UNTIL_KEPT, system.cluster.databaseUrl, String(g)];
        expect(Bun.spawnSync(kept, { timeout: 30_000 }).exitCode).toBe(0);
      };
      const report = await system.audit({ onProgress });
      expect(waiting).toBeGreaterThan(SMALL_BATCHES);
      expect(report.counts.outboxEntries).toBe(2 * SMALL_BATCHES + ACCOUNTS);
      expect(planned.length).toBe(2);
      // Of the opened accounts, besides 1 and HOT, these come late.
      const late = ACCOUNTS + 2 - bounds.audit_moving_accounts;
      expect(report.findingsInAll).toBeGreaterThanOrEqual(2 * (late - 2));
      expect(report.findingsInAll).toBeLessThanOrEqual(2 * late);
      for (const place of places(report)) expect(place).toMatch(/^(redis|statement)-differs \d+ 1$/);

      await sql.unsafe(
        "DROP FUNCTION spoil CASCADE; UPDATE entries SET description = 'c' WHERE description = 'spoiled'",
      );
      await system.books.drained();
      const afterwards = await system.audit();
      expect(afterwards.findings).toEqual([]);
      expect(afterwards.counts).toMatchObject({ accounts: 5 + ACCOUNTS, outboxEntries: 0 });
    });
  },
);
