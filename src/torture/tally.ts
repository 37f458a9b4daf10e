import type { Outage } from "./availability.ts";
import { FAULT_KINDS, type FaultDone } from "./fault.ts";
import type { HarmResult } from "./result.ts";

interface Row {
  readonly kind: HarmResult["kind"];
  readonly type: HarmResult["type"];
  readonly reasons: Set<string>;
  readonly outages: Outage[];
  skipped: number;
}

/** What was done to the system, by kind and harm. */
export class Tally {
  readonly #rows = new Map<string, Row>();

  /** @param outage of this fault; not looked at where it was skipped */
  add({ fault: { kind, harm }, skipped }: FaultDone, outage: Outage): void {
    const id = `${kind} ${harm.type}`;
    let row = this.#rows.get(id);
    if (row === undefined) {
      row = { kind, type: harm.type, reasons: new Set(), outages: [], skipped: 0 };
      this.#rows.set(id, row);
    }
    if (skipped === null) {
      row.outages.push(outage);
    } else {
      row.skipped += 1;
      row.reasons.add(skipped);
    }
  }

  harms(): HarmResult[] {
    return [...this.#rows.values()]
      .map(({ kind, type, reasons, outages, skipped }) => ({
        kind,
        type,
        done: outages.length,
        skipped,
        reasons: [...reasons],
        outageMilliseconds: outages
          .map(({ milliseconds }) => Math.round(milliseconds))
          .toSorted((a, b) => a - b),
        outageOpen: outages.some(({ open }) => open),
      }))
      .toSorted(byKind);
  }
}

/** In the order of the kinds, and by name within one. */
export function byKind(a: HarmResult, b: HarmResult): number {
  return FAULT_KINDS.indexOf(a.kind) - FAULT_KINDS.indexOf(b.kind) || a.type.localeCompare(b.type);
}
