import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import type { AccountId } from "../../src/ledger/account.ts";
import type { Transact } from "../../src/ledger/command.ts";
import { change, hold } from "../support/ledger/commands.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { openAccount } from "../support/open-account.ts";
import { places } from "./support/audited-cluster.ts";

failOnLeaks();
setDefaultTimeout(60_000);

let commands = 0;
function credit(account: AccountId): Transact {
  commands += 1;
  return { type: "transact", id: `req:${commands}`, account, kind: "credit", value: 1, description: "c" };
}

/**
 * A ledger's file at rest, with 15 entries in the accounts 1, 2, 3 and 5; account 2 had its limit changed between,
 * account 5 has a hold.
 *
 * @returns the account that was opened
 */
async function makeFile(path: string): Promise<AccountId> {
  const ledger = new EmbeddedLedger({ file: path });
  try {
    for (const account of ["1", "2", "3", "5"]) {
      for (let entry = 0; entry < 15; entry += 1) await ledger.submit(credit(account));
    }
    await ledger.submit(change("2", { id: "req:limit", creditLimit: 90_000 }));
    await ledger.submit(credit("2"));
    const opened = await openAccount(ledger, "key:open", "Padaria Joia");
    await ledger.submit({ ...credit(opened), kind: "debit", value: 500 });
    await ledger.submit(hold("5", 7));
    return opened;
  } finally {
    await ledger.close();
  }
}

describe("an audit of a data file", () => {
  const folder = temporaryFolder();
  const whole = join(folder.path, "whole.db");
  let opened: AccountId;
  beforeAll(async () => {
    opened = await makeFile(whole);
  });
  afterAll(() => folder[Symbol.dispose]());

  /**
   * Places that the audit names in a copy of the file that is damaged so, by what the tables themselves show. The journal
   * shows each of these damages, too.
   */
  async function damaged(...damage: readonly string[]): Promise<string[]> {
    const path = join(folder.path, "damaged.db");
    copyFileSync(whole, path);
    const db = new Database(path);
    db.run("PRAGMA journal_mode = DELETE");
    db.run("PRAGMA ignore_check_constraints = ON");
    for (const statement of damage) db.run(statement);
    db.close();
    const found = places(await auditFile(path)).map((place) => place.replace(opened, "opened"));
    const byTables = found.filter((place) => !place.startsWith("journal-differs"));
    expect(found.length).toBeGreaterThan(byTables.length);
    return byTables;
  }

  test("finds nothing in a correct file, counts what it read, and leaves nothing behind", async () => {
    const before = readFileSync(whole);
    const files = readdirSync(folder.path);
    const report = await auditFile(whole);
    expect(report.findings).toEqual([]);
    expect(report).toMatchObject({ agreed: true, system: "embedded", findingsInAll: 0 });
    expect(report.counts).toEqual({
      accounts: 6,
      entries: 62,
      outboxEntries: 0,
      feedBatches: 0,
      statements: 0,
    });
    expect(readdirSync(folder.path)).toEqual(files);
    expect(readFileSync(whole).equals(before)).toBe(true);
  });

  test("an entry's value, balance, time changed", async () => {
    const set = (what: string) => damaged(`UPDATE entries SET ${what} WHERE account = '3' AND seq = 4`);
    expect(await set("amount = 2")).toEqual(["balance-broken 3 4"]);
    expect(await set("amount = 0, balance = 3")).toEqual(["balance-broken 3 4", "balance-broken 3 5"]);
    expect(await set("balance = 7")).toEqual(["balance-broken 3 4", "balance-broken 3 5"]);
    expect(await set("amount = -1")).toEqual(["balance-broken 3 4"]);
    expect(await set("time = 5")).toEqual(["time-not-rising 3 4"]);
    expect(await set("amount = 9007199254740993, balance = 9007199254740996")).toEqual([
      "balance-broken 3 4",
      "balance-broken 3 5",
    ]);
  });

  test("an entry deleted in the middle, the first; one does not hide the other", async () => {
    const found = await damaged(
      "DELETE FROM entries WHERE (account, seq) IN (('3', 4), ('3', 5), ('1', 1))",
      "UPDATE entries SET amount = 2 WHERE account = '2' AND seq = 3",
    );
    expect(found).toEqual(["seq-gap 1 1", "balance-broken 2 3", "seq-gap 3 4"]);
  });

  test("an account missing; what it has held is not the sum of its holds", async () => {
    expect(await damaged(`DELETE FROM accounts WHERE account = '${opened}'`)).toEqual([
      "account-missing opened -",
    ]);
    expect(await damaged("UPDATE accounts SET held = 3 WHERE account = '4'")).toEqual(["hold-broken 4 -"]);
    expect(await damaged("UPDATE holds SET amount = amount + 1")).toEqual(["hold-broken 5 -"]);
    expect(await damaged("UPDATE holds SET state = 'released'")).toEqual(["hold-broken 5 -"]);
  });

  test("a file that is damaged as a file is unreadable", async () => {
    const path = join(folder.path, "torn.db");
    copyFileSync(whole, path);
    const descriptor = openSync(path, "r+");
    writeSync(descriptor, Buffer.alloc(2000, 0xff), 0, 2000, 4096 * 3 + 10);
    closeSync(descriptor);
    const report = await auditFile(path);
    expect(report.agreed).toBe(false);
    expect(report.findings[0]?.name).toBe("unreadable");
  });

  test("no file, or not a ledger's: it cannot be audited", async () => {
    const other = join(folder.path, "other.db");
    writeFileSync(other, "");
    for (const path of [join(folder.path, "none.db"), other]) {
      const refused: unknown = await auditFile(path).catch((error: unknown) => error);
      expect(refused).toMatchObject({ exitCode: 2 });
    }
    // One that was emptied beside its log is a ledger's no less.
    writeFileSync(`${other}-wal`, "x");
    expect(places(await auditFile(other))).toEqual(["unreadable - -"]);
    expect(readFileSync(`${other}-wal`, "utf8")).toBe("x");
    rmSync(`${other}-wal`);
  });

  test("while a ledger writes to it: a consistent snapshot, and the ledger is not disturbed", async () => {
    const path = join(folder.path, "running", "razonete.db");
    mkdirSync(join(folder.path, "running"));
    const ledger = new EmbeddedLedger({ file: path });
    try {
      let entries = 0;
      for (let round = 0; round < 20; round += 1) {
        const writing = Promise.all(Array.from({ length: 50 }, () => ledger.submit(credit("1"))));
        const report = await auditFile(path);
        await writing;
        expect(report.findings).toEqual([]);
        expect(report.counts.entries).toBeGreaterThanOrEqual(entries);
        entries = report.counts.entries;
      }
      expect((await auditFile(path)).counts.entries).toBe(1000);
    } finally {
      await ledger.close();
    }
    rmSync(join(folder.path, "running"), { recursive: true });
  });
});
