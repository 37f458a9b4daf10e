// Compiles the rules of the ledger to Lua, for the function in Redis: `npm run compile-rules`. With `--check` it only
// says whether the file is what the rules compile to. Plain Node, as the compiler is.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { transpileProject } from "typescript-to-lua";

const SOURCE = "src/ledger/rules.ts";
const COMPILED = "src/decide/rules.lua";
const HEAD = `-- Made from ${SOURCE} by \`npm run compile-rules\`. Change that file, not this one.\n`;

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const compiled = HEAD + compile();
if (!process.argv.includes("--check")) {
  writeFileSync(join(root, COMPILED), compiled);
} else if (readFileSync(join(root, COMPILED), "utf8") !== compiled) {
  fail(
    `${COMPILED} is not what ${SOURCE} compiles to: run \`npm run compile-rules\`, and commit what it makes.`,
  );
}

/** The files that the rules take types from are compiled as well; nothing of them is needed. */
function compile() {
  let lua = null;
  const { diagnostics } = transpileProject(join(here, "tsconfig.json"), {}, (path, text) => {
    if (path.endsWith("/ledger/rules.lua")) lua = text;
  });
  if (diagnostics.length > 0) {
    fail(
      ts.formatDiagnostics(diagnostics, {
        ...ts.sys,
        getCanonicalFileName: (name) => name,
        getNewLine: () => "\n",
      }),
    );
  }
  if (lua === null) fail(`the compiler made nothing of ${SOURCE}.`);
  return lua;
}

function fail(reason) {
  console.error(`razonete: ${reason}`);
  process.exit(1);
}
