import type { RunResult } from "../run-result.ts";
import type { Colour } from "./chart-spec.ts";

/** A run as it appears on a page, alone or next to another one. */
export interface ShownRun {
  /** `this run`, or `A` and `B`. */
  readonly name: string;
  readonly colour: Colour;
  readonly result: RunResult;
}
