// Plain JavaScript, typed by assets.d.ts, on purpose: in a TypeScript file the type checker would follow the first
// import and check browser code with the server's types. Imported as text, the files are also part of a compiled binary.
// (A module imported as text has a default export, which the linter does not know, so .oxlintrc.json exempts this file.)
import pageScript from "./page/page.ts" with { type: "text" };
import colours from "./page/colours.css" with { type: "text" };
import page from "./page/page.css" with { type: "text" };
import verdict from "./page/verdict.css" with { type: "text" };
import figures from "./page/figures.css" with { type: "text" };
import media from "./page/media.css" with { type: "text" };
import chartScript from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import chartStyle from "uplot/dist/uPlot.min.css" with { type: "text" };

export const assets = {
  scripts: { chart: chartScript, page: pageScript },
  styles: [chartStyle, colours, page, verdict, figures, media],
};
