import { setDefaultTimeout } from "bun:test";
import { failOnLeaks } from "../support/leaks.ts";
import { dispatchSuite } from "./dispatch-suite.ts";
import { faultsSuite } from "./faults-suite.ts";
import { clusterShape } from "./support/shapes.ts";

failOnLeaks();
setDefaultTimeout(120_000);

dispatchSuite("webhooks of a cluster", clusterShape);
faultsSuite("webhooks of a cluster", clusterShape, { kills: 5 });
