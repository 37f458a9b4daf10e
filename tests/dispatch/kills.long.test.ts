import { setDefaultTimeout } from "bun:test";
import { failOnLeaks } from "../support/leaks.ts";
import { faultsSuite } from "./faults-suite.ts";
import { clusterShape, embeddedShape } from "./support/shapes.ts";

failOnLeaks();
setDefaultTimeout(240_000);

faultsSuite("webhooks of a cluster, often", clusterShape, { kills: 20, isFaulted: false });
faultsSuite("webhooks of an embedded ledger, often", embeddedShape, { kills: 30, isFaulted: false });
