import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { ONE_OF_EACH, type TortureForm } from "../../proof/torture/plan/torture-form.ts";
import { FAULT_KINDS } from "../../proof/torture/plan/fault.ts";
import { TORTURE_DEPENDENCIES } from "../../proof/torture/dependencies.ts";
import { torture } from "../../proof/torture/torture.ts";
import { summaryOf } from "../../proof/torture/report/summary.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";

failOnLeaks();
// Load and faults for 20 to 60 s, and what comes between the rounds: a slow recovery may take a minute each time.
setDefaultTimeout(5 * 60_000);

/** Always the same, so that a change that fails here is to blame; `TEST_SEED` takes the place of all. */
const SEEDS = process.env["TEST_SEED"] === undefined ? [1, 2] : [Number(process.env["TEST_SEED"])];
/** With the third the ledger is open. */
const EMBEDDED_SEEDS = process.env["TEST_SEED"] === undefined ? [1, 3] : SEEDS;

/** Prints the summary of a run that fails; its folder stays. */
async function expectNothingFound(
  seed: number,
  seconds: number,
  embedded: boolean,
  form: TortureForm = ONE_OF_EACH,
): Promise<void> {
  const result = await torture({
    seconds,
    seed,
    kinds: FAULT_KINDS,
    embedded,
    form,
    dependencies: TORTURE_DEPENDENCIES,
  });
  if (result.violationsInAll > 0) console.error(summaryOf(result));
  expect(result.violations).toEqual([]);
  expect(result.counts.lost + result.counts.doubled).toBe(0);
  expect(result.counts.accepted).toBeGreaterThan(seconds * 10);
  // Harm was done: not all of it was skipped.
  expect(result.harms.reduce((sum, { done }) => sum + done, 0)).toBeGreaterThan(seconds / 10);
}

describe.skipIf(serversMissing !== null)("a minute of torture finds nothing in the cluster", () => {
  for (const seed of SEEDS) test(`seed ${seed}`, () => expectNothingFound(seed, 60, false));
});

describe.skipIf(serversMissing !== null)("a minute of torture finds nothing over nodes", () => {
  const [seed = 1] = SEEDS;
  test(`three shards with two replicas each, seed ${seed}`, () =>
    expectNothingFound(seed, 60, false, { shards: 3, replicas: 2 }));
  test(`three shards on one Redis, seed ${seed}`, () =>
    expectNothingFound(seed, 40, false, { shards: 3, replicas: 0 }));
});

describe("20 s of torture find nothing in the embedded ledger", () => {
  for (const seed of EMBEDDED_SEEDS) test(`seed ${seed}`, () => expectNothingFound(seed, 20, true));
});
