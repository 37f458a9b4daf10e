import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { LedgerUnavailable } from "../../src/ledger/ledger.ts";
import { bounds } from "../../src/bounds.ts";
import { booksThat, newest } from "./support/books-that.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { TcpProxy } from "../../proof/torture/faults/tcp-proxy.ts";
import { credit, debit, expectAppliedOnce, submitted } from "../support/ledger/settling.ts";

failOnLeaks();
setDefaultTimeout(60_000);

describeWithRedis("closing a ledger in Redis", () => {
  let stand: RedisStand;
  beforeEach(async () => {
    stand = await RedisStand.start();
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  test("completes what was submitted, over several calls, then refuses", async () => {
    const ledger = await stand.ledger();
    const commands = Array.from({ length: 1_500 }, () => debit("1"));
    const begun = Promise.all(
      commands.map(async (command) => ({ command, outcome: await ledger.submit(command) })),
    );
    const reading = ledger.statement("1");
    await ledger.close();
    expectAppliedOnce(await begun, await stand.events());
    expect(await reading).not.toBeNull();
    expect(await submitted(ledger, debit("1"))).toMatchObject({ outcome: "none" });
    expect(ledger.readiness()).toEqual({ ready: false, reason: "the ledger is closed" });
    await ledger.close();
  });

  test("resends what a lost reply left open, then ends", async () => {
    await using proxy = await TcpProxy.start(stand.server.process.port);
    const ledger = await stand.ledger({ redisUrl: proxy.url });
    proxy.loseReplyAfter(0);
    const begun = ledger.submit(debit("1"));
    await ledger.close();
    expect(proxy.losses).toBe(1);
    expect(await begun).toMatchObject({ type: "accepted", result: { account: { seq: 1 } } });
    expect(await stand.events()).toHaveLength(1);
  });

  test("reads what was answered while this process stood still, before it gives up", async () => {
    const ledger = await stand.ledger();
    const begun = ledger.submit(debit("1"));
    const closed = ledger.close();
    Bun.sleepSync(bounds.decision_milliseconds_max + 200);
    await closed;
    expect(await begun).toMatchObject({ type: "accepted", result: { account: { seq: 1 } } });
  });

  test("rejects all waiting requests while Redis is away, and still ends", async () => {
    const ledger = await stand.ledger();
    const behindBalancer = await stand.ledger({ balancerResends: true });
    await stand.server.process.kill();
    await Bun.sleep(50);
    const waiting = [submitted(ledger, credit("1")), submitted(behindBalancer, credit("1"))];
    await Promise.all([ledger.close(), behindBalancer.close()]);
    expect(await Promise.all(waiting)).toMatchObject([{ outcome: "none" }, { outcome: "unknown" }]);
    expect(await submitted(behindBalancer, credit("1"))).toMatchObject({ outcome: "unknown" });
  });

  test("entries that are being read when the ledger closes end, too", async () => {
    const asked = Promise.withResolvers<null>();
    const answer = Promise.withResolvers<{ entries: []; keptSeq: number }>();
    const ledger = await stand.ledger({
      books: booksThat(stand.books, {
        entries: () => {
          asked.resolve(null);
          return answer.promise;
        },
      }),
    });
    for (let index = 0; index < 2; index += 1) await ledger.submit(credit("1"));
    const entries = ledger.entries("1", newest(100)).catch((error: unknown) => error);
    await asked.promise;
    await ledger.close();
    // One entry is nowhere: it reads once more, of a ledger that is closed by now.
    answer.resolve({ entries: [], keptSeq: 1 });
    expect(await entries).toBeInstanceOf(LedgerUnavailable);
  });

  // A process of its own, as only its end shows that nothing holds it: no timer, no socket.
  for (const [name, before] of [
    ["after work", "await ready(); await ledger.submit(command);"],
    ["at once", ""],
    ["twice at once", "await ready(); ledger.close().catch(() => {});"],
    ["where Redis is not there", "url.port = '1';"],
  ] as const) {
    test(`lets the process end: ${name}`, async () => {
      const child = Bun.spawn([process.execPath, "-e", program(stand.server.url, before)], {
        cwd: join(import.meta.dir, "../.."),
        stdout: "pipe",
        stderr: "pipe",
      });
      let output = "";
      let killer = setTimeout(() => child.kill("SIGKILL"), 30_000);
      for await (const bytes of child.stdout) {
        output += new TextDecoder().decode(bytes);
        clearTimeout(killer);
        // A socket that was left open ends by itself, when Redis has been silent for that long.
        killer = setTimeout(() => child.kill("SIGKILL"), bounds.redis_silence_milliseconds_max - 500);
      }
      const code = await child.exited;
      clearTimeout(killer);
      expect({ code, output, errors: await child.stderr.text() }).toEqual({
        code: 0,
        output: "closed\n",
        errors: "",
      });
    });
  }
});

function program(redisUrl: string, before: string): string {
  return `
    import { RedisLedger } from "./src/decide/redis-ledger.ts";
    const url = new URL(${JSON.stringify(redisUrl)});
    const command = { type: "transact", id: "req:close", account: "1", kind: "credit", value: 1, description: "x" };
    const books = {
      fence: async () => ({ epoch: "test", loaded: true, shards: 1, lastG: [0], seenG: [0] }),
      entries: async () => ({ entries: [], keptSeq: 0 }),
      settingsFault: async () => null,
    };
    ${before.startsWith("url") ? before : ""}
    const options = { books, feed: { publish() {} }, outboxBatchesMax: 10, durable: true, balancerResends: false };
    const ledger = new RedisLedger({ redisUrl: url.href, ...options });
    const ready = async () => { while (!ledger.readiness().ready) await Bun.sleep(5); };
    ${before.startsWith("url") ? "await Bun.sleep(300);" : before}
    await ledger.close();
    console.log("closed");
  `;
}
