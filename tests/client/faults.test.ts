import { describe, setDefaultTimeout, test } from "bun:test";
import { failOnLeaks } from "../support/leaks.ts";
import { testSeed } from "../support/random.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { everyCommandOnce } from "./faults-suite.ts";

failOnLeaks();
setDefaultTimeout(240_000);

const seed = testSeed();

describe.skipIf(serversMissing !== null)("commands through the client", () => {
  test(`HAProxy, APIs and Redis killed: each of 400 is done once, and none stays unknown (seed ${seed})`, async () => {
    await everyCommandOnce({ commands: 400, clients: 8, kills: 4, seed });
  });
});
