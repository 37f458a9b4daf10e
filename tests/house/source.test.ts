import { describe, expect, test } from "bun:test";
import { files, importsOf, offenders, sources } from "../support/repository-files.ts";

/** Rules for the code that no linter knows. A rule that is worth keeping is one that fails here when it is broken. */

describe("source", () => {
  test("only src/config.ts reads the environment", () => {
    expect(offenders(sources, (text) => /process\.env|Bun\.env|import\.meta\.env/.test(text))).toEqual([
      "src/config.ts",
    ]);
  });

  test("the ledger is pure: it imports nothing but itself and the bounds", () => {
    const ledger = sources.filter((file) => file.startsWith("src/ledger/") && !file.endsWith(".test.ts"));
    expect(ledger.length).toBeGreaterThan(3);
    expect(offenders(ledger, (text) => /from "(?!\.\/|\.\.\/bounds\.ts")/.test(text))).toEqual([]);
    expect(offenders(ledger, (text) => /Date\.now|performance\.|Math\.random|crypto\./.test(text))).toEqual(
      [],
    );
  });

  test("the HTTP edge knows the ports, not what is behind them", () => {
    const edge = sources.filter((file) => file.startsWith("src/http/"));
    expect(edge.length).toBeGreaterThan(10);
    // Of access keys what they allow, and the port that knows them; neither where they are kept nor who makes them.
    const keys = "access/(?:access-keys?|denial|network|required-scopes|scope|token-buckets)\\.ts$";
    // Of events what they are, and the port that has them; not where they are read.
    const events = "events/(?:public-event|event-source|cursor|event-json)\\.ts$";
    // What counts on the way of a request: increments, and nothing of what shows them.
    const counters = "metrics/(?:edge-counters|hot-histogram)\\.ts$";
    // Of what happens where it is told, not to whom.
    const told = "log/report\\.ts$|traces/tracing\\.ts$";
    const hooks = "hooks/hook-store\\.ts$";
    const others = `${events}|${counters}|${told}|${hooks}`;
    const known = new RegExp(
      `^src/(?:http/|ledger/|${keys}|${others}|(?:bounds|errors)\\.ts$)|^package\\.json$`,
    );
    const strange = edge.flatMap((file) =>
      importsOf(file)
        .filter((path) => !known.test(path))
        .map((path) => `${file} -> ${path}`),
    );
    expect(strange).toEqual([]);
  });

  test("what counts on the way of a request imports nothing but the ledger's names", () => {
    const counting = ["src/metrics/edge-counters.ts", "src/metrics/hot-histogram.ts"];
    const strange = counting
      .flatMap(importsOf)
      .filter((path) => !path.startsWith("src/ledger/") && !counting.includes(path));
    expect(strange).toEqual([]);
    expect(offenders(counting, (text) => /from "[^.]/.test(text))).toEqual([]);
  });

  test("SQL that makes tables is in .sql files", () => {
    expect(offenders(sources, (text) => /CREATE (TABLE|INDEX)/.test(text))).toEqual([]);
  });

  test("no file is called index or utils, and no import leaves out the file's ending", () => {
    expect(sources.filter((file) => /\/(index|utils?|helpers?|common)\.ts$/.test(file))).toEqual([]);
    expect(
      offenders(sources, (text) =>
        /from "\.{1,2}\/[^"]*(?<!\.(tsx?|sql|json|lua|css|js|html?|txt))"/.test(text),
      ),
    ).toEqual([]);
  });

  test("no files import each other in a circle, not even for a type", () => {
    expect(circles(new Map(sources.map((file) => [file, importsOf(file)])))).toEqual([]);
  });

  test("no lint rule is switched off in the code, and no type error silenced", () => {
    const silenced = /(oxlint|eslint|prettier)-(disable|ignore)|@ts-(ignore|expect-error|nocheck)/;
    const code = files.filter(
      (file) => /\.(tsx?|mjs|js)$/.test(file) && file !== "tests/house/source.test.ts",
    );
    expect(offenders(code, (text) => silenced.test(text))).toEqual([]);
  });
});

test("a circle is seen, however long it is", () => {
  const imports = { a: ["b"], b: ["c", "d"], c: ["a"], d: [] };
  expect(circles(new Map(Object.entries(imports)))).toEqual([["a", "b", "c", "a"]]);
});

/** Each circle once, as the files on the way from one of them back to itself. */
function circles(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const follow = (file: string, way: readonly string[]): void => {
    const seen = way.indexOf(file);
    if (seen >= 0) found.push([...way.slice(seen), file]);
    if (seen >= 0 || done.has(file)) return;
    for (const next of imports.get(file) ?? []) follow(next, [...way, file]);
    done.add(file);
  };
  for (const file of imports.keys()) follow(file, []);
  return found;
}
