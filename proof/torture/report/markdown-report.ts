import { commandsText, countRows, countsOf, faultsDone, faultTable, restoreText } from "./figure-rows.ts";
import type { TortureResult } from "./torture-result.ts";
import { markdownTable, number } from "./text-tables.ts";
import { faultName } from "./fault-target.ts";

/** Several results together, as a section in Markdown. */
export function reportOf(results: readonly TortureResult[]): string {
  const harms = results.flatMap((result) => result.harms);
  const seconds = results.reduce((sum, { loadSeconds }) => sum + loadSeconds, 0);
  const violations = results.reduce((sum, { violationsInAll }) => sum + violationsInAll, 0);
  const lines = [
    `${number(results.length)} runs, ${(seconds / 60).toFixed(0)} minutes of load, ` +
      `${number(faultsDone(harms))} faults, ${number(violations)} violations.`,
    "",
    ...markdownTable([RUN_HEADINGS, ...results.map(runRow)], 2),
    "",
    "### What was asked and answered",
    "",
    ...markdownTable(
      [["", "count", "of which, or what it means"], ...countRows(countsOf(results))].map(textFirst),
      2,
    ),
    "",
    restoreText(results.flatMap(({ restores }) => restores)),
    ...(results.some(({ replicas }) => replicas > 0)
      ? ["", commandsText(results.flatMap(({ commandsDone }) => commandsDone))]
      : []),
    "",
    "### What was done, and how long nothing was decided",
    "",
    ...markdownTable(faultTable(harms), 2),
    "",
    "An outage is the longest time without a decided transaction that begins between the beginning of a fault and " +
      "5 s after its end, or the beginning of the next one; faults at the same time share it. Where Redis lost data, " +
      "it lasts until the restore, which other harm may hold up. “Over”: until the end of the load. “Alone”: nothing " +
      "else was harmed until it was over, and since the end of what was harmed before something had been decided. " +
      "“Several”: processes at once. Of APIs and writers any one is meant.",
    ...shardLines(results),
    ...skippedLines(results),
  ];
  return `${lines.join("\n")}\n`;
}

function shardLines(results: readonly TortureResult[]): string[] {
  if (results.every(({ shards }) => shards === 1)) return [];
  return [
    "",
    "Of several shards it is that of any one that the fault touches. “Others alone”: the longest time in which another shard " +
      "did not decide, by faults that were alone. A machine touches the shards whose primaries it has.",
  ];
}

const RUN_HEADINGS = [
  "seed",
  "system",
  "minutes",
  "rounds",
  "faults",
  "requests",
  "violations",
  "whole again within",
];

function runRow(result: TortureResult): string[] {
  const { seed, loadSeconds, rounds, harms, counts, violationsInAll, healSecondsMax } = result;
  return [
    String(seed),
    systemText(result),
    (loadSeconds / 60).toFixed(1),
    number(rounds),
    number(faultsDone(harms)),
    number(counts.requests),
    number(violationsInAll),
    `${healSecondsMax.toFixed(1)} s`,
  ];
}

function systemText({ system, shards, replicas }: TortureResult): string {
  if (shards === 1 && replicas === 0) return system;
  return `${system}, ${shards} shards${replicas === 0 ? "" : `, ${replicas} replicas`}`;
}

/** Moves the text before the figures: the table has its text columns first. */
function textFirst([name = "", count = "", what = ""]: readonly string[]): string[] {
  return [name, what, count];
}

function skippedLines(results: readonly TortureResult[]): string[] {
  const cannot = results.flatMap((result) =>
    result.cannot.map(({ kind, what, reason }) => `- ${kind}, ${what}: ${reason}`),
  );
  const skipped = results
    .flatMap(({ harms }) => harms)
    .flatMap(({ kind, type, target, reasons }) =>
      reasons.map((reason) => `- ${kind}, ${faultName(type, target)}: ${reason}`),
    );
  const all = [...new Set([...cannot, ...skipped])];
  return all.length === 0 ? [] : ["", "Not done, or not each time:", "", ...all];
}
