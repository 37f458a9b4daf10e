import { describe, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { testSeed } from "../support/random.ts";
import { startStack } from "../support/running-stack.ts";
import { startServer } from "../support/server.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { everyEventOnce } from "./events-suite.ts";

/** Events through the client from a real ledger, whose connections are cut and whose processes are killed. */

failOnLeaks();
setDefaultTimeout(240_000);

const seed = testSeed();

test(`the embedded ledger killed: every event once and in order, over 200 cuts (seed ${seed})`, async () => {
  using folder = temporaryFolder();
  const options = { data: join(folder.path, "data"), flags: ["--no-initial-accounts"] };
  let server = await startServer(options);
  try {
    const { url, port } = server;
    await everyEventOnce({
      url,
      seed,
      commands: 300,
      cuts: 200,
      faults: async () => {
        for (let kill = 0; kill < 2; kill += 1) {
          await Bun.sleep(1500);
          await server.kill();
          server = await startServer({ ...options, port });
        }
      },
    });
  } finally {
    await server.stop();
  }
});

describe.skipIf(serversMissing !== null)("a cluster", () => {
  test(`API and HAProxy killed, the writer frozen: every event once and in order, over 200 cuts (seed ${seed})`, async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    await using stack = await startStack({ data, real: true, flags: ["--no-initial-accounts"] });
    await everyEventOnce({
      url: stack.url,
      seed,
      commands: 300,
      cuts: 200,
      faults: async () => {
        for (const name of ["api-2", "haproxy", "api-1"]) {
          const pid = stack.pid(name);
          process.kill(pid, "SIGKILL");
          await eventually(`${name} is back`, () => stack.pid(name) !== pid);
        }
        const writer = stack.pid("writer-1");
        process.kill(writer, "SIGSTOP");
        await Bun.sleep(3000);
        process.kill(writer, "SIGCONT");
      },
    });
  });
});
