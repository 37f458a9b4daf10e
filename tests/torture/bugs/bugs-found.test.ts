import { clusterMissing } from "../../support/cluster.ts";
import { describe } from "bun:test";
import { planRun } from "../../../proof/torture/plan/plan-run.ts";
import { TORTURE_DEPENDENCIES } from "../../../proof/torture/dependencies.ts";
import { torture } from "../../../proof/torture/torture.ts";
import { failOnLeaks } from "../../support/leaks.ts";
import { testThatEachIsFound } from "./support/finding.ts";

failOnLeaks();

/** Long, and by chance longer: for whoever has changed the torture, or what it is to find. */
const wanted = process.env["TORTURE_BUGS"] === "1";
const name = wanted ? "the torture of a system with a bug" : "SKIPPED, 10 minutes: set TORTURE_BUGS=1";

describe.skipIf(clusterMissing !== null || !wanted)(name, () => {
  testThatEachIsFound(
    (options) => torture({ ...options, dependencies: TORTURE_DEPENDENCIES }),
    (options) =>
      planRun(options, TORTURE_DEPENDENCIES.planRound).flatMap(({ faults }) =>
        faults.map(({ action }) => action.type),
      ),
  );
});
