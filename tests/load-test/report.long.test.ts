import { type Browser, findChromium, openChromium } from "../support/chromium.ts";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { empty, failed, hostile, hostileText, interrupted } from "./support/report-scenes.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { passed, slower, fixed } from "./support/report-scenes.ts";
import { renderComparison, renderReport } from "../../proof/load-test/report/render-report.ts";
import type { OpenedPage } from "./support/opened-page.ts";
import { join } from "node:path";
import { open } from "./support/opened-page.ts";
import { tmpdir } from "node:os";

// A browser on a busy machine of two cores needs more than the usual five seconds.
setDefaultTimeout(60_000);

const chromium = await findChromium();
if (!chromium.found) console.error(`SKIPPED: the report was not opened in a browser: ${chromium.reason}`);
const title = chromium.found ? "the report in a browser" : `the report in a browser: ${chromium.reason}`;

const reports = {
  passed: renderReport(passed),
  failed: renderReport(failed),
  interrupted: renderReport(interrupted),
  empty: renderReport(empty),
  fixed: renderReport(fixed),
  hostile: renderReport(hostile),
  comparison: renderComparison(passed, slower),
  "comparison with hardly anything": renderComparison(interrupted, empty),
  "comparison of hostile ones": renderComparison(hostile, hostile),
} as const;

type Name = keyof typeof reports;
const names: readonly Name[] = [
  "passed",
  "failed",
  "interrupted",
  "empty",
  "fixed",
  "hostile",
  "comparison",
  "comparison with hardly anything",
  "comparison of hostile ones",
];

