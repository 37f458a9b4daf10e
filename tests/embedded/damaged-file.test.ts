import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { StartError } from "../../src/errors.ts";
import { call } from "../support/api.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { expectRefusal, startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const PAGE = 4096;
const ENTRIES = 1_500;
const seed = testSeed();

describe("a data file that is not the ledger's, or no longer", () => {
  const damages: Record<string, { change: (bytes: Buffer) => Buffer; about: RegExp }> = {
    "a header of zeros": { change: (bytes) => bytes.fill(0, 0, 100), about: /is damaged/ },
    "a header of noise": { change: (bytes) => noise(bytes, 0, 100), about: /is damaged/ },
    "another page size": {
      change: (bytes) => {
        bytes.writeUInt16BE(512, 16);
        return bytes;
      },
      about: /is damaged/,
    },
    "a schema of noise": { change: (bytes) => noise(bytes, 100, PAGE), about: /is damaged/ },
    "a schema with a column of another name": {
      change: (bytes) => {
        bytes.write("moved_at", bytes.indexOf("opened_at"));
        return bytes;
      },
      about: /is damaged/,
    },
    "a page of noise in the middle": {
      change: (bytes) => noise(bytes, middle(bytes), middle(bytes) + PAGE),
      about: /is damaged/,
    },
    "a page of zeros in the middle": {
      change: (bytes) => bytes.fill(0, middle(bytes), middle(bytes) + PAGE),
      about: /is damaged/,
    },
    "the second half missing": {
      change: (bytes) => bytes.subarray(0, middle(bytes)),
      about: /is damaged/,
    },
    "the last bytes missing": {
      change: (bytes) => bytes.subarray(0, bytes.length - 100),
      about: /is damaged/,
    },
    "all but the first bytes missing": { change: (bytes) => bytes.subarray(0, 50), about: /is damaged/ },
    "no SQLite file": { change: () => Buffer.from("Dear diary,\n".repeat(1_000)), about: /is damaged/ },
    "a schema version of zero": {
      change: (bytes) => {
        bytes.writeInt32BE(0, 60);
        return bytes;
      },
      about: /is damaged/,
    },
    "a schema version below zero": {
      change: (bytes) => {
        bytes.writeInt32BE(-1, 60);
        return bytes;
      },
      about: /is damaged/,
    },
    "the schema of a newer program": {
      change: (bytes) => {
        bytes.writeInt32BE(1_000, 60);
        return bytes;
      },
      about: /schema version 1000, this program knows versions up to \d+: start the newer program/,
    },
  };

  for (const [name, { change, about }] of Object.entries(damages)) {
    test(`${name}: one sentence, and the file stays as it is`, async () => {
      using folder = temporaryFolder();
      const file = await ledgerFile(folder.path);
      const damaged = Buffer.from(change(readFileSync(file)));
      writeFileSync(file, damaged);
      await expectRefusal({ data: folder.path }, about);
      expect(readFileSync(file).equals(damaged)).toBe(true);
    });
  }

  test("another program's SQLite file: one sentence, and the file stays as it is", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "razonete.db");
    {
      using other = new Database(file);
      other.run("CREATE TABLE accounts (name TEXT)");
    }
    const bytes = readFileSync(file);
    await expectRefusal({ data: folder.path }, /belongs to another program/);
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  test("an empty file, an empty SQLite file, a link that leads nowhere: only where there is nothing a new ledger begins", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "razonete.db");
    writeFileSync(file, "");
    await expectRefusal({ data: folder.path }, /is empty, .*: bring back a backup .* or remove it/);
    expect(readFileSync(file).length).toBe(0);
    rmSync(file);
    {
      using other = new Database(file);
      other.run("PRAGMA journal_mode = WAL");
      other.run("PRAGMA user_version = 1");
    }
    const bytes = readFileSync(file);
    await expectRefusal({ data: folder.path }, /belongs to another program/);
    expect(readFileSync(file).equals(bytes)).toBe(true);
    rmSync(file);
    symlinkSync(join(folder.path, "not-mounted", "razonete.db"), file);
    await expectRefusal({ data: folder.path }, /is a link to a file that is not there/);
    rmSync(file);
    await using server = await startServer({ data: folder.path });
    expect((await call(server.url, "GET", "/v1/accounts/5")).status).toBe(200);
  });

  test(`cut off at any length: it is refused and stays as it is, and its audit does not agree (seed ${seed})`, async () => {
    using folder = temporaryFolder();
    const random = new Random(seed);
    const sound = readFileSync(await ledgerFile(folder.path));
    const file = join(folder.path, "cut", "razonete.db");
    mkdirSync(join(folder.path, "cut"));
    const lengths = [0, 1, 15, 16, 99, 100, 511, 512, PAGE - 1, PAGE, PAGE + 1, sound.length - 1];
    for (let at = 2 * PAGE; at < sound.length; at += PAGE) lengths.push(at, at - random.integer(1, PAGE - 1));
    for (const length of lengths) {
      const cut = sound.subarray(0, length);
      writeFileSync(file, cut);
      expect(await openOnce(file)).toBeInstanceOf(StartError);
      expect(readFileSync(file).equals(cut)).toBe(true);
      const report = await auditFile(file).catch((error: unknown) => error);
      if (!(report instanceof StartError)) expect(report).toMatchObject({ agreed: false });
    }
  });

  test("cut off, with its log beside it: it is refused, or the log has all that was cut off", async () => {
    using folder = temporaryFolder();
    {
      await using server = await startServer({ data: folder.path });
      const body = { valor: 1, tipo: "c", descricao: "log" };
      for (let count = 0; count < 300; count += 1) {
        await call(server.url, "POST", "/clientes/1/transacoes", body);
      }
      await server.kill();
    }
    const data = readFileSync(join(folder.path, "razonete.db"));
    const log = readFileSync(join(folder.path, "razonete.db-wal"));
    for (let length = 0; length <= data.length; length += PAGE / 2) {
      using again = temporaryFolder();
      const file = join(again.path, "razonete.db");
      writeFileSync(file, data.subarray(0, length));
      writeFileSync(`${file}-wal`, log);
      const error = await openOnce(file);
      if (error === null) expect((await auditFile(file)).counts.entries).toBe(300);
      else expect(error).toBeInstanceOf(StartError);
    }
  });

  test("what serve refuses audit refuses: a newer schema, another program's file, a folder", async () => {
    using folder = temporaryFolder();
    const file = await ledgerFile(folder.path);
    const bytes = readFileSync(file);
    bytes.writeInt32BE(99, 60);
    writeFileSync(file, bytes);
    const refusal = async () => auditFile(file).catch((error: unknown) => error);
    expect(await refusal()).toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("schema version 99"),
    });
    bytes.writeUInt32BE(7, 68);
    writeFileSync(file, bytes);
    expect(await refusal()).toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("another program"),
    });
    rmSync(file);
    mkdirSync(file);
    expect(await refusal()).toMatchObject({ exitCode: 2, message: expect.stringContaining("not a file") });
  });

  test("gone, but not its log: one sentence, and the log stays as it is", async () => {
    using folder = temporaryFolder();
    {
      await using server = await startServer({ data: folder.path });
      const body = { valor: 1, tipo: "c", descricao: "logged" };
      expect((await call(server.url, "POST", "/clientes/1/transacoes", body)).status).toBe(200);
      await server.kill();
    }
    const file = join(folder.path, "razonete.db");
    const log = readFileSync(`${file}-wal`);
    expect(log.length).toBeGreaterThan(0);
    writeFileSync(file, "");
    await expectRefusal({ data: folder.path }, /is damaged/);
    rmSync(file);
    await expectRefusal({ data: folder.path }, /is damaged/);
    expect(readFileSync(`${file}-wal`).equals(log)).toBe(true);
  });

  test("any column of another name: one sentence", async () => {
    using folder = temporaryFolder();
    const path = await ledgerFile(folder.path);
    const sound = readFileSync(path);
    const db = new Database(path, { readonly: true });
    const columns = db
      .query<{ table: string; column: string }, []>(
        `SELECT t.name AS "table", c.name AS "column" FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
         WHERE t.type = 'table'`,
      )
      .all();
    db.close(true);
    expect(columns.length).toBeGreaterThan(30);
    const file = join(folder.path, "again", "razonete.db");
    mkdirSync(join(folder.path, "again"));
    for (const { table, column } of columns) {
      const bytes = Buffer.from(sound);
      const start = bytes.indexOf(`CREATE TABLE ${table} `);
      const at = bytes.toString("latin1", start).search(new RegExp(`\\b${column} [A-Z]`));
      expect(at).toBeGreaterThan(0);
      bytes.write("_", start + at);
      writeFileSync(file, bytes);
      const error = await openOnce(file);
      expect({ table, column, error }).toEqual({ table, column, error: expect.any(StartError) });
    }
  });

  test(`bytes overwritten anywhere: it starts, or says in one sentence why not (seed ${seed})`, async () => {
    using folder = temporaryFolder();
    const random = new Random(seed);
    const sound = readFileSync(await ledgerFile(folder.path));
    const file = join(folder.path, "again", "razonete.db");
    mkdirSync(join(folder.path, "again"));
    let refused = 0;
    for (let round = 0; round < 200; round += 1) {
      const bytes = Buffer.from(sound);
      // The header and the first page, where the most hangs on each byte, as often as all the rest.
      const end = random.pick([100, PAGE, bytes.length]);
      const from = random.integer(0, end - 1);
      for (let at = from; at < Math.min(end, from + random.pick([1, 4, 64, PAGE])); at += 1) {
        bytes[at] = random.integer(0, 255);
      }
      writeFileSync(file, bytes);
      const error = await openOnce(file);
      if (error === null) continue;
      refused += 1;
      expect(error).toBeInstanceOf(StartError);
      expect(error).toHaveProperty("message", expect.stringMatching(/^[^\n]+\.$/));
    }
    expect(refused).toBeGreaterThan(0);
  });
});

/** A sound data file with some pages in one piece, as a ledger leaves it that was stopped. */
async function ledgerFile(folder: string): Promise<string> {
  const file = join(folder, "razonete.db");
  const copy = join(folder, "made", "razonete.db");
  const ledger = new EmbeddedLedger({ file: copy });
  await Promise.all(
    Array.from({ length: ENTRIES }, (_, index) =>
      ledger.submit({
        type: "transact",
        id: index % 2 === 0 ? `key:${index}` : `req:${index}`,
        account: String(1 + (index % 5)),
        kind: "credit",
        value: 1,
        description: String(index),
      }),
    ),
  );
  await ledger.close();
  copyFileSync(copy, file);
  return file;
}

/** @returns why it could not be opened */
async function openOnce(file: string): Promise<unknown> {
  try {
    await new EmbeddedLedger({ file }).close();
    return null;
  } catch (error) {
    return error;
  }
}

function noise(bytes: Buffer, from: number, to: number): Buffer {
  const random = new Random(1);
  for (let at = from; at < to; at += 1) bytes[at] = random.integer(0, 255);
  return bytes;
}

/** The start of a page in the middle. */
function middle(bytes: Buffer): number {
  return Math.floor(bytes.length / PAGE / 2) * PAGE;
}
