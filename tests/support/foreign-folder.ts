import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Makes a folder look like one of somebody's Bun project, whose settings and code must not reach the ledger. */
export function makeForeign(folder: string): { readonly codeHasRun: () => boolean } {
  writeFileSync(join(folder, ".env"), "DRAIN_MS=soon\n");
  writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./foreign.ts"]\n');
  writeFileSync(join(folder, "foreign.ts"), 'await Bun.write(import.meta.dir + "/has-run", "");\n');
  return { codeHasRun: () => existsSync(join(folder, "has-run")) };
}
