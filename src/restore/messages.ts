import { bounds } from "../bounds.ts";
import type { Diagnosis } from "./diagnose.ts";
import type { RestoredShard, RestoreReport, UnknownEpoch } from "./restore-report.ts";

const FOUND: Readonly<Record<RestoredShard["found"], string>> = {
  empty: "Redis holds nothing",
  older: "Redis has lost batches that were answered",
  "another epoch": "Redis is of another epoch than the books; all that it holds will be deleted",
  "ahead of the books": "the books lack batches that Redis no longer has in its outbox",
  whole: "Redis is whole",
};

/** Where Redis's latest outbox could not be read: what was only there has left no trace. */
const LATEST_IS_GONE: ReadonlySet<RestoredShard["found"]> = new Set(["empty", "older", "another epoch"]);
const NOBODY_KNOWS = "Of what Redis has lost, and neither the books nor NATS had yet, nobody knows.";

/** What was found and what the restore is going to do. */
export function planLines({ feedError }: Diagnosis, report: RestoreReport): string[] {
  const { shards } = report;
  return [
    "What was found:",
    ...shards.map(
      ({ shard, found, keptG }) => `  shard ${shard}: ${FOUND[found]}; the books end at batch ${keptG}`,
    ),
    ...(feedError === null ? [] : ["  The feed could not be read: what only NATS holds would stay missing."]),
    "What will be done:",
    ...shards.map(
      ({ shard, fromOutbox, fromFeed, lastG }) =>
        `  shard ${shard}: ${fromOutbox} batches from the outbox and ${fromFeed} from the feed go into the books, ` +
        `which then end at batch ${lastG}`,
    ),
    "  A new epoch begins: what belongs to the one before is refused.",
    "  Redis's keys of this ledger are deleted and loaded anew from the books. Clients get 503 meanwhile.",
    ...missingLines(report),
  ];
}

/** The same for a restore that was interrupted after the point of no return. */
export function resumeLines(report: RestoreReport): string[] {
  return [
    "A restore was begun and not finished; the books have all that it could bring back.",
    "What will be done:",
    "  Redis's keys of this ledger are deleted and loaded anew from the books. Clients get 503 meanwhile.",
    ...missingLines(report),
  ];
}

/** What was done. */
export function doneLines(report: RestoreReport): string[] {
  const { type, epoch, shards } = report;
  switch (type) {
    case "not-needed":
      return [
        "Redis and the books belong together, and nothing is known to be missing: there is nothing to restore.",
        "If razonete audit names accounts that Redis lacks: --force loads it anew.",
        'If a writer raised an alarm, docs/operations.md, "After an alarm", says what to do.',
      ];
    case "declined":
      return ["Nothing was restored."];
    case "restored":
      return [
        `Restored, in epoch ${epoch}. The APIs answer within a second.`,
        ...shards.map(
          ({ shard, fromOutbox, fromFeed, lastG }) =>
            `  shard ${shard}: ${fromOutbox} batches from the outbox, ${fromFeed} from the feed; it ends at batch ${lastG}`,
        ),
        ...missingLines(report),
      ];
  }
}

/** Why nothing is done, and what to do. */
export function unknownRefusal(unknown: readonly UnknownEpoch[]): string {
  return [
    "there is a ledger beside these books that they know nothing of, and a restore would delete what was answered from it:",
    ...unknownLines(unknown),
    "It is another ledger, or these books are of before a restore after which it went on. Nothing was changed. Look whether",
    "DATABASE_URL, REDIS_URL and NATS_URL belong together; put back the latest backup of the books, and restore then.",
    "If all that is to be given up: razonete restore --discard-unknown, or npm run stack -- --restore --discard-unknown.",
  ].join("\n");
}

function unknownLines(unknown: readonly UnknownEpoch[]): string[] {
  return truncated(
    unknown.map(
      ({ shard, epoch, lastG, heldBy }) =>
        `    shard ${shard}: ${heldBy} has epoch ${epoch}, up to batch ${lastG}`,
    ),
  );
}

/** @param report of a restore that an earlier version has begun it has nothing of unknown epochs */
function missingLines({
  shards,
  missing: { batches, accounts, transits = [] },
  unknown = [],
}: Pick<RestoreReport, "missing" | "shards"> & Partial<Pick<RestoreReport, "unknown">>): string[] {
  if (batches.length + accounts.length + transits.length + unknown.length === 0)
    return [
      "Nothing that was answered is known to be missing.",
      ...(shards.some(({ found }) => LATEST_IS_GONE.has(found)) ? [NOBODY_KNOWS] : []),
    ];
  const lost = batches.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  return [
    "What cannot be brought back, though it was answered:",
    ...(lost === 0
      ? []
      : [`  ${lost} batches that nothing holds any more; which accounts they changed is not known:`]),
    ...truncated(
      batches.map(
        ({ shard, from, to }) => `    shard ${shard}, batch ${from}${to === from ? "" : ` to ${to}`}`,
      ),
    ),
    ...(unknown.length === 0
      ? []
      : ["  all of epochs that the books do not know:", ...unknownLines(unknown)]),
    ...(accounts.length === 0
      ? []
      : [`  of ${accounts.length} accounts something that is known to have come later:`]),
    ...truncated(
      accounts.map(
        ({ account, seq, balance, knownSeq, knownBalance }) =>
          `    account ${account}: it stands at seq ${seq} with balance ${balance}; known is seq ${knownSeq} with balance ${knownBalance}`,
      ),
    ),
    ...(transits.length === 0
      ? []
      : [`  of ${transits.length} transactions across shards one side; what they move stays in transit:`]),
    ...truncated(
      transits.map(
        ({ transaction, shard, accounts: of }) =>
          `    transaction ${transaction}: shard ${shard} has lost what it moves of ${of.join(", ")}`,
      ),
    ),
  ];
}

function truncated(lines: readonly string[]): string[] {
  const rest = lines.length - bounds.missing_told_max;
  return rest <= 0
    ? [...lines]
    : [...lines.slice(0, bounds.missing_told_max), `    and ${rest} more (--json has all)`];
}
