import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { call, problemName } from "../support/api.ts";
import { auditFile } from "../support/audit-file.ts";
import { buildFailingFsync, whyNoFailingFsync } from "../support/failing-fsync.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { eventually } from "../support/eventually.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { Journal } from "../support/answer-log.ts";
import { openContested, startLoad } from "../support/contending-load.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const CREDIT = { account: "1", tipo: "c", valor: 5, key: null } as const;
const seed = testSeed();

describe("a lock that another program holds on the data file", () => {
  test("transactions get 503 and change nothing, statements go on, and all is well afterwards", async () => {
    using folder = temporaryFolder();
    const journal = new Journal();
    await using server = await startServer({ data: folder.path });
    const { url } = server;
    await journal.transact(url, CREDIT);

    using other = new Database(dataFile(folder.path));
    other.run("BEGIN IMMEDIATE");
    const body = { valor: 1, tipo: "c", descricao: "locked" };
    const refused = await call(url, "POST", "/clientes/1/transacoes", body);
    expect(refused.status).toBe(503);
    expect(problemName(refused)).toBe("ledger-unavailable");
    expect(refused.body).toMatchObject({ status: 503, outcome: "none" });
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);

    const keyed = { ...CREDIT, key: "while-locked" };
    await Promise.all([
      ...Array.from({ length: 20 }, () => journal.transact(url, CREDIT)),
      journal.transact(url, keyed),
      journal.open(url, 100),
      journal.changeLimit(url, "1", 5),
    ]);
    expect(journal.count("not-done")).toBe(21);
    const statement = await call(url, "GET", "/clientes/1/extrato");
    expect(statement.body).toMatchObject({ saldo: { total: 5, limite: 100_000 } });
    other.run("ROLLBACK");

    // Of a command that was not done nothing is remembered: sent again it is done, and for the first time.
    await journal.resend(
      url,
      journal.attempts.filter(({ key }) => key !== null),
    );
    expect(journal.count("not-done")).toBe(20);
    await journal.transact(url, CREDIT);
    await journal.open(url, 100);
    await journal.check(url);
    expectTwoSentences(server);
    expect(await server.stop()).toBe(0);
    expect(auditFile(dataFile(folder.path)).length).toBe(3);
  });

  test("a reader in the middle of its transaction disturbs nobody", async () => {
    using folder = temporaryFolder();
    const journal = new Journal();
    await using server = await startServer({ data: folder.path });
    using reader = new Database(dataFile(folder.path), { readonly: true });
    reader.run("BEGIN");
    reader.query("SELECT count(*) FROM entries").get();
    for (let count = 0; count < 20; count += 1) await journal.transact(server.url, CREDIT);
    expect(journal.count("accepted")).toBe(20);
    reader.run("COMMIT");
    expect(await server.stop()).toBe(0);
    expect(server.output().stderr).toBe("");
  });
});

test("a statement that fails in the middle of a batch: none of the batch is applied, the next one is", async () => {
  using folder = temporaryFolder();
  const file = dataFile(folder.path);
  const ledger = new EmbeddedLedger({ file });
  const credit = (description: string) =>
    ledger.submit({
      type: "transact",
      id: `key:${description}`,
      account: "1",
      kind: "credit",
      value: 1,
      description,
    });
  await credit("before");
  using other = new Database(file);
  other.run(
    "CREATE TRIGGER fails BEFORE INSERT ON entries WHEN NEW.description = 'second' BEGIN SELECT RAISE(FAIL, 'no'); END",
  );
  const refused = await Promise.allSettled([credit("first"), credit("second"), credit("third")]);
  expect(refused.map((result) => result.status === "rejected" && result.reason)).toEqual(
    Array.from({ length: 3 }, () => expect.objectContaining({ name: "LedgerUnavailable", outcome: "none" })),
  );
  expect(await ledger.account("1")).toMatchObject({ balance: 1, seq: 1 });
  other.run("DROP TRIGGER fails");
  expect(await credit("first")).toMatchObject({
    replayed: false,
    result: { account: { balance: 2, seq: 2 } },
  });
  other.close();
  await ledger.close();
  expect(auditFile(file).length).toBe(2);
});

