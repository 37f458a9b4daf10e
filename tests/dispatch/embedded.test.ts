import { setDefaultTimeout } from "bun:test";
import { failOnLeaks } from "../support/leaks.ts";
import { dispatchSuite } from "./dispatch-suite.ts";
import { faultsSuite } from "./faults-suite.ts";
import { embeddedShape } from "./support/shapes.ts";

failOnLeaks();
setDefaultTimeout(120_000);

dispatchSuite("webhooks of an embedded ledger", embeddedShape);
faultsSuite("webhooks of an embedded ledger", embeddedShape, { kills: 5 });
