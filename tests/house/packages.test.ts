import { describe, expect, test } from "bun:test";
import { chmodSync, cpSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { files } from "../support/repository-files.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** `npm run check` looks at the packages: with an npm of the test's own in place of the one that asks a registry. */

const ROOT = join(import.meta.dir, "../..");
const NOTHING = '{"vulnerabilities": {}}';
const UNREACHABLE = '{"message": "request failed", "error": {"summary": "", "detail": ""}}';

interface Lock {
  readonly packages: Record<string, Record<string, unknown>>;
}

/** @param told what npm tells; by default of no vulnerability */
function check(alter: (lock: Lock) => void, told = NOTHING) {
  using folder = temporaryFolder();
  const lock = join(folder.path, "package-lock.json");
  cpSync(join(ROOT, "package-lock.json"), lock);
  const altered: Lock = JSON.parse(readFileSync(lock, "utf8"));
  alter(altered);
  writeFileSync(lock, JSON.stringify(altered));
  const { exitCode, stderr } = run(folder.path, told, folder.path);
  return [exitCode, stderr.replaceAll(folder.path, "")];
}

/** @param folder where the test's own npm is put */
function run(folder: string, told: string, ...args: readonly string[]) {
  const npm = join(folder, "npm");
  writeFileSync(npm, `#!/bin/sh\ncat <<'END'\n${told}\nEND\nexit 1\n`);
  chmodSync(npm, 0o755);
  const { exitCode, stderr } = Bun.spawnSync(["node", join(ROOT, "scripts/check-packages.mjs"), ...args], {
    env: { ...process.env, PATH: `${folder}:${process.env["PATH"]}` },
    stderr: "pipe",
  });
  return { exitCode, stderr: stderr.toString() };
}

function vulnerability(name: string, severity: string): string {
  return JSON.stringify({ vulnerabilities: { [name]: { name, severity, nodes: [`node_modules/${name}`] } } });
}

describe("the packages", () => {
  test("of every lock are looked at", () => {
    using folder = temporaryFolder();
    const { stderr } = run(folder.path, vulnerability("anything", "critical"));
    const looked = [...stderr.matchAll(/see npm audit in (\S+),/g)].map(([, where = ""]) => where);
    const locks = files.filter((file) => basename(file) === "package-lock.json");
    expect(locks.length).toBeGreaterThan(1);
    expect(looked.toSorted()).toEqual(locks.map((lock) => dirname(join(ROOT, lock))).toSorted());
  });

  test("of the lock as it is are in order", () => {
    expect(check(() => {})).toEqual([0, ""]);
  });

  test("without a hash, with a weak one, or of a named place are refused", () => {
    const zod = (lock: Lock): Record<string, unknown> => lock.packages["node_modules/zod"] ?? {};
    const refused = (what: string) => [
      1,
      expect.stringMatching(new RegExp(`^packages: node_modules/zod in .*${what}`)),
    ];
    expect(check((lock) => delete zod(lock)["integrity"])).toEqual(refused("has no hash"));
    expect(check((lock) => (zod(lock)["integrity"] = "sha1-deadbeef"))).toEqual(refused("has no hash"));
    expect(check((lock) => (zod(lock)["resolved"] = "https://elsewhere/zod.tgz"))).toEqual(
      refused("names where it came from"),
    );
  });

  test("with a known vulnerability are refused: in the product sooner than in tools", () => {
    for (const [name, severity, code] of [
      ["zod", "low", 0],
      ["zod", "moderate", 1],
      ["zod", "critical", 1],
      ["typescript", "moderate", 0],
      ["typescript", "high", 1],
    ] as const) {
      const [exit, said] = check(() => {}, vulnerability(name, severity));
      expect([name, severity, exit]).toEqual([name, severity, code]);
      expect(said).toContain(code === 0 ? "" : `${name} has a known vulnerability (${severity})`);
    }
  });

  test("are not held back where no registry can be asked, but that is said, once", () => {
    for (const told of [UNREACHABLE, ""])
      expect(check(() => {}, told)).toEqual([
        0,
        "packages: not looked up among known vulnerabilities: npm's registry does not tell now (npm audit).\n",
      ]);
  });
});
