import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../../../..");

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
 * @param bug what the alterations make together, to be named where one does not fit
 * @throws Error that names every text which is not in its file exactly once, and what to do about it
 */
export function altered(bug: string, alterations: readonly Alteration[]): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  const misfits: string[] = [];
  for (const { file, find, replace } of alterations) {
    const path = join(ROOT, file);
    const text = texts.get(path) ?? (existsSync(path) ? readFileSync(path, "utf8") : null);
    const parts = text?.split(find) ?? [];
    if (parts.length === 2) texts.set(path, parts.join(replace));
    else misfits.push(misfitWords(file, find, text === null ? null : parts.length - 1));
  }
  if (misfits.length > 0) {
    throw new Error(
      `the bug "${bug}" no longer fits the source, of which it alters texts:\n${misfits.join("\n")}\n` +
        "Bring `find` and `replace` up to date in tests/torture/bugs/support/bugs.ts, so that the same mistake is built into " +
        "the code as it is now; then `npm test -- tests/torture/bugs/bugs.test.ts` shows that it still does harm.",
    );
  }
  return texts;
}

/** @param count how often the text is in the file; null where there is no such file */
function misfitWords(file: string, find: string, count: number | null): string {
  const where =
    count === null
      ? `${file} is gone; it had`
      : count === 0
        ? `${file} no longer has`
        : `${file} has ${count} times what it must have once`;
  return `- ${where}:\n${find.replaceAll(/^/gm, "    | ")}`;
}
