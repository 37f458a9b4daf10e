import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "@nats-io/transport-node";
import { jetstreamManager } from "@nats-io/jetstream";
import { STREAM, subjectOf } from "../../src/carry/ensure-stream.ts";
import { natsOptions } from "../../src/carry/nats-address.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { eventually } from "../support/eventually.ts";
import { fedAfter } from "../support/servers/fed.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { ACCOUNT_3, AuditedCluster, STATEMENT_3 } from "./support/audited-cluster.ts";
import { cutFeed } from "./support/cut-feed.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const BROKEN = ["balance-broken 3 4", "balance-broken 3 5", "journal-differs 3 4", "feed-differs 3 4"];

describe.skipIf(serversMissing !== null)("an audit of a cluster", () => {
  let system: AuditedCluster;
  /** The account that the API opened. */
  let opened = "";

  beforeAll(async () => {
    system = await AuditedCluster.start();
    const { sql } = system.books;
    for (const account of [1, 2, 3, 5]) await system.credit(account, 15);
    // A limit that changes between entries.
    await system.limit("2", 90_000);
    await system.credit(2, 3);
    opened = await system.open(500, "Padaria Joia");
    await system.call("POST", `/clientes/${opened}/transacoes`, {
      valor: 500,
      tipo: "d",
      descricao: "all of it",
    });
    await system.books.drained();
    // Nothing goes on by itself from here on; and what keeps damage out of the books is taken away.
    await Promise.all(system.cluster.writers.map((writer) => writer.stop()));
    await sql.unsafe(`
      ALTER TABLE accounts DROP CONSTRAINT accounts_check, DROP CONSTRAINT accounts_credit_limit_check;
      ALTER TABLE entries DROP CONSTRAINT entries_check, DROP CONSTRAINT entries_credit_limit_check,
        DROP CONSTRAINT entries_value_check, DROP CONSTRAINT entries_kind_check`);
  });

  afterAll(() => system[Symbol.asyncDispose]());

  /** Places that the audit names while the books are damaged so. The damage is undone afterwards. */
  async function withBooks(...damage: readonly string[]): Promise<string[]> {
    const { sql } = system.books;
    await sql.unsafe(`
      CREATE SCHEMA saved;
      ${TABLES.map((table) => `CREATE TABLE saved.${table} AS TABLE public.${table}`).join(";")}`);
    try {
      for (const statement of damage) await sql.unsafe(statement);
      return await system.found();
    } finally {
      await sql.unsafe(TABLES.map((t) => `TRUNCATE ${t}; INSERT INTO ${t} TABLE saved.${t}`).join(";"));
      await sql.unsafe("DROP SCHEMA saved CASCADE");
    }
  }
  const TABLES = ["accounts", "entries", "limits", "cursors", "system", "journal"];

  /** The same for Redis. */
  const withRedis = (...damage: readonly (readonly string[])[]) => system.foundWith(damage);

  test("finds nothing in a correct cluster, and counts what it read", async () => {
    const report = await system.audit();
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({ agreed: true, system: "cluster", findingsInAll: 0 });
    expect(report.counts).toMatchObject({ accounts: 6, entries: 64, outboxEntries: 0, statements: 6 });
    expect(report.counts.feedBatches).toBeGreaterThan(60);
  });

  test("an entry's value changed", async () => {
    const found = await withBooks("UPDATE entries SET value = 2 WHERE account = '3' AND seq = 4");
    expect(found).toEqual(["balance-broken 3 4", "journal-differs 3 4", "feed-differs 3 4"]);
  });

  test("an entry's balance changed: it and the next one do not fit, the later ones do", async () => {
    const found = await withBooks("UPDATE entries SET balance = 7 WHERE account = '3' AND seq = 4");
    expect(found).toEqual(BROKEN);
  });

  test("values beyond every range are named, too", async () => {
    const max = "9223372036854775807";
    const found = await withBooks(
      `UPDATE entries SET value = ${max}, balance = ${max}, kind = 'gift' WHERE account = '3' AND seq = 4`,
    );
    expect(found).toEqual(BROKEN);
  });

  test("an entry deleted in the middle, the first, the last; one does not hide the other", async () => {
    const found = await withBooks(
      "DELETE FROM entries WHERE (account, seq) IN (('3', 4), ('1', 1), ('5', 15))",
      "UPDATE entries SET value = 2 WHERE account = '2' AND seq = 3",
    );
    expect(found.filter((place) => !place.startsWith("feed"))).toEqual([
      "account-differs 5 15",
      "seq-gap 1 1",
      "balance-broken 2 3",
      "seq-gap 3 4",
      ...["1 1", "2 3", "3 4", "5 15"].map((place) => `journal-differs ${place}`),
      "redis-differs 5 15",
      "statement-differs 5 15",
    ]);
    expect(found.filter((place) => place.startsWith("feed")).toSorted()).toEqual([
      "feed-differs 1 1",
      "feed-differs 2 3",
      "feed-differs 3 4",
      "feed-differs 5 15",
    ]);
  });

  test("a command twice, with a balance that fits", async () => {
    const found = await withBooks(
      `INSERT INTO entries (account, seq, kind, value, balance, credit_limit, description, command, time, shard, g, event)
       SELECT account, 16, kind, value, balance + 1, credit_limit, description, command, time + 9, shard, g, event + 1
       FROM entries WHERE account = '3' AND seq = 15`,
      "UPDATE accounts SET seq = 16, balance = 16 WHERE account = '3'",
    );
    expect(found).toEqual(["command-doubled 3 16", "journal-differs 3 16", "redis-older 3 15"]);
  });

  test("a command twice, the second time under the name of another access key", async () => {
    const named = (account: string, name: string, id: string) =>
      `UPDATE entries SET command = '${name}${id}' WHERE account = '${account}' AND seq = 2`;
    const doubled = async (...damage: string[]) =>
      (await withBooks(...damage)).filter((found) => found.startsWith("command"));
    const [mine, till] = [named("3", "", "key:a/b"), named("5", "till-2/", "key:a/b")];
    expect(await doubled(mine, till)).toEqual(["command-doubled 5 2"]);
    expect(await doubled(named("3", "shop/", "key:a/b"), till)).toEqual(["command-doubled 5 2"]);
    expect(await doubled(named("3", "shop/", "key:b"), till)).toEqual([]);
  });

  test("a client's key is one command for as long as was set at the least, and another one after it", async () => {
    const hour = 3600 * 1_000_000;
    const used = (after: number) => [
      "UPDATE entries SET command = 'key:mine' WHERE account = '3' AND seq = 1",
      `UPDATE entries SET command = 'key:mine', time = (SELECT time + ${after} FROM entries WHERE account = '3' AND seq = 1)
       WHERE account = '5' AND seq = 15`,
    ];
    for (const hours of [24, 2]) {
      const set = `UPDATE system SET key_hours_least = ${hours}`;
      const listed = async (after: number) =>
        (await withBooks(set, ...used(after))).filter((place) => place.startsWith("command"));
      expect(await listed(hours * hour - 1)).toEqual(["command-doubled 5 15"]);
      expect(await listed(hours * hour)).toEqual([]);
    }
  });

  test("the same account and seq twice, with the key dropped", async () => {
    const { sql } = system.books;
    await sql`ALTER TABLE entries DROP CONSTRAINT entries_pkey`;
    try {
      const found = await withBooks(
        "INSERT INTO entries SELECT * FROM entries WHERE account = '3' AND seq = 4",
        "UPDATE entries SET value = 2 WHERE account = '5' AND seq = 3",
      );
      expect(found.filter((place) => !place.startsWith("feed")).toSorted()).toEqual([
        "balance-broken 5 3",
        "journal-differs 3 4",
        "journal-differs 5 3",
        "seq-doubled 3 4",
        "time-not-rising 3 4",
      ]);
    } finally {
      await sql`ALTER TABLE entries ADD CONSTRAINT entries_pkey PRIMARY KEY (account, seq)`;
    }
  });

  test("a time that does not rise", async () => {
    const found = await withBooks(
      "UPDATE entries SET time = (SELECT time FROM entries WHERE account = '3' AND seq = 3) WHERE account = '3' AND seq = 4",
    );
    expect(found).toEqual(["time-not-rising 3 4", "journal-differs 3 4", "feed-differs 3 4"]);
  });

  test("an account's row off by one", async () => {
    expect(await withBooks("UPDATE accounts SET balance = balance + 1 WHERE account = '3'")).toEqual([
      "account-differs 3 15",
    ]);
    expect(await withBooks("UPDATE accounts SET seq = 14 WHERE account = '3'")).toEqual([
      "account-differs 3 14",
      "redis-differs 3 15",
    ]);
    expect(await withBooks("UPDATE accounts SET credit_limit = 7 WHERE account = '3'")).toEqual([
      "account-differs 3 15",
    ]);
  });

  test("an account missing, or its limits", async () => {
    const account = await withBooks("DELETE FROM accounts WHERE account = '5'");
    expect(account[0]).toBe("account-missing 5 -");
    expect(await withBooks("DELETE FROM limits WHERE account = '4'")).toContain("account-missing 4 -");
    expect(await withBooks("DELETE FROM limits WHERE account = '2' AND version = 1")).toEqual(
      expect.arrayContaining(["account-differs 2 18", "limit-passed 2 1"]),
    );
  });

  test("a limit changed: of the entries under it the first is named", async () => {
    const found = await withBooks(
      "UPDATE limits SET credit_limit = 70000 WHERE account = '2' AND version = 1",
    );
    expect(found).toContain("limit-passed 2 1");
    const second = await withBooks("UPDATE limits SET after_seq = 16 WHERE account = '2' AND version = 2");
    expect(second).toEqual(expect.arrayContaining(["limit-passed 2 16"]));
    const entry = await withBooks(`UPDATE entries SET credit_limit = 499 WHERE account = '${opened}'`);
    expect(entry).toContain(`limit-passed ${opened} 1`);
  });

  test("the cursor moved", async () => {
    const moved = (by: string) => withBooks(`UPDATE cursors SET last_g = last_g ${by}`);
    expect(await moved("+ 1")).toEqual(["journal-cut - -", "redis-older - -"]);
    expect(await moved("- 1")).toEqual(["journal-differs - -", "outbox-gap - -"]);
    expect(await withBooks("DELETE FROM cursors")).toContain("outbox-gap - -");
  });

  test("Redis: another epoch, nothing, marked as having lost batches", async () => {
    const head = "razonete:{0}:head";
    expect(await withRedis(["HSET", head, "epoch", "other"])).toEqual(["redis-other - -"]);
    expect(await withRedis(["DEL", head])).toEqual(["redis-other - -"]);
    const { g } = await system.books.outbox();
    const mark = (lost: number, ...more: string[]) => ["HSET", head, "lost", String(lost), ...more];
    expect(await withRedis(mark(g + 1))).toEqual(["redis-older - -"]);
    expect(await withRedis(mark(g, "other", String(g)))).toEqual(["redis-other - -"]);
    expect(await withBooks("UPDATE system SET loaded = false")).toEqual(["redis-other - -"]);
    expect((await system.audit({ duringRestore: true })).agreed).toBe(true);
  });

  test("the books have noted a later batch than Redis has: the APIs' fence refuses it, and so does the audit", async () => {
    const { g } = await system.books.outbox();
    const noted = (seenG: number) => withBooks(`UPDATE cursors SET seen_g = ${seenG}`);
    expect(await noted(g + 1)).toEqual(["redis-older - -"]);
    expect(await noted(g)).toEqual([]);
  });

  test("each flag of a loss is reported with its meaning and with what to do", async () => {
    const head = "razonete:{0}:head";
    const { g } = await system.books.outbox();
    const details: string[] = [];
    for (const mark of [
      ["lost", String(g + 1)],
      ["lost", String(g), "other", String(g - 1)],
    ]) {
      await system.cluster.redisCommand("HSET", head, ...mark);
      details.push(...(await system.audit()).findings.map(({ detail }) => detail));
      await system.cluster.redisCommand("HDEL", head, "lost", "other");
    }
    const wayOut = "it answers nobody: give Redis its data back, or run razonete restore";
    expect(details).toEqual([
      `Redis ends shard 0 at batch ${g}, up to ${g + 1} was answered; ${wayOut}`,
      `in shard 0 batch ${g - 1} was answered, and another one has its number now; ${wayOut}`,
    ]);
  });

  test("a batch that is marked as lost, and that the books have: the APIs take the mark away", async () => {
    const head = "razonete:{0}:head";
    const { g } = await system.books.outbox();
    await system.cluster.redisCommand("HSET", head, "lost", String(g));
    const mark = () => system.cluster.redisCommand("HGET", head, "lost");
    await eventually("the mark is gone", async () => (await mark()) === null);
    expect(await system.found()).toEqual([]);
  });

  test("a restore that is not finished", async () => {
    const { sql } = system.books;
    await sql`INSERT INTO restores (epoch_before, epoch_after, report) VALUES ('a', 'b', '{}')`;
    expect(await system.found()).toEqual(["redis-other - -"]);
    await sql`UPDATE restores SET finished_at = now()`;
    expect(await system.found()).toEqual([]);
    await sql`DELETE FROM restores`;
  });

  test("Redis behind the books, and behind the feed", async () => {
    const { g } = await system.books.outbox();
    expect(await withRedis(["HSET", "razonete:{0}:head", "g", String(g - 1)])).toEqual(["redis-older - -"]);
  });

  describe("with batches that the books do not have yet", () => {
    let first = 0;
    let openedLast = "";

    beforeAll(async () => {
      first = (await system.books.outbox()).g + 1;
      await system.credit(3, 4);
      await system.limit("3", 5);
      await system.credit(3, 1);
      openedLast = await system.open(7);
      // The feed is a moment behind the answers.
      await fedAfter(first - 1, system.cluster);
    });

    afterAll(async () => {
      await Promise.all(system.cluster.writers.map((writer) => writer.start()));
      await system.books.drained();
      expect(await system.found()).toEqual([]);
    });

    test("it finds nothing, and counts them", async () => {
      const report = await system.audit();
      expect(report.findings).toEqual([]);
      expect(report.counts).toMatchObject({ outboxEntries: 5, statements: 7 });
    });

    test("an entry of the outbox removed, in the middle and at the end", async () => {
      const outbox = "razonete:{0}:outbox";
      const second = await withRedis(["XDEL", outbox, `${first + 1}-0`]);
      expect(second).toEqual(expect.arrayContaining(["outbox-gap - -", "outbox-gap 3 18"]));
      expect(await withRedis(["XDEL", outbox, `${first + 6}-0`])).toEqual(
        expect.arrayContaining(["outbox-gap - -", `redis-differs ${openedLast} -`]),
      );
      expect(await withRedis(["DEL", outbox])).toEqual(
        expect.arrayContaining(["outbox-gap - -", "redis-differs 3 20"]),
      );
    });

    test("a statement of entries that only the outbox has", async () => {
      expect(await withRedis(["ZREMRANGEBYSCORE", STATEMENT_3, "18", "18"])).toEqual([
        "statement-differs 3 18",
      ]);
    });

    test("an account that only the outbox opens, missing in Redis, or otherwise there", async () => {
      const account = `razonete:{0}:account:${openedLast}`;
      const row = String(await system.cluster.redisCommand("GET", account));
      try {
        await system.cluster.redisCommand("DEL", account);
        expect(await system.found()).toEqual([`redis-differs ${openedLast} -`]);
        await system.cluster.redisCommand("SET", account, row.split(" ").with(1, "1").join(" "));
        expect(await system.found()).toEqual([`redis-differs ${openedLast} 0`]);
        await system.cluster.redisCommand("SET", account, row.replace("BRL/2", "BRL/3"));
        expect(await system.found()).toEqual([`redis-differs ${openedLast} -`]);
      } finally {
        await system.cluster.redisCommand("SET", account, row);
      }
    });

    test("a limit of Redis that was in force before", async () => {
      const row = String(await system.cluster.redisCommand("GET", ACCOUNT_3));
      const before = row.split(" ").with(0, "1000000").join(" ");
      expect(await withRedis(["SET", ACCOUNT_3, before])).toEqual(["redis-differs 3 20"]);
    });

    test("Redis behind the feed", async () => {
      const found = await withRedis(
        ["HSET", "razonete:{0}:head", "g", String(first + 5)],
        ["XDEL", "razonete:{0}:outbox", `${first + 6}-0`],
      );
      expect(found).toContain("redis-older - -");
    });
  });

  test("a message of the feed that says something else", async () => {
    const { epoch } = (await system.books.sql<{ epoch: string }[]>`SELECT epoch FROM system`)[0] ?? {
      epoch: "",
    };
    const { g } = await system.books.outbox();
    const connection = await connect(natsOptions(system.cluster.nats.url));
    const wrong = { shard: 0, events: ["c 3 5 1 1 5 1000000 req:x made up"] };
    for (const message of [
      { ...wrong, epoch, g: 5 },
      { ...wrong, epoch: "older", g: 5 },
      { ...wrong, epoch, g: g + 9 },
    ])
      connection.publish(subjectOf(0), JSON.stringify(message));
    connection.publish(subjectOf(0), "no batch");
    await connection.flush();
    const manager = await jetstreamManager(connection);
    const found = await system.found();
    expect(found.toSorted()).toEqual(["feed-differs - -", "feed-differs 3 5", "redis-older - -"]);
    expect((await system.audit({ natsUrl: null })).findings).toEqual([]);
    expect(await manager.consumers.list(STREAM).next()).toEqual([]);
    await cutFeed(connection, 4);
    await connection.close();
    expect(await system.found()).toEqual([]);
  });
});
