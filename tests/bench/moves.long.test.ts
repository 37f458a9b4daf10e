import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { BatchesBenchResult } from "../../proof/bench/batches.ts";
import type { MovesBenchResult } from "../../proof/bench/moves.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { benchToTheEnd, wrkMissing } from "../support/start-bench.ts";

failOnLeaks();
setDefaultTimeout(240_000);

const missing = serversMissing ?? wrkMissing();
const SHORT = ["--rounds", "1", "--seconds", "1", "--connections", "4"];

describe.skipIf(missing !== null)("razonete bench, of both shapes", () => {
  test("moves: a transfer, and a hold with its capture, beside a transaction on the contest's route", async () => {
    const { output, said } = await benchToTheEnd("moves", ...SHORT, "--cpus", "0");
    expect(said).toContain("hold, capture to this");
    const { result }: { result: MovesBenchResult } = JSON.parse(output);
    expect(result.comparisons.map(({ shape }) => shape)).toEqual(["embedded", "cluster"]);
    for (const { samples, ratios } of result.comparisons) {
      expect(Object.keys(samples)).toEqual(["this", "transfer", "hold, capture"]);
      expect(ratios.map(({ name, other }) => [name, other])).toEqual([
        ["transfer", "this"],
        ["hold, capture", "this"],
      ]);
      // Two requests cost more than one.
      expect(ratios[1]?.cpuMicroseconds.median).toBeGreaterThan(1);
    }
  });

  test("batches: each transaction of a batch counts, and all that were answered are there", async () => {
    const { output, said } = await benchToTheEnd("batches", ...SHORT, "--accounts", "20");
    expect(said).toContain("106,000 a second would take");
    const { result }: { result: BatchesBenchResult } = JSON.parse(output);
    expect(result.comparisons.map(({ shape }) => shape)).toEqual(["embedded", "cluster"]);
    for (const { samples } of result.comparisons) {
      const [[bare], [ours]] = [samples["bare"] ?? [], samples["this"] ?? []];
      expect((ours?.requests ?? 0) % 50).toBe(0);
      expect(ours?.cpuMicroseconds).toBeGreaterThan(bare?.cpuMicroseconds ?? 0);
    }
  });
});
