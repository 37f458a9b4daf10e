import { tortureBounds } from "../torture-bounds.ts";
import type { Fault } from "./fault.ts";
import type { TortureOptions } from "../options.ts";
import { ONE_OF_EACH } from "./torture-form.ts";
import { Random } from "./random.ts";

/** How many processes every run starts; faults are planned for these. */
export const APIS = 2;
export const WRITERS = 2;

/** Every third seed is of a system that is open; in the others requests come with access keys. */
export function asksForKeys(seed: number): boolean {
  return seed % 3 !== 0;
}

export interface RoundPlan {
  readonly milliseconds: number;
  readonly faults: readonly Fault[];
}

/** The faults of a whole run, round by round: the same for the same options. */
export function planRun(
  options: Pick<TortureOptions, "seconds" | "roundSeconds" | "seed" | "kinds" | "embedded" | "form">,
  planRound: TortureOptions["dependencies"]["planRound"],
): RoundPlan[] {
  const {
    seconds,
    roundSeconds = tortureBounds.round_seconds,
    seed,
    kinds,
    embedded,
    form = ONE_OF_EACH,
  } = options;
  const rounds = Math.max(1, Math.round(seconds / roundSeconds));
  const milliseconds = (seconds * 1000) / rounds;
  const random = new Random(seed);
  let firstNumber = 1;
  return Array.from({ length: rounds }, (_, index) => {
    const shape = { embedded, apis: APIS, writers: WRITERS, ...form };
    const roundOptions = { round: index + 1, milliseconds, kinds, ...shape };
    const faults = planRound(random, { ...roundOptions, firstNumber });
    firstNumber += faults.length;
    return { milliseconds, faults };
  });
}
