import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { AccessBenchResult } from "../../proof/bench/access.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { benchToTheEnd, wrkMissing } from "../support/start-bench.ts";

failOnLeaks();
setDefaultTimeout(240_000);

describe.skipIf(wrkMissing() !== null)("razonete bench access", () => {
  test("compares a server that asks for a key with one that is open", async () => {
    const args = ["--rounds", "1", "--seconds", "1", "--connections", "4"];
    const { output, said } = await benchToTheEnd("access", ...args);
    expect(said).toContain("keyed to open");
    const { result }: { result: AccessBenchResult } = JSON.parse(output);
    const [comparison] = result.comparisons;
    expect(Object.keys(comparison?.samples ?? {})).toEqual(["open", "keyed"]);
    expect(comparison?.ratios[0]?.cpuMicroseconds.median).toBeWithin(0.3, 3);
    expect(result.checkMicroseconds.median).toBeGreaterThan(0);
    expect(comparison?.share).toBeWithin(0, 1);
  });
});
