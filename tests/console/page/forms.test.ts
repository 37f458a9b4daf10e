import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Request, Route } from "playwright-core";
import { z } from "zod";
import { type Browser, findChromium, openChromium } from "../../support/chromium.ts";
import { type RunningServer, startServer } from "../../support/server.ts";
import { eventually } from "../../support/eventually.ts";
import { failOnLeaks } from "../../support/leaks.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";
import { account, call, move } from "./support/ledger-calls.ts";
import { type OpenedConsole, openConsole } from "./support/open-console.ts";

/** What the console's forms ask of a real ledger, and where they show what it refuses. */

failOnLeaks();
setDefaultTimeout(120_000);

const chromium = await findChromium();
const made = z.looseObject({ id: z.string() });

describe.skipIf(!chromium.found)(
  `the console's forms (${chromium.found ? "there" : chromium.reason})`,
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
      server = await startServer({ data, flags: ["--no-initial-accounts"] });
      browser = await openChromium(chromium.path);
      console = await openConsole(browser.context, server.url);
    });
    afterAll(async () => {
      await browser?.close();
      await server?.stop();
      folder?.[Symbol.dispose]();
    });

    const field = (pointer: string): string => `[data-pointer="${pointer}"]`;
    const fill = async (fields: Readonly<Record<string, string>>): Promise<void> => {
      for (const [pointer, text] of Object.entries(fields)) await console.page.fill(field(pointer), text);
    };
    const send = (): Promise<void> => console.page.click(".command button[type=submit]");
    const close = (): Promise<void> => console.page.click(".panel .close");
    /** What is said beside a field. */
    const beside = (pointer: string): string => `.field:has(${field(pointer)}) .field-about`;

    test("an account is opened, by keyboard alone", async () => {
      const { page } = console;
      await page.focus(".bar-new button:has-text('Open an account')");
      await page.keyboard.press("Enter");
      await console.shows(".panel h2", "Open an account");
      await page.focus(field("#/id"));
      await page.keyboard.type("acme");
      await page.keyboard.press("Tab");
      await page.keyboard.type("brl/2");
      await page.keyboard.press("Tab");
      await page.keyboard.type("Acme");
      await page.keyboard.press("Tab");
      await page.keyboard.type("1,000.50");
      await page.keyboard.press("Enter");
      await console.shows(".done", "acme");
      expect(await account(server.url, "acme")).toMatchObject({
        unit: "BRL/2",
        name: "Acme",
        credit_limit: 100_050,
      });
      await page.keyboard.press("Escape");
      // Back where one was.
      const focused = (): Promise<string> => page.evaluate("document.activeElement.innerText");
      await eventually("the focus is there", async () => (await focused()) === "Open an account");
    });

    test("what is refused is said beside its field, and is asked anew by another key", async () => {
      const { page } = console;
      await call(server.url, "/v1/accounts", { id: "shop", unit: "BRL/2" });
      await console.go("#/accounts/acme");
      await page.click(".actions button:has-text('Transfer out')");
      await fill({ "#/postings/0/to": "shop", "#/postings/0/amount": "1,000.51" });
      await console.shows(beside("#/postings/0/from"), "available: 1,000.50 BRL");
      await console.shows(".curl pre", `"amount":100051`);
      const before = await page.innerText(".curl pre");
      await send();
      await console.shows(beside("#/postings/0/amount"), "acme does not have that much available");
      // It comes there after the next drawing.
      const focused = (): Promise<string> => page.evaluate("document.activeElement.dataset.pointer ?? ''");
      await eventually("the focus is there", async () => (await focused()) === "#/postings/0/amount");
      expect(await page.innerText(".curl pre")).not.toBe(before);
      await fill({ "#/postings/0/amount": "1,000.512" });
      await send();
      await console.shows(beside("#/postings/0/amount"), "no more decimals than it has");
      await fill({ "#/postings/0/amount": "1", "#/postings/0/to": "nobody" });
      await send();
      await console.shows(beside("#/postings/0/to"), "No account has this id");
      await fill({ "#/postings/0/to": "not an id" });
      await send();
      await console.shows(beside("#/postings/0/to"), "must be @world or the id of an account");
      await fill({ "#/postings/0/to": "shop" });
      await send();
      await console.shows(".done", "Transferred");
      expect(await account(server.url, "acme")).toMatchObject({ balance: -100 });
      await close();
    });

    test("the line of curl asks for the same: run first, the form is shown its outcome", async () => {
      const { page } = console;
      await console.go("#/");
      await page.click(".bar-new button:has-text('Transfer')");
      const asked: string[] = [];
      const note = (request: Request): void => void asked.push(request.url());
      page.on("request", note);
      await fill({
        "#/postings/0/from": "@world",
        "#/postings/0/to": "shop",
        "#/postings/0/amount": "10",
        "#/description": `it's "theirs" $HOME`,
      });
      await console.shows(beside("#/postings/0/to"), "available");
      await console.shows(".curl pre", `"amount":1000}`);
      // No account begins with @.
      expect(asked.filter((address) => /%40|@/.test(address))).toEqual([]);
      page.off("request", note);
      const line = await page.innerText(".curl pre");
      const shell = Bun.spawn(["sh", "-c", line], { stdout: "pipe", stderr: "ignore" });
      const { id } = made.parse(await new Response(shell.stdout).json());
      await send();
      await console.shows(".done", id);
      const transaction = await fetch(`${server.url}/v1/transactions/${id}`);
      expect(await transaction.json()).toMatchObject({ description: `it's "theirs" $HOME` });
      expect(await account(server.url, "shop")).toMatchObject({ balance: 1_100 });
      await close();
    });

    test("several postings are one transaction, and it is reversed", async () => {
      const { page } = console;
      await page.click(".bar-new button:has-text('Transfer')");
      await fill({ "#/postings/0/from": "@world", "#/postings/0/to": "acme", "#/postings/0/amount": "30" });
      await page.click("button:has-text('Add a posting')");
      await fill({ "#/postings/1/from": "acme", "#/postings/1/to": "shop", "#/postings/1/amount": "5" });
      await console.shows(".curl pre", `"amount":500}`);
      await send();
      await console.shows(".done", "Transferred");
      await page.click(".done a");
      await console.shows(".targets", /30.00 BRL\s+acme\s+5.00 BRL\s+shop/);
      await page.click(".actions button:has-text('Reverse it')");
      await send();
      await console.shows(".done", "Transferred");
      await close();
      await console.shows("main .tag", "reversed");
      expect(await page.locator(".actions button").count()).toBe(0);
      expect(await account(server.url, "acme")).toMatchObject({ balance: -100 });
    });

    test("an amount is held, captured in part and released", async () => {
      const { page } = console;
      await move(server.url, "@world", "acme", 100_100);
      await console.go("#/accounts/acme");
      await page.click(".bar-new button:has-text('Hold an amount')");
      expect(await page.inputValue(field("#/from"))).toBe("acme");
      await fill({ "#/amount": "250.00", "#/to": "shop", "#/expires_in": "0" });
      await console.shows(".curl pre", `"amount":25000`);
      await send();
      await console.shows(beside("#/expires_in"), "from 1 to 2592000");
      await fill({ "#/expires_in": "900" });
      await send();
      await console.shows(".done", "Held");
      await close();
      await console.shows("#holds", /250.00[^]+min/);
      await page.click("#holds button:has-text('Capture')");
      await fill({ "#/amount": "100" });
      await send();
      await console.shows(".done", "Captured: 100.00 BRL");
      await close();
      await console.shows(".balance", "900.00");
      await console.shows("#holds", "No open hold");
      await call(server.url, "/v1/holds", { from: "acme", amount: 700 });
      await console.shows("#holds", "7.00");
      await page.click("#holds button:has-text('Release')");
      await send();
      await console.shows(".done", "Released");
      await close();
      expect(await account(server.url, "acme")).toMatchObject({ held: 0, balance: 90_000 });
    });

    test("an account is frozen, given another limit and name, and not closed while it has money", async () => {
      const { page } = console;
      await console.go("#/accounts/acme");
      await page.click(".actions button:has-text('Freeze')");
      await send();
      await console.shows(".done", "Changed");
      await close();
      await console.shows(".title-aside", "frozen");
      await page.click(".actions button:has-text('Transfer out')");
      await fill({ "#/postings/0/to": "shop", "#/postings/0/amount": "1" });
      await send();
      await console.shows(beside("#/postings/0/from"), "acme is frozen");
      await close();
      await page.click(".actions button:has-text('Unfreeze')");
      await send();
      await console.shows(".done", "Changed");
      await close();
      await page.click(".actions button:has-text('Change the limit')");
      await fill({ "#/credit_limit": "20" });
      await send();
      await console.shows(".done", "now 20.00 BRL");
      await close();
      await page.click(".actions button:has-text('Rename')");
      await fill({ "#/name": "Acme & Sons <b>" });
      await send();
      await console.shows(".done", "Changed");
      await close();
      await console.shows("h1", "Acme & Sons <b>");
      await page.click(".actions button:text-is('Close')");
      await send();
      await console.shows(".command .trouble", "It has a balance or open holds");
      await close();
      expect(await account(server.url, "acme")).toMatchObject({ state: "open", credit_limit: 2_000 });
    });

    test("where no answer comes it is sent again with the same key, and done once", async () => {
      const { page } = console;
      const keys: string[] = [];
      const losing = async (route: Route): Promise<void> => {
        keys.push(route.request().headers()["idempotency-key"] ?? "");
        // The ledger gets it; only its answer is lost.
        await route.fetch();
        if (keys.length === 1) await route.abort("connectionreset");
        else await route.continue();
      };
      await page.route("**/v1/transactions", losing);
      await console.go("#/");
      await page.click(".bar-new button:has-text('Transfer')");
      await fill({ "#/postings/0/from": "@world", "#/postings/0/to": "shop", "#/postings/0/amount": "1" });
      await console.shows(".curl pre", `"amount":100}`);
      const { balance } = await account(server.url, "shop");
      await send();
      await console.shows(".command .trouble", "not known whether it was applied");
      expect(await page.isDisabled(field("#/postings/0/amount"))).toBe(true);
      await page.click("button:has-text('Send again')");
      await console.shows(".done", "Transferred");
      await page.unroute("**/v1/transactions", losing);
      expect(keys[1]).toBe(keys[0]);
      expect(await account(server.url, "shop")).toMatchObject({ balance: Number(balance) + 100 });
    });
  },
);
