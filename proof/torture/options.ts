import type { OwnCommands } from "../../src/stack/stack-plan.ts";
import type { Checker, RoundVerdict } from "./check/checker-types.ts";
import type { Fault, FaultRecord, FaultKind } from "./plan/fault.ts";
import type { RoundOptions } from "./plan/round-options.ts";
import type { TortureForm } from "./plan/torture-form.ts";
import type { Random } from "./plan/random.ts";
import type { SystemUnderTest } from "./system/system-under-test.ts";

export interface SystemOptions {
  readonly folder: string;
  readonly kinds: readonly FaultKind[];
  readonly embedded: boolean;
  readonly apis: number;
  readonly writers: number;
  readonly form: TortureForm;
  /** Altered command lines for the ledger's own processes, in tests. */
  readonly own?: OwnCommands;
  /** Takes a line about each thing that takes long. */
  readonly say: (line: string) => void;
}

/** The parts of a torture; tests replace them. */
export interface TortureDependencies {
  /** @throws StartError if it cannot be started here */
  readonly startSystem: (options: SystemOptions) => Promise<SystemUnderTest>;
  /** The same faults for the same numbers. */
  readonly planRound: (random: Random, options: Required<RoundOptions>) => readonly Fault[];
  readonly createChecker: () => Checker;
}

export interface TortureOptions {
  /** Of load and faults. Recovery and checks between the rounds come on top. */
  readonly seconds: number;
  readonly seed: number;
  /** Approximate length of a round's load; `tortureBounds.round_seconds` if not given. */
  readonly roundSeconds?: number;
  readonly kinds: readonly FaultKind[];
  readonly embedded: boolean;
  /** One of each if not given. */
  readonly form?: TortureForm;
  /** A new or empty folder for everything that is kept of the run; a temporary one if not given. */
  readonly folder?: string;
  readonly own?: OwnCommands;
  readonly dependencies: TortureDependencies;
  readonly onProgress?: (progress: TortureProgress) => void;
  /** Ends the run at once, without recovering or checking anything more. */
  readonly signal?: AbortSignal;
}

/** How a run is going. `atSeconds` counts from the start of the first round. */
export type TortureProgress =
  | { readonly type: "starting"; readonly folder: string; readonly line: string }
  | { readonly type: "started"; readonly unsupportedFaults: SystemUnderTest["unsupportedFaults"] }
  | {
      /** Several times a second. */
      readonly type: "load";
      readonly phase: "load" | "recovery" | "check";
      readonly round: number;
      readonly rounds: number;
      /** How much of the requested seconds is over. */
      readonly loadSeconds: number;
      readonly requests: number;
      readonly unknown: number;
    }
  | { readonly type: "fault-begins"; readonly atSeconds: number; readonly fault: Fault }
  | { readonly type: "fault-ended"; readonly atSeconds: number; readonly record: FaultRecord }
  | { readonly type: "round-checked"; readonly round: number; readonly verdict: RoundVerdict };
