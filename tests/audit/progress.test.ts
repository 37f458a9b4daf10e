import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import { WORK_OF_COMPARISON } from "../../src/audit/progress-estimate.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { AuditedCluster } from "./support/audited-cluster.ts";

failOnLeaks();
setDefaultTimeout(60_000);

/** What an audit has told of its progress: shares that never fall, from 0 to 1. */
function expectWhole(told: readonly (readonly [number, number])[]): void {
  const shares = told.map(([done, all]) => (all === 0 ? 0 : done / all));
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(shares[0]).toBe(0);
  expect(shares.at(-1)).toBeCloseTo(1, 6);
}

describe("the progress of an audit", () => {
  test("of a data file begins before SQLite's look at it, which counts too", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "razonete.db");
    await new EmbeddedLedger({ file }).close();
    const db = new Database(file);
    db.run(`WITH RECURSIVE s (s) AS (SELECT 1 UNION ALL SELECT s + 1 FROM s WHERE s < 250000)
      INSERT INTO entries SELECT 1, s, 'credit', 1, s, 'c', 'req:' || s, s FROM s`);
    db.close();
    const told: [number, number][] = [];
    const report = await auditFile(file, (done, all) => told.push([done, all]));
    expect(report.findings).toEqual([]);
    expectWhole(told);
    // Planned; SQLite's look; 100,000 entries, twice; the rest.
    expect(told.length).toBe(5);
    const afterLook = told[1] ?? [0, 1];
    expect(afterLook[0] / afterLook[1]).toBeGreaterThan(0.1);
  });

  test("of an empty data file comes to its end", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "razonete.db");
    await new EmbeddedLedger({ file }).close();
    const told: [number, number][] = [];
    await auditFile(file, (done, all) => told.push([done, all]));
    expect(told.every(([done, all]) => done <= all && Number.isFinite(done))).toBe(true);
  });

  test.skipIf(serversMissing !== null)(
    "of a cluster is through with the books before it is through with the accounts",
    async () => {
      await using system = await AuditedCluster.start();
      await system.credit(1, 3);
      await system.books.drained();
      const told: [number, number][] = [];
      await system.audit({ onProgress: (done, all) => told.push([done, all]) });
      expectWhole(told);
      const [accounts, entries] = [5, 3];
      const pass = entries + accounts + accounts;
      expect(told).toEqual([
        [0, pass + accounts * WORK_OF_COMPARISON],
        [pass, pass + accounts * WORK_OF_COMPARISON],
        [pass + accounts * WORK_OF_COMPARISON, pass + accounts * WORK_OF_COMPARISON],
      ]);
    },
  );
});
