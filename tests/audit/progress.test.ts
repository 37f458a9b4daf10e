import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import { COMPARISON_COST } from "../../src/audit/progress-estimate.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { AuditedCluster } from "./support/audited-cluster.ts";

failOnLeaks();
setDefaultTimeout(60_000);

/** What an audit has told of its progress: shares that never fall, from 0 to 1. */
function expectWhole(reported: readonly (readonly [number, number])[]): void {
  const shares = reported.map(([done, all]) => (all === 0 ? 0 : done / all));
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(shares[0]).toBe(0);
  expect(shares.at(-1)).toBeCloseTo(1, 6);
}

describe("the progress of an audit", () => {
  test("of a data file begins before SQLite's check of it, which is included", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "razonete.db");
    const ledger = new EmbeddedLedger({ file });
    const credit = { type: "transact", account: "1", kind: "credit", value: 1, description: "c" } as const;
    await Promise.all(
      Array.from({ length: 250_000 }, (_, index) => ledger.submit({ ...credit, id: `req:${index}` })),
    );
    await ledger.close();
    const reported: [number, number][] = [];
    const report = await auditFile(file, { onProgress: (done, all) => reported.push([done, all]) });
    expect(report.findings).toEqual([]);
    expectWhole(reported);
    // Planned; SQLite's look; 100,000 events of the journal, twice; the rest; the same of the entries.
    expect(reported.length).toBe(8);
    const afterLook = reported[1] ?? [0, 1];
    expect(afterLook[0] / afterLook[1]).toBeGreaterThan(0.1);
  });

  test("of an empty data file comes to its end", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "razonete.db");
    await new EmbeddedLedger({ file }).close();
    const reported: [number, number][] = [];
    await auditFile(file, { onProgress: (done, all) => reported.push([done, all]) });
    expect(reported.every(([done, all]) => done <= all && Number.isFinite(done))).toBe(true);
  });

  test.skipIf(serversMissing !== null)(
    "of a cluster is through with the books before it is through with the accounts",
    async () => {
      await using system = await AuditedCluster.start();
      await system.credit(1, 3);
      await system.books.drained();
      const reported: [number, number][] = [];
      await system.audit({ onProgress: (done, all) => reported.push([done, all]) });
      expectWhole(reported);
      const [accounts, entries] = [5, 3];
      const journal = entries + accounts;
      const books = entries + accounts + accounts;
      const all = journal + books + accounts * COMPARISON_COST;
      expect(reported).toEqual([
        [0, all],
        [journal, all],
        [journal + books, all],
        [all, all],
      ]);
    },
  );
});
