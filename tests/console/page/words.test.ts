import { expect, test } from "bun:test";
import { Glob } from "bun";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PROBLEMS } from "../../../src/http/problems.ts";
import { table } from "../../../src/console/page/words-table.ts";

const PAGE = join(import.meta.dir, "../../../src/console/page");
const words = Object.entries(table).flatMap(([group, named]) =>
  Object.entries(named).map(([name, [en, pt]]: [string, readonly [string, string]]) => ({
    word: `${group}.${name}`,
    group,
    en,
    pt,
  })),
);

const holes = (text: string): readonly string[] => (text.match(/\{\w+\}/g) ?? []).toSorted();

test("every text is there in both languages, with the same places to fill", () => {
  expect(words.length).toBeGreaterThan(200);
  const uneven = words.filter(
    ({ en, pt }) => en === "" || pt === "" || String(holes(en)) !== String(holes(pt)),
  );
  expect(uneven).toEqual([]);
});

test("every text is said somewhere", () => {
  const code = [...new Glob("**/*.{ts,tsx}").scanSync(PAGE)]
    .filter((file) => file !== "words-table.ts")
    .map((file) => readFileSync(join(PAGE, file), "utf8"))
    .join("\n");
  // By a name that is put together where it is said, such as that of a state.
  const put = new Set([...code.matchAll(/`(\w+)\.\$\{/g)].map(([, group]) => group));
  const unsaid = words.filter(({ word, group }) => !put.has(group) && !code.includes(`"${word}"`));
  expect(unsaid.map(({ word }) => word)).toEqual([]);
});

test("every refusal of the ledger has its words", () => {
  const said = new Set(words.map(({ word }) => word));
  const refusals = Object.entries(PROBLEMS).filter(([, { status }]) => status === 422 || status === 404);
  const without = refusals
    .map(([name]) => name)
    .filter((name) => !said.has(`problem.${name}`) && !NOT_ASKED.test(name));
  expect(without).toEqual([]);
});

/** What the page does not use. */
const NOT_ASKED = /^(webhook|watch)-/;
