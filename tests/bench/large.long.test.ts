import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { LargeBenchResult } from "../../proof/bench/large.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { benchToTheEnd, wrkMissing } from "../support/start-bench.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const missing = serversMissing ?? wrkMissing();

describe.skipIf(missing !== null)("razonete bench large", () => {
  test("measures many accounts and entries beside few, both beside bare servers", async () => {
    const size = ["--accounts", "50", "--entries", "2000"];
    const short = ["--rounds", "1", "--seconds", "1", "--connections", "4", "--cpus", "0"];
    const { output, said } = await benchToTheEnd("large", ...size, ...short);
    expect(said).toContain("large to bare");
    const { result }: { result: LargeBenchResult } = JSON.parse(output);

    const cases = ["smallAfterStop", "largeAfterStop", "largeAfterKill", "filledAfterStop"];
    expect(Object.keys(result.readySeconds)).toEqual(cases);
    for (const seconds of Object.values(result.readySeconds)) {
      expect(seconds).toBeGreaterThan(0.05);
      expect(seconds).toBeLessThan(60);
    }
    expect(result.comparisons.map(({ entries, loads }) => [loads["large"]?.what, entries])).toEqual([
      ["transactions", 0],
      ["transactions", 2000],
      ["statements", 2000],
    ]);
    for (const { samples, loads, ratios } of result.comparisons) {
      expect(Object.keys(samples)).toEqual(["small", "large", "bare"]);
      // Statements are only read from accounts that have entries: 100 each.
      const accounts = loads["large"]?.what === "statements" ? 20 : 50;
      expect(loads).toMatchObject({ small: { accounts: 5 }, large: { accounts }, bare: { accounts } });
      for (const [sample] of Object.values(samples)) {
        expect(sample?.requests).toBeGreaterThan(10);
        expect(sample?.cpuMicroseconds).toBeGreaterThan(1);
      }
      const cpu = (name: string): number => samples[name]?.[0]?.cpuMicroseconds ?? 0;
      const ratioRows = ratios.map(({ name, other, cpuMicroseconds }) => [
        name,
        other,
        cpuMicroseconds.median,
      ]);
      expect(ratioRows).toEqual([
        ["large", "bare", cpu("large") / cpu("bare")],
        ["small", "bare", cpu("small") / cpu("bare")],
        ["large", "small", cpu("large") / cpu("small")],
      ]);
      // A ledger costs more than a server that does nothing.
      expect(cpu("large")).toBeGreaterThan(cpu("bare"));
    }
  });
});
