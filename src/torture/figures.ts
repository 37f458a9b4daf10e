import { type RoundCounts } from "./check.ts";
import { type HarmResult, NO_COUNTS, sumOf, type TortureResult } from "./result.ts";
import { number } from "./table.ts";
import { byKind } from "./tally.ts";

/** The figures of one run or of several together, as a table's cells. */

export const HARM_HEADINGS = ["kind", "harm", "done", "skipped", "longest outage", "median"] as const;

/** @param harms of one run or of several */
export function harmRows(harms: readonly HarmResult[]): string[][] {
  return joined(harms).map(({ kind, type, done, skipped, outageMilliseconds, outageOpen }) => [
    kind,
    type,
    number(done),
    number(skipped),
    done === 0 ? "" : `${outageOpen ? "over " : ""}${seconds(outageMilliseconds.at(-1) ?? 0)}`,
    done === 0 ? "" : seconds(outageMilliseconds[Math.floor((outageMilliseconds.length - 1) / 2)] ?? 0),
  ]);
}

/** One for each harm, with the faults of all. */
function joined(harms: readonly HarmResult[]): HarmResult[] {
  const byName = new Map<string, HarmResult>();
  for (const harm of harms) {
    const id = `${harm.kind} ${harm.type}`;
    const known = byName.get(id);
    byName.set(id, known === undefined ? harm : together(known, harm));
  }
  return [...byName.values()].toSorted(byKind);
}

function together(a: HarmResult, b: HarmResult): HarmResult {
  // Which of them was open is not known here: said of the longest one where it may be.
  const longest = (harm: HarmResult) => harm.outageMilliseconds.at(-1) ?? 0;
  const open =
    longest(a) === longest(b)
      ? a.outageOpen || b.outageOpen
      : longest(a) > longest(b)
        ? a.outageOpen
        : b.outageOpen;
  return {
    ...a,
    done: a.done + b.done,
    skipped: a.skipped + b.skipped,
    reasons: [...new Set([...a.reasons, ...b.reasons])],
    outageMilliseconds: [...a.outageMilliseconds, ...b.outageMilliseconds].toSorted(
      (one, other) => one - other,
    ),
    outageOpen: open,
  };
}

export function countsOf(results: readonly TortureResult[]): RoundCounts {
  return results.reduce((sum, { counts }) => sumOf(sum, counts), NO_COUNTS);
}

/** What was counted, and what it is called. */
export function countRows(counts: RoundCounts): string[][] {
  const { accepted, refused, statements, notDone, unknown, unknownApplied } = counts;
  return [
    ["requests", number(counts.requests), ""],
    ["answered", number(accepted + refused + statements), answeredWords(counts)],
    ["told that nothing was done", number(notDone), "503, outcome none"],
    ["unknown", number(unknown), `${number(unknownApplied)} commands among them were applied`],
    ["lost", number(counts.lost), "answered, and not in the books"],
    ["lost and named", number(counts.lostNamed), "beyond the promise, and a restore named it"],
    ["doubled", number(counts.doubled), "in the books twice"],
    ["not comparable", number(counts.excused), "answers that such a loss may explain"],
  ];
}

function answeredWords({ accepted, refused, statements }: RoundCounts): string {
  return `${number(accepted)} accepted, ${number(refused)} refused, ${number(statements)} statements`;
}

/** How often Redis was loaded from the books, and what nothing held any more. */
export function restoreWords(restores: TortureResult["restores"]): string {
  const restored = restores.filter(({ type }) => type === "restored");
  const sum = (of: (one: TortureResult["restores"][number]) => number) =>
    number(restored.reduce((all, one) => all + of(one), 0));
  const gaps = restored.filter(({ missingBatches, missingAccounts }) => missingBatches + missingAccounts > 0);
  return (
    `Redis was restored ${number(restored.length)} times, with ${sum((one) => one.fromOutbox)} batches from the ` +
    `outbox and ${sum((one) => one.fromFeed)} from the feed; ${number(gaps.length)} times something was missing and ` +
    `named (${sum((one) => one.missingBatches)} batches, ${sum((one) => one.missingAccounts)} accounts).`
  );
}

export function faultsDone(harms: readonly HarmResult[]): number {
  return harms.reduce((sum, { done }) => sum + done, 0);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}
