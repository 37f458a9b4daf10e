import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Razonete } from "../../client/src/razonete.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { type RunningStack, startStack } from "../support/running-stack.ts";
import { startServer } from "../support/server.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { freePorts } from "../support/servers/free-ports.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { everyEventOnce } from "./events-suite.ts";
import { INNER_ALLOWED, lifeOfAWebhook } from "./webhooks-suite.ts";
import { CuttingProxy } from "./support/cutting-proxy.ts";

/**
 * Events through the client from a real ledger, whose connections are cut and whose processes are killed; and webhooks,
 * which it sends in earnest.
 */

failOnLeaks();
setDefaultTimeout(240_000);

const seed = testSeed();

test(`the embedded ledger killed: every event once and in order, over 200 cuts (seed ${seed})`, async () => {
  using folder = temporaryFolder();
  // It is back on the same one.
  const [port = 0] = await freePorts(1);
  const options = { data: join(folder.path, "data"), flags: ["--no-initial-accounts"], port };
  let server = await startServer(options);
  try {
    const { url } = server;
    await everyEventOnce({
      url,
      seed,
      commands: 300,
      cuts: 200,
      faults: async () => {
        for (let kill = 0; kill < 2; kill += 1) {
          await Bun.sleep(1500);
          await server.kill();
          server = await startServer(options);
        }
      },
    });
  } finally {
    await server.stop();
  }
});

test("what comes while the first connection of a stream from latest on is lost, before any event, is not missed", async () => {
  using folder = temporaryFolder();
  await using server = await startServer({ data: folder.path, flags: ["--no-initial-accounts"] });
  await using proxy = await CuttingProxy.start(server.port, new Random(seed), 1);
  proxy.stopCutting();
  const direct = new Razonete({ url: server.url });
  await direct.accounts.open({ id: "before", unit: "CREDITS" });
  const stop = new AbortController();
  const begun: string[] = [];
  const ids: unknown[] = [];
  const follow = async (): Promise<void> => {
    const { events } = new Razonete({ url: proxy.url });
    const onCursor = (cursor: string) => void begun.push(cursor);
    for await (const { data } of events.stream({ after: "latest", signal: stop.signal, onCursor })) {
      ids.push(data.id);
      if (data.id === "after") stop.abort();
    }
  };
  const following = follow();
  // Well before the first comment, which would tell it as well.
  await eventually(
    "the stream has told where it begins",
    () => begun.length === 1,
    () => begun,
    10_000,
  );
  proxy.cutAll();
  await direct.accounts.open({ id: "meanwhile", unit: "CREDITS" });
  await eventually("the stream is there again", () => proxy.connections === 2);
  await direct.accounts.open({ id: "after", unit: "CREDITS" });
  await following;
  expect(ids).toEqual(["meanwhile", "after"]);
});

test("a webhook and a watch of the embedded ledger, from their making to their end", async () => {
  using folder = temporaryFolder();
  const options = { flags: ["--no-initial-accounts"], environment: INNER_ALLOWED };
  await using server = await startServer({ data: folder.path, ...options });
  await lifeOfAWebhook(server.url);
});

describe.skipIf(serversMissing !== null)("a cluster", () => {
  let folder: TemporaryFolder;
  let stack: RunningStack;

  beforeAll(async () => {
    folder = temporaryFolder();
    const options = { real: true, flags: ["--no-initial-accounts"], environment: INNER_ALLOWED };
    stack = await startStack({ data: join(folder.path, "data"), ...options });
  });

  afterAll(async () => {
    await stack.stop();
    folder[Symbol.dispose]();
  });

  test("a webhook and a watch, from their making to their end", async () => {
    await lifeOfAWebhook(stack.url);
  });

  test(`API and HAProxy killed, the writer frozen: every event once and in order, over 200 cuts (seed ${seed})`, async () => {
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
