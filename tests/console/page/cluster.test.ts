import { afterAll, beforeAll, describe, setDefaultTimeout, test } from "bun:test";
import { type Browser, findChromium, openChromium } from "../../support/chromium.ts";
import { Cluster } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";
import { serversMissing } from "../../support/servers/binaries.ts";
import { startHaproxy } from "../../support/servers/haproxy.ts";
import type { ServerProcess } from "../../support/servers/server-process.ts";
import { startConsole } from "../support/console-process.ts";
import { fillLedger, move } from "./support/ledger-calls.ts";
import { type OpenedConsole, openConsole } from "./support/open-console.ts";

/** The page of a cluster, through HAProxy: what it shows while its parts are frozen, killed and back. */

setDefaultTimeout(120_000);

const chromium = await findChromium();
const missing = chromium.found ? serversMissing : chromium.reason;

describe.skipIf(missing !== null)(`the console of a cluster (${missing ?? "there"})`, () => {
  let cluster: Cluster;
  let consoleProcess: ServerProcess;
  let haproxy: ServerProcess;
  let url: string;
  let browser: Browser;
  let console: OpenedConsole;

  beforeAll(async () => {
    if (!chromium.found) return;
    cluster = await Cluster.start({ observed: true });
    consoleProcess = await startConsole(cluster);
    const ports = cluster.apis.map(({ port }) => port);
    haproxy = await startHaproxy(ports, true, { HAPROXY_CONSOLE: `127.0.0.1:${consoleProcess.port}` });
    url = `http://127.0.0.1:${haproxy.port}`;
    await cluster.balanced();
    await eventually("the page is there", async () => (await fetch(`${url}/`)).ok);
    await fillLedger(url);
    browser = await openChromium(chromium.path);
    console = await openConsole(browser.context, `${url}/`);
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all([haproxy?.dispose(), consoleProcess?.dispose()]);
    await cluster?.[Symbol.asyncDispose]();
  });

  test("its views follow what happens", async () => {
    await console.shows("#parts", /api-1[^]+api-2[^]+writer-1[^]+redis[^]+nats[^]+postgres/);
    await console.shows("#sums", /BRL\/2\s+adds up to 0.00/);
    await console.shows(".live", /^Live$/);
    await move(url, "@world", "fees", 4_242);
    await console.shows(".happenings", "42.42 BRL");
    await console.go("#/accounts");
    await console.shows("#accounts", "77.42");
    await console.go("#/accounts/fees");
    await console.shows(".balance", "77.42");
    await move(url, "@world", "fees", 8);
    await console.shows(".balance", "77.50");
    await console.shows("#entries tbody tr:first-child", /\+0.08\s+77.50/);
    await console.go("#/transactions");
    await console.shows("#transactions tbody tr:first-child", "0.08 BRL");
  });

  test("a frozen writer: what is decided goes on, and the page tells how far the books are behind", async () => {
    const [writer] = cluster.writers;
    await console.go("#/");
    writer?.signal("SIGSTOP");
    try {
      await move(url, "@world", "fees", 50);
      await console.shows("#parts", /writer-1[^]+down/);
      await console.shows(".figure.troubled", /Books behind[^]+\d ms|\d s/);
      await console.shows(".live", "1 not up");
    } finally {
      writer?.signal("SIGCONT");
    }
    await console.shows(".figures", "up to date");
    await console.shows(".live", /^Live$/);
    // What was decided meanwhile is told once the books have it.
    await console.shows(".happenings", "0.50 BRL");
    await console.counts(".figure.troubled", 0);
  });

  test("opened while Redis is frozen it shows the parts, and what could not be read is read once it can be", async () => {
    const redis = cluster.redis.process;
    redis.signal("SIGSTOP");
    let other: OpenedConsole | null = null;
    try {
      other = await openConsole(browser.context, `${url}/`);
      await other.shows("#parts", /redis[^]*?(down|troubled)/);
      await other.go("#/accounts/fees");
      await other.shows(".trouble", /\S/);
    } finally {
      redis.signal("SIGCONT");
    }
    await other.shows(".balance", /\S/);
    await other.counts(".trouble", 0);
    await other.page.close();
  });

  test("a killed API is down until it is back, and the page follows through the other", async () => {
    const [, api] = cluster.apis;
    await api?.kill();
    await console.shows("#parts", /api-2[^]*?down/);
    await move(url, "@world", "fees", 1_111);
    await console.shows(".happenings", "11.11 BRL");
    await api?.start();
    await console.shows(".live", /^Live$/);
  });

  test("without its process the page says that it is away, HAProxy tells who opens it, and transactions go on", async () => {
    await consoleProcess.kill();
    await console.shows(".away", /\S/);
    // What happens comes from the APIs, not from that process.
    await move(url, "@world", "fees", 2_222);
    await console.shows(".happenings", "22.22 BRL");
    const other = await openConsole(browser.context, `${url}/`);
    await other.shows("body", "The ledger itself goes on without it");
    await other.page.close();
    await consoleProcess.start();
    await eventually("it is gone", async () => (await console.page.locator(".away").count()) === 0);
    await console.shows("#parts", "writer-1");
  });
});
