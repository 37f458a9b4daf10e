import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { admitted, describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { fenced, notReady } from "./support/fenced.ts";
import { credit, debit, submitted } from "../support/ledger/settling.ts";

failOnLeaks();
setDefaultTimeout(60_000);

describeWithRedis("a server with settings that the promise does not stand on", () => {
  let stand: RedisStand;
  beforeEach(async () => {
    stand = await RedisStand.start();
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  const setting = (name: string, wanted: string, wrong: string, isRelaxable = true) => ({
    name: `${name} is ${wrong}`,
    reason: new RegExp(
      String.raw`^Redis may lose what it has answered: set ${name} ${wanted} \(it is ${wrong}\)` +
        (isRelaxable ? ", or DURABILITY=relaxed$" : "$"),
    ),
    make: () => stand.command(["CONFIG", "SET", name, wrong]),
    mend: () => stand.command(["CONFIG", "SET", name, wanted]),
  });
  const settings = [
    setting("appendfsync", "always", "everysec"),
    setting("appendonly", "yes", "no"),
    setting("no-appendfsync-on-rewrite", "no", "yes"),
    ...["volatile-lru", "allkeys-lru"].map((policy) =>
      setting("maxmemory-policy", "noeviction", policy, false),
    ),
    {
      name: "cluster-node-timeout is 499",
      reason: /^Redis may lose what it has answered: set cluster-node-timeout 500 or more \(it is 499\)$/,
      make: () => stand.command(["CONFIG", "SET", "cluster-node-timeout", "499"]),
      mend: () => stand.command(["CONFIG", "SET", "cluster-node-timeout", "500"]),
    },
    {
      name: "Redis is a replica",
      reason: /^Redis is a replica: set REDIS_URL to the primary/,
      make: () => stand.command(["REPLICAOF", "127.0.0.1", "1"]),
      mend: () => stand.command(["REPLICAOF", "NO", "ONE"]),
    },
    {
      name: "the books' server has a wrong setting",
      reason: /^PostgreSQL has a wrong setting$/,
      make: () => (stand.books.fault = "PostgreSQL has a wrong setting"),
      mend: () => (stand.books.fault = null),
    },
  ];
  for (const { name, reason, make, mend } of settings) {
    test(`${name}, at the start or while the ledger runs: not ready until that is mended`, async () => {
      await make();
      const ledger = stand.newLedger();
      await notReady(ledger, reason);
      await mend();
      await eventually("it is ready", () => admitted(ledger));
      expect(await ledger.submit(credit("1"))).toMatchObject({ type: "accepted" });
      // Nobody asks it for anything from here on: it notices by itself.
      await make();
      await notReady(ledger, reason);
    });
  }

  test("every wrong setting is named at once", async () => {
    await stand.command(["CONFIG", "SET", "appendfsync", "no", "maxmemory-policy", "volatile-ttl"]);
    await fenced(
      stand.newLedger(),
      /: set maxmemory-policy noeviction \(it is volatile-ttl\) and appendfsync always \(it is no\)$/,
    );
  });

  test("a Redis that becomes a replica: no transaction was applied, and its client is told so", async () => {
    const ledger = await stand.ledger();
    await stand.command(["REPLICAOF", "127.0.0.1", "1"]);
    const answers = Array.from({ length: 20 }, () => submitted(ledger, credit("1")));
    for (const answer of answers) expect(await answer).toMatchObject({ outcome: "none" });
    await fenced(ledger, /^Redis is a replica/);
    await stand.command(["REPLICAOF", "NO", "ONE"]);
    await eventually("it is ready", () => admitted(ledger));
    expect(await ledger.account("1")).toMatchObject({ seq: 0 });
  });

  test("a Redis that becomes a replica and refuses to read: the same", async () => {
    const ledger = await stand.ledger();
    await stand.command(["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    await stand.command(["REPLICAOF", "127.0.0.1", "1"]);
    expect(await submitted(ledger, credit("1"))).toMatchObject({ outcome: "none" });
    await fenced(ledger, /^Redis is a replica/);
  });

  test("what is only about the disk can be waived, what makes Redis forget cannot", async () => {
    await stand.command(["CONFIG", "SET", "appendfsync", "everysec"]);
    const ledger = await stand.ledger({ durable: false });
    expect(await ledger.submit(credit("1"))).toMatchObject({ type: "accepted" });
    await stand.command(["CONFIG", "SET", "maxmemory-policy", "volatile-lru"]);
    await fenced(ledger, /^Redis may lose what it has answered: set maxmemory-policy noeviction/);
    await stand.command(["CONFIG", "SET", "maxmemory-policy", "noeviction", "cluster-node-timeout", "499"]);
    await fenced(ledger, /: set cluster-node-timeout 500 or more \(it is 499\)$/);
  });

  test("where CONFIG is forbidden: Redis's policy and role are known, and fsync only if it is waived", async () => {
    await stand.command(["ACL", "SETUSER", "limited", "on", "nopass", "~*", "&*", "+@all", "-config"]);
    const redisUrl = stand.server.url.replace("://", "://limited:any@");
    await fenced(
      stand.newLedger({ redisUrl }),
      /^Redis does not tell whether it fsyncs .*DURABILITY=relaxed$/,
    );
    const ledger = await stand.ledger({ redisUrl, durable: false });
    expect(await ledger.submit(credit("1"))).toMatchObject({ type: "accepted" });
    await stand.command(["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    await fenced(ledger, /set maxmemory-policy noeviction \(it is allkeys-lru\)$/);
    await stand.command(["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    await eventually("it is ready", () => admitted(ledger));
    await stand.command(["REPLICAOF", "127.0.0.1", "1"]);
    await fenced(ledger, /^Redis is a replica/);
  });

  test("INFO forbidden while the ledger runs: what is not told is not trusted", async () => {
    const ledger = await stand.ledger();
    await stand.command(["ACL", "SETUSER", "default", "-info"]);
    await notReady(ledger, /NOPERM/);
    await stand.command(["ACL", "SETUSER", "default", "+info"]);
    await eventually("it is ready", () => admitted(ledger));
  });

  test("rights that are taken away: nothing is applied, once or many times, and it is said", async () => {
    const lines: string[] = [];
    const ledger = await stand.ledger({ onOutage: (line) => lines.push(line) });
    await eventually("it says that it is ready", () => lines.at(-1) === "ready");
    lines.length = 0;
    const command = { ...credit("1"), id: "key:k" } as const;
    await stand.command(["ACL", "SETUSER", "default", "-set"]);
    // Of a call that is in flight at the deadline it is not known yet that it will be refused, too.
    let answer = await submitted(ledger, command);
    for (let again = 0; again < 10 && "outcome" in answer && answer.outcome === "unknown"; again += 1)
      answer = await submitted(ledger, command);
    expect(answer).toMatchObject({
      outcome: "none",
      message: expect.stringMatching(/^Redis refuses it: NOPERM the user of the ledger may not use SET/),
    });
    expect(lines).toEqual([expect.stringMatching(/^Redis refuses transactions: NOPERM/)]);
    await stand.command(["ACL", "SETUSER", "default", "+set"]);
    expect(await ledger.submit(command)).toMatchObject({
      type: "accepted",
      replayed: false,
      result: { account: { seq: 1 } },
    });
    await eventually("it says that it goes on", () => lines.at(-1) === "Redis takes transactions again");
  });

  test("memory that is full: why it is refused is said, what was decided is known, and readings go on", async () => {
    // Behind a balancer that resends, too, it is certain that nothing was done.
    const ledger = await stand.ledger({ balancerResends: true });
    const decided = [credit("2"), debit("2", 900_000, "key:refused")];
    const outcomes = await Promise.all(decided.map((command) => ledger.submit(command)));
    await stand.command(["CONFIG", "SET", "maxmemory", "1"]);
    const again = await Promise.all([credit("2"), ...decided].map((command) => submitted(ledger, command)));
    expect(again[0]).toMatchObject({ outcome: "none" });
    expect(again.slice(1)).toEqual(outcomes.map((outcome) => ({ ...outcome, replayed: true })));
    expect(await submitted(ledger, credit("1"))).toMatchObject({
      outcome: "none",
      message: expect.stringMatching(/^Redis refuses it: OOM/),
    });
    expect(ledger.readiness()).toEqual({ ready: true });
    expect(await ledger.account("1")).toMatchObject({ seq: 0 });
    await stand.command(["CONFIG", "SET", "maxmemory", "0"]);
    expect(await ledger.submit(credit("1"))).toMatchObject({ type: "accepted" });
  });

  test("a function that fails is not called again with the same commands", async () => {
    const ledger = await stand.ledger();
    const calls = async () =>
      /cmdstat_fcall:calls=(\d+)/.exec(String(await stand.command(["INFO", "commandstats"])))?.[1];
    await stand.command(["SET", "razonete:{0}:statement:1", "x"]);
    const before = Number((await calls()) ?? 0);
    expect(await submitted(ledger, credit("1"))).toMatchObject({ outcome: "unknown" });
    expect(Number(await calls())).toBe(before + 1);
  });

  test("a batch that is written in part: the fence refuses it", async () => {
    await stand.command(["XADD", "razonete:{0}:outbox", "1-0", "e", "x"]);
    await fenced(stand.newLedger(), /^Redis has written only a part of batch 1: .* razonete restore$/);
  });

  test("no functions, and no right to look whether anything else is there: it is asked again until it tells", async () => {
    await stand.command(["FUNCTION", "FLUSH"]);
    await stand.command(["ACL", "SETUSER", "default", "-exists"]);
    const ledger = stand.newLedger();
    await notReady(ledger, /^Redis cannot be asked .*NOPERM/);
    await stand.command(["ACL", "SETUSER", "default", "+exists"]);
    await notReady(ledger, /^Redis has no functions of the ledger/);
  });
});