describe("a disk that is full", () => {
  for (const end of ["kill", "stop"] as const) {
    test(`statements go on, and after ${end} and a start with more room everything answered is there (seed ${seed})`, async () => {
      using folder = temporaryFolder();
      const journal = new Journal();
      const random = new Random(seed);
      let accounts: readonly string[];
      {
        // 160 blocks of 512 bytes: room for the new file and some hundred entries.
        const wrapper = ["sh", "-c", 'trap "" XFSZ; ulimit -f 160; exec "$@"', "sh"];
        await using server = await startServer({ data: folder.path, wrapper });
        accounts = await openContested(server.url, journal);
        const load = startLoad(server.url, journal, accounts, random);
        await eventually(
          "200 were not done",
          () => journal.count("not-done") + journal.count("unknown") > 200,
        );
        const statement = await call(server.url, "GET", `/clientes/${accounts[0]}/extrato`);
        expect(statement.status).toBe(200);
        await load.stop();
        await journal.check(server.url);
        if (end === "kill") await server.kill();
        else expect(await server.stop()).toBe(0);
        expectNoStack(server);
      }
      await using server = await startServer({ data: folder.path });
      await journal.check(server.url);
      const before = journal.count("accepted");
      const load = startLoad(server.url, journal, accounts, random);
      await eventually("100 more are accepted", () => journal.count("accepted") > before + 100);
      await load.stop();
      await journal.check(server.url);
      expect(server.output().stderr).toBe("");
      expect(await server.stop()).toBe(0);
      auditFile(dataFile(folder.path));
    });
  }
});

const noFsync = whyNoFailingFsync();
if (noFsync !== null) console.warn(`skipped: a disk whose fsync fails: ${noFsync}`);

