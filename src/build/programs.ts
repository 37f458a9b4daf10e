import { fileURLToPath } from "node:url";

/** Where `npm run build` puts the single-file executable. */
export const EXECUTABLE = fileURLToPath(new URL("../../dist/razonete", import.meta.url));

/** The program, run from its source. */
export const SOURCE_PROGRAM: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL("../cli/main.ts", import.meta.url)),
];
