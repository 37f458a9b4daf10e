import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../../..");

/** A change of one file's text, which must be there exactly once: one that no longer fits the code is noticed. */
export interface Alteration {
  /** From the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/**
 * The altered files: absolute path -> text.
 *
 * @throws Error where a text to be found is not in its file exactly once
 */
export function altered(alterations: readonly Alteration[]): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { file, find, replace } of alterations) {
    const path = join(ROOT, file);
    const parts = (texts.get(path) ?? readFileSync(path, "utf8")).split(find);
    if (parts.length !== 2) {
      throw new Error(
        `a bug of the tests no longer fits ${file}, which has ${parts.length - 1} times ${JSON.stringify(find)}: ` +
          "bring tests/torture/bugs up to date with the code.",
      );
    }
    texts.set(path, parts.join(replace));
  }
  return texts;
}
