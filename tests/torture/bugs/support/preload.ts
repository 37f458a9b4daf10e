/**
 * `bun --preload preload.ts src/cli/main.ts api`: builds the bug that RAZONETE_TEST_BUG names into this process, by
 * altering the text of its sources as they are loaded.
 */
import { plugin } from "bun";
import { altered } from "./alteration.ts";
import { BUG_NAMES, BUGS } from "./bugs.ts";

/** How a process ends that the bug could not be built into. */
const NO_FIT_EXIT_CODE = 70;

function texts(): ReadonlyMap<string, string> {
  const wanted = process.env["RAZONETE_TEST_BUG"];
  const name = BUG_NAMES.find((bug) => bug === wanted);
  if (name === undefined) throw new Error(`there is no bug ${wanted}: one of ${BUG_NAMES.join(", ")}`);
  return altered(name, BUGS[name]);
}

try {
  const byPath = texts();
  const paths = [...byPath.keys()].map((path) => path.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  plugin({
    name: "a bug",
    setup(build) {
      build.onLoad({ filter: new RegExp(`^(${paths.join("|")})$`) }, ({ path }) => {
        const text = byPath.get(path) ?? "";
        // What is imported as text has no loader here by that name; a module with the same export serves as well.
        return path.endsWith(".ts")
          ? { contents: text, loader: "ts" }
          : { exports: { default: text }, loader: "object" };
      });
    },
  });
} catch (error) {
  console.error(`razonete: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(NO_FIT_EXIT_CODE);
}