describe.skipIf(!chromium.found)(title, () => {
  let browser: Browser;
  let folder: string;

  beforeAll(async () => {
    if (!chromium.found) return;
    folder = await mkdtemp(join(tmpdir(), "razonete-report-"));
    for (const name of names) await Bun.write(join(folder, `${name}.html`), reports[name]);
    browser = await openChromium(chromium.path);
  });

  afterAll(async () => {
    if (!chromium.found) return;
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function withPage(name: Name, use: (page: OpenedPage) => Promise<void>): Promise<void> {
    const page = await open(browser.context, join(folder, `${name}.html`));
    try {
      await use(page);
      expect(page.troubles()).toEqual([]);
      expect(page.requests()).toEqual([]);
    } finally {
      await page.close();
    }
  }

  test.each(names)("%s: draws its charts, loads nothing, has no error, fits a phone", async (name) => {
    await withPage(name, async (page) => {
      const compared = name.startsWith("comparison");
      // Where two runs are equal, B is drawn over A; if B is empty, A is visible.
      const upper = name === "comparison with hardly anything" ? "a" : "b";
      const lines = {
        latency: compared ? [upper] : ["p50", "p99"],
        rate: compared ? [upper] : ["p50"],
        distribution: compared ? [upper] : ["p99"],
        field: ["offered"],
      };
      const drawn = Object.entries(lines).filter(([id]) => id === "field" || name !== "empty");
      expect(await page.charts()).toEqual(drawn.map(([id]) => id));
      for (const [id, colours] of drawn) {
        for (const colour of colours) expect(await page.inked(id, colour)).toBeGreaterThan(50);
      }
      await page.resize(360);
      expect(await page.width()).toBe(360);
    });
  });

  test.each(["passed", "comparison"] as const)("%s: follows the colour scheme, live", async (name) => {
    await withPage(name, async (page) => {
      await page.scheme("light");
      const light = await page.look();
      await page.scheme("dark");
      const dark = await page.look();
      expect(light.background).not.toBe(dark.background);
      for (const [id, picture] of Object.entries(light.charts)) expect(picture).not.toBe(dark.charts[id]);
      await page.scheme("light");
      expect(await page.look()).toEqual(light);
    });
  });

  test.each(["failed", "comparison"] as const)(
    "%s: has no accessibility problem, in either colour scheme",
    async (name) => {
      await withPage(name, async (page) => {
        for (const scheme of ["light", "dark"] as const) {
          await page.scheme(scheme);
          expect(await page.barriers()).toEqual([]);
        }
      });
    },
  );

  test("charts follow the width of the window", async () => {
    await withPage("passed", async (page) => {
      expect(await page.chartWidth("latency")).toBeGreaterThan(900);
      await page.resize(360);
      expect(await page.chartWidth("latency")).toBe(328);
    });
  });

  test("the cursor shows the figures of its second in both charts over time", async () => {
    await withPage("passed", async (page) => {
      await page.pointAt("latency");
      const middle = passed.timeline[119];
      const p99 = middle?.latency?.p99Ms.toLocaleString("en-US", { maximumSignificantDigits: 3 });
      expect(await page.text("#rate .u-legend")).toBe(
        `at1:59offered${middle?.offered}answered${middle?.answered}`,
      );
      expect(await page.text("#latency .u-legend")).toContain(`p99${p99} ms`);
    });
  });

  test("nothing that a server puts into messages runs as script or becomes markup", async () => {
    await withPage("hostile", async (page) => {
      expect(await page.title()).toBe(`Failed: load test of ${hostile.url}`);
      expect(await page.count("img")).toBe(0);
      expect(await page.text(".failures li p")).toBe(hostileText);
      expect(await page.text("pre")).toBe(hostileText);
      expect(await page.saved("result")).toEqual(hostile);
    });
  });

  test("the page holds its runs, to be saved", async () => {
    await withPage("comparison", async (page) => {
      expect(await page.saved("result-a")).toEqual(passed);
      expect(await page.download("[data-save=result-b]")).toEqual(slower);
    });
  });

  test("on paper a page is light even with the dark scheme", async () => {
    await withPage("passed", async (page) => {
      await page.scheme("light");
      const light = await page.look();
      await page.scheme("dark");
      await page.dispatch("beforeprint");
      expect(await page.look()).toEqual(light);
      await page.dispatch("afterprint");
      expect(await page.look()).not.toEqual(light);
    });
  });

  test("the report's figures are those of the run", async () => {
    await withPage("fixed", async (page) => {
      expect(await page.text("h1")).toBe("Failed");
      expect(await page.text(".verdict .lead")).toBe(
        "1,243 failures in 61,503 requests, 40 wrong balances among them.",
      );
      expect(await page.text(".verdict .sum")).toBe("USD 66,704.64");
      expect(await page.rows(".account")).toEqual([
        ["Debit: fines", "Credit"],
        ["Slow answers\n1,174.96\n96.82% under 250 ms, 98% due", "Prize\n100,000.00"],
        ["Wrong balances\n32,120.40\n40 × 803.01", ""],
        ["Fines\n33,295.36", "Payment\n66,704.64"],
      ]);
      expect(await page.text(".figures")).toBe(
        "requests\n61,503\nfailures\n1,243\nwrong balances\n40\nunder 250 ms\n96.82%\n" +
          "p50\n0.84 ms\np99\n787 ms\nmax\n3,236 ms\nplace\n569 of 687",
      );
      expect(await page.rows("table[data-table=latency]")).toEqual([
        ["Kind", "mean", "p50", "p75", "p95", "p99", "max"],
        ["Debits", "21.5", "0.90", "1.10", "12.3", "801", "3,236"],
        ["Checks", "–", "–", "–", "–", "–", "–"],
        ["All", "21.0", "0.84", "1.04", "11.9", "787", "3,236"],
      ]);
      expect(await page.rows("table[data-table=outcomes]")).toEqual([
        ["Kind", "Requests", "Failures", "200 done", "422 refused", "503", "timeout"],
        ["Debits", "39,660", "1,200", "26,000 65.55%", "12,460 31.41%", "1,000 2.52%", "200 0.5%"],
        ["Checks", "0", "0", "·", "·", "·", "·"],
        ["All", "61,503", "1,243", "47,800 77.71%", "12,460 20.25%", "1,043 1.69%", "200 0.32%"],
      ]);
      expect(await page.count(".failures li")).toBe(100);
      expect(await page.text(".failures li")).toBe(
        "account 3: the statement shows 120, the answer before it said 121\n\n" +
          "at 2:01 · statement · statement-stale · wrong balance",
      );
    });
  });

  test("the report shows the conditions of the run, and whether the generator was the bottleneck", async () => {
    await withPage("fixed", async (page) => {
      const text = await page.text("main");
      for (const fact of [
        "The generator was the bottleneck",
        "the balance of account 2 could not be told, since 3 of its answers never came.",
        "1.18 ms (p50), 4.70 ms (p99), 42.3 ms at most",
        "The first 100 of 1,243 failures",
        "npm run rinha -- --url http://127.0.0.1:9999 --seed 11 --scale 1",
        "Seed\n11",
        "AMD EPYC 7R13, 2 cores",
        "8.0 GiB",
        "22 Nov 2026, 13:02:40 UTC",
        "4 min 2 s",
      ]) {
        expect(text).toContain(fact);
      }
    });
  });

  test("each second and each percentile are in tables too", async () => {
    await withPage("fixed", async (page) => {
      await page.unfold();
      const seconds = await page.rows("#rate ~ details table");
      expect(seconds).toHaveLength(1 + fixed.timeline.length);
      const at2 = fixed.timeline[2];
      const figures = [at2?.offered, at2?.answered, at2?.failures].map(String);
      expect(seconds[3]?.slice(0, 5)).toEqual(["0:02", "ramp", ...figures]);
      expect(await page.rows("#distribution ~ details table")).toEqual([
        ["Percentile", "of requests", "this run"],
        ["p50", "50%", "0.84"],
        ["p75", "75%", "1.04"],
        ["p90", "90%", "4.00"],
        ["p95", "95%", "11.9"],
        ["p99", "99%", "787"],
        ["p99.9", "99.9%", "2,900"],
        ["p99.99", "99.99%", "3,200"],
        ["max", "100%", "3,236"],
      ]);
    });
  });

  test("an interrupted run says so, is not called passed and has no rank", async () => {
    await withPage("interrupted", async (page) => {
      expect(await page.text("h1")).toBe("Interrupted");
      expect(await page.text(".verdict .lead")).toContain("ended after 11.3 s, before the load was complete");
      expect(await page.text(".payment .label")).toBe("Payment so far");
      expect(await page.text("main")).toContain("This run was interrupted, so it has no place.");
    });
  });

  test("a run without a request shows no payment", async () => {
    await withPage("empty", async (page) => {
      expect(await page.text("h1")).toBe("Nothing measured");
      expect(await page.text("main")).not.toContain("USD");
      expect(await page.text("main")).not.toContain("NaN");
    });
  });

  test("a comparison shows both runs and their ratio", async () => {
    await withPage("comparison", async (page) => {
      const p99A = passed.total.latency.p99Ms;
      const p99B = slower.total.latency.p99Ms;
      const [a, b, times] = [p99A, p99B, p99B / p99A].map((value) => value.toFixed(2));
      expect(await page.text("h1")).toBe(
        `Run A is the faster one: its p99 is ${a} ms, that of run B ${b} ms (×${times}).`,
      );
      const rows = await page.rows("table[data-table=measures]");
      expect(rows[0]).toEqual(["Figure", "A", "B", "B ÷ A"]);
      expect(rows).toContainEqual(["p99, ms", `${a}`, `${b}`, `×${times}`]);
      expect(rows).toContainEqual(["Payment, USD", "100,000.00", "100,000.00", "×1.00"]);
      expect(await page.text("main")).toContain("The two runs differ in the seed.");
    });
  });
});
