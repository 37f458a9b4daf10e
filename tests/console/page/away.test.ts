import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { ConsoleStatus } from "../../../src/console/console-status.ts";
import { freePorts } from "../../support/servers/free-ports.ts";
import { type Browser, findChromium, openChromium } from "../../support/chromium.ts";
import { type RunningServer, startServer } from "../../support/server.ts";
import { eventually } from "../../support/eventually.ts";
import { failOnLeaks } from "../../support/leaks.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";
import { fillLedger, move } from "./support/ledger-calls.ts";
import { type OpenedConsole, openConsole } from "./support/open-console.ts";

/** What the console shows while the ledger, or a part of it, is away, and that it comes back by itself. */

failOnLeaks();
setDefaultTimeout(120_000);

const chromium = await findChromium();

describe.skipIf(!chromium.found)(
  `the console and what is away (${chromium.found ? "there" : chromium.reason})`,
  () => {
    let folder: TemporaryFolder | undefined;
    let data = "";
    let server: RunningServer;
    let browser: Browser;
    let console: OpenedConsole;

    beforeAll(async () => {
      if (!chromium.found) return;
      folder = temporaryFolder("console");
      data = folder.path;
      // It is bound once more later. No outgoing connection may have it meanwhile, as one may have what port 0 gives.
      const [port = 0] = await freePorts(1);
      server = await startServer({ data, port, flags: ["--no-initial-accounts"] });
      await fillLedger(server.url);
      browser = await openChromium(chromium.path);
      console = await openConsole(browser.context, server.url);
    });
    afterAll(async () => {
      await browser?.close();
      await server?.stop();
      folder?.[Symbol.dispose]();
    });

    test("a server that was killed is told of, and followed again once it is back", async () => {
      await console.go("#/accounts/acme");
      await console.shows(".balance", "11,515.00");
      const { port } = server;
      await server.kill();
      await console.shows(".away", "does not answer");
      await console.shows(".live", "Not connected");
      // What was read stays.
      await console.shows(".balance", "11,515.00");
      server = await startServer({ data, port, flags: ["--no-initial-accounts"] });
      await move(server.url, "@world", "acme", 100);
      await console.shows(".balance", "11,516.00");
      await console.counts(".away", 0);
    });

    test("a cluster with a part that is down, and books that are behind", async () => {
      const { page } = console;
      const at = new Date().toISOString();
      const status: ConsoleStatus = {
        at,
        shape: "cluster",
        version: "0.1.0",
        second: { transactions: 1_204, refusals: 31, p50_ms: 0.8, p99_ms: 12.4 },
        refusals: [
          { problem: "limit-exceeded", count: 1_204 },
          { problem: "idempotency-key-reused", count: 1 },
        ],
        books: { lag_ms: 8_400, batches: 950 },
        outbox: { batches: 950, max: 10_000 },
        parts: [
          { name: "api-1", state: "up", since: at, detail: null },
          {
            name: "writer",
            state: "down",
            since: new Date(Date.now() - 3_700_000).toISOString(),
            detail: "connection refused",
          },
          { name: "nats", state: "troubled", since: at, detail: "no leader" },
        ],
        audit: { at, agreed: false, findings: 3 },
        units: [
          {
            unit: "BRL/2",
            balances: "12345678901234567890",
            world: "-12345678901234567800",
            in_transit: "0",
          },
          { unit: "USD/2", balances: "-40", world: "0", in_transit: "40" },
        ],
        webhooks: { active: 2, failing: 1, parked: 4, backlog: 120 },
      };
      const languages: (string | undefined)[] = [];
      await page.route("**/console/status", (route) => {
        languages.push(route.request().headers()["accept-language"]);
        return route.fulfill({ json: status });
      });
      await page.goto(server.url);
      await console.shows("#parts", /writer\s+connection refused\s+down\s+for 1 h 1 min/);
      await console.shows("#refusals", /limit-exceeded\s*1,204\s*idempotency-key-reused\s*1/);
      await console.shows("#parts", /nats[^]+troubled/);
      await console.shows(".live", "2 not up");
      await console.shows(".figure.troubled", "8,400 ms");
      await console.shows(".figures", /1,204[^]+0.8 ms[^]+12 ms[^]+of 10,000 at most/);
      await console.shows("#sums .bad", "adds up to 0.90");
      await console.shows("#sums", "123,456,789,012,345,678.90");
      await console.shows("#sums", /USD\/2\s+adds up to 0.00[^]+In transit\s+0.40/);
      await console.shows("main", /differs\s*Findings: 3/);
      await console.shows(".counts .bad", "4");
      expect(await console.barriers()).toEqual([]);
      // What a part's detail is told in.
      expect(languages.at(-1)).toBe("en");
      await page.click(`.languages [lang="pt-BR"]`);
      await eventually("it asks in Portuguese", () => languages.at(-1) === "pt");
      await page.click(`.languages [lang="en"]`);
      await page.unroute("**/console/status");
    });
  },
);
