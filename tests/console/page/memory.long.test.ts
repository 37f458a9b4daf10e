import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Browser, findChromium, openChromium } from "../../support/chromium.ts";
import { openConsole } from "./support/open-console.ts";
import { type BusyServer, startBusyServer } from "./support/busy-server.ts";

/**
 * A page that is open for long beside a busy ledger does not grow. What it keeps is bounded: 200 events, the units of
 * 5,000 accounts, the figures of ten minutes. First all of that is filled, the figures by asking for them sooner than each
 * second, of a server whose clock goes on by a second each time it is asked. From then on nothing may grow.
 */

const EVENTS_A_SECOND = 1_000;
/** As the page keeps. */
const FIGURES = 600;
const WARM_SECONDS = 10;
const WATCHED_SECONDS = 60;
/** What is being drawn just then is a third of all: the least of so many looks is what is kept. */
const LOOKS = 20;
const GROWTH_MAX = 1.1;

setDefaultTimeout(300_000);

const chromium = await findChromium();

describe.skipIf(!chromium.found)(
  `the console's memory (${chromium.found ? "there" : chromium.reason})`,
  () => {
    let server: BusyServer;
    let browser: Browser;

    beforeAll(async () => {
      if (!chromium.found) return;
      server = startBusyServer(EVENTS_A_SECOND);
      browser = await openChromium(chromium.path);
    });
    afterAll(async () => {
      await browser?.close();
      await server?.stop();
    });

    test(`${EVENTS_A_SECOND} events a second, once all that it keeps is filled`, async () => {
      const console = await openConsole(browser.context, server.url);
      const session = await browser.context.newCDPSession(console.page);
      const used = async (): Promise<number> => {
        const looks: number[] = [];
        while (looks.length < LOOKS) {
          await session.send("HeapProfiler.collectGarbage");
          looks.push((await session.send("Runtime.getHeapUsage")).usedSize);
          await Bun.sleep(700);
        }
        return Math.min(...looks);
      };
      await console.shows(".happenings", "BRL");
      while (server.asked < FIGURES + 10) {
        // As if somebody came back to it.
        await console.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
        await Bun.sleep(10);
      }
      await Bun.sleep(WARM_SECONDS * 1_000);
      const before = await used();
      const toldBefore = server.told;
      await Bun.sleep(WATCHED_SECONDS * 1_000);
      expect((await used()) / before).toBeLessThan(GROWTH_MAX);
      expect(server.told - toldBefore).toBeGreaterThan(EVENTS_A_SECOND * 20);
      await console.shows(".live", "Live");
    });
  },
);
