import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { table } from "../../../src/console/page/words-table.ts";
import { type Browser, findChromium, openChromium } from "../../support/chromium.ts";
import { type RunningServer, startServer } from "../../support/server.ts";
import { eventually } from "../../support/eventually.ts";
import { failOnLeaks } from "../../support/leaks.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";
import { call, fillLedger, move } from "./support/ledger-calls.ts";
import { type OpenedConsole, openConsole } from "./support/open-console.ts";

/** Whether everybody can use it: languages, colours, widths, keys; and whether texts of others stay texts. */

failOnLeaks();
setDefaultTimeout(120_000);

const chromium = await findChromium();

const HOSTILE = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>{{7*7}}"'`;

describe.skipIf(!chromium.found)(
  `the console for everybody (${chromium.found ? "there" : chromium.reason})`,
  () => {
    let folder: TemporaryFolder | undefined;
    let data = "";
    let server: RunningServer;
    let browser: Browser;
    let console: OpenedConsole;
    let views: readonly string[];

    beforeAll(async () => {
      if (!chromium.found) return;
      folder = temporaryFolder("console");
      data = folder.path;
      server = await startServer({ data, flags: ["--no-initial-accounts"] });
      const { split, hold } = await fillLedger(server.url);
      views = [
        "#/",
        "#/accounts",
        "#/accounts/acme",
        "#/transactions",
        `#/transactions/${split}`,
        `#/holds/${hold}`,
        "#/new",
      ];
      browser = await openChromium(chromium.path);
      console = await openConsole(browser.context, server.url);
      await console.shows(".live", "");
    });
    afterAll(async () => {
      await browser?.close();
      await server?.stop();
      folder?.[Symbol.dispose]();
    });

    test.each([
      ["light", 1280],
      ["dark", 1280],
      ["light", 390],
      ["dark", 390],
    ] as const)("nothing keeps anybody out: %s, %d pixels wide", async (colorScheme, width) => {
      const { page } = console;
      await page.setViewportSize({ width, height: 844 });
      await page.emulateMedia({ colorScheme });
      for (const view of views) {
        await console.go(view);
        await console.shows("main h1", /\S/);
        await console.shows(".details, .foot, #sums, .choices, #transactions", /\S/);
        expect([view, await console.barriers()]).toEqual([view, []]);
        expect([view, await console.tooWide()]).toEqual([view, 0]);
      }
      await console.go("#/new");
      for (const form of ["Open an account", "Transfer", "Hold an amount"]) {
        await page.click(`.choices button:has-text('${form}')`);
        await console.shows(".panel h2", form);
        await page.click(".command button[type=submit]");
        await console.shows(".fault", /\S/);
        expect([form, await console.barriers()]).toEqual([form, []]);
        await page.keyboard.press("Escape");
      }
    });

    test("it speaks the browser's language, or the one that is chosen, throughout", async () => {
      const { page } = console;
      await page.setViewportSize({ width: 1280, height: 900 });
      const session = await browser.context.newCDPSession(page);
      const userAgent = await page.evaluate<string>("navigator.userAgent");
      await session.send("Emulation.setUserAgentOverride", { userAgent, acceptLanguage: "pt-BR,en" });
      await page.goto(server.url);
      await console.shows("h1", "Visão geral");
      expect(await page.getAttribute("html", "lang")).toBe("pt-BR");
      // Words that are the same in both, and those inside of others, tell nothing.
      const texts: readonly (readonly [string, string])[] = Object.values(table).flatMap((group) =>
        Object.values(group),
      );
      const english = new Set(texts.filter(([en, pt]) => en !== pt && !/[{]/.test(en)).map(([en]) => en));
      for (const view of views) {
        await console.go(view);
        await console.shows("main h1", /\S/);
        await console.shows(".details, .foot, #sums, .choices, #transactions", /\S/);
        const lines = (await page.innerText("body")).split(/[\n\t]+/).map((line) => line.trim());
        expect([view, lines.filter((line) => english.has(line) && line !== "English")]).toEqual([view, []]);
      }
      await console.go("#/accounts/acme");
      await console.shows(".balance", "11.515,00");
      await page.click("button:has-text('English')");
      await console.shows(".balance", "11,515.00");
      await page.goto(server.url);
      await console.shows("h1", "Overview");
    });

    test("by keyboard all can be reached, in the order of the page", async () => {
      const { page } = console;
      // A page that was opened anew begins at its first element, not where the keys of before had come to.
      const open = async (hash: string): Promise<void> => {
        await page.goto("about:blank");
        await page.goto(`${server.url}/${hash}`);
      };
      await open("#/accounts/acme");
      // What is still loading has no buttons yet.
      for (const text of ["Capture", "CSV", "shop"]) await console.shows("main", text);
      const reached: string[] = [];
      for (let at = 0; at < 40; at++) {
        await page.keyboard.press("Tab");
        reached.push(await page.evaluate<string>("document.activeElement.innerText?.trim() ?? ''"));
      }
      const expected = [
        "Skip to the content",
        "Razonete",
        "Overview",
        "Accounts",
        "Transactions",
        "Transfer",
        "English",
      ];
      expect(reached.filter((name) => expected.includes(name)).slice(0, expected.length)).toEqual(expected);
      for (const name of ["Freeze", "Capture", "Release", "CSV", "shop"]) expect(reached).toContain(name);
      await open("#/");
      await console.shows("h1", "Overview");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      const focused = (): Promise<string> => page.evaluate("document.activeElement.id");
      await eventually("the focus is there", async () => (await focused()) === "content");
    });

    test("whatever others write stays text", async () => {
      const { page, troubles } = console;
      const metadata = { "<b>name</b>": HOSTILE };
      await call(server.url, "/v1/accounts", {
        id: "hostile",
        unit: "BRL/2",
        name: HOSTILE.slice(0, 100),
        metadata,
      });
      const description = HOSTILE.slice(0, 140);
      const { id } = await move(server.url, "@world", "hostile", 100, {
        description,
        reference: "<script>alert(1)</script>",
        metadata,
      });
      const hold = await call(server.url, "/v1/holds", { from: "hostile", amount: 1, description, metadata });
      troubles.length = 0;
      for (const view of [
        "#/",
        "#/accounts",
        "#/accounts/hostile",
        "#/transactions",
        `#/transactions/${id}`,
        `#/holds/${hold.id}`,
      ]) {
        await console.go(view);
        await console.shows("main h1", /\S/);
        await console.shows("main", /hostile/);
        expect(await page.locator("main img, main script, main b").count()).toBe(0);
      }
      await console.shows(".details", "<b>name</b>");
      for (const hash of [
        "#/accounts/<img src=x onerror=alert(1)>",
        "#/accounts/%E0%A4%A",
        "#/holds/..%2f..%2fv1",
      ]) {
        await console.go(hash);
        await console.shows(".trouble", /\S/);
      }
      expect(await page.title()).not.toContain("owned");
      expect(troubles.filter((line) => !/status of 4(04|22)/.test(line))).toEqual([]);
      expect([...console.hosts]).toEqual([server.url]);
    });
  },
);
