import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Request } from "playwright-core";
import { z } from "zod";
import { type Browser, findChromium, openChromium } from "../../support/chromium.ts";
import { type RunningServer, startServer } from "../../support/server.ts";
import { failOnLeaks } from "../../support/leaks.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";
import { call } from "./support/ledger-calls.ts";
import { type OpenedConsole, openConsole } from "./support/open-console.ts";

/** With access keys: the console asks for one, shows what it allows, and lets go of one that is revoked. */

failOnLeaks();
setDefaultTimeout(120_000);

const chromium = await findChromium();
/** What the sign-in page proposes. */
const SHOWN = "accounts:read,transactions:read,events:read,ledger:read";
const MAIN = join(import.meta.dir, "../../../src/cli/main.ts");

describe.skipIf(!chromium.found)(
  `the console with keys (${chromium.found ? "there" : chromium.reason})`,
  () => {
    let folder: TemporaryFolder | undefined;
    let data = "";
    let server: RunningServer;
    let browser: Browser;
    let console: OpenedConsole;
    let admin: string;
    let shown: string;
    let reader: string;
    let bound: string;
    let narrow: string;
    let short: string;

    const keys = (...args: readonly string[]): string => {
      const ran = Bun.spawnSync([process.execPath, MAIN, "keys", ...args, "--data", data, "--json"], {
        stderr: "pipe",
      });
      if (ran.exitCode !== 0) throw new Error(ran.stderr.toString());
      return ran.stdout.toString();
    };
    const create = (name: string, scopes: string, ...more: readonly string[]): string => {
      const told: unknown = JSON.parse(keys("create", "--name", name, "--scopes", scopes, ...more));
      return z.object({ key: z.string() }).parse(told).key;
    };
    const enter = async (key: string): Promise<void> => {
      await console.shows(".sign-in h1", "An access key, please");
      await console.page.fill("#access-key", key);
      await console.page.click(".sign-in button");
    };
    const leave = async (): Promise<void> => {
      if ((await console.page.locator(".key[open]").count()) === 0) await console.page.click(".key summary");
      await console.page.click(".key button");
    };

    beforeAll(async () => {
      if (!chromium.found) return;
      folder = temporaryFolder("console");
      data = folder.path;
      // Before its start: a server that runs learns of a new key a few seconds later.
      admin = create("admin", "admin");
      reader = create("reader", "accounts:read,transactions:read,events:read");
      bound = create(
        "bound",
        "accounts:read,accounts:write,transactions:read,events:read",
        "--accounts",
        "acme:*",
      );
      shown = create("shown", SHOWN);
      narrow = create("narrow", "accounts:read,events:read,ledger:read");
      short = create("short", "admin");
      server = await startServer({ data, flags: ["--no-initial-accounts"] });
      for (const id of ["acme:1", "other:1"]) {
        await call(server.url, "/v1/accounts", { id, unit: "BRL/2" }, { key: admin });
        await call(
          server.url,
          "/v1/transactions",
          { postings: [{ from: "@world", to: id, amount: 100 }] },
          { key: admin },
        );
      }
      browser = await openChromium(chromium.path);
      console = await openConsole(browser.context, server.url);
    });
    afterAll(async () => {
      await browser?.close();
      await server?.stop();
      folder?.[Symbol.dispose]();
    });

    test("it asks for a key, tells how one is made, and where one is wrong", async () => {
      await console.shows(".sign-in h1", "An access key, please");
      await console.shows(
        ".sign-in code",
        `npm run -s razonete -- keys create --name NAME --scopes ${SHOWN}`,
      );
      expect(await console.barriers()).toEqual([]);
      await enter("rzk_wrong");
      await console.shows(".sign-in .fault", "not valid");
      expect(await console.barriers()).toEqual([]);
      await enter(admin);
      await console.shows("#sums", /BRL\/2\s+adds up to 0.00/);
      await console.shows(".key", "admin");
    });

    test("the key stays in the tab, and is in no address and in no line of curl", async () => {
      const { page } = console;
      await page.reload();
      await console.shows("h1", "Overview");
      await page.click(".bar-new button:has-text('Transfer')");
      await console.shows(".curl pre", `-H "Authorization: Bearer $KEY"`);
      expect(await page.content()).not.toContain(admin);
      expect(await page.evaluate<string>("JSON.stringify(localStorage)")).not.toContain(admin);
      await page.keyboard.press("Escape");
      await leave();
      await console.shows(".sign-in h1", "An access key, please");
      expect(await page.evaluate<number>("sessionStorage.length")).toBe(0);
    });

    test("with few scopes the rest is shown as what the key may not do", async () => {
      const { page } = console;
      await enter(reader);
      await console.shows(".notice", "ledger:read");
      await console.shows(".key", "reader");
      await page.click(".key summary");
      await console.shows(".scopes", /accounts:read\s+transactions:read/);
      for (const [name, scope] of [
        ["Transfer", "transactions:write"],
        ["Hold an amount", "holds:write"],
        ["Open an account", "accounts:write"],
      ]) {
        const button = page.locator(`.bar-new button:has-text('${name}')`);
        expect([name, await button.isDisabled(), await button.innerText()]).toEqual([
          name,
          true,
          expect.stringContaining(String(scope)),
        ]);
      }
      await console.go("#/accounts/acme:1");
      await console.shows(".balance", "1.00");
      expect(await page.locator(".actions button:not(:disabled)").count()).toBe(0);
      expect(await console.barriers()).toEqual([]);
      await leave();
    });

    test("without transactions:read it says so, in place of that nothing happened", async () => {
      await console.go("#/");
      await enter(narrow);
      await console.shows(".happenings, .empty", "transactions:read");
      await console.shows("main", /^(?!.*Nothing yet)/s);
      await leave();
    });

    test("the key of the sign-in page sees all that there is", async () => {
      const { page } = console;
      await console.go("#/");
      await enter(shown);
      await console.shows(".happenings", /Transaction[^]+@world[^]+1.00 BRL/);
      await console.shows("#sums", "adds up to 0.00");
      await console.go("#/accounts/acme:1");
      await console.shows("#holds", "No open hold");
      await console.shows("#entries", "+1.00");
      expect(await page.locator(".trouble, .notice").count()).toBe(0);
      await leave();
    });

    test("a key that is bound to some accounts sees those alone", async () => {
      const { page } = console;
      const asked: string[] = [];
      const note = (request: Request): void => void asked.push(new URL(request.url()).pathname);
      page.on("request", note);
      await console.go("#/");
      await enter(bound);
      await console.shows(".happenings", "acme:1");
      await console.shows(".notice", "for every account");
      expect(await page.locator(".trouble").count()).toBe(0);
      await page.click(".key summary");
      await console.shows(".key", "For accounts acme:*");
      await console.go("#/accounts");
      await console.shows("#accounts", "acme:1");
      await console.shows("#accounts tbody", /^(?!.*other:1)/s);
      await console.go("#/accounts/other:1");
      await console.shows(".trouble", "No account has this id");
      // It would be refused.
      expect(asked).not.toContain("/console/status");
      page.off("request", note);
      await leave();
    });

    test("a key that is revoked while it is used is let go of", async () => {
      await enter(short);
      await console.shows(".key", "short");
      keys("revoke", "short");
      await console.shows(".sign-in .fault", "not valid, or not any more");
      expect(await console.page.evaluate<number>("sessionStorage.length")).toBe(0);
    });
  },
);
