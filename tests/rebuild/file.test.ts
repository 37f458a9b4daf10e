import { Database } from "bun:sqlite";
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { closeSync, copyFileSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { readLog } from "../../src/embedded/log-reader.ts";
import type { AccountId } from "../../src/ledger/account.ts";
import type { Command } from "../../src/ledger/command.ts";
import type { RebuildOptions } from "../../src/rebuild/rebuild-cluster.ts";
import { rebuildFile } from "../../src/rebuild/rebuild-file.ts";
import { capture, change, held, hold, reversal, transaction } from "../support/ledger/commands.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { openAccount } from "../support/open-account.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const REBUILD = join(import.meta.dir, "../../src/rebuild/rebuild-file.ts");
const YES: RebuildOptions = { confirm: async () => true, say: () => {}, onProgress: () => {} };
const TABLES = ["accounts", "entries", "holds", "reversals"] as const;
const seed = testSeed();

describe(`a rebuild of a data file (seed ${seed})`, () => {
  const folder = temporaryFolder();
  const whole = join(folder.path, "whole.db");
  const data = join(folder.path, "data");
  const path = join(data, "razonete.db");
  let opened: AccountId;
  let commands = 0;

  beforeAll(async () => {
    const ledger = new EmbeddedLedger({ file: whole });
    // Every second one comes with an access key.
    const credit = (account: AccountId): Command => {
      commands += 1;
      return {
        ...(commands % 2 === 0 ? { by: "shop" } : {}),
        type: "transact",
        id: `req:${commands}`,
        account,
        kind: "credit",
        value: 1,
        description: " a  b ",
      };
    };
    for (let round = 0; round < 300; round += 1)
      await Promise.all(["1", "2", "3"].map((account) => ledger.submit(credit(account))));
    for (const creditLimit of [90_000, 80_000])
      await ledger.submit(change("2", { id: `req:${creditLimit}`, creditLimit }));
    await ledger.submit(credit("2"));
    const first = held(await ledger.submit(hold("1", 7, { reference: "r" })));
    const { transaction: captured } = held(await ledger.submit(capture(first.id, { to: "2" })));
    await ledger.submit(reversal(captured ?? ""));
    await ledger.submit({ ...hold("3", 5, { metadata: { a: "b" } }), by: "shop" });
    await ledger.submit(
      transaction([
        ["@world", "5", 1],
        ["5", "4", 1],
      ]),
    );
    opened = await openAccount(ledger, "key:open", "Padaria São  João");
    await ledger.close();
  });
  afterAll(() => folder[Symbol.dispose]());

  beforeEach(() => {
    rmSync(data, { recursive: true, force: true });
    mkdirSync(data);
    copyFileSync(whole, path);
  });

  function damage(...statements: readonly string[]): void {
    const db = new Database(path);
    db.run("PRAGMA ignore_check_constraints = ON");
    for (const statement of statements) db.run(statement);
    db.close();
  }

  /** Definitions and rows of the tables that are made anew. */
  function describeFile(file = path): unknown {
    const db = new Database(file);
    try {
      const schema = db
        .query<{ sql: string | null }, []>("SELECT sql FROM sqlite_master ORDER BY name")
        .all();
      return {
        // SQLite puts a name into quotes when it renames a table.
        schema: schema.map(({ sql }) => sql?.replace(/^CREATE TABLE "(\w+)"/, "CREATE TABLE $1")),
        rows: TABLES.map((table) => db.query(`SELECT * FROM ${table} ORDER BY 1, 2`).all()),
      };
    } finally {
      db.close();
    }
  }

  const DAMAGE = [
    "UPDATE entries SET description = 'other' WHERE account = '1' AND seq = 7",
    "DELETE FROM entries WHERE account = '2' AND seq > 290",
    "INSERT INTO entries SELECT '5', 9, 1, 1, 'x', 'req:x', 1, 1, 1, NULL, NULL, NULL, NULL",
    "UPDATE accounts SET name = NULL, state = 'frozen' WHERE name IS NOT NULL",
    "DELETE FROM accounts WHERE account = '4'",
    "UPDATE accounts SET credit_limit = 1, held = 1 WHERE account = '2'",
    "UPDATE holds SET state = 'open' WHERE account = '1'",
    "DELETE FROM holds WHERE account = '3'",
    "DELETE FROM reversals",
  ];

  test("that is right changes nothing", async () => {
    expect(await rebuildFile(path, YES)).toMatchObject({ type: "not-needed" });
    expect(describeFile()).toEqual(describeFile(whole));
  });

  test("makes each table as it was; audit and ledger take it", async () => {
    damage(...DAMAGE);
    const report = await rebuildFile(path, YES);
    expect(report.tables.map(({ table, differing }) => [table, differing])).toEqual([
      ["accounts", 3],
      ["entries", 15],
      ["holds", 2],
      ["reversals", 1],
    ]);
    expect(report.tables[1]?.first[0]).toEqual({
      account: "1",
      before: expect.stringMatching(/^\(1,7,1,7,other,(?:shop\/)?req:\d+,\d+,\d+,\d(?:,NULL){4}\)$/),
      after: expect.stringMatching(/^\(1,7,1,7, a {2}b ,(?:shop\/)?req:\d+,\d+,\d+,\d(?:,NULL){4}\)$/),
    });
    expect(report.tables[2]?.first.map(({ account }) => account)).toEqual(["1", "3"]);
    expect(report.tables[3]?.first).toEqual([
      { account: expect.stringMatching(/^t0-/), before: null, after: expect.stringMatching(/^\(t0-.+,t0-/) },
    ]);
    expect(describeFile()).toEqual(describeFile(whole));
    expect((await auditFile(path)).findings).toEqual([]);
    const ledger = new EmbeddedLedger({ file: path });
    await ledger.submit(change(opened, { creditLimit: 1 }));
    await ledger.close();
    // A second time: the tables' names are in quotes by now.
    damage("DELETE FROM entries WHERE account = '2' AND seq > 290");
    expect(await rebuildFile(path, { ...YES, confirm: async () => false })).toMatchObject({
      type: "declined",
    });
    expect((await auditFile(path)).counts.entries).toBe(895);
  });

  test("is refused where the chain is broken, and says where", async () => {
    const refused = async (broken: string): Promise<string> => {
      copyFileSync(whole, path);
      damage(broken, ...DAMAGE);
      const before = describeFile();
      const error: unknown = await rebuildFile(path, YES).catch((reason: unknown) => reason);
      expect(describeFile()).toEqual(before);
      return error instanceof Error ? error.message : "not refused";
    };
    expect(await refused("UPDATE journal SET time = time + 1 WHERE g = 3")).toContain(
      "(journal-hash: the hash of row 3",
    );
    expect(await refused("UPDATE journal SET events = 'x' WHERE g = 3")).toContain(
      "(journal-hash: the hash of row 3",
    );
    expect(await refused("UPDATE journal SET previous = zeroblob(32) WHERE g = 3")).toContain(
      "(journal-chain: row 3",
    );
    expect(await refused("DELETE FROM journal WHERE g = 3")).toContain("(journal-gap: row 3 is missing");
  });

  test("of a file in use, or of none, is refused", async () => {
    const ledger = new EmbeddedLedger({ file: path });
    const inUse: unknown = await rebuildFile(path, YES).catch((error: unknown) => error);
    await ledger.close();
    expect(inUse).toMatchObject({ message: expect.stringContaining("is in use by another process") });
    const none: unknown = await rebuildFile(join(data, "none.db"), YES).catch((error: unknown) => error);
    expect(none).toMatchObject({ message: expect.stringContaining("does not exist") });
  });

  function start(...flags: readonly string[]) {
    return Bun.spawn([process.execPath, MAIN, "rebuild", "--data", data, ...flags], {
      env: { PATH: process.env["PATH"] ?? "" },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  test("as a command: says what differs, asks, and ends with a code", async () => {
    const run = async (...flags: readonly string[]) => {
      const child = start(...flags);
      const [code, out, errors] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
      return { code, out, errors };
    };
    expect(await run("--dry-run")).toMatchObject({ code: 0, errors: "" });
    damage(...DAMAGE);
    const before = describeFile();
    const dry = await run("--dry-run");
    expect(dry).toMatchObject({ code: 2, errors: "" });
    expect(dry.out).toMatch(
      /^accounts: 6 rows, 3 of them differ\n {2}account 2: .+\n {2}account 4: nothing becomes \(4,/,
    );
    expect(await run()).toMatchObject({
      code: 1,
      errors: expect.stringContaining("nobody can be asked here"),
    });
    expect(describeFile()).toEqual(before);
    expect(await run("--yes")).toMatchObject({
      code: 0,
      out: expect.stringContaining("Rebuilt from the journal.\n"),
    });
    expect(describeFile()).toEqual(describeFile(whole));
  });

  test("killed at any moment, the next ledger starts; the next rebuild ends it", async () => {
    const random = new Random(seed);
    for (let round = 0; round < 12; round += 1) {
      damage(...DAMAGE);
      const damaged = describeFile();
      const child = start("--yes");
      await Bun.sleep(random.integer(50, 500));
      child.kill("SIGKILL");
      await child.exited;
      // Looks at file and log before it opens them.
      await new EmbeddedLedger({ file: path }).close();
      expect([damaged, describeFile(whole)]).toContainEqual(describeFile());
      await rebuildFile(path, YES);
      expect(describeFile()).toEqual(describeFile(whole));
      expect((await auditFile(path)).findings).toEqual([]);
    }
  });

  test("killed between its commit and the end of the next checkpoint, file and log still know each other", async () => {
    damage(...DAMAGE);
    const program = `
      import { Database } from "bun:sqlite";
      import { rebuildFile } from ${JSON.stringify(REBUILD)};
      const run = Database.prototype.run;
      Database.prototype.run = function (sql, ...rest) {
        const result = run.call(this, sql, ...rest);
        if (sql === "COMMIT") process.kill(process.pid, "SIGKILL");
        return result;
      };
      await rebuildFile(${JSON.stringify(path)}, { confirm: async () => true, say() {}, onProgress() {} });`;
    const child = Bun.spawn([process.execPath, "-e", program], { stdio: ["ignore", "ignore", "inherit"] });
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    // The checkpoint has come as far as the first page, which has SQLite's schema cookie.
    const first = readLog(`${path}-wal`)?.firstPage ?? Buffer.alloc(0);
    expect(first.length).toBeGreaterThan(0);
    const descriptor = openSync(path, "r+");
    writeSync(descriptor, first, 0, first.length, 0);
    closeSync(descriptor);
    await new EmbeddedLedger({ file: path }).close();
    expect(describeFile()).toEqual(describeFile(whole));
  });
});
