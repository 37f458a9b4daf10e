import { type RoundCounts } from "../check/checker-types.ts";
import { FAULT_KINDS } from "../plan/fault.ts";
import { type FaultSummary, NO_COUNTS, sumOfCounts, type TortureResult } from "./torture-result.ts";
import { number } from "./text-tables.ts";
import { groupedByTarget, sumOfSummaries } from "./fault-statistics.ts";
import { faultName } from "./fault-target.ts";

/** The figures of one run, or of several together, as cells of a table. */

const FAULT_HEADINGS = [
  "kind",
  "harm",
  "done",
  "skipped",
  "longest outage",
  "median",
  "alone",
  "longest alone",
];
/** Where some faults touch some of the shards only. */
const SHARD_HEADINGS = ["p95 alone", "others alone"];

/** The heading, and what {@link faultRows} has. */
export function faultTable(summaries: readonly FaultSummary[]): string[][] {
  const headings = [...FAULT_HEADINGS, ...(tellsOthers(summaries) ? SHARD_HEADINGS : [])];
  return [headings, ...faultRows(summaries)];
}

function tellsOthers(summaries: readonly FaultSummary[]): boolean {
  return summaries.some(({ outages }) => outages.some((one) => one.othersMilliseconds !== null));
}

/**
 * For each kind a row with its sum, followed by a row for each type and target; a kind with only one of these has no
 * row for the sum.
 *
 * @param summaries of one run or of several
 */
export function faultRows(summaries: readonly FaultSummary[]): string[][] {
  const withOthers = tellsOthers(summaries);
  return FAULT_KINDS.flatMap((kind) => {
    const rows = groupedByTarget(summaries.filter((summary) => summary.kind === kind));
    const sum = sumOfSummaries(rows);
    if (sum === null) return [];
    const named = rows.map((summary) => [
      faultName(summary.type, summary.target),
      ...faultCells(summary, withOthers),
    ]);
    if (named.length === 1) return named.map((cells) => [kind, ...cells]);
    return [[kind, "all", ...faultCells(sum, withOthers)], ...named.map((cells) => ["", ...cells])];
  });
}

function faultCells({ done, skipped, outages }: FaultSummary, withOthers: boolean): string[] {
  const alone = outages.filter((outage) => outage.alone);
  const median = outages[Math.floor((outages.length - 1) / 2)];
  return [
    number(done),
    number(skipped),
    longestOf(outages),
    median === undefined ? "" : seconds(median.milliseconds),
    number(alone.length),
    longestOf(alone),
    ...(withOthers ? shardCells(alone) : []),
  ];
}

/** @param alone sorted, the shortest first */
function shardCells(alone: FaultSummary["outages"]): string[] {
  const p95 = alone[Math.ceil(alone.length * 0.95) - 1];
  const others = alone.flatMap(({ othersMilliseconds }) => othersMilliseconds ?? []);
  return [
    p95 === undefined ? "" : seconds(p95.milliseconds),
    others.length === 0 ? "" : seconds(Math.max(...others)),
  ];
}

/** @param outages sorted, the shortest first */
function longestOf(outages: FaultSummary["outages"]): string {
  const longest = outages.at(-1);
  return longest === undefined ? "" : `${longest.open ? "over " : ""}${seconds(longest.milliseconds)}`;
}

export function countsOf(results: readonly TortureResult[]): RoundCounts {
  return results.reduce((sum, { counts }) => sumOfCounts(sum, counts), NO_COUNTS);
}

/** The counts with their names and what they mean. */
export function countRows(counts: RoundCounts): string[][] {
  const { accepted, refused, statements, notDone, unknown, unknownApplied } = counts;
  return [
    ["requests", number(counts.requests), ""],
    ["answered", number(accepted + refused + statements), answeredText(counts)],
    ["told that nothing was done", number(notDone), "503, outcome none"],
    ["unknown", number(unknown), `${number(unknownApplied)} commands among them were applied`],
    ["lost", number(counts.lost), "answered, and not in the books"],
    ["lost and named", number(counts.lostNamed), "beyond the promise, and a restore named it"],
    ["doubled", number(counts.doubled), "in the books twice"],
    ["not comparable", number(counts.excused), "answers that such a loss may explain"],
    ...Object.entries(counts.kinds).map(([kind, { accepted: done, refused: not }]) => [
      `of these: ${kind}`,
      number(done + not),
      not === 0 ? "" : `${number(done)} accepted, ${number(not)} refused`,
    ]),
  ];
}

function answeredText({ accepted, refused, statements }: RoundCounts): string {
  return `${number(accepted)} accepted, ${number(refused)} refused, ${number(statements)} read`;
}

/** How often Redis was restored from the books, and how much was missing then. */
export function restoreText(restores: TortureResult["restores"]): string {
  const restored = restores.filter(({ type }) => type === "restored");
  const sum = (of: (one: TortureResult["restores"][number]) => number) =>
    number(restored.reduce((all, one) => all + of(one), 0));
  const gaps = restored.filter((one) => one.missingBatches + one.missingAccounts + one.missingTransits > 0);
  return (
    `Redis was restored ${number(restored.length)} times, with ${sum((one) => one.fromOutbox)} batches from the ` +
    `outbox and ${sum((one) => one.fromFeed)} from the feed; ${number(gaps.length)} times something was missing and ` +
    `named (${sum((one) => one.missingBatches)} batches, ${sum((one) => one.missingAccounts)} accounts, one side of ` +
    `${sum((one) => one.missingTransits)} transactions across shards).`
  );
}

/** What a person had to do beside restores. */
export function commandsText(commands: readonly string[]): string {
  const counts = Map.groupBy(commands, (command) => command.replace(/ on \d+$/, ""));
  const each = [...counts].map(([command, all]) => `${command} ${number(all.length)} times`);
  return `What alarms told a person to do was done: ${each.join(", ") || "nothing was to be done"}.`;
}

export function faultsDone(summaries: readonly FaultSummary[]): number {
  return summaries.reduce((sum, { done }) => sum + done, 0);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}
