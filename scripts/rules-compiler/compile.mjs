// Compiles the rules of the ledger to Lua, for the function in Redis: `npm run compile-rules`. With `--check` it only
// says whether the file is what the rules compile to. Plain Node, as the compiler is.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { transpileProject } from "typescript-to-lua";

const MODULES = ["rules", "transit-rules"];

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const made = compile();
for (const name of MODULES) {
  const source = `src/ledger/${name}.ts`;
  const target = `src/decide/${name}.lua`;
  const lua = made.get(name);
  if (lua === undefined) fail(`the compiler made nothing of ${source}.`);
  const compiled = `-- Made from ${source} by \`npm run compile-rules\`. Change that file, not this one.\n${lua}`;
  if (!process.argv.includes("--check")) {
    writeFileSync(join(root, target), compiled);
  } else if (readFileSync(join(root, target), "utf8") !== compiled) {
    fail(
      `${target} is not what ${source} compiles to: run \`npm run compile-rules\`, and commit what it makes.`,
    );
  }
}

/** The files that the rules take types from are compiled as well; nothing of them is needed. */
function compile() {
  const modules = new Map();
  const { diagnostics } = transpileProject(join(here, "tsconfig.json"), {}, (path, text) => {
    const name = /\/ledger\/([a-z-]+)\.lua$/.exec(path)?.[1];
    if (name !== undefined) modules.set(name, text);
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
  return modules;
}

function fail(reason) {
  console.error(`razonete: ${reason}`);
  process.exit(1);
}
