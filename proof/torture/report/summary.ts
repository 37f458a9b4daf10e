import { commandsText, countRows, faultsDone, faultTable, restoreText } from "./figure-rows.ts";
import type { TortureResult } from "./torture-result.ts";
import { number, plainTable } from "./text-tables.ts";

/** The summary of a run for the terminal: what was done, what was counted, what was found. */
export function summaryOf(result: TortureResult): string {
  const { harms, counts, restores, violationsInAll, interrupted, rounds, loadSeconds } = result;
  const lines: string[] = [];
  if (harms.length > 0) lines.push(...plainTable(faultTable(harms), (column) => column > 1), "");
  lines.push(...plainTable(countRows(counts), (column) => column === 1));
  lines.push("", restoreText(restores));
  if (result.commandsDone.length > 0) lines.push(commandsText(result.commandsDone));
  lines.push(
    `${number(faultsDone(harms))} faults in ${rounds} rounds, ${loadSeconds.toFixed(0)} s of load; whole again ` +
      `within ${result.healSecondsMax.toFixed(1)} s after each.`,
  );
  if (harms.length === 0 && rounds > 0)
    lines.push("No harm was done: choose other --faults, or more --seconds.");
  if (violationsInAll > 0) lines.push("", ...violationLines(result));
  else if (interrupted)
    lines.push("", "INTERRUPTED: nothing was found until then; the last round was not checked.");
  else lines.push("", "NOTHING FOUND: every answer stands in the books, once, and nothing else does.");
  return lines.join("\n");
}

function violationLines(result: TortureResult): string[] {
  const { violations, violationsInAll, violatedAfterSeconds } = result;
  const after = violatedAfterSeconds === null ? "" : `, after ${violatedAfterSeconds.toFixed(0)} s`;
  const lines = [`VIOLATED: ${number(violationsInAll)} findings in round ${result.rounds}${after}.`];
  for (const { name, detail, attempts } of violations) {
    lines.push(`✗ ${name}: ${detail}`, ...attempts.map((attempt) => `    ${attempt}`));
  }
  if (violationsInAll > violations.length) {
    lines.push(`  and ${number(violationsInAll - violations.length)} more: violations.jsonl has all of them`);
  }
  lines.push(
    "",
    `Seed:   ${result.seed}`,
    `Again:  ${result.command}`,
    `Folder: ${result.folder} (data, logs/, history.jsonl, faults.jsonl, books.json, violations.jsonl)`,
  );
  return lines;
}
