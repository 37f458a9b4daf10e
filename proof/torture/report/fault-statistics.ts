import type { Outage } from "./outages.ts";
import { FAULT_KINDS, type FaultRecord } from "../plan/fault.ts";
import type { FaultSummary } from "./torture-result.ts";
import { faultTargetOf, FAULT_TARGETS } from "./fault-target.ts";

/** How often each fault was done or skipped, and its outages: by kind, type and target. */
export class FaultStatistics {
  #summaries: readonly FaultSummary[] = [];

  /** @param outage of this fault; ignored if it was skipped */
  add({ fault: { kind, action }, skipped }: FaultRecord, outage: Outage): void {
    const one: FaultSummary = {
      kind,
      type: action.type,
      target: faultTargetOf(action),
      done: skipped === null ? 1 : 0,
      skipped: skipped === null ? 0 : 1,
      reasons: skipped === null ? [] : [skipped],
      outages: skipped === null ? [inWholeMilliseconds(outage)] : [],
    };
    this.#summaries = groupedByTarget([...this.#summaries, one]);
  }

  summaries(): FaultSummary[] {
    return [...this.#summaries];
  }
}

function inWholeMilliseconds(outage: Outage): Outage {
  const { milliseconds, othersMilliseconds: others } = outage;
  return {
    ...outage,
    milliseconds: Math.round(milliseconds),
    othersMilliseconds: others === null ? null : Math.round(others),
  };
}

/** Adds up the summaries of the same kind, type and target; in the order of the kinds. */
export function groupedByTarget(summaries: readonly FaultSummary[]): FaultSummary[] {
  const groups = Map.groupBy(summaries, ({ kind, type, target }) => `${kind} ${type} ${target}`);
  return [...groups.values()].flatMap((group) => sumOfSummaries(group) ?? []).toSorted(inOrder);
}

/** All of them as one, named like the first; null if there is none. */
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

/** Of two of the same length the one that was not over sorts last: it took at least as long. */
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
