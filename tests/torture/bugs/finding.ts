import { expect, test } from "bun:test";
import type { OwnCommands } from "../../../src/stack/processes.ts";
import type { FaultKind } from "../../../src/torture/fault.ts";
import { testSeed } from "../../support/random.ts";
import { temporaryFolder } from "../../support/temp-folder.ts";
import { type BugName, BUG_NAMES } from "./bugs.ts";
import { commandsWith } from "./commands.ts";

/** The torture as far as these tests need it. */
export type TortureRun = (options: {
  readonly seconds: number;
  readonly seed: number;
  readonly kinds: readonly FaultKind[];
  readonly embedded: false;
  readonly folder: string;
  readonly own: OwnCommands;
}) => Promise<{
  readonly violations: readonly { readonly name: string; readonly detail: string }[];
  /** Null where there was none. */
  readonly violatedAfterSeconds: number | null;
}>;

const SECONDS = 90;
/** Load and harm, and what comes between the rounds, waiting in vain for a system that does not heal among it. */
const TEST_MILLISECONDS_MAX = 5 * 60_000;

/** With which harm each is looked for. Two need none: two clients, or two writers, at once are enough. */
const KINDS: Readonly<Record<BugName, readonly FaultKind[]>> = {
  "trimmed-at-publication": ["kill", "stop"],
  "ids-off": ["kill", "net"],
  "fence-off": ["disk"],
  "two-writers-lock-only": ["kill", "stop"],
  "two-writers": ["kill"],
  "two-writers-bare": ["kill"],
  "fsync-no": ["disk"],
  "read-then-write": ["kill"],
};

/** The bug that is none: the defence behind it holds. */
const HARMLESS: readonly BugName[] = ["two-writers-lock-only"];

/** Defines a test for each bug: that the torture finds it. What each took is printed. */
export function testThatEachIsFound(torture: TortureRun): void {
  for (const bug of BUG_NAMES) {
    const harmless = HARMLESS.includes(bug);
    test(
      `${bug}: the torture finds ${harmless ? "nothing" : "it"}`,
      async () => {
        using folder = temporaryFolder();
        const { violations, violatedAfterSeconds } = await torture({
          seconds: SECONDS,
          seed: testSeed(),
          kinds: KINDS[bug],
          embedded: false,
          folder: folder.path,
          own: commandsWith(bug),
        });
        const names = violations.map(({ name }) => name);
        const first = violations[0];
        console.log(
          first === undefined
            ? `${bug}: nothing found in ${SECONDS} s`
            : `${bug}: found after ${violatedAfterSeconds?.toFixed(1)} s, ${names.length} violations, the first ` +
                `${first.name}: ${first.detail}`,
        );
        if (harmless) expect(names).toEqual([]);
        else expect(names).not.toEqual([]);
      },
      TEST_MILLISECONDS_MAX,
    );
  }
}
