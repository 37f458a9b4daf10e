import axe from "axe-core";
import { STAND_STILL } from "../../support/chromium.ts";
import type { BrowserContext, Page } from "playwright-core";
import { pathToFileURL } from "node:url";

/** A page in a real browser, with what tests of the report need to know about it. Widths are in CSS pixels. */
export interface OpenedPage {
  /** Errors and warnings that the browser reported. */
  troubles(): readonly string[];
  /** What the page requested besides itself. */
  requests(): readonly string[];
  /** The ids of the charts, in the order of the page. */
  charts(): Promise<readonly string[]>;
  /** How many pixels of a chart have exactly the colour that page.css gives this name. */
  inked(chart: string, colour: string): Promise<number>;
  /** The text of a table's cells, row by row. */
  rows(table: string): Promise<readonly (readonly string[])[]>;
  chartWidth(id: string): Promise<number>;
  look(): Promise<{ readonly background: string; readonly charts: Readonly<Record<string, string>> }>;
  scheme(scheme: "light" | "dark"): Promise<void>;
  resize(width: number): Promise<void>;
  width(): Promise<number>;
  text(selector: string): Promise<string>;
  count(selector: string): Promise<number>;
  title(): Promise<string>;
  /** Unfolds all details, so that their text becomes visible. */
  unfold(): Promise<void>;
  pointAt(chart: string): Promise<void>;
  dispatch(event: string): Promise<void>;
  /** Accessibility problems, by the rules of axe-core. */
  barriers(): Promise<readonly string[]>;
  saved(id: string): Promise<unknown>;
  download(button: string): Promise<unknown>;
  close(): Promise<void>;
}

// Runs in the browser. It is text, since these tests are not type-checked as browser code.
const inked = `(id, name) => {
  const { width, height } = document.querySelector("#" + id + " canvas");
  // From a copy: reading the chart's own canvas makes the browser warn.
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(document.querySelector("#" + id + " canvas"), 0, 0);
  const { data } = copy.getImageData(0, 0, width, height);
  const hex = getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  let pixels = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (data[at] === red && data[at + 1] === green && data[at + 2] === blue && data[at + 3] === 255) pixels++;
  }
  return pixels;
}`;
const pictures = `({
  background: getComputedStyle(document.body).backgroundColor,
  charts: Object.fromEntries([...document.querySelectorAll(".chart")].map(
    (chart) => [chart.id, chart.querySelector("canvas").toDataURL()])),
})`;
// Charts are drawn in a microtask after a change, and sizes are observed before a frame. After two frames both are done.
const settled = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))";

export async function open(context: BrowserContext, file: string): Promise<OpenedPage> {
  const page = await context.newPage();
  const troubles: string[] = [];
  const requests: string[] = [];
  const own = pathToFileURL(file).href;
  page.on("console", (message) => troubles.push(message.text()));
  page.on("pageerror", (error) => troubles.push(error.message));
  page.on("request", (request) => {
    if (request.url() !== own && !request.url().startsWith("data:")) requests.push(request.url());
  });
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.goto(own);
  await page.evaluate(settled);
  return {
    troubles: () => troubles,
    requests: () => requests.filter((url) => !url.startsWith("blob:")),
    charts: () => page.evaluate(`[...document.querySelectorAll(".chart")].map((chart) => chart.id)`),
    inked: (chart, colour) => page.evaluate(`(${inked})("${chart}", "${colour}")`),
    rows: (table) =>
      page.evaluate(
        `[...document.querySelector("${table}").rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim().replaceAll(/[ \\u00a0]+/g, ' ')))`,
      ),
    chartWidth: (id) =>
      page.evaluate(`document.querySelector("#${id} .u-wrap").getBoundingClientRect().width`),
    look: () => page.evaluate(pictures),
    scheme: async (scheme) => {
      await page.emulateMedia({ colorScheme: scheme });
      await page.evaluate(settled);
    },
    resize: async (to) => {
      await page.setViewportSize({ width: to, height: 800 });
      await page.evaluate(settled);
    },
    width: () => page.evaluate("document.documentElement.scrollWidth"),
    text: async (selector) => (await page.locator(selector).first().innerText()).replaceAll("\u00a0", " "),
    count: (selector) => page.locator(selector).count(),
    title: () => page.title(),
    unfold: () =>
      page.evaluate(`document.querySelectorAll("details").forEach((one) => { one.open = true; })`),
    pointAt: async (chart) => {
      await page.hover(`#${chart} .u-over`);
      await page.evaluate(settled);
    },
    dispatch: async (event) => {
      await page.evaluate(`dispatchEvent(new Event("${event}"))`);
      await page.evaluate(settled);
    },
    barriers: async () => {
      await page.evaluate(STAND_STILL);
      await page.evaluate(axe.source);
      // Folded details are excluded: they are long, and similar to the visible tables.
      return page.evaluate(
        `axe.run({ exclude: ["details"] }).then(({ violations }) => violations.map(({ help }) => help))`,
      );
    },
    saved: (id) => page.evaluate(`JSON.parse(document.getElementById("${id}").textContent)`),
    download: (button) => download(page, button),
    close: () => page.close(),
  };
}

async function download(page: Page, button: string): Promise<unknown> {
  const [started] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
  return Bun.file(await started.path()).json();
}
