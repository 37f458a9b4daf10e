import { serversMissing } from "../../support/servers/binaries.ts";
import { describe } from "bun:test";
import { planRun } from "../../../proof/torture/plan/plan-run.ts";
import { TORTURE_DEPENDENCIES } from "../../../proof/torture/dependencies.ts";
import { torture } from "../../../proof/torture/torture.ts";
import { failOnLeaks } from "../../support/leaks.ts";
import { testThatEachIsFound } from "./support/finding.ts";

failOnLeaks();

describe.skipIf(serversMissing !== null)("the torture of a system with a bug", () => {
  testThatEachIsFound(
    (options) => torture({ ...options, dependencies: TORTURE_DEPENDENCIES }),
    (options) => planRun(options, TORTURE_DEPENDENCIES.planRound),
  );
});
