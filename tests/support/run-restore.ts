import { expect } from "bun:test";
import { z } from "zod";
import type { RestoreReport } from "../../src/restore/restore-report.ts";
import type { Cluster } from "./cluster.ts";

const missing = z.strictObject({
  batches: z.array(z.strictObject({ shard: z.number(), from: z.number(), to: z.number() })),
  accounts: z.array(
    z.strictObject({
      account: z.string(),
      seq: z.number(),
      balance: z.number(),
      knownSeq: z.number(),
      knownBalance: z.number(),
    }),
  ),
  transits: z.array(
    z.strictObject({
      attempt: z.string(),
      transaction: z.string(),
      shard: z.number(),
      accounts: z.array(z.string()),
    }),
  ),
});

/** Strict, since what is left out of it would be a loss that no test sees. */
const report = z.strictObject({
  type: z.enum(["restored", "not-needed", "declined"]),
  epoch: z.string(),
  shards: z.array(
    z.strictObject({
      shard: z.number(),
      found: z.enum(["empty", "older", "another epoch", "ahead of the books", "whole"]),
      keptG: z.number(),
      fromOutbox: z.number(),
      fromFeed: z.number(),
      lastG: z.number(),
    }),
  ),
  missing,
  unknown: z.array(
    z.strictObject({
      shard: z.number(),
      epoch: z.string(),
      lastG: z.number(),
      heldBy: z.enum(["Redis", "the feed"]),
    }),
  ),
});

export const NOTHING_MISSING = { batches: [], accounts: [], transits: [] };

/** `razonete restore --json` with what else is said, to its end. Declined it is by --dry-run alone. */
export function runRestore(cluster: Cluster, ...flags: readonly string[]): RestoreReport & { said: string } {
  const { exitCode, stdout, stderr } = cluster.run("restore", "--json", ...flags);
  const said = stderr.toString();
  if (stdout.length === 0) throw new Error(`restore ended with ${exitCode}: ${said}`);
  const done = report.parse(JSON.parse(stdout.toString()));
  expect(exitCode).toBe(done.type === "declined" ? 2 : 0);
  return { ...done, said };
}
