// Plain JavaScript, typed by assets.d.ts, on purpose: from a TypeScript file the type checker would follow the first
// import and judge browser code by the server's types. As text they also end up in a compiled binary.
// (A module imported as text has a default export, which the linter does not know: .oxlintrc.json lets this file off.)
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
