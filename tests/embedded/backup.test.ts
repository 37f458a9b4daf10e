import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import { call } from "../support/api.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { type RunningServer, serveToTheEnd, startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(180_000);

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const RESTORE_KILLS = 6;
const seed = testSeed();

function razonete(...args: readonly string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, MAIN, ...args]);
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

async function credit(server: RunningServer, count: number): Promise<void> {
  const body = { valor: 1, tipo: "c", descricao: "credit" };
  const send = async (): Promise<void> => {
    expect((await call(server.url, "POST", "/clientes/1/transacoes", body)).status).toBe(200);
  };
  for (let sent = 0; sent < count; sent += 10) await Promise.all(Array.from({ length: 10 }, send));
}

async function balance(data: string): Promise<number> {
  await using server = await startServer({ data });
  const { body } = await call(server.url, "GET", "/v1/accounts/1");
  expect(await server.stop()).toBe(0);
  return Number(/"balance":(-?\d+)/.exec(JSON.stringify(body))?.[1]);
}

function dataFile(data: string): string {
  return join(data, "razonete.db");
}

/** Ways to copy a data file. The way of SQLite's shell is only there where the shell is. */
const COPIES: Record<string, (data: string, copy: string) => void> = {
  "razonete backup": (data, copy) => {
    expect(razonete("backup", "--data", data, "--to", copy)).toMatchObject({ exitCode: 0, stderr: "" });
  },
  "VACUUM INTO": (data, copy) => {
    using db = new Database(dataFile(data), { readonly: true });
    db.run("VACUUM INTO ?", [copy]);
  },
  ...(Bun.which("sqlite3") === null
    ? {}
    : {
        "sqlite3 .backup": (data: string, copy: string) => {
          expect(Bun.spawnSync(["sqlite3", dataFile(data), `.backup ${copy}`]).exitCode).toBe(0);
        },
      }),
};

async function expectOtherLog(data: string): Promise<void> {
  const { code, stdout, stderr } = await serveToTheEnd({ data });
  expect(stderr).toMatch(/^razonete: the log \S+-wal was not written for the data file .*\n$/);
  expect(stderr).toContain(`razonete restore --data ${data} --from`);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(razonete("audit", "--data", data)).toMatchObject({ exitCode: 2, stderr });
}

describe("a copy put in the place of the data file by hand, beside the log of a killed ledger", () => {
  for (const [way, copyFile] of Object.entries(COPIES)) {
    for (const later of way === "razonete backup" ? [20, 4000] : [20]) {
      test(`${way}, ${later} transactions later: refused, nothing is changed, and restore brings it back`, async () => {
        using folder = temporaryFolder();
        const data = join(folder.path, "data");
        const copy = join(folder.path, "copy.db");
        {
          await using server = await startServer({ data });
          await credit(server, 30);
          copyFile(data, copy);
          await credit(server, later);
          await server.kill();
        }
        copyFileSync(copy, dataFile(data));
        const files = [dataFile(data), `${dataFile(data)}-wal`].map((file) => readFileSync(file));
        await expectOtherLog(data);
        expect([dataFile(data), `${dataFile(data)}-wal`].map((file) => readFileSync(file))).toEqual(files);
        expect(razonete("restore", "--data", data, "--from", copy)).toMatchObject({
          exitCode: 0,
          stderr: "",
        });
        expect(await balance(data)).toBe(30);
        expect((await auditFile(dataFile(data))).agreed).toBe(true);
      });
    }
  }

  test("copied while the ledger was stopped, and after another start; the file of another ledger", async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    const other = join(folder.path, "other");
    const copy = join(folder.path, "copy.db");
    for (const [path, count] of [
      [data, 30],
      [other, 10],
    ] as const) {
      await using server = await startServer({ data: path });
      await credit(server, count);
      expect(await server.stop()).toBe(0);
    }
    copyFileSync(dataFile(data), copy);
    {
      await using server = await startServer({ data });
      await credit(server, 20);
      await server.kill();
    }
    const own = readFileSync(dataFile(data));
    for (const foreign of [copy, dataFile(other)]) {
      copyFileSync(foreign, dataFile(data));
      await expectOtherLog(data);
    }
    // Its own file still is.
    writeFileSync(dataFile(data), own);
    expect(await balance(data)).toBe(50);
  });

  test("a ledger that somebody wrote to by hand, and that was killed then, starts", async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    {
      await using server = await startServer({ data });
      {
        using shell = new Database(dataFile(data));
        shell.run("UPDATE accounts SET name = 'by hand' WHERE account = '2'");
      }
      await credit(server, 10);
      {
        using shell = new Database(dataFile(data));
        shell.run("PRAGMA wal_checkpoint(TRUNCATE)");
      }
      await credit(server, 10);
      await server.kill();
    }
    expect(await balance(data)).toBe(20);
  });
});

