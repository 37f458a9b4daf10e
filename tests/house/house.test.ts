import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import packageJson from "../../package.json" with { type: "json" };
import { PROBLEMS } from "../../src/http/problems.ts";
import { REFUSALS } from "../../src/ledger/refusal.ts";

/** The rules of the house that no linter knows. A rule that is worth keeping is one that fails here when it is broken. */

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const IGNORED = new Set(["node_modules", ".git", "data", "reports", "dist"]);

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (IGNORED.has(entry.name)) return [];
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

const files = filesBelow(".");
const sources = files.filter((file) => /^(src|proof)\/.*\.ts$/.test(file));
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

/** Files that break a rule, so that a failure names them. */
function offenders(candidates: readonly string[], breaks: (text: string, file: string) => boolean): string[] {
  return candidates.filter((file) => breaks(read(file), file));
}

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

  test("the HTTP edge knows the port, not what is behind it", () => {
    const edge = sources.filter((file) => file.startsWith("src/http/"));
    expect(offenders(edge, (text) => /from "\.\.\/(?!ledger\/|bounds\.ts|errors\.ts)/.test(text))).toEqual(
      [],
    );
  });

  test("SQL that makes tables is in .sql files", () => {
    expect(offenders(sources, (text) => /CREATE (TABLE|INDEX)/.test(text))).toEqual([]);
  });

  test("no file is called index or utils, and no import leaves out the file's ending", () => {
    expect(sources.filter((file) => /\/(index|utils?|helpers?|common)\.ts$/.test(file))).toEqual([]);
    expect(
      offenders(sources, (text) =>
        /from "\.{1,2}\/[^"]*(?<!\.(ts|sql|json|lua|css|js|html|txt))"/.test(text),
      ),
    ).toEqual([]);
  });

  test("no lint rule is switched off in the code, and no type error silenced", () => {
    const silenced = /(oxlint|eslint|prettier)-(disable|ignore)|@ts-(ignore|expect-error|nocheck)/;
    const code = files.filter((file) => /\.(ts|mjs|js)$/.test(file) && !file.endsWith("house.test.ts"));
    expect(offenders(code, (text) => silenced.test(text))).toEqual([]);
  });
});

describe("dependencies", () => {
  test("are pinned exactly", () => {
    const versions = Object.values({ ...packageJson.dependencies, ...packageJson.devDependencies });
    expect(versions.length).toBeGreaterThan(5);
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  test("the lock names no registry", () => {
    expect(read("package-lock.json")).not.toContain('"resolved"');
  });

  test("this Bun is the pinned one", () => {
    expect(Bun.version).toBe(packageJson.dependencies.bun);
  });
});

describe("documents", () => {
  const documents = files.filter((file) => file.endsWith(".md"));

  test("links between them lead somewhere", () => {
    const broken = documents.flatMap((file) =>
      [...read(file).matchAll(/\]\((?!https?:|mailto:|#)([^)#]+)/g)]
        .map((match) => join(dirname(file), match[1] ?? ""))
        .filter(
          (target) =>
            !files.some((known) => known === target || known.startsWith(`${target.replace(/\/$/, "")}/`)),
        )
        .map((target) => `${file} -> ${target}`),
    );
    expect(broken).toEqual([]);
  });

  test("docs/errors.md describes each problem, with its status, and no other", () => {
    const described = [...read("docs/errors.md").matchAll(/^### `([a-z-]+)` \((\d{3})\)$/gm)];
    expect(Object.fromEntries(described.map(([, name, status]) => [name, Number(status)]))).toEqual(
      Object.fromEntries(Object.entries(PROBLEMS).map(([name, { status }]) => [name, status])),
    );
  });

  test("ARCHITECTURE names tests that there are, in each row of its table of faults", () => {
    const tests = files
      .filter((file) => file.startsWith("tests/") && file.endsWith(".test.ts"))
      .map(read)
      .join("\n");
    const rows = read("ARCHITECTURE.md")
      .split("\n")
      .filter((line) => /^\| [^-]/.test(line) && !line.startsWith("| fault "));
    expect(rows.length).toBeGreaterThan(20);
    const named = (row: string) => [...row.matchAll(/"([^"]+)"/g)].map((match) => String(match[1]));
    expect(rows.filter((row) => named(row).length === 0)).toEqual([]);
    expect(rows.flatMap(named).filter((name) => !tests.includes(name))).toEqual([]);
  });

  test("the precedence that refusal.ts documents is the order of its list", () => {
    const documented = [...read("src/ledger/refusal.ts").matchAll(/^ \* \d+\. `([a-z-]+)`/gm)].map(
      (match) => match[1],
    );
    expect(documented).toEqual([...REFUSALS]);
  });

  test("the README shows every command of the command line, and every npm script", () => {
    const readme = read("README.md");
    const commands = sources
      .filter((file) => /^(src|proof)\/cli\//.test(file))
      .flatMap((file) =>
        [...read(file).matchAll(/new Command\("([a-z]+)"\)/g)].map((match) => String(match[1])),
      );
    expect(commands).toContain("serve");
    expect(commands.filter((command) => !readme.includes(command))).toEqual([]);
    expect(Object.keys(packageJson.scripts).filter((script) => !readme.includes(script))).toEqual([]);
  });
});
