import { expect, test } from "bun:test";
import { join } from "node:path";

const SCRIPT = join(import.meta.dir, "support/measure.ts");

// Otherwise it would be found out of date when a figure is wanted.
for (const system of ["cluster", "embedded"])
  test(`the ledger that an audit is measured on agrees: ${system}`, async () => {
    const run = Bun.spawn([process.execPath, SCRIPT, system, "100", "10", "2"], { stderr: "pipe" });
    const [stdout, stderr] = await Promise.all([run.stdout.text(), run.stderr.text()]);
    expect([await run.exited, stderr]).toEqual([0, expect.any(String)]);
    expect(stdout).toMatch(/^entries +1,000$/m);
    expect(stdout).toContain("Agreed.\nexit code 0");
  }, 120_000);
