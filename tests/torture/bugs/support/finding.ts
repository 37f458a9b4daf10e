import { expect, test } from "bun:test";
import type { OwnCommands } from "../../../../src/stack/stack-plan.ts";
import { whyNoFsyncRecord } from "../../../../proof/torture/faults/power-loss.ts";
import { whyNoMachines } from "../../../../proof/torture/nodes/machine-network.ts";
import type { Fault, FaultKind } from "../../../../proof/torture/plan/fault.ts";
import { asksForKeys, type RoundPlan } from "../../../../proof/torture/plan/plan-run.ts";
import { ONE_OF_EACH, type TortureForm } from "../../../../proof/torture/plan/torture-form.ts";
import { testSeed } from "../../../support/random.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { type BugName, BUG_NAMES } from "./bugs.ts";
import { commandsWith } from "./commands.ts";

/** The torture as far as these tests need it. */
export type TortureRun = (options: {
  readonly seconds: number;
  readonly seed: number;
  readonly kinds: readonly FaultKind[];
  readonly embedded: false;
  readonly form: TortureForm;
  readonly folder: string;
  readonly own: OwnCommands;
}) => Promise<{
  readonly violations: readonly { readonly name: string; readonly detail: string }[];
  /** Null where there was none. */
  readonly violatedAfterSeconds: number | null;
}>;

/** The torture's plan. */
export type RoundsOf = (options: {
  readonly seconds: number;
  readonly seed: number;
  readonly kinds: readonly FaultKind[];
  readonly embedded: false;
  readonly form: TortureForm;
}) => readonly RoundPlan[];

interface Wanted {
  readonly kinds: readonly FaultKind[];
  /** One of each if not given. */
  readonly form?: TortureForm;
  /** Whether the beginning of a plan has the fault that shows it; not given if any plan will do. */
  readonly isIn?: (rounds: readonly RoundPlan[]) => boolean;
  /** Why those faults cannot be done here; what they would show is not looked for then. */
  readonly missing?: string | null;
}

/** With which faults each is looked for. Some need none: two clients, or two writers, at once are enough. */
const WANTED: Readonly<Record<BugName, Wanted>> = {
  "trimmed-at-publication": { kinds: ["kill", "stop"], isIn: hasOneOf("kill") },
  "ids-off": { kinds: ["kill", "net"] },
  "fence-off": { kinds: ["disk"], isIn: hasOneOf("redis-cut", "redis-zeroed") },
  "two-writers-lock-only": { kinds: ["kill", "stop"] },
  "two-writers": { kinds: ["kill"] },
  "two-writers-bare": { kinds: ["kill"] },
  "fsync-no": { kinds: ["disk"], isIn: hasOneOf("redis-power-loss"), missing: whyNoFsyncRecord() },
  "read-then-write": { kinds: ["kill"] },
  "hold-not-counted": { kinds: ["kill"] },
  "captured-after-expiry": { kinds: ["kill"] },
  "captured-twice": { kinds: ["kill"] },
  "postings-one-by-one": { kinds: ["kill"] },
  "batch-in-part": { kinds: ["kill"] },
  "reversed-twice": { kinds: ["kill"] },
  "names-of-another": { kinds: ["kill"] },
  "no-copies": {
    kinds: ["net"],
    form: { shards: 3, replicas: 2 },
    // What comes after it in its round may count as a second fault, and a restore as needed.
    isIn: ([first]) => first?.faults.length === 1 && first.faults.every(isLongCutOfMachine),
    missing: whyNoMachines(),
  },
  "undone-unasked": { kinds: ["kill", "stop"], form: { shards: 3, replicas: 2 } },
};

function hasOneOf(...types: readonly Fault["action"]["type"][]): (rounds: readonly RoundPlan[]) => boolean {
  return (rounds) => rounds.some(({ faults }) => faults.some(({ action }) => types.includes(action.type)));
}

/** Its primary is replaced meanwhile. */
function isLongCutOfMachine({ action, lastsMilliseconds }: Fault): boolean {
  return action.type === "apart" && action.of.role === "machine" && lastsMilliseconds >= CUT_MILLISECONDS_MIN;
}

/** Only where requests come with access keys. */
const NEEDS_KEYS: readonly BugName[] = ["names-of-another"];

/** The bug that is none: the defence behind it holds. */
const HARMLESS: readonly BugName[] = ["two-writers-lock-only"];

/** A bug was found after 20 to 96 s; what is found ends the run. Three times that leaves nothing to chance. */
const SECONDS = 300;
/** The fault that a bug needs is to come within this; in whole rounds of both lengths, so that both plans begin the same. */
const EARLY_SECONDS = 100;
const CUT_MILLISECONDS_MIN = 3_000;
/** Where nothing is to be found, all of it passes. */
const HARMLESS_SECONDS = 60;
/** Load and faults, and recovery and checks between the rounds, even if the system does not recover in time. */
const TEST_MILLISECONDS_MAX = 15 * 60_000;
const SEEDS_MAX = 10_000;

/**
 * Defines a test for each bug: that the torture finds it. What each took is printed.
 *
 * @param roundsOf not every plan has the rare fault that a bug needs: the next seed is taken whose plan does
 */
export function testThatEachIsFound(torture: TortureRun, roundsOf: RoundsOf): void {
  const from = testSeed();
  for (const bug of BUG_NAMES) {
    const { kinds, isIn, form = ONE_OF_EACH, missing = null } = WANTED[bug];
    const harmless = HARMLESS.includes(bug);
    const seconds = harmless ? HARMLESS_SECONDS : SECONDS;
    const seed = seedWith(from, (one) => {
      if (NEEDS_KEYS.includes(bug) && !asksForKeys(one)) return false;
      return isIn?.(roundsOf({ seconds: EARLY_SECONDS, seed: one, kinds, embedded: false, form })) ?? true;
    });
    const title = `${bug}: the torture finds ${harmless ? "nothing" : "it"} (seed ${seed})`;
    test.skipIf(missing !== null)(
      missing === null ? title : `${title}: ${missing}`,
      async () => {
        using folder = temporaryFolder();
        const { violations, violatedAfterSeconds } = await torture({
          seconds,
          seed,
          kinds,
          embedded: false,
          form,
          folder: folder.path,
          own: commandsWith(bug),
        });
        const [first] = violations;
        console.log(
          first === undefined
            ? `${bug}: nothing found in ${seconds} s`
            : `${bug}: found after ${violatedAfterSeconds?.toFixed(1)} s, ${violations.length} violations, the ` +
                `first ${first.name}: ${first.detail}`,
        );
        if (harmless) expect(violations).toEqual([]);
        else expect(violations).not.toEqual([]);
      },
      TEST_MILLISECONDS_MAX,
    );
  }
}

function seedWith(from: number, fits: (seed: number) => boolean): number {
  for (let seed = from; seed < from + SEEDS_MAX; seed += 1) if (fits(seed)) return seed;
  throw new Error(`no plan from seed ${from} on has the fault that is wanted`);
}
