import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Browser, findChromium, openChromium } from "../../support/chromium.ts";
import { type RunningServer, startServer } from "../../support/server.ts";
import { eventually } from "../../support/eventually.ts";
import { failOnLeaks } from "../../support/leaks.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";
import { call, fillLedger, LONG_ID, LONG_NAME, move } from "./support/ledger-calls.ts";
import { type OpenedConsole, openConsole } from "./support/open-console.ts";

/** What the console shows of a real ledger, and how that follows what other clients do. */

failOnLeaks();
setDefaultTimeout(120_000);

const chromium = await findChromium();

describe.skipIf(!chromium.found)(
  `the console's views (${chromium.found ? "there" : chromium.reason})`,
  () => {
    let folder: TemporaryFolder | undefined;
    let data = "";
    let server: RunningServer;
    let browser: Browser;
    let console: OpenedConsole;
    let made: { readonly split: string; readonly hold: string };

    beforeAll(async () => {
      if (!chromium.found) return;
      folder = temporaryFolder("console");
      data = folder.path;
      server = await startServer({ data, flags: ["--no-initial-accounts"] });
      browser = await openChromium(chromium.path);
      console = await openConsole(browser.context, server.url);
    });
    afterAll(async () => {
      await browser?.close();
      await server?.stop();
      folder?.[Symbol.dispose]();
    });

    test("an empty ledger says how to begin", async () => {
      await console.shows(".beginning", "Nothing here yet");
      await console.shows("#parts", /up/);
      await console.shows("#sums", "");
    });

    test("the overview shows what happens, and sums that are 0 together", async () => {
      made = await fillLedger(server.url);
      await console.shows("#sums", /BRL\/2\s+adds up to 0.00/);
      await console.shows("#sums", "9,007,199,254,740,991");
      await console.shows(".happenings", "950.00 BRL");
      const { id } = await call(server.url, "/v1/holds", { from: "acme", amount: 777 });
      await call(server.url, `/v1/holds/${id}/capture`, { amount: 333 });
      await console.shows(".happenings", /Captured[^]+3.33 BRL[^]+Held[^]+7.77 BRL/);
      // Who comes later sees the same, once.
      await console.page.reload();
      await console.shows(".happenings", /Captured[^]+3.33 BRL[^]+Held[^]+7.77 BRL[^]+Held[^]+1,200.00 BRL/);
      const lines = await console.page.locator(".happenings .what").allInnerTexts();
      expect(lines.filter((line) => line === "Captured")).toHaveLength(1);
      await move(server.url, "@world", "acme", 333);
      await move(server.url, "@world", "fees", 4_242);
      await console.shows(".happenings", "42.42 BRL");
    });

    test("accounts are found by the beginning of an id, by name and by balance, and follow what happens", async () => {
      const { page } = console;
      await console.go("#/accounts");
      await console.shows("#accounts tbody", LONG_ID);
      await console.shows("#accounts", "−734.55");
      await page.fill("#search", "ac");
      await console.shows("main .foot", "1 in all");
      await console.counts("#accounts tbody tr", 1);
      await page.selectOption("search select >> nth=0", "name");
      await page.fill("#search", "Corner");
      await console.shows("#accounts tbody th", "shop");
      await page.fill("#search", "");
      await page.fill("search input >> nth=1", "BRL/2");
      await page.fill("search input >> nth=3", "0");
      await console.shows("main .foot", "1 in all");
      await console.shows("#accounts tbody", "owing");
      await move(server.url, "@world", "owing", 5);
      await console.shows("#accounts tbody", "−734.50");
      await page.fill("search input >> nth=3", "");
      await console.shows("#accounts tbody", "shop");
    });

    test("accounts are listed by balance and by name, of all there are, also where a page shows few of them", async () => {
      const { page } = console;
      await console.go("#/");
      await console.go("#/accounts");
      // All that the server gives at once, and others of the page's beginning, before what is looked for.
      const opened = Array.from({ length: 120 }, (_, at) => ({ id: `0-${at}`, unit: "BRL/2", name: "none" }));
      for (const one of opened) await call(server.url, "/v1/accounts", one);
      await page.fill("search input >> nth=1", "BRL/2");
      await console.shows("main .foot", "The first 100");
      await page.click("#accounts thead button:has-text('Balance')");
      await console.shows("#accounts tbody tr:first-child", "acme");
      expect(await page.getAttribute("#accounts th:has-text('Balance')", "aria-sort")).toBe("descending");
      await page.click("#accounts thead button:has-text('Balance')");
      await console.shows("#accounts tbody tr:first-child", "owing");
      await page.click("#accounts thead button:has-text('Name')");
      await console.shows("#accounts tbody tr:first-child", "Acme");
      await console.shows("#accounts tbody tr:nth-child(2)", "Corner shop");
      await page.click("button:has-text('Load more')");
      await console.shows("main .foot", "124 in all");
      await console.shows("#accounts tbody tr:last-child", "owing");
    });

    test("of an id with @ it is said what the ledger has", async () => {
      const { page } = console;
      for (const [view, field] of [
        ["#/accounts", "#search"],
        ["#/transactions", "search input >> nth=1"],
      ] as const) {
        await console.go(view);
        await page.fill(field, "@w");
        await console.shows("main .card", /The ledger itself has one, @world[^]+BRL\/2\s+−[\d,.]+ BRL/);
        await console.counts(".trouble", 0);
      }
    });

    test("who goes to another view is at its heading, at the top, and from there at what comes after it", async () => {
      const { page } = console;
      const focused = "document.activeElement.tagName + ' ' + document.activeElement.innerText";
      const isAt = (text: string) =>
        eventually(`the focus is at ${text}`, async () => (await page.evaluate<string>(focused)) === text);
      await console.go("#/accounts");
      await console.shows("#accounts tbody", "0-79");
      await page.click("#accounts a[href='#/accounts/0-79']");
      await isAt("H1 none");
      expect(await page.evaluate<number>("scrollY")).toBe(0);
      await console.shows("main", "Freeze");
      await page.click("main button:has-text('Freeze')");
      await console.shows(".panel h2", "Freeze");
      await page.goBack();
      await isAt("H1 Accounts");
      await page.keyboard.press("Tab");
      await isAt("BUTTON Open an account");
    });

    test("an account is drawn as a T, whose sides are the same, and follows what happens", async () => {
      await console.go("#/accounts/acme");
      await console.shows("h1", "Acme");
      const picture = console.page.locator(".t-account");
      await console.shows(".balance", "11,515.00");
      expect(await picture.getAttribute("aria-label")).toBe(
        "T-account of acme: Held 1,200.00, Available 15,315.00, Balance 11,515.00, Credit limit 5,000.00",
      );
      await console.shows(".t-sum", /^16,515.00\s+16,515.00 BRL$/);
      await console.shows("#entries", /Sale with a fee\s*sale-77/);
      await console.shows("#holds", /1,200.00[^]+left/);
      await call(server.url, `/v1/holds/${made.hold}/release`, {});
      await console.shows("#holds", "No open hold");
      await move(server.url, "acme", "shop", 1_500, { description: "Just now" });
      await console.shows(".balance", "11,500.00");
      await console.shows("#entries tbody tr:first-child", /Just now\s+−15.00\s+11,500.00/);
      await console.go("#/accounts/owing");
      await console.shows(".t-account", /Owed\s*734.50/);
    });

    test("its entries are filtered, and saved as one file", async () => {
      for (let at = 0; at < 120; at++)
        await move(server.url, "@world", "fees", 1, { description: `one ${at}` });
      await console.go("#/accounts/fees");
      await console.shows("#entries tbody tr:first-child", "one 119");
      await console.page.fill("main input[type=search]", "one 7");
      await console.shows("#entries tbody", "one 71");
      await console.counts("#entries tbody tr", 11);
      const [started] = await Promise.all([
        console.page.waitForEvent("download"),
        console.page.click("button:has-text('CSV')"),
      ]);
      const lines = (await Bun.file(await started.path()).text()).trim().split(/\r?\n/);
      expect(started.suggestedFilename()).toBe("fees.csv");
      expect(lines.filter((line) => line.startsWith("seq,"))).toHaveLength(1);
      expect(lines).toHaveLength(1 + 2 + 120);
    });

    test("a transaction's postings are drawn, and a hold shows what became of it", async () => {
      await console.go(`#/transactions/${made.split}`);
      await console.shows(".sources", /acme\s+−985.00/);
      await console.shows(".targets", /950.00 BRL\s+shop\s+35.00 BRL\s+fees/);
      await console.counts(".curves path", 2);
      await console.shows(".details", "sale-77");
      await console.shows(".details", "c-81");
      await console.go(`#/holds/${made.hold}`);
      await console.shows("main .tag", "released");
    });

    test("what is as large and as long as can be keeps its form, on a phone, too", async () => {
      for (const width of [1280, 390]) {
        await console.page.setViewportSize({ width, height: 844 });
        for (const [hash, text] of [
          ["#/", "Overview"],
          ["#/accounts", "Accounts"],
          [`#/accounts/${encodeURIComponent(LONG_ID)}`, LONG_NAME],
          ["#/accounts/largest", "largest"],
          ["#/transactions", "Transactions"],
          [`#/transactions/${made.split}`, made.split],
        ] as const) {
          await console.go(hash);
          await console.shows("h1", text);
          if (text === "largest") await console.shows("#entries", /\d/);
          expect([hash, width, await console.tooWide()]).toEqual([hash, width, 0]);
        }
      }
      await console.go("#/accounts/largest");
      await console.shows(".t-sum", "18,014,398,509,481,982");
      // Of the phone's width, still: neither sums nor cells run into each other, and the chart tells it exactly.
      expect(await console.overlaps(".t-sum, .t-amount")).toEqual([]);
      expect(await console.overlaps("#entries tr:last-child td > *")).toEqual([]);
      await console.shows(".chart .u-legend", /Balance\s*9,007,199,254,740,991$/);
      await console.page.setViewportSize({ width: 1280, height: 900 });
    });

    test("an address that changes while the page is drawn for the first time is followed", async () => {
      const page = await browser.context.newPage();
      page.setDefaultTimeout(45_000);
      await page.addInitScript(CHANGES_AT_FIRST_DRAWING);
      await page.goto(server.url);
      await page.waitForSelector("h1:has-text('Accounts')");
      await page.close();
    });

    test("no other host was asked, and the browser had nothing to complain of", () => {
      expect([...console.hosts]).toEqual([server.url]);
      expect(console.troubles.filter((line) => !line.includes("404 (Not Found)"))).toEqual([]);
    });
  },
);

/** As somebody does who follows a link at once. Frames stand still, so that nothing that waits for one comes before it. */
const CHANGES_AT_FIRST_DRAWING = `
  requestAnimationFrame = () => 0;
  new MutationObserver((_, drawing) => {
    if (document.querySelector("#console > *") === null) return;
    drawing.disconnect();
    location.hash = "#/accounts";
  }).observe(document, { childList: true, subtree: true });
`;
