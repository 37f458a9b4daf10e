import axe from "axe-core";
import { STAND_STILL } from "../../../support/chromium.ts";
import type { BrowserContext, Page } from "playwright-core";
import { eventually } from "../../../support/eventually.ts";

/** The console in a real browser, with what tests need to know about it. */
export interface OpenedConsole {
  readonly page: Page;
  /** What the browser complained about: errors, warnings, what the page's policy forbids. */
  readonly troubles: string[];
  /** The origins that were asked for anything. */
  readonly hosts: ReadonlySet<string>;
  /** Goes to one of its views, `#/accounts`, and waits until nothing of the one before is left. */
  go(hash: string): Promise<void>;
  /** Waits until the element has this text in it. */
  shows(selector: string, text: string | RegExp): Promise<void>;
  /** Waits until there are so many of it. */
  counts(selector: string, count: number): Promise<void>;
  /** What keeps people out, by the rules of WCAG 2 AA and good practice. */
  barriers(): Promise<readonly string[]>;
  /** By how many pixels the page, or a table in it, is too wide. */
  tooWide(): Promise<number>;
  /** Texts of the view that stand on one another, and numbers that are cut or outside of the page. */
  muddles(): Promise<readonly string[]>;
  /** Those of the elements that stand on one another, in pairs. */
  overlaps(selector: string): Promise<readonly string[]>;
}

/** As people read it; pictures have no such text. */
function textsOf(selector: string): string {
  const all = `[...document.querySelectorAll(${JSON.stringify(selector)})]`;
  return `${all}.map((one) => one.innerText ?? one.textContent)`;
}

function overlapsOf(selector: string): string {
  return `[...document.querySelectorAll(${JSON.stringify(selector)})]
    .map((one) => [one.textContent, one.getBoundingClientRect()])
    .flatMap(([text, a], at, all) => all.slice(at + 1)
      .filter(([, b]) => a.left < b.right && b.left < a.right && a.top < b.bottom - 2 && b.top < a.bottom - 2)
      .map(([other]) => text + " | " + other))`;
}

const TOO_WIDE = `Math.max(document.documentElement.scrollWidth - innerWidth,
  ...[...document.querySelectorAll(".table-frame")].map((one) => one.scrollWidth - one.clientWidth))`;

/** A chart's own texts stand on it, and what is unseen has no place. */
const MUDDLES = `(() => {
  const shown = [...document.querySelectorAll("main *")].filter((one) =>
    one.childElementCount === 0 && one.innerText?.trim() && !one.closest(".chart, .unseen, svg") &&
    one.getClientRects().length > 0);
  const texts = shown.map((one) => {
    const range = document.createRange();
    range.selectNodeContents(one);
    let { left, right, top, bottom } = range.getBoundingClientRect();
    for (let at = one; at !== null; at = at.parentElement)
      if (getComputedStyle(at).overflowX !== "visible") right = Math.min(right, at.getBoundingClientRect().right);
    return { one, text: one.innerText.trim(), left, right, top, bottom };
  });
  const on = texts.flatMap((a, at) => texts.slice(at + 1)
    .filter((b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3)
    .map((b) => a.text + " | " + b.text));
  const cut = texts.filter(({ one, text, left, right }) => /^[\\d.,\u2212+\\s]+$/.test(text) &&
    (left < 0 || right > innerWidth + 1 || (one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0 &&
      getComputedStyle(one).overflowX !== "visible")))
    .map(({ text }) => "cut: " + text);
  return [...on, ...cut];
})()`;

export async function openConsole(context: BrowserContext, url: string): Promise<OpenedConsole> {
  const page = await context.newPage();
  page.setDefaultTimeout(45_000);
  await page.setViewportSize({ width: 1280, height: 900 });
  const troubles: string[] = [];
  const hosts = new Set<string>();
  page.on("console", (message) => troubles.push(message.text()));
  page.on("pageerror", (error) => troubles.push(error.message));
  page.on("request", (request) => {
    if (/^https?:/.test(request.url())) hosts.add(new URL(request.url()).origin);
  });
  await page.goto(url);
  return {
    page,
    troubles,
    hosts,
    go: async (hash) => {
      await page.evaluate(`new Promise((there) => {
        const before = location.hash;
        addEventListener("hashchange", () => setTimeout(there), { once: true });
        location.hash = ${JSON.stringify(hash)};
        if (location.hash === before) there();
      })`);
    },
    shows: async (selector, text) => {
      let seen = "";
      const isThere = async (): Promise<boolean> => {
        // Spaces of numbers and units do not break.
        const found = await page.evaluate<string[]>(textsOf(selector));
        seen = found.join("\n").replaceAll(/[\u00a0\u202f]/g, " ");
        return typeof text === "string" ? seen.includes(text) : text.test(seen);
      };
      await eventually(`${selector} shows ${String(text)}`, isThere, () => seen);
    },
    counts: async (selector, count) => {
      let seen = -1;
      const isThere = async () => (seen = await page.locator(selector).count()) === count;
      await eventually(`there are ${count} ${selector}`, isThere, () => seen);
    },
    barriers: async () => {
      await page.evaluate(STAND_STILL);
      await page.evaluate(axe.source);
      return page.evaluate<string[]>(
        `axe.run().then(({ violations }) => violations
          .filter(({ impact }) => impact !== "minor")
          .flatMap(({ id, nodes }) => nodes.map(({ html, any }) =>
            id + " " + html.slice(0, 160) + " " + any.map(({ message }) => message))))`,
      );
    },
    muddles: () => page.evaluate<string[]>(MUDDLES),
    tooWide: () => page.evaluate(TOO_WIDE),
    overlaps: (selector) => page.evaluate<string[]>(overlapsOf(selector)),
  };
}
