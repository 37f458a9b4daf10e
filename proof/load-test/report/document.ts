import { Html, html, jsonScript } from "./html.ts";
import type { ChartSpec } from "./chart-spec.ts";
import type { RunResult } from "../run-result.ts";
import { assets } from "./assets.js";

export interface Page {
  readonly title: string;
  readonly main: Html;
  readonly charts: readonly ChartSpec[];
  /** The results that the page was made from, by the ids under which they can be saved. */
  readonly results: Readonly<Record<string, RunResult>>;
}

const icon =
  "data:image/svg+xml," +
  encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M1 4h14M8 4v10" stroke="#0f766e" stroke-width="3"/></svg>',
  );

/**
 * The page as one file. Its Content-Security-Policy allows only the two scripts below, identified by their hashes, and
 * nothing may be loaded. Even if an escape were missing, what a hostile server puts into a failure message stays text.
 */
export function renderDocument({ title, main, charts, results }: Page): string {
  const script = new Bun.Transpiler({ loader: "ts", minifyWhitespace: true }).transformSync(
    assets.scripts.page,
  );
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(assets.scripts.chart)} ${hashOf(script)}`,
    "style-src 'unsafe-inline'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <link rel="icon" href="${icon}" />
        ${new Html(`<style>${assets.styles.join("\n")}</style>`)}
      </head>
      <body>
        <main>${main}</main>
        <noscript>
          <p class="notice">The charts need scripts; all figures are in the tables too.</p>
        </noscript>
        ${jsonScript("charts", charts)}
        ${Object.entries(results).map(([id, result]) => jsonScript(id, result))}
        ${new Html(`<script>${assets.scripts.chart}</script>\n<script type="module">${script}</script>`)}
      </body>
    </html> `;
  return page.markup;
}

function hashOf(script: string): string {
  return `'sha256-${new Bun.CryptoHasher("sha256").update(script).digest("base64")}'`;
}
