import { describe } from "bun:test";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { clusterProcess, hostileSuite } from "./hostile-suite.ts";

failOnLeaks();

describe.skipIf(serversMissing !== null)("hostile requests", () => {
  hostileSuite("the cluster", 10_000, clusterProcess);
});
