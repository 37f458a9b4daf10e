import { serversMissing } from "../../support/servers/binaries.ts";
import { describe } from "bun:test";
import { planRun } from "../../../proof/torture/plan/plan-run.ts";
import { TORTURE_PARTS } from "../../../proof/torture/dependencies.ts";
import { torture } from "../../../proof/torture/torture.ts";
import { failOnLeaks } from "../../support/leaks.ts";
import { testThatEachIsFound } from "./support/finding.ts";

failOnLeaks();

/** Long, and by chance longer: for whoever has changed the torture, or what it is to find. */
const wanted = process.env["TORTURE_BUGS"] === "1";
const name = wanted ? "the torture of a system with a bug" : "SKIPPED, 10 minutes: set TORTURE_BUGS=1";

describe.skipIf(serversMissing !== null || !wanted)(name, () => {
  testThatEachIsFound(
    (options) => torture({ ...options, parts: TORTURE_PARTS }),
    (options) =>
      planRun(options, TORTURE_PARTS.planRound).flatMap(({ faults }) => faults.map(({ harm }) => harm.type)),
  );
});
