import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Browser, findChromium, openChromium } from "../../support/chromium.ts";
import { openConsole } from "./support/open-console.ts";
import { type BusyServer, startBusyServer } from "./support/busy-server.ts";

/** A page that is open for long beside a busy ledger does not grow. */

const EVENTS_A_SECOND = 1_000;
const MINUTES = 20;
/** By then its lists are as long as they get: the figures are those of ten minutes. */
const FULL_MINUTES = 11;
const GROWTH_MAX = 1.1;

setDefaultTimeout((MINUTES + 5) * 60_000);

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

    test(`${EVENTS_A_SECOND} events a second for ${MINUTES} minutes`, async () => {
      const console = await openConsole(browser.context, server.url);
      const session = await browser.context.newCDPSession(console.page);
      const used = async (): Promise<number> => {
        await session.send("HeapProfiler.collectGarbage");
        return (await session.send("Runtime.getHeapUsage")).usedSize;
      };
      await console.shows(".happenings", "BRL");
      await Bun.sleep(FULL_MINUTES * 60_000);
      const before = await used();
      await Bun.sleep((MINUTES - FULL_MINUTES) * 60_000);
      expect((await used()) / before).toBeLessThan(GROWTH_MAX);
      expect(server.told).toBeGreaterThan(EVENTS_A_SECOND * 60);
      await console.shows(".live", "Live");
    });
  },
);
