// Makes the console's page of src/console/page: `npm run build-console`. What it makes is committed, so that nothing is
// built where the ledger runs. With a folder as its argument it makes it there. Run by Bun, which bundles.
import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const page = join(root, "src/console/page");
const [outdir = join(root, "src/console/dist")] = process.argv.slice(2);

mkdirSync(outdir, { recursive: true });
await Bun.build({
  entrypoints: [join(page, "main.tsx")],
  root: page,
  outdir,
  naming: "console.[ext]",
  target: "browser",
  minify: true,
  define: { "process.env.NODE_ENV": '"production"' },
});
copyFileSync(join(page, "console.htm"), join(outdir, "console.htm"));
