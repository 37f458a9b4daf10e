import type { Micros } from "../ledger/account.ts";
import { timestamp } from "../http/timestamp.ts";
import type { ConsoleStatus } from "./console-status.ts";

export type Part = ConsoleStatus["parts"][number];

/** What each part was seen as, and since when it is so. In the order in which they were seen first. */
export class PartStates {
  readonly #parts = new Map<string, Part>();

  saw(name: string, state: Part["state"], detail: string | null, at: Micros): void {
    const before = this.#parts.get(name);
    const since = before?.state === state ? before.since : timestamp(at);
    this.#parts.set(name, { name, state, since, detail });
  }

  list(): readonly Part[] {
    return [...this.#parts.values()];
  }
}