describe.skipIf(noFsync !== null)("a disk whose fsync fails", () => {
  // Synchronous=OFF or NORMAL would not wait for the fsync and answer 200: these tests see that, too.
  test("a commit that failed does not come back after kill -9, where its answer said so", async () => {
    using folder = temporaryFolder();
    const disk = buildFailingFsync(folder.path);
    const journal = new Journal();
    const data = join(folder.path, "data");
    for (let round = 0; round < 4; round += 1) {
      await using server = await startServer({ data, environment: disk.environment });
      await journal.check(server.url);
      for (let count = 0; count < round; count += 1) await journal.transact(server.url, CREDIT);
      // The fsync of the commit and no other: what undoes the commit finds the disk in order.
      disk.fail(1);
      await journal.transact(server.url, { ...CREDIT, key: `failed-${round}` });
      expect(journal.attempts.at(-1)?.known).toEqual({ type: "not-done" });
      await server.kill();
      expectNoStack(server);
    }
    await using server = await startServer({ data });
    await journal.check(server.url);
    expect(journal.count("accepted")).toBe(6);
    await journal.resend(
      server.url,
      journal.attempts.filter(({ key }) => key !== null),
    );
    expect(journal.count("accepted")).toBe(10);
    await journal.check(server.url);
    expect(await server.stop()).toBe(0);
    auditFile(join(data, "razonete.db"));
  });

  test("an account and a limit that failed do not come back either", async () => {
    using folder = temporaryFolder();
    const disk = buildFailingFsync(folder.path);
    const journal = new Journal();
    const data = join(folder.path, "data");
    {
      await using server = await startServer({ data, environment: disk.environment });
      await journal.changeLimit(server.url, "1", 700);
      disk.fail(1);
      await journal.open(server.url, 10);
      await journal.open(server.url, 20);
      disk.fail(1);
      await journal.changeLimit(server.url, "1", 800);
      await server.kill();
    }
    await using server = await startServer({ data });
    expect(journal.openings.map(({ isNotDone }) => isNotDone)).toEqual([true, false]);
    expect(journal.opened).toHaveLength(1);
    expect([...(journal.limits.get("1") ?? [])]).toEqual([700]);
    await journal.check(server.url);
  });

  test("nor under load, however many fail, whatever the server does next", async () => {
    using folder = temporaryFolder();
    const disk = buildFailingFsync(folder.path);
    const journal = new Journal();
    const random = new Random(seed);
    const data = join(folder.path, "data");
    let accounts: readonly string[] = [];
    for (let round = 0; round < 8; round += 1) {
      await using server = await startServer({ data, environment: disk.environment });
      if (round === 0) accounts = await openContested(server.url, journal);
      await journal.check(server.url);
      await journal.resend(
        server.url,
        journal.attempts.filter(({ key, known }) => key !== null && known.type === "unknown"),
      );
      const load = startLoad(server.url, journal, accounts, random);
      await eventually("50 more are accepted", () => journal.count("accepted") > 50 * (round + 1));
      const failed = journal.count("not-done") + journal.count("unknown");
      // Odd rounds end in the middle of it, even ones after the disk is in order again.
      disk.fail(round % 2 === 0 ? random.integer(1, 5) : 1_000_000);
      await eventually(
        "one is not done",
        () => journal.count("not-done") + journal.count("unknown") > failed,
      );
      expect((await call(server.url, "GET", "/clientes/1/extrato")).status).toBe(200);
      if (round % 2 === 0) await Bun.sleep(random.integer(0, 100));
      await server.kill();
      await load.stop();
      disk.heal();
      expectNoStack(server);
    }
    await using server = await startServer({ data });
    await journal.check(server.url);
    expect(await server.stop()).toBe(0);
    auditFile(join(data, "razonete.db"));
  });

  test("while no fsync works transactions get 503, statements go on; afterwards all is well", async () => {
    using folder = temporaryFolder();
    const disk = buildFailingFsync(folder.path);
    const journal = new Journal();
    const data = join(folder.path, "data");
    await using server = await startServer({ data, environment: disk.environment });
    await journal.transact(server.url, CREDIT);
    disk.fail(1_000_000);
    for (let count = 0; count < 5; count += 1) await journal.transact(server.url, CREDIT);
    // The commit could not be undone on the disk: what a crash would bring back is not known.
    expect(journal.count("unknown")).toBe(5);
    const statement = await call(server.url, "GET", "/clientes/1/extrato");
    expect(statement.body).toMatchObject({ saldo: { total: 5 } });
    disk.heal();
    await journal.transact(server.url, CREDIT);
    await journal.check(server.url);
    const after = await call(server.url, "GET", "/clientes/1/extrato");
    expect(after.body).toMatchObject({ saldo: { total: 10 } });
    expectTwoSentences(server);
    await server.kill();
    await using again = await startServer({ data });
    await journal.check(again.url);
    expect((await call(again.url, "GET", "/clientes/1/extrato")).body).toMatchObject({
      saldo: { total: 10 },
    });
    expect(await again.stop()).toBe(0);
    expect(auditFile(join(data, "razonete.db")).length).toBe(2);
  });
});

function dataFile(folder: string): string {
  return join(folder, "razonete.db");
}

/** One when it begins and one when it is over, however many requests there were in between. */
function expectTwoSentences(server: RunningServer): void {
  const lines = server.output().stderr.trimEnd().split("\n");
  expect(lines.length).toBe(2);
  for (const line of lines) expect(line).toMatch(/^razonete: the data file c(an|ould not) be written/);
}

function expectNoStack(server: RunningServer): void {
  for (const line of server.output().stderr.trimEnd().split("\n")) expect(line).toMatch(/^(razonete: .*)?$/);
}
