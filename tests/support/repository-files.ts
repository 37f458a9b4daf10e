import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The files of this repository, for rules about them. Paths begin at its root. */

const ROOT = join(import.meta.dir, "../..");
const IGNORED = new Set(["node_modules", ".git", "data", "reports", "dist"]);

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (IGNORED.has(entry.name)) return [];
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

export const files: readonly string[] = filesBelow(".");
/** The product, its proof and its client, with the tests beside their code. */
export const sources: readonly string[] = files.filter((file) => /^(src|proof|client)\/.*\.tsx?$/.test(file));

export const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

/** What a file imports of this repository, as paths from its root; types and dynamic imports among them. */
export function importsOf(file: string): string[] {
  return [...read(file).matchAll(/(?:from|import) ?\(?"(\.{1,2}\/[^"]+)"/g)].map((match) =>
    join(file, "..", match[1] ?? ""),
  );
}

/** Files that break a rule, so that a failure names them. */
export function offenders(
  candidates: readonly string[],
  breaks: (text: string, file: string) => boolean,
): string[] {
  return candidates.filter((file) => breaks(read(file), file));
}
