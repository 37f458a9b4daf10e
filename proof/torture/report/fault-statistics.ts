import type { Outage } from "./outages.ts";
import { FAULT_KINDS, type FaultDone } from "../plan/fault.ts";
import type { HarmResult } from "./torture-result.ts";
import { targetOf, TARGETS } from "./fault-target.ts";

/** What was done to the system, by kind, harm and what was harmed. */
export class Tally {
  #harms: readonly HarmResult[] = [];

  /** @param outage of this fault; not looked at where it was skipped */
  add({ fault: { kind, harm }, skipped }: FaultDone, outage: Outage): void {
    const one: HarmResult = {
      kind,
      type: harm.type,
      target: targetOf(harm),
      done: skipped === null ? 1 : 0,
      skipped: skipped === null ? 0 : 1,
      reasons: skipped === null ? [] : [skipped],
      outages: skipped === null ? [{ ...outage, milliseconds: Math.round(outage.milliseconds) }] : [],
    };
    this.#harms = joined([...this.#harms, one]);
  }

  harms(): HarmResult[] {
    return [...this.#harms];
  }
}

/** One for each harm and what was harmed, in the order of the kinds, with the faults of all. */
export function joined(harms: readonly HarmResult[]): HarmResult[] {
  const groups = Map.groupBy(harms, ({ kind, type, target }) => `${kind} ${type} ${target}`);
  return [...groups.values()].flatMap((group) => summed(group) ?? []).toSorted(inOrder);
}

/** All of them as one, by the name of the first; null where there is none. */
export function summed(harms: readonly HarmResult[]): HarmResult | null {
  const [first] = harms;
  if (first === undefined) return null;
  return {
    ...first,
    done: harms.reduce((sum, { done }) => sum + done, 0),
    skipped: harms.reduce((sum, { skipped }) => sum + skipped, 0),
    reasons: [...new Set(harms.flatMap(({ reasons }) => reasons))],
    outages: harms.flatMap(({ outages }) => outages).toSorted(byLength),
  };
}

/** One that was not over took at least as long as one of the same length that was. */
function byLength(a: Outage, b: Outage): number {
  return a.milliseconds - b.milliseconds || Number(a.open) - Number(b.open);
}

function inOrder(a: HarmResult, b: HarmResult): number {
  return (
    FAULT_KINDS.indexOf(a.kind) - FAULT_KINDS.indexOf(b.kind) ||
    a.type.localeCompare(b.type) ||
    TARGETS.indexOf(a.target) - TARGETS.indexOf(b.target)
  );
}
