import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import type { ChangeAccount, Command, Transact } from "../../src/ledger/command.ts";
import { contentHash } from "../../src/ledger/content-hash.ts";
import { journalHash } from "../../src/ledger/journal.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { openAccount } from "../support/open-account.ts";
import { serveToTheEnd } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const NOW = 1_767_225_600_000_000;

const credit = (id: Transact["id"], description = "tea"): Transact => ({
  type: "transact",
  id,
  account: "1",
  kind: "credit",
  value: 10,
  description,
});

function open(file: string): EmbeddedLedger {
  return new EmbeddedLedger({ file, clock: () => NOW });
}

interface Row {
  readonly g: number;
  readonly time: number;
  readonly events: readonly string[];
}

function journalOf(file: string): Row[] {
  using db = new Database(file, { readonly: true });
  return db
    .query<{ g: number; time: number; events: string }, []>("SELECT g, time, events FROM journal ORDER BY g")
    .all()
    .map(({ g, time, events }) => ({ g, time, events: JSON.parse(events) }));
}

async function expectAgreed(file: string): Promise<void> {
  expect((await auditFile(file)).findings).toEqual([]);
}

describe("the journal of a data file", () => {
  test("begins with the accounts of the start; then each commit is a row, with what it decided in order", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "razonete.db");
    const ledger = open(file);
    const debit = (id: Transact["id"]): Transact => ({ ...credit(id, "x"), kind: "debit", value: 999_999 });
    const limit = (id: ChangeAccount["id"], account: string): ChangeAccount => ({
      type: "change",
      id,
      account,
      creditLimit: 7,
    });
    await Promise.all([
      ledger.submit(credit("req:a")),
      ledger.submit(debit("key:b")),
      ledger.submit(debit("req:c")),
    ]);
    const opened = await openAccount(ledger, "key:d", "Padaria Joia");
    await Promise.all([ledger.submit(limit("req:e", "1")), ledger.submit(limit("key:f", "99"))]);
    const opening = {
      type: "open",
      account: null,
      unit: "BRL/2",
      creditLimit: 500,
      name: "Padaria Joia",
      metadata: {},
    } as const;
    expect(journalOf(file)).toEqual([
      {
        g: 0,
        time: NOW,
        events: [100_000, 80_000, 1_000_000, 10_000_000, 500_000].map(
          (creditLimit, index) => `o ${index + 1} ${NOW} ${creditLimit} initial - BRL/2 `,
        ),
      },
      {
        g: 1,
        time: NOW + 1,
        events: [
          `c 1 1 ${NOW + 1} 10 10 100000 req:a tea`,
          `x ${NOW} limit-exceeded/1 key:b ${contentHash(debit("key:b"))}`,
        ],
      },
      // The ledger's time does not go back behind that of an entry.
      {
        g: 2,
        time: NOW + 1,
        events: [`o ${opened} ${NOW + 1} 500 key:d ${contentHash(opening)} BRL/2 {"name":"Padaria Joia"}`],
      },
      {
        g: 3,
        time: NOW + 1,
        events: [
          `a 1 ${NOW + 1} 7 10 0 1 ${NOW + 1} BRL/2 open ${NOW} req:e - `,
          `x ${NOW + 1} account-unknown/99 key:f ${contentHash(limit("key:f", "99"))}`,
        ],
      },
    ]);
    await ledger.close();
    await expectAgreed(file);
  });

  test("has no row of what decided nothing: a replay, a key used again, a refusal without a key", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "razonete.db");
    const ledger = open(file);
    await ledger.submit(credit("key:a"));
    for (const command of [credit("key:a"), credit("key:a", "other"), { ...credit("req:b"), account: "99" }])
      await ledger.submit(command);
    expect(journalOf(file)).toHaveLength(2);
    await ledger.submit(credit("req:c"));
    await ledger.close();
    expect(journalOf(file).map(({ g }) => g)).toEqual([0, 1, 2]);
    await expectAgreed(file);
  });

  test("goes on where it ended: after a start, and after batches that failed at each of their steps", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "razonete.db");
    await open(file).close();
    const ledger = open(file);
    await ledger.submit(credit("req:1"));
    using other = new Database(file);
    const fails = async (command: Command): Promise<void> => {
      const failed: unknown = await ledger.submit(command).catch((error: unknown) => error);
      expect(failed).toMatchObject({ name: "LedgerUnavailable", outcome: "none" });
    };
    other.run("BEGIN IMMEDIATE");
    await fails(credit("req:locked"));
    other.run("ROLLBACK");
    await ledger.submit(credit("req:2"));
    for (const table of ["entries", "journal"]) {
      other.run(`CREATE TRIGGER fails BEFORE INSERT ON ${table} BEGIN SELECT RAISE(FAIL, 'no'); END`);
      await fails(credit(`req:${table}`));
      other.run("DROP TRIGGER fails");
      await ledger.submit(credit(`req:after-${table}`));
    }
    await ledger.submit(credit("req:3"));
    await ledger.close();
    expect(journalOf(file).map(({ g }) => g)).toEqual([0, 1, 2, 3, 4, 5]);
    await expectAgreed(file);
  });

  test("goes on behind a row that somebody else wrote, against all advice, once it has met it", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "razonete.db");
    const ledger = open(file);
    using other = new Database(file);
    const head = other.query<{ g: number; hash: Uint8Array }, []>("SELECT g, hash FROM journal").get();
    const row = { shard: 0, g: 1, time: 0, events: [], previous: head?.hash ?? new Uint8Array() };
    other.run("INSERT INTO journal VALUES (1, 0, '[]', ?, ?)", [row.previous, journalHash(row)]);
    const failed: unknown = await ledger.submit(credit("req:1")).catch((error: unknown) => error);
    expect(failed).toMatchObject({ name: "LedgerUnavailable", outcome: "none" });
    await ledger.submit(credit("req:2"));
    await ledger.close();
    expect(journalOf(file).map(({ g }) => g)).toEqual([0, 1, 2]);
    await expectAgreed(file);
  });

  test("whose rows are gone is damaged", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "razonete.db");
    await open(file).close();
    {
      using other = new Database(file);
      other.run("DELETE FROM journal");
    }
    expect(() => open(file)).toThrow(/is damaged \(its journal is empty\)/);
  });

  for (const version of [1, 2, 3, 4]) {
    test(`a data file of version ${version}, of before: one sentence, and nothing is changed`, async () => {
      using folder = temporaryFolder();
      const file = join(folder.path, "razonete.db");
      await open(file).close();
      const bytes = readFileSync(file);
      bytes.writeInt32BE(version, 60);
      writeFileSync(file, bytes);
      const { code, stdout, stderr } = await serveToTheEnd({ data: folder.path });
      expect(stderr).toMatch(/^razonete: [^\n]+\.\n$/);
      expect(stderr).toContain(
        `is of an earlier version of this program (schema version ${version}), whose data is not carried over: begin ` +
          "with an empty folder (--data), or go on with the program that wrote it.",
      );
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(await auditFile(file).catch((error: unknown) => error)).toMatchObject({ exitCode: 2 });
      expect(readFileSync(file).equals(bytes)).toBe(true);
    });
  }
});
