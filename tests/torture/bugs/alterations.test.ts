import { describe, expect, test } from "bun:test";
import { altered, type Alteration } from "./support/alteration.ts";
import { BUG_NAMES, BUGS } from "./support/bugs.ts";

/** Needs no servers, and takes no time: whoever changes the code learns at once that a bug has to follow. */
describe("the alterations that build a bug into the code fit it as it is:", () => {
  for (const bug of BUG_NAMES) {
    test(bug, () => {
      const texts = altered(bug, BUGS[bug]);
      const files = new Set(BUGS[bug].map(({ file }) => file));
      expect(texts.size).toBe(files.size);
      const transpiler = new Bun.Transpiler({ loader: "ts" });
      for (const [path, text] of texts) {
        if (path.endsWith(".ts")) expect(() => transpiler.transformSync(text), path).not.toThrow();
      }
    });
  }
});

describe("one that does not fit", () => {
  const lua = "src/decide/function/apply.lua";
  const failure = (...alterations: readonly Alteration[]): string => {
    try {
      altered("a-bug", alterations);
    } catch (error) {
      return String(error);
    }
    return "it fits";
  };

  test("is told with its file and its text, and with what to do; all of them at once", () => {
    const told = failure(
      { file: lua, find: "not there\nnor this", replace: "" },
      { file: lua, find: "local function apply_batch", replace: "local function applied" },
      { file: lua, find: "local function ", replace: "" },
      { file: "src/decide/gone.ts", find: "const gone", replace: "" },
    );
    for (const words of [
      'the bug "a-bug" no longer fits the source',
      "- src/decide/function/apply.lua no longer has:\n    | not there\n    | nor this\n",
      /- src\/decide\/function\/apply\.lua has \d+ times what it must have once:\n {4}\| local function \n/,
      "- src/decide/gone.ts is gone; it had:\n    | const gone\n",
      "up to date in tests/torture/bugs/support/bugs.ts",
    ]) {
      expect(told).toMatch(words);
    }
    expect(told).not.toContain("| local function apply_batch");
  });

  test("is also one that comes before the one that makes its text", () => {
    const first = { file: lua, find: "local function apply_batch", replace: "local function altered" };
    const second = { file: lua, find: "local function altered", replace: "local function twice" };
    expect(failure(first, second)).toBe("it fits");
    expect(failure(second, first)).toContain("no longer has:\n    | local function altered\n");
  });
});
