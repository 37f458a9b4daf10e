import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { call } from "../support/api.ts";
import { transact } from "../support/ledger/commands.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serveToTheEnd, startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const HOUR_MICROS = 3_600_000_000;

describe("a ledger without the contest's accounts", () => {
  for (const [how, given] of [
    ["--no-initial-accounts", { flags: ["--no-initial-accounts"] }],
    ["INITIAL_ACCOUNTS=none", { environment: { INITIAL_ACCOUNTS: "none" } }],
  ] as const)
    test(`${how}: it begins empty, and stays so without it`, async () => {
      using folder = temporaryFolder();
      for (const options of [given, {}]) {
        await using server = await startServer({ data: folder.path, ...options });
        expect((await call(server.url, "GET", "/v1/accounts")).body).toEqual({ data: [], next: null });
        expect((await call(server.url, "GET", "/clientes/1/extrato")).status).toBe(404);
        expect(server.output().stdout).toContain(`${server.url}/v1/accounts`);
        expect(server.output().stdout).not.toContain("Accounts 1 to 5");
      }
      expect((await auditFile(join(folder.path, "razonete.db"))).findingsInAll).toBe(0);
    });

  test("accounts that are there stay", async () => {
    using folder = temporaryFolder();
    {
      await using server = await startServer({ data: folder.path });
      expect(server.output().stdout).toContain("Accounts 1 to 5, with overdrafts, are open");
    }
    await using server = await startServer({ data: folder.path, flags: ["--no-initial-accounts"] });
    expect((await call(server.url, "GET", "/clientes/5/extrato")).status).toBe(200);
    expect(server.output().stdout).toContain("Accounts 1 to 5, with overdrafts, are open");
  });
});

test("a setting that is none is refused in one sentence, and makes no data", async () => {
  using folder = temporaryFolder();
  const environment = { INITIAL_ACCOUNTS: "no", IDEMPOTENCY_HOURS: "200" };
  const { code, stderr } = await serveToTheEnd({ data: join(folder.path, "data"), environment });
  expect([code, stderr]).toEqual([
    1,
    'razonete: the variable INITIAL_ACCOUNTS must be contest or none, not "no"; ' +
      'the variable IDEMPOTENCY_HOURS must be an integer from 1 to 168, not "200".\n',
  ]);
  expect(await Array.fromAsync(new Bun.Glob("**").scan(folder.path))).toEqual([]);
});

test("a key is remembered for as long as was set when it was used, and the audit knows", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "razonete.db");
  let now = Date.UTC(2024, 0, 17) * 1000;
  /** Whether each key is remembered; one that is not is used anew. */
  const replayed = async (keyHours: number | null, ...keys: string[]): Promise<boolean[]> => {
    const ledger = new EmbeddedLedger({ file, keyHours, clock: () => now });
    const outcomes = [];
    for (const key of keys) outcomes.push(await ledger.submit(transact("1", "credit", 7, `key:${key}`)));
    await ledger.close();
    expect((await auditFile(file)).findings).toEqual([]);
    return outcomes.map((outcome) => outcome.replayed);
  };
  expect(await replayed(2, "a", "b")).toEqual([false, false]);
  now += 2 * HOUR_MICROS - 1_000;
  expect(await replayed(null, "a", "c")).toEqual([true, false]);
  // From here on for an hour; what was used before keeps its time.
  expect(await replayed(1, "d")).toEqual([false]);
  now += 1_000;
  expect(await replayed(1, "a")).toEqual([false]);
  now += HOUR_MICROS - 1_000;
  expect(await replayed(1, "c", "d")).toEqual([true, false]);
  // What is set is still set where nobody says anything.
  now += HOUR_MICROS;
  expect(await replayed(null, "d")).toEqual([false]);
});
