import axe from "axe-core";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Page } from "playwright-core";
import { eventually } from "../support/eventually.ts";
import { type Browser, findChromium, openChromium, STAND_STILL } from "../support/chromium.ts";
import { MemoryServer } from "./support/memory-server.ts";

setDefaultTimeout(120_000);

const chromium = await findChromium();

/** Swagger UI itself has a link inside of each button that unfolds an operation; the page cannot mend that. */
const OF_SWAGGER_UI = ["nested-interactive"];

const OPERATION = "#operations-Accounts-openAccount";

describe.skipIf(!chromium.found)(
  `GET /docs in Chromium (${chromium.found ? "there" : chromium.reason})`,
  () => {
    let server: MemoryServer;
    let browser: Browser;
    let page: Page;
    const troubles: string[] = [];
    const hosts = new Set<string>();

    beforeAll(async () => {
      if (!chromium.found) return;
      server = await MemoryServer.start();
      browser = await openChromium(chromium.path);
      page = await browser.context.newPage();
      page.setDefaultTimeout(100_000);
      page.on("console", (message) => troubles.push(message.text()));
      page.on("pageerror", (error) => troubles.push(error.message));
      page.on("request", (request) => {
        if (!request.url().startsWith("data:")) hosts.add(new URL(request.url()).origin);
      });
    });
    afterAll(async () => {
      await browser?.close();
      await server?.[Symbol.asyncDispose]();
    });

    test("an operation is read and tried, and no other host is asked", async () => {
      await page.goto(`${server.url}/docs`);
      await page.click(`${OPERATION} .opblock-summary-control`);
      await page.click(`${OPERATION} .try-out__btn`);
      await page.fill(`${OPERATION} textarea[aria-label]`, '{"id": "from-the-page", "unit": "CREDITS"}');
      await page.click(`${OPERATION} .execute`);
      const status = `${OPERATION} .live-responses-table tbody .response-col_status`;
      await page.waitForSelector(status);
      expect(await page.innerText(status)).toContain("201");
      expect(await server.client.readAccount("from-the-page")).toMatchObject({ unit: "CREDITS" });
      expect([...hosts]).toEqual([server.url]);
      expect(troubles).toEqual([]);
    });

    test.each([
      ["light", 1280],
      ["dark", 1280],
      ["light", 390],
      ["dark", 390],
    ] as const)("it is easy to read then: %s, %d pixels wide", async (colorScheme, width) => {
      await page.setViewportSize({ width, height: 844 });
      await page.emulateMedia({ colorScheme });
      const background = colorScheme === "dark" ? "rgb(28, 32, 34)" : "rgb(255, 255, 255)";
      // Not by waitForFunction, which the page's policy forbids as soon as it has to look twice.
      const settled = `getComputedStyle(document.body).backgroundColor === "${background}" && document.documentElement.scrollWidth <= ${width}`;
      await eventually("the page follows", () => page.evaluate<boolean>(settled));
      const wide = await page.evaluate<string[]>(
        `[...document.querySelectorAll(".opblock-body, .responses-wrapper")]
          .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).map(({ className }) => className)`,
      );
      expect(wide).toEqual([]);
      await page.evaluate(STAND_STILL);
      await page.evaluate(axe.source);
      const barriers = await page.evaluate<string[]>(
        `axe.run().then(({ violations }) => violations
          .filter(({ impact }) => impact === "serious" || impact === "critical")
          .flatMap(({ id, nodes }) => nodes.map(({ html, any }) =>
            id + " " + html.slice(0, 120) + " " + any.map(({ message }) => message))))`,
      );
      const mendable = barriers.filter((barrier) => !OF_SWAGGER_UI.some((id) => barrier.startsWith(id)));
      expect(mendable).toEqual([]);
      expect(troubles).toEqual([]);
    });
  },
);
