import type { Outage } from "./outages.ts";
import { FAULT_KINDS, type FaultRecord } from "../plan/fault.ts";
import type { FaultSummary } from "./torture-result.ts";
import { faultTargetOf, FAULT_TARGETS } from "./fault-target.ts";

/** What was done to the system, by kind, harm and what was harmed. */
export class FaultStatistics {
  #summaries: readonly FaultSummary[] = [];

  /** @param outage of this fault; not looked at where it was skipped */
  add({ fault: { kind, action }, skipped }: FaultRecord, outage: Outage): void {
    const one: FaultSummary = {
      kind,
      type: action.type,
      target: faultTargetOf(action),
      done: skipped === null ? 1 : 0,
      skipped: skipped === null ? 0 : 1,
      reasons: skipped === null ? [] : [skipped],
      outages: skipped === null ? [{ ...outage, milliseconds: Math.round(outage.milliseconds) }] : [],
    };
    this.#summaries = groupedByTarget([...this.#summaries, one]);
  }

  summaries(): FaultSummary[] {
    return [...this.#summaries];
  }
}

/** One for each harm and what was harmed, in the order of the kinds, with the faults of all. */
export function groupedByTarget(summaries: readonly FaultSummary[]): FaultSummary[] {
  const groups = Map.groupBy(summaries, ({ kind, type, target }) => `${kind} ${type} ${target}`);
  return [...groups.values()].flatMap((group) => sumOfSummaries(group) ?? []).toSorted(inOrder);
}

/** All of them as one, by the name of the first; null where there is none. */
export function sumOfSummaries(summaries: readonly FaultSummary[]): FaultSummary | null {
  const [first] = summaries;
  if (first === undefined) return null;
  return {
    ...first,
    done: summaries.reduce((sum, { done }) => sum + done, 0),
    skipped: summaries.reduce((sum, { skipped }) => sum + skipped, 0),
    reasons: [...new Set(summaries.flatMap(({ reasons }) => reasons))],
    outages: summaries.flatMap(({ outages }) => outages).toSorted(byLength),
  };
}

/** One that was not over took at least as long as one of the same length that was. */
function byLength(a: Outage, b: Outage): number {
  return a.milliseconds - b.milliseconds || Number(a.open) - Number(b.open);
}

function inOrder(a: FaultSummary, b: FaultSummary): number {
  return (
    FAULT_KINDS.indexOf(a.kind) - FAULT_KINDS.indexOf(b.kind) ||
    a.type.localeCompare(b.type) ||
    FAULT_TARGETS.indexOf(a.target) - FAULT_TARGETS.indexOf(b.target)
  );
}
