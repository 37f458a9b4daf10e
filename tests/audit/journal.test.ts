import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "@nats-io/transport-node";
import { subjectOf } from "../../src/carry/ensure-stream.ts";
import { natsOptions } from "../../src/carry/nats-address.ts";
import { type JournalHead, journalHash } from "../../src/ledger/journal.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { AuditedCluster, places } from "./support/audited-cluster.ts";
import { type Damage, DamagedBooks } from "./support/damaged-books.ts";
import { cutFeed } from "./support/cut-feed.ts";

failOnLeaks();
setDefaultTimeout(240_000);

describe.skipIf(serversMissing !== null)("the journal in an audit", () => {
  let system: AuditedCluster;
  let books: DamagedBooks;
  /** The account that the API opened. */
  let opened = "";
  let last = 0;

  beforeAll(async () => {
    system = await AuditedCluster.start();
    books = new DamagedBooks(system);
    for (const account of [1, 2, 3]) await system.credit(account, 5);
    await system.limit("2", 90_000);
    await system.limit("2", 80_000);
    await system.credit(2, 2);
    await system.makeMoves();
    opened = await system.open(500, "Padaria São João");
    await system.call("POST", `/clientes/${opened}/transacoes`, {
      valor: 500,
      tipo: "d",
      descricao: "all é €",
    });
    await system.books.drained();
    await system.books.sql`ALTER TABLE accounts DROP CONSTRAINT accounts_check`;
    await Promise.all(system.cluster.writers.map((writer) => writer.stop()));
    last = await system.books.lastG();
  });

  afterAll(() => system[Symbol.asyncDispose]());

  const withBooks = (damage: readonly Damage[], since: JournalHead[] | null = null) =>
    books.found(damage, since);
  const reportWith = (damage: readonly Damage[], since: JournalHead[] | null = null) =>
    books.report(damage, since);
  const row = (g: number) => books.row(g);
  /** Hashes a row anew; with `rest` all after it, too. */
  const seal = (g: number, rest = false) => books.seal(g, rest ? last : g);

  const change = (g: number) => `UPDATE journal SET events[1] = events[1] || '!' WHERE g = ${g}`;

  test("agrees, and the report has its head, which the next audit agrees with", async () => {
    const report = await reportWith([]);
    const { hash } = await row(last);
    expect(report.findings).toEqual([]);
    expect(report.heads.map((head) => ({ ...head, hash: Buffer.from(head.hash) }))).toEqual([
      { shard: 0, g: last, hash: Buffer.from(hash) },
    ]);
    expect(await withBooks([], [...report.heads])).toEqual([]);
  });

  test("its rows are hashed as journalHash does it", async () => {
    for (let g = 0; g <= last; g += 1)
      expect(Buffer.from(journalHash(await row(g)))).toEqual(Buffer.from((await row(g)).hash));
  });

  test("a batch changed", async () => {
    expect(await withBooks([change(4)])).toEqual(["journal-hash - -", "journal-differs 1 4"]);
    expect(await withBooks(["UPDATE journal SET time = time + 1 WHERE g = 4"])).toEqual(["journal-hash - -"]);
    expect(await withBooks(["UPDATE journal SET events = array_append(events, NULL) WHERE g = 4"])).toEqual([
      "journal-hash - -",
      "journal-differs 1 4",
    ]);
  });

  test("a batch changed, and its hash made anew", async () => {
    expect(await withBooks([change(4), () => seal(4)])).toEqual(["journal-chain - -", "journal-differs 1 4"]);
    expect(await withBooks([change(last), () => seal(last)])).toEqual([`journal-differs ${opened} 1`]);
    expect(await withBooks([change(4), () => seal(4, true)])).toEqual(["journal-differs 1 4"]);
  });

  test("a chain made anew with tables that agree: a head that was noted shows it", async () => {
    const noted = (await reportWith([])).heads;
    const damage = [
      change(4),
      () => seal(4, true),
      "UPDATE entries SET description = description || '!' WHERE account = '1' AND seq = 4",
    ];
    expect(await withBooks(damage)).toEqual([]);
    expect(await withBooks(damage, [...noted])).toEqual(["journal-rewritten - -"]);
    const earlier = { ...noted[0], shard: 0, g: 3, hash: (await row(3)).hash };
    expect(await withBooks(damage, [earlier])).toEqual([]);
  });

  test("a row missing: in the middle, the first", async () => {
    const missing = await reportWith(["DELETE FROM journal WHERE g = 4"]);
    expect(missing.findings.map(({ name, detail }) => `${name}: ${detail.split(",", 1)[0]}`)).toEqual([
      "journal-gap: row 4 is missing in the journal (shard 0)",
      "journal-differs: the journal makes nothing there",
    ]);
    expect(await withBooks(["DELETE FROM journal WHERE g IN (4, 5)"])).toEqual([
      "journal-gap - -",
      "journal-differs 1 4",
      "journal-differs 1 5",
    ]);
    expect(await withBooks(["DELETE FROM journal WHERE g = 0"])).toContain("journal-gap - -");
    const noted = [{ shard: 0, g: 4, hash: (await row(4)).hash }];
    expect(await withBooks(["DELETE FROM journal WHERE g = 4"], noted)).toContain("journal-rewritten - -");
  });

  test("a row added: at the end, of another shard, in the middle", async () => {
    const add = (shard: number, g: number) => async () => {
      const { hash } = await row(last);
      const added = { shard, g, time: 1, events: [], previous: hash };
      await system.books.sql`
        INSERT INTO journal VALUES (${shard}, ${g}, 1, '{}', ${Buffer.from(hash)}, ${Buffer.from(journalHash(added))})`;
    };
    expect(await withBooks([add(0, last + 1)])).toEqual(["journal-differs - -"]);
    expect(await withBooks([add(7, 0)])).toEqual(["journal-chain - -", "journal-differs - -"]);
    expect(
      await withBooks([
        "UPDATE journal SET g = g + 1000 WHERE g > 4",
        "UPDATE journal SET g = g - 999 WHERE g > 4",
        async () => {
          await system.books
            .sql`INSERT INTO journal SELECT 0, 5, time, events, previous, hash FROM journal WHERE g = 4`;
        },
      ]),
    ).toEqual(expect.arrayContaining(["journal-hash - -", "journal-chain - -", "journal-differs 1 4"]));
  });

  test("the tail cut: the cursor shows it, or a head that was noted", async () => {
    const noted = [...(await reportWith([])).heads];
    expect(await withBooks([`DELETE FROM journal WHERE g = ${last}`])).toEqual([
      "journal-cut - -",
      `journal-differs ${opened} 1`,
    ]);
    expect(await withBooks(["DELETE FROM journal"])).toContain("journal-cut - -");
    const whole = [
      `DELETE FROM journal WHERE g = ${last}`,
      `UPDATE cursors SET last_g = ${last - 1}`,
      `DELETE FROM entries WHERE account = '${opened}'`,
      `UPDATE accounts SET seq = 0, balance = 0 WHERE account = '${opened}'`,
    ];
    expect(await withBooks(whole)).toEqual([]);
    expect(await withBooks(whole, noted)).toEqual(["journal-cut - -"]);
    expect(await withBooks([], [{ shard: 3, g: 1, hash: new Uint8Array(32) }])).toEqual(["journal-cut - -"]);
  });

  test("two rows that have changed places", async () => {
    const swap = (set: string) =>
      `UPDATE journal AS j SET ${set} FROM journal AS o WHERE j.g IN (3, 4) AND o.g = 7 - j.g`;
    expect(await withBooks([swap("events = o.events")])).toEqual([
      "journal-hash - -",
      "journal-hash - -",
      "journal-differs 1 3",
      "journal-differs 1 4",
    ]);
    expect(
      await withBooks([swap("time = o.time, events = o.events, previous = o.previous, hash = o.hash")]),
    ).toEqual([
      "journal-chain - -",
      "journal-hash - -",
      "journal-chain - -",
      "journal-hash - -",
      "journal-chain - -",
      "journal-differs 1 3",
      "journal-differs 1 4",
    ]);
  });

  test("batches that a restore found nowhere are no gap; others are", async () => {
    const goneTo =
      (from: number, to: number, extra = 0) =>
      async () => {
        const { hash } = await row(last);
        const events = [`m 5 ${from} ${to}`];
        const g = to + extra;
        const previous = Buffer.from(hash);
        const sealed = Buffer.from(journalHash({ shard: 0, g, time: 5, events, previous: hash }));
        await system.books.sql`
        INSERT INTO journal VALUES (0, ${g}, 5, ARRAY[${events[0] ?? ""}], ${previous}, ${sealed})`;
        await system.books.sql`UPDATE cursors SET last_g = ${g}`;
      };
    expect(await withBooks([goneTo(last + 1, last + 4)])).toEqual([]);
    expect(await withBooks([goneTo(last + 2, last + 4)])).toEqual(["journal-gap - -"]);
    expect(await withBooks([goneTo(last + 1, last + 4, 1)])).toEqual(["journal-gap - -"]);
  });

  test("a row of the tables changed, with the journal whole", async () => {
    const set = (table: string, what: string, where: string) =>
      withBooks([`UPDATE ${table} SET ${what} WHERE ${where}`]);
    const third = "account = '3' AND seq = 3";
    for (const what of [
      "description = 'other'",
      "command = 'req:other'",
      "time = time + 1",
      "value = 2",
      "balance = 99",
      "kind = 'debit'",
      "credit_limit = 7",
    ])
      expect(await set("entries", what, third)).toEqual(["journal-differs 3 3"]);
    for (const what of [
      "name = 'Other'",
      "name = NULL",
      "command = 'req:other'",
      "opened_at = 1",
      "unit = 'USD/2'",
      "state = 'frozen'",
    ])
      expect(await set("accounts", what, `account = '${opened}'`)).toEqual([`journal-differs ${opened} -`]);
    expect(await set("accounts", "held = 1", `account = '${opened}'`)).toEqual([
      `hold-broken ${opened} -`,
      `journal-differs ${opened} -`,
    ]);
    const second = "account = '2' AND version = 2";
    for (const what of ["credit_limit = 7", "after_seq = 4", "command = 'req:other'", "changed_at = 1"])
      expect(await set("limits", what, second)).toEqual(["journal-differs 2 5"]);
    const exchanged = [
      "UPDATE limits SET version = 13 - version WHERE account = '2' AND version > 1",
      "UPDATE limits SET version = version - 8 WHERE account = '2' AND version > 3",
    ];
    expect(await withBooks(exchanged)).toEqual(["journal-differs 2 5"]);
  });

  test("holds, reversals, metadata, the other side of a posting, and sums", async () => {
    const hold = (what: string, where: string) => withBooks([`UPDATE holds SET ${what} WHERE ${where}`]);
    expect(await hold("amount = 11", "state = 'open'")).toEqual([
      "hold-broken payer -",
      "journal-differs payer -",
    ]);
    expect(await hold("captured = 24", "state = 'captured'")).toEqual(["journal-differs payer -"]);
    expect(await hold("state = 'expired'", "state = 'released'")).toEqual([
      "hold-broken payer -",
      "journal-differs payer -",
    ]);
    expect(await withBooks(["UPDATE reversals SET time = time + 1"])).toEqual(["journal-differs - -"]);
    const metadata = `UPDATE accounts SET metadata = '{"b": "3"}' WHERE account = 'payee'`;
    expect(await withBooks([metadata])).toEqual(["journal-differs payee -"]);
    const side = "UPDATE entries SET counterparty = '1' WHERE account = 'payer' AND seq = 1";
    expect(await withBooks([side])).toEqual(["journal-differs payer 1"]);
    for (const sum of ["from_others", "entries_more"])
      expect(await withBooks([`UPDATE accounts SET ${sum} = 1 WHERE account = '1'`])).toContain(
        "journal-differs - -",
      );
  });

  test("a hold that ends twice", async () => {
    const release = "UPDATE journal SET events = events || events[1] WHERE events[1] LIKE 'r %'";
    const report = await reportWith([release]);
    expect(places(report)).toContain("hold-broken payer -");
  });

  test("what differs is quoted from both", async () => {
    const report = await reportWith([`UPDATE accounts SET name = 'Other' WHERE account = '${opened}'`]);
    const account = `n ${opened} {}`;
    expect(report.findings[0]?.detail).toMatch(
      new RegExp(
        `^row \\d+ of the journal \\(shard 0\\) makes "${account} Padaria São João", accounts has "${account} Other"$`,
      ),
    );
  });

  test("a row added to the tables, or deleted", async () => {
    const added = `INSERT INTO entries
      SELECT seq + 1, value, balance + value, credit_limit, time + 1, g, shard, event, account, kind, 'added', 'req:added'
      FROM entries WHERE account = '3' AND seq = 5`;
    const account = "UPDATE accounts SET seq = 6, balance = 6 WHERE account = '3'";
    expect(await withBooks([added, account])).toEqual(["journal-differs 3 6"]);
    expect(
      await withBooks([
        "INSERT INTO accounts SELECT '7', 'BRL/2', 'x', '{}', '', 'open', 0, 0, 0, 0, 1, 'req:added'",
      ]),
    ).toEqual(["journal-differs 7 -"]);
    expect(await withBooks(["INSERT INTO limits SELECT '3', 2, 0, 5, 'req:added', 1"])).toEqual([
      "journal-differs 3 5",
    ]);
    expect(await withBooks(["DELETE FROM entries WHERE account = '3' AND seq = 5"])).toEqual([
      "journal-differs 3 5",
    ]);
    expect(await withBooks(["DELETE FROM limits WHERE account = '4'"])).toEqual(["journal-differs 4 0"]);
    expect(await withBooks(["DELETE FROM accounts WHERE account = '4'"])).toEqual(["journal-differs 4 -"]);
  });

  test("an account deleted from all tables", async () => {
    const all = ["accounts", "entries", "limits"].map((table) => `DELETE FROM ${table} WHERE account = '2'`);
    expect(await withBooks(all)).toEqual([
      "journal-differs 2 -",
      ...[0, 5].map((seq) => `journal-differs 2 ${seq}`),
      ...[1, 2, 3, 4, 6, 7].map((seq) => `journal-differs 2 ${seq}`),
    ]);
  });

  test("tables that differ as a whole: the first are named, and it ends", async () => {
    const report = await reportWith([
      `INSERT INTO entries
       SELECT n, 1, n, 1000000, n, 1, 0, 0, '5', 'credit', 'x', 'req:x' || n FROM generate_series(1, 2000::bigint) AS n`,
    ]);
    expect(report.findings.length).toBeGreaterThan(40);
    expect(report.findingsInAll).toBeGreaterThan(150);
  });

  test("what is no event in the journal is named", async () => {
    const { findings } = await system.audit({ natsUrl: null });
    expect(findings).toEqual([]);
    const { sql } = system.books;
    await sql`UPDATE journal SET events = array_append(events, 'nonsense') WHERE g = 4`;
    const found = await system.audit({ natsUrl: null });
    await sql`UPDATE journal SET events = events[1:1] WHERE g = 4`;
    expect(places(found)).toEqual(["journal-hash - -", "unreadable - -"]);
  });

  describe("refusals", () => {
    const refusal = 'x 5 limit-exceeded key:k ["transact",1,"debit",999999,"x"]';

    test("in the feed are in the journal, in the same batch", async () => {
      const { sql } = system.books;
      const [{ epoch } = { epoch: "" }] = await sql<{ epoch: string }[]>`SELECT epoch FROM system`;
      const connection = await connect(natsOptions(system.cluster.nats.url));
      connection.publish(subjectOf(0), JSON.stringify({ epoch, shard: 0, g: 4, events: [refusal] }));
      await connection.flush();
      const missing = await system.audit();
      await sql`UPDATE journal SET events = array_append(events, ${refusal}) WHERE g = 5`;
      const elsewhere = await system.audit();
      await sql`UPDATE journal SET events = events[1:1] WHERE g = 5`;
      await sql`UPDATE journal SET events = array_append(events, ${refusal}) WHERE g = 4`;
      const there = await system.audit();
      await sql`UPDATE journal SET events = events[1:1] WHERE g = 4`;
      await cutFeed(connection, 1);
      await connection.close();
      expect(places(missing)).toEqual(["feed-differs - -"]);
      expect(missing.findings[0]?.detail).toBe(
        `the feed has ${JSON.stringify(refusal)} in batch 4 of shard 0, the journal does not`,
      );
      expect(places(elsewhere)).toEqual(["journal-hash - -", "feed-differs - -"]);
      expect(places(there)).toEqual(["journal-hash - -"]);
      expect(await system.found()).toEqual([]);
    });

    test("wait in the outbox as any event does; that batches are missing is none of Redis's", async () => {
      const { cluster } = system;
      const [head, outbox] = ["razonete:{0}:head", "razonete:{0}:outbox"];
      const waiting = async (event: string) => {
        await cluster.redisCommand("COPY", outbox, "saved:outbox", "REPLACE");
        await cluster.redisCommand("XADD", outbox, `${last + 1}-0`, "e", event);
        await cluster.redisCommand("HSET", head, "g", String(last + 1));
        const found = await system.found();
        await cluster.redisCommand("RENAME", "saved:outbox", outbox);
        await cluster.redisCommand("HSET", head, "g", String(last));
        return found;
      };
      expect(await waiting(refusal)).toEqual([]);
      expect(await waiting("m 5 1 2")).toEqual(["outbox-gap - -"]);
    });
  });
});
