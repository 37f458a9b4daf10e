import { expect, test } from "bun:test";
import { files, read } from "../support/repository-files.ts";

/** The table in docs/security.md and the tests of this folder are one list. */

const ROWS_MIN = 30;
const SECTION = /^## Attacks that were tried\n(.*?)^## /ms;

test("each attack of this folder has its row in docs/security.md, and each row names a test that there is", () => {
  const table = SECTION.exec(read("docs/security.md"))?.[1] ?? "";
  const rows = [...table.matchAll(/^\| (?!attack |-)(.+?) +\| .+ +\| `(\S+)` +\|$/gm)].map(
    ([, attack = "", file = ""]) => ({ attack, file }),
  );
  expect(rows.length).toBeGreaterThanOrEqual(ROWS_MIN);
  expect(table.split("\n").filter((line) => line.startsWith("| ")).length).toBe(rows.length + 2);
  expect(rows.filter(({ file }) => !files.includes(file))).toEqual([]);
  expect(rows.filter(({ file }) => !/^(?:tests|src)\/.*(?:-section|\.test)\.ts$/.test(file))).toEqual([]);

  const own = files
    .filter((file) => /^tests\/attacks\/.*-section\.ts$/.test(file))
    .flatMap((file) =>
      [...read(file).matchAll(/^ +test\(\s*["`](.+?)["`],/gm)].map(([, name = ""]) => `${file}: ${name}`),
    );
  const told = rows
    .filter(({ file }) => file.startsWith("tests/attacks/"))
    .map(({ attack, file }) => `${file}: ${attack}`);
  expect(told.toSorted()).toEqual(own.toSorted());
});
