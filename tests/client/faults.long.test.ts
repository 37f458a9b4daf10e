import { describe, setDefaultTimeout, test } from "bun:test";
import { failOnLeaks } from "../support/leaks.ts";
import { testSeed } from "../support/random.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { everyCommandOnce } from "./faults-suite.ts";

failOnLeaks();
setDefaultTimeout(900_000);

const seed = testSeed();

describe.skipIf(serversMissing !== null)("commands through the client", () => {
  test(`HAProxy, APIs and Redis killed 40 times: each of 10,000 is done once, and none stays unknown (seed ${seed})`, async () => {
    console.log(await everyCommandOnce({ commands: 10_000, clients: 24, kills: 40, seed }));
  });
});