describe("razonete backup and restore", () => {
  test("under load each backup is of one moment, with all that was answered before; after a crash and at rest too", async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    let answered = 0;
    const backUp = async (name: string): Promise<number> => {
      const copy = join(folder.path, name);
      const running = Bun.spawn([process.execPath, MAIN, "backup", "--data", data, "--to", copy]);
      expect(await running.exited).toBe(0);
      const report = await auditFile(copy);
      expect(report.agreed).toBe(true);
      return report.counts.entries;
    };
    {
      await using server = await startServer({ data });
      const ending = new AbortController();
      const load = (async () => {
        while (!ending.signal.aborted) {
          await credit(server, 10);
          answered += 10;
        }
      })();
      for (let count = 0; count < 4; count += 1) {
        const before = answered;
        expect(await backUp(`running-${count}.db`)).toBeGreaterThanOrEqual(before);
      }
      ending.abort();
      await load;
      expect(razonete("restore", "--data", data, "--from", join(folder.path, "running-0.db"))).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining("in use by another process"),
      });
      await server.kill();
    }
    expect(await backUp("killed.db")).toBe(answered);
    expect(await balance(data)).toBe(answered);
    expect(await backUp("stopped.db")).toBe(answered);
    expect(readdirSync(folder.path).filter((name) => /partial|-wal|-shm|-journal/.test(name))).toEqual([]);
  });

  test("what was there before is kept whole, --dry-run changes nothing, what is no backup is refused", async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    const copy = join(folder.path, "copy.db");
    {
      await using server = await startServer({ data });
      await credit(server, 30);
      COPIES["razonete backup"]?.(data, copy);
      await credit(server, 20);
      await server.kill();
    }
    expect(razonete("backup", "--data", data, "--to", copy)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("exists already"),
    });
    const listed = () => readdirSync(data).filter((name) => !name.includes("-lock"));
    const listedBefore = listed();
    const cut = join(folder.path, "cut.db");
    writeFileSync(cut, readFileSync(copy).subarray(0, 9000));
    for (const wrong of [cut, MAIN, join(folder.path, "none.db"), dataFile(data), data]) {
      const refused = razonete("restore", "--data", data, "--from", wrong);
      expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^razonete: [^\n]+\.\n$/) });
    }
    expect(razonete("restore", "--data", data, "--from", cut).stderr).toMatch(
      /the backup .*cut\.db is damaged \(it is cut off\): give another file with --from\.\n$/,
    );
    expect(razonete("restore", "--data", data, "--from", data).stderr).toMatch(
      /is not a file: give another file with --from\.\n$/,
    );
    expect(razonete("backup", "--data", data, "--to", `${dataFile(data)}-wal`).stderr).toMatch(
      /is a name of the ledger's own: give another --to\.\n$/,
    );
    expect(razonete("restore", "--data", data).exitCode).toBe(1);
    expect(razonete("restore", "--data", data, "--from", copy, "--dry-run").exitCode).toBe(0);
    expect(listed()).toEqual(listedBefore);

    const restored = razonete("restore", "--data", data, "--from", copy, "--json");
    const before = /^What was there before is in (.*)$/m.exec(restored.stderr)?.[1] ?? "";
    expect(JSON.parse(restored.stdout)).toMatchObject({ accounts: 5, entries: 30, before });
    expect(await balance(data)).toBe(30);
    expect(await balance(before)).toBe(50);
    // Into a folder that is not there yet.
    expect(razonete("restore", "--data", join(folder.path, "new"), "--from", copy).exitCode).toBe(0);
    expect(await balance(join(folder.path, "new"))).toBe(30);
  });

  test(`a restore that is killed: the old ledger, the new one, or a refusal, and the next one completes it (seed ${seed})`, async () => {
    using folder = temporaryFolder();
    const random = new Random(seed);
    const data = join(folder.path, "data");
    const copy = join(folder.path, "copy.db");
    {
      await using server = await startServer({ data });
      await credit(server, 30);
      COPIES["razonete backup"]?.(data, copy);
      await credit(server, 20);
      await server.kill();
    }
    const old = [dataFile(data), `${dataFile(data)}-wal`].map((file) => readFileSync(file));
    for (let round = 0; round < RESTORE_KILLS; round += 1) {
      using again = temporaryFolder();
      writeFileSync(dataFile(again.path), old[0] ?? "");
      writeFileSync(`${dataFile(again.path)}-wal`, old[1] ?? "");
      const command = [process.execPath, MAIN, "restore", "--data", again.path, "--from", copy];
      const restore = Bun.spawn(command, { stdout: "ignore" });
      // Odd rounds: in the last steps, from when the new file is there.
      const unfinished = `${dataFile(again.path)}-restoring`;
      if (round % 2 === 1) while (!existsSync(unfinished) && restore.exitCode === null) await Bun.sleep(0);
      await Bun.sleep(random.integer(0, round % 2 === 1 ? 12 : 200));
      restore.kill("SIGKILL");
      await restore.exited;
      if (round % 3 === 0) {
        const report = await auditFile(dataFile(again.path)).catch(() => null);
        if (report !== null) expect([30, 50]).toContain(report.counts.entries);
      }
      expect(razonete("restore", "--data", again.path, "--from", copy).exitCode).toBe(0);
      expect(await balance(again.path)).toBe(30);
    }
  });

  test("killed between its last two steps, the old log beside the new file is refused", async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    const copy = join(folder.path, "copy.db");
    {
      await using server = await startServer({ data });
      await credit(server, 30);
      COPIES["razonete backup"]?.(data, copy);
      await credit(server, 20);
      await server.kill();
    }
    const log = readFileSync(`${dataFile(data)}-wal`);
    expect(razonete("restore", "--data", data, "--from", copy).exitCode).toBe(0);
    writeFileSync(`${dataFile(data)}-wal`, log);
    await expectOtherLog(data);
    expect(razonete("restore", "--data", data, "--from", copy).exitCode).toBe(0);
    expect(await balance(data)).toBe(30);
  });
});
