import { readFileSync } from "node:fs";
import * as z from "zod";
import { messageOf, StartError } from "../../../src/errors.ts";
import type { Outage } from "./outages.ts";
import type { RoundCounts } from "../check/checker-types.ts";
import { FAULT_KINDS } from "../plan/fault.ts";
import { FAULT_TARGETS } from "./fault-target.ts";

/** The result of a run of the torture: `result.json`. */

/** Changes with each version of the format; earlier versions are not read. */
export const RESULT_FORMAT = "razonete-torture-5";

const count = z.int().nonnegative();

const countsSchema = z.object({
  requests: count,
  accepted: count,
  refused: count,
  statements: count,
  notDone: count,
  unknown: count,
  unknownApplied: count,
  lost: count,
  lostNamed: count,
  doubled: count,
  excused: count,
  kinds: z.record(z.string(), z.object({ accepted: count, refused: count })),
}) satisfies z.ZodType<RoundCounts>;

const faultSummarySchema = z.object({
  kind: z.enum(FAULT_KINDS),
  /** The type of the `FaultAction`. */
  type: z.string(),
  target: z.enum(FAULT_TARGETS),
  done: count,
  skipped: count,
  /** Why those were skipped, each reason once. */
  reasons: z.array(z.string()),
  /** Of each fault that was done, sorted, the shortest first: how long no transaction was decided. */
  outages: z.array(
    z.object({
      milliseconds: z.number(),
      open: z.boolean(),
      alone: z.boolean(),
      othersMilliseconds: z.number().nullable(),
    }) satisfies z.ZodType<Outage>,
  ),
});

const resultSchema = z.object({
  format: z.literal(RESULT_FORMAT),
  startedAt: z.string(),
  /** The command that repeats it. */
  command: z.string(),
  seed: count,
  system: z.enum(["cluster", "embedded"]),
  shards: z.int().min(1),
  replicas: count,
  kinds: z.array(z.enum(FAULT_KINDS)),
  /** Seconds of load: as asked for, and as they were. */
  secondsWanted: z.number(),
  loadSeconds: z.number(),
  rounds: count,
  /** It was ended by a signal. */
  interrupted: z.boolean(),
  counts: countsSchema,
  harms: z.array(faultSummarySchema),
  /** What this machine cannot do at all. */
  cannot: z.array(z.object({ kind: z.enum(FAULT_KINDS), what: z.string(), reason: z.string() })),
  /** Each time that Redis had to be restored from the books, and what was missing everywhere then. */
  restores: z.array(
    z.object({
      round: count,
      type: z.enum(["restored", "not-needed", "declined"]),
      found: z.array(z.string()),
      fromOutbox: count,
      fromFeed: count,
      missingBatches: count,
      missingAccounts: count,
      /** Transactions across shards of which one shard has lost its side for good. */
      missingTransits: count,
    }),
  ),
  /** What alarms told an operator to do, beside restores, and was done. */
  commandsDone: z.array(z.string()),
  /** The number of all violations; those below are the first ones. */
  violationsInAll: count,
  violations: z.array(
    z.object({
      round: count,
      name: z.string(),
      detail: z.string(),
      /** Each attempt that shows it, as text. */
      attempts: z.array(z.string()),
    }),
  ),
  /** From the start of the first round, load and checks, to the end of the check that found the first violation. */
  violatedAfterSeconds: z.number().nullable(),
  /** The longest time that the system took to recover after a round. */
  healSecondsMax: z.number(),
  /** Where data, logs and history are; null if they were removed. */
  folder: z.string().nullable(),
  versions: z.object({ razonete: z.string(), bun: z.string(), platform: z.string(), cores: count }),
});

export type TortureResult = z.infer<typeof resultSchema>;
export type FaultSummary = z.infer<typeof faultSummarySchema>;

export const NO_COUNTS: RoundCounts = {
  requests: 0,
  accepted: 0,
  refused: 0,
  statements: 0,
  notDone: 0,
  unknown: 0,
  unknownApplied: 0,
  lost: 0,
  lostNamed: 0,
  doubled: 0,
  excused: 0,
  kinds: {},
};

export function sumOfCounts(a: RoundCounts, b: RoundCounts): RoundCounts {
  return {
    requests: a.requests + b.requests,
    accepted: a.accepted + b.accepted,
    refused: a.refused + b.refused,
    statements: a.statements + b.statements,
    notDone: a.notDone + b.notDone,
    unknown: a.unknown + b.unknown,
    unknownApplied: a.unknownApplied + b.unknownApplied,
    lost: a.lost + b.lost,
    lostNamed: a.lostNamed + b.lostNamed,
    doubled: a.doubled + b.doubled,
    excused: a.excused + b.excused,
    kinds: sumOfKinds(a.kinds, b.kinds),
  };
}

function sumOfKinds(a: RoundCounts["kinds"], b: RoundCounts["kinds"]): RoundCounts["kinds"] {
  const none = { accepted: 0, refused: 0 };
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].toSorted();
  return Object.fromEntries(
    names.map((name) => {
      const [one, other] = [a[name] ?? none, b[name] ?? none];
      const counts = { accepted: one.accepted + other.accepted, refused: one.refused + other.refused };
      return [name, counts];
    }),
  );
}

/**
 * Reads a result that an earlier run has written.
 *
 * @throws {StartError} (exit code 2) if the file cannot be read, is not a result, or is one of another version
 */
export function readTortureResult(path: string): TortureResult {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new StartError(`cannot read ${path} (${messageOf(error)}).`, 2);
  }
  const { data } = resultSchema.safeParse(json);
  if (data !== undefined) return data;
  const format = z.object({ format: z.string() }).safeParse(json).data?.format ?? "";
  if (/^razonete-torture-\d+$/.test(format) && format !== RESULT_FORMAT) {
    throw new StartError(
      `${path} is a result of another version of \`razonete torture\`: it is a ${format}, and this version reads ` +
        `${RESULT_FORMAT} only. Run the torture again, or make the report with the version that wrote the result.`,
      2,
    );
  }
  throw new StartError(`${path} is not a result of \`razonete torture\` (${RESULT_FORMAT}).`, 2);
}
