// Makes the console's page of src/console/page: `npm run build-console`. What it makes is committed, so that nothing is
// built where the ledger runs. With a folder as its argument it makes it there. Run by Bun, which bundles.
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const page = join(root, "src/console/page");
const [outdir = join(root, "src/console/dist")] = process.argv.slice(2);

/** uPlot's own small form, which is smaller than what Bun makes of its modules. */
const smallChart = {
  name: "small chart",
  setup(build) {
    build.onLoad({ filter: /uPlot\.esm\.js$/ }, ({ path }) => ({
      contents: `${readFileSync(path.replace(".esm.js", ".iife.min.js"), "utf8")}\nexport default uPlot;`,
      loader: "js",
    }));
  },
};

mkdirSync(outdir, { recursive: true });
await Bun.build({
  entrypoints: [join(page, "main.tsx"), join(page, "style/console.css")],
  root: page,
  outdir,
  naming: "console.[ext]",
  target: "browser",
  minify: true,
  plugins: [smallChart],
  define: { "process.env.NODE_ENV": '"production"' },
});
copyFileSync(join(page, "console.htm"), join(outdir, "console.htm"));
