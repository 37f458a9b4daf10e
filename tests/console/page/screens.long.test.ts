import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { EmbeddedLedger } from "../../../src/embedded/embedded-ledger.ts";
import { type Browser, findChromium, openChromium } from "../../support/chromium.ts";
import { startServer } from "../../support/server.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { call, fillLedger, LARGEST, LONG_ID, LONG_NAME, move } from "./support/ledger-calls.ts";
import { type OpenedConsole, openConsole } from "./support/open-console.ts";

/**
 * The console with nothing, with as much as there can be, and with something that is amiss: light and dark, on a desk and
 * on a phone. Pictures are in dist/screens afterwards, to be looked at.
 */

setDefaultTimeout(240_000);

const chromium = await findChromium();
const PICTURES = join(import.meta.dir, "../../../dist/screens");
const MAIN = join(import.meta.dir, "../../../src/cli/main.ts");

describe.skipIf(!chromium.found)(
  `the console's screens (${chromium.found ? "there" : chromium.reason})`,
  () => {
    let browser: Browser;

    beforeAll(async () => {
      if (!chromium.found) return;
      mkdirSync(PICTURES, { recursive: true });
      browser = await openChromium(chromium.path);
    });
    afterAll(async () => {
      await browser?.close();
    });

    /** @param views each with what it has to show before it is looked at */
    async function look(
      name: string,
      console: OpenedConsole,
      views: readonly (readonly [hash: string, selector: string, text: string | RegExp])[],
    ): Promise<void> {
      const { page, troubles } = console;
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        for (const width of [1280, 390]) {
          await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
          for (const [at, [hash, selector, text]] of views.entries()) {
            await console.go(hash);
            await console.shows(selector, text);
            const path = join(PICTURES, `${name}-${at}-${colorScheme}-${width}.png`);
            await page.screenshot({ path, fullPage: true });
            const where = [name, hash, colorScheme, width];
            expect([where, await console.muddles()]).toEqual([where, []]);
            expect([where, await console.tooWide()]).toEqual([where, 0]);
            expect([where, await console.barriers()]).toEqual([where, []]);
          }
        }
      }
      // Before a key is given, that one is needed.
      expect(troubles.filter((line) => !line.includes("401 (Unauthorized)"))).toEqual([]);
      expect(console.hosts.size).toBe(1);
      await page.close();
    }

    async function withServer(
      use: (url: string, data: string) => Promise<void>,
      data: string,
    ): Promise<void> {
      const server = await startServer({ data, flags: ["--no-initial-accounts"] });
      try {
        await use(server.url, data);
      } finally {
        await server.stop();
      }
    }

    test("nothing at all, then one account", async () => {
      using folder = temporaryFolder("console");
      await withServer(async (url) => {
        await look("nothing", await openConsole(browser.context, url), [
          ["#/", ".beginning", "Nothing here yet"],
          ["#/accounts", ".empty", "No account has been opened"],
          ["#/transactions", ".empty", /\S/],
        ]);
        await call(url, "/v1/accounts", { id: "acme", unit: "BRL/2", name: "Acme" });
        await look("one", await openConsole(browser.context, url), [
          ["#/", "#sums", "BRL/2"],
          ["#/accounts", "#accounts tbody", "acme"],
          ["#/accounts/acme", ".t-sum", "0.00"],
        ]);
      }, folder.path);
    });

    test("long names, under nothing, as large as can be, a part that is down", async () => {
      using folder = temporaryFolder("console");
      await withServer(async (url) => {
        const { split, hold } = await fillLedger(url);
        // Nowhere may it be broken, and its unit is as long as one can be.
        const unbroken = { id: `${"a".repeat(40)}:${"b".repeat(23)}`, unit: "ABCDEFGHIJKLMNOP/6" };
        await call(url, "/v1/accounts", { ...unbroken, name: LONG_NAME });
        await move(url, "@world", unbroken.id, LARGEST);
        await call(url, "/v1/holds", { from: unbroken.id, amount: 7_007_199_254_740_991 });
        const long = { description: "d".repeat(140), reference: "r".repeat(64) };
        await move(url, "@world", LONG_ID, 1, {
          ...long,
          metadata: { ["m".repeat(40)]: "t".repeat(200) },
        });
        await call(url, "/v1/holds", { from: "largest", to: "largest-to", amount: LARGEST }).catch(() => {});
        await look("full", await openConsole(browser.context, url), [
          ["#/", ".happenings", /7,007,199,254.740991/],
          [`#/accounts/${unbroken.id}`, "#entries", "9,007,199,254.740991"],
          ["#/", "#sums", "9,007,199,254,740,991"],
          ["#/accounts", "#accounts tbody", "9,007,199,254,740,991"],
          [`#/accounts/${encodeURIComponent(LONG_ID)}`, "#entries", /rrrr/],
          ["#/accounts/owing", ".t-account", /Owed\s*734.55/],
          ["#/accounts/largest", "#entries", "9,007,199,254,740,991"],
          ["#/transactions", "#transactions", /rrrr/],
          [`#/transactions/${split}`, ".targets", "shop"],
          [`#/holds/${hold}`, "main .tag", "held"],
        ]);
        const console = await openConsole(browser.context, url);
        const at = new Date().toISOString();
        await console.page.route("**/console/status", async (route) => {
          const status = z.looseObject({}).parse(await (await route.fetch()).json());
          const part = { since: at, detail: "connection refused: no answer within 0.9 s" };
          const parts = [
            { name: "api-1", state: "up", since: at, detail: null },
            { name: "writer", state: "down", ...part },
            { name: "nats", state: "troubled", ...part },
          ];
          await route.fulfill({ json: { ...status, shape: "cluster", parts } });
        });
        await look("down", console, [["#/", "#parts", /writer[^]+down/]]);
      }, folder.path);
    });

    test("with keys", async () => {
      using folder = temporaryFolder("console");
      const options = ["--name", "auditor", "--scopes", "accounts:read,events:read,transactions:read"];
      const ran = Bun.spawnSync([
        process.execPath,
        MAIN,
        "keys",
        "create",
        ...options,
        "--data",
        folder.path,
        "--json",
      ]);
      const { key } = z.object({ key: z.string() }).parse(JSON.parse(ran.stdout.toString()));
      await withServer(async (url) => {
        await look("sign-in", await openConsole(browser.context, url), [["#/", ".sign-in h1", /\S/]]);
        const console = await openConsole(browser.context, url);
        await console.page.fill("#access-key", key);
        await console.page.click(".sign-in button");
        await look("keys", console, [
          ["#/", ".notice", "ledger:read"],
          ["#/accounts", ".empty", /\S/],
          ["#/new", ".choices", "transactions:write"],
        ]);
      }, folder.path);
    });

    test("a million accounts, by name and balance, and what none of them has", async () => {
      using folder = temporaryFolder("console");
      const file = join(folder.path, "razonete.db");
      await new EmbeddedLedger({ file, initialAccounts: false }).close();
      // To open each of them would take minutes. That the journal lacks them does not show on a page.
      const db = new Database(file, { strict: true });
      db.run(`
        WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 999999)
        INSERT INTO accounts (account, unit, state, credit_limit, held, name, opening, opened_at)
        SELECT printf('a%07d', n), 'BRL/2', 'open', 0, 0, printf('Customer %07d', n), '', 1700000000000000 FROM numbers`);
      db.close();
      await withServer(async (url) => {
        await move(url, "@world", "a0999999", 5_000_000);
        await move(url, "@world", "a0500000", 7);
        const console = await openConsole(browser.context, url);
        const { page } = console;
        await console.go("#/accounts");
        await console.shows("main .foot", "The first 100");
        await page.click("#accounts thead button:has-text('Balance')");
        await console.shows("#accounts tbody tr:first-child", "50,000.00");
        await console.shows("#accounts tbody tr:nth-child(2)", "a0500000");
        await page.fill("search input >> nth=2", "6000000");
        await console.shows(".empty", "No account is so");
        await page.fill("search input >> nth=2", "");
        await page.selectOption("search select >> nth=0", "name");
        await page.fill("#search", "Customer 0777777");
        await console.shows("#accounts tbody tr:first-child", "a0777777");
        await console.shows("main .foot", "1 in all");
        await look("million", console, [
          ["#/", "#sums", "BRL/2"],
          ["#/accounts", "main .foot", "The first 100"],
        ]);
      }, folder.path);
    });
  },
);
