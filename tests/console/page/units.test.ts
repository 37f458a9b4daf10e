import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Browser, findChromium, openChromium } from "../../support/chromium.ts";
import { type RunningServer, startServer } from "../../support/server.ts";
import { failOnLeaks } from "../../support/leaks.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";
import { call, move } from "./support/ledger-calls.ts";
import { type OpenedConsole, openConsole } from "./support/open-console.ts";

/** Amounts in the lists are shown in their unit, which transactions and holds do not have in them. */

failOnLeaks();
setDefaultTimeout(120_000);

const ACCOUNTS = 45;
const chromium = await findChromium();

describe.skipIf(!chromium.found)(`the units of lists (${chromium.found ? "there" : chromium.reason})`, () => {
  let folder: TemporaryFolder | undefined;
  let server: RunningServer;
  let browser: Browser;
  let console: OpenedConsole;

  beforeAll(async () => {
    if (!chromium.found) return;
    folder = temporaryFolder("console");
    server = await startServer({ data: folder.path, flags: ["--no-initial-accounts"] });
    for (let at = 0; at < ACCOUNTS; at += 1) {
      const id = `account-${at}`;
      await call(server.url, "/v1/accounts", { id, unit: "BRL/2" });
      await move(server.url, "@world", id, 1_234);
    }
    browser = await openChromium(chromium.path);
    console = await openConsole(browser.context, server.url);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    folder?.[Symbol.dispose]();
  });

  test("also where the accounts cannot be read, as those of a shard that is away, and of many accounts", async () => {
    const { page } = console;
    await page.route(/\/v1\/accounts\/[^/?]+$/, (route) =>
      route.fulfill({ status: 503, contentType: "application/problem+json", body: "{}" }),
    );
    await page.goto(`${server.url}/#/`);
    await page.reload();
    await console.counts(".happenings .unit-code", 14);
    await console.go("#/transactions");
    await console.counts("#transactions tbody tr", ACCOUNTS);
    await console.counts("#transactions .unit-code", ACCOUNTS);
    const amounts = await page.locator("#transactions tbody td.number").allInnerTexts();
    expect(new Set(amounts)).toEqual(new Set(["12.34 BRL"]));
    await page.unroute(/\/v1\/accounts\/[^/?]+$/);
  });
});
