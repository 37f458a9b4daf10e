import { describe, expect, test } from "bun:test";
import { basename, dirname, join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { SCOPES } from "../../src/access/scope.ts";
import { PROBLEMS } from "../../src/http/problems.ts";
import { REFUSALS } from "../../src/ledger/refusal.ts";
import { stackCommand } from "../../src/cli/stack.ts";
import { stackBounds } from "../../src/stack/stack-bounds.ts";
import { files, read, sources } from "../support/repository-files.ts";

/** Documents and package agree with the code. */

describe("dependencies", () => {
  const all = files.filter((file) => basename(file) === "package.json").map((file) => dirname(file));
  const packages = all.filter((folder) => folder !== "client");

  test("the client has none", () => {
    const { dependencies, devDependencies, peerDependencies } = JSON.parse(read("client/package.json"));
    expect([dependencies, devDependencies, peerDependencies]).toEqual([undefined, undefined, undefined]);
  });

  test("are pinned exactly", () => {
    expect(packages.toSorted()).toEqual([".", "scripts/client-types", "scripts/rules-compiler"]);
    for (const folder of packages) {
      const { dependencies, devDependencies } = JSON.parse(read(join(folder, "package.json")));
      const versions = Object.entries<string>({ ...dependencies, ...devDependencies });
      expect(versions.length).toBeGreaterThan(1);
      expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
    }
  });

  test("no lock names a registry", () => {
    for (const folder of packages)
      expect(read(join(folder, "package-lock.json"))).not.toContain('"resolved"');
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

  test("links to headings lead to one", () => {
    const withoutCode = (file: string) => read(file).replaceAll(/```.*?```/gs, "");
    const anchors = (file: string) =>
      [...withoutCode(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
        heading
          .toLowerCase()
          .replaceAll(/[^\p{L}\d\- ]/gu, "")
          .replaceAll(" ", "-"),
      );
    const broken = documents.flatMap((file) =>
      [...withoutCode(file).matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)]
        .map(
          ([, path = "", anchor = ""]) => [path === "" ? file : join(dirname(file), path), anchor] as const,
        )
        .filter(([target, anchor]) => !anchors(target).includes(anchor))
        .map(([target, anchor]) => `${file} -> ${target}#${anchor}`),
    );
    expect(broken).toEqual([]);
  });

  test("docs/errors.md describes each problem, with its status, and no other", () => {
    const described = [...read("docs/errors.md").matchAll(/^### `([a-z-]+)` \((\d{3})\)$/gm)];
    expect(Object.fromEntries(described.map(([, name, status]) => [name, Number(status)]))).toEqual(
      Object.fromEntries(Object.entries(PROBLEMS).map(([name, { status }]) => [name, status])),
    );
  });

  test("docs/security.md describes each scope", () => {
    const table = /^\| scope .*?\n\n/ms.exec(read("docs/security.md"))?.[0] ?? "";
    expect([...table.matchAll(/^\| `([a-z:]+)`/gm)].map((match) => String(match[1]))).toEqual([...SCOPES]);
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

  test("every setting and flag is in the README or in docs/operations.md", () => {
    const told = read("README.md") + read("docs/operations.md");
    const found = (file: string, pattern: RegExp): string[] =>
      [...read(file).matchAll(pattern)].map(([all, name = all]) => name);
    const names = new Set([
      ...found("src/config.ts", /setting\(environment, "([A-Z_]+)"/g),
      ...sources
        .filter((file) => file.startsWith("src/config/"))
        .flatMap((file) => found(file, /setting\(environment, "([A-Z_]+)"/g)),
      ...found("deploy/haproxy/haproxy.cfg", /\b(HAPROXY_[A-Z_]+[A-Z])\b/g),
      ...["serve", "stack", "api", "keys", "export", "ledger-options"].flatMap((name) =>
        found(`src/cli/${name}.ts`, /^ *(?:\.option\()?\s*"(--[a-z-]+)[ "]/gm),
      ),
    ]);
    expect(names.size).toBeGreaterThan(50);
    const isTold = (name: string) => new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(told);
    expect([...names].filter((name) => !isTold(name))).toEqual([]);
    // Those of docker compose are in its head.
    const compose = "docker-compose.yml";
    const described = new Set(
      found(compose, /^# .*$/gm).flatMap((line) => line.match(/RAZONETE_\w+/g) ?? []),
    );
    expect(found(compose, /\$\{(RAZONETE_[A-Z_]+)/g).filter((name) => !described.has(name))).toEqual([]);
  });

  test("defaults of a stack's flags are those that docs/operations.md tells, docker compose's among them", () => {
    const operations = read("docs/operations.md");
    const defaults = new Map(stackCommand().options.map(({ long, defaultValue }) => [long, defaultValue]));
    const told = [...operations.matchAll(/`(--[a-z-]+)` \((\d[\d,]*)\)/g)];
    expect(told.length).toBeGreaterThan(1);
    for (const [, flag, number = ""] of told)
      expect(`${flag} ${number.replace(",", "")}`).toBe(`${flag} ${String(defaults.get(flag))}`);
    const connections = String(stackBounds.address_connections);
    expect(operations).toContain(`HAPROXY_ADDRESS_CONNECTIONS=${connections} `);
    expect(read("docker-compose.yml")).toContain(`\${RAZONETE_ADDRESS_CONNECTIONS-${connections}}`);
    expect(read("docker-compose.yml")).toContain(`RAZONETE_ADDRESS_CONNECTIONS (${connections})`);
  });

  test("the client names each problem that a command may end with", () => {
    const [, union = ""] = /type ProblemName =(.*?)\/\*\*/s.exec(read("client/src/problem.ts")) ?? [];
    const named = [...union.matchAll(/"([a-z-]+)"/g)].map(([, name = ""]) => name);
    // After the others it sends again.
    const ending = Object.entries(PROBLEMS).filter(
      ([, { status }]) => ![408, 429, 500, 503].includes(status),
    );
    expect(named.toSorted()).toEqual(ending.map(([name]) => name).toSorted());
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
