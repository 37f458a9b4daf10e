import { expect, test } from "bun:test";
import { doneLines } from "./messages.ts";
import type { RestoredShard, RestoreReport } from "./restore-report.ts";

const KNOWN = "Nothing that was answered is known to be missing.";

function reportOf(...found: readonly RestoredShard["found"][]): RestoreReport {
  return {
    type: "restored",
    epoch: "e",
    shards: found.map((one, shard) => ({
      shard,
      found: one,
      keptG: 1,
      fromOutbox: 0,
      fromFeed: 0,
      lastG: 1,
    })),
    missing: { batches: [], accounts: [], transits: [] },
    unknown: [],
  };
}

test("where Redis's latest is gone from any shard, it does not claim to know that nothing is missing", () => {
  for (const found of ["empty", "older", "another epoch"] as const)
    expect(doneLines(reportOf("whole", found)).slice(-2)).toEqual([
      KNOWN,
      "Of what Redis has lost, and neither the books nor NATS had yet, nobody knows.",
    ]);
});

test("where Redis's outbox was read, nothing is missing that it did not name", () => {
  expect(doneLines(reportOf("whole", "ahead of the books")).at(-1)).toBe(KNOWN);
});
