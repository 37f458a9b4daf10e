import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { SOURCE_PROGRAM } from "../../src/build/programs.ts";
import { makeForeign } from "../support/foreign-folder.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** The ways to the command line: npm's scripts, those of other package managers, the command in any folder. */

setDefaultTimeout(60_000);

const ROOT = join(import.meta.dir, "../..");
const MAIN = join(ROOT, "src/cli/main.ts");
const PATH = `${join(ROOT, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(
  command: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): Ended {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], {
    cwd,
    env: { PATH, ...environment },
    // A command that was to end at once, but serves.
    timeout: 30_000,
  });
  return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

describe("the first start in a fresh clone", () => {
  /** A clone without its dependencies, and an npm that only notes how it was called. */
  function clone(folder: string): { readonly tools: string; readonly calls: () => string } {
    const tools = join(folder, "tools");
    for (const path of ["scripts", "tools"]) mkdirSync(join(folder, path));
    copyFileSync(join(ROOT, "scripts/install.mjs"), join(folder, "scripts/install.mjs"));
    copyFileSync(join(ROOT, "package-lock.json"), join(folder, "package-lock.json"));
    symlinkSync(Bun.which("node") ?? "", join(tools, "node"));
    const calls = join(folder, "calls");
    const bun = join(folder, "node_modules/.bin/bun");
    const stub = `#!/bin/sh\necho "$@" >> ${calls}\n/bin/mkdir -p ${dirname(bun)}\n/bin/ln -s /bin/true ${bun}\n`;
    writeFileSync(join(tools, "npm"), stub);
    return { tools, calls: () => readFileSync(calls, "utf8") };
  }

  for (const [manager, execpath] of [
    ["bun", process.execPath],
    ["pnpm", "/opt/pnpm/bin/pnpm.cjs"],
    ["yarn", "/opt/yarn/bin/yarn.js"],
    ["no manager", ""],
  ] as const) {
    test(`by ${manager}: the npm on the PATH installs`, () => {
      using folder = temporaryFolder();
      const { tools, calls } = clone(folder.path);
      chmodSync(join(tools, "npm"), 0o755);
      const ended = run(["node", "scripts/install.mjs"], folder.path, {
        PATH: tools,
        npm_execpath: execpath,
      });
      expect(ended).toEqual({ code: 0, stdout: "", stderr: expect.stringMatching(/^Installing [^\n]+\n$/) });
      expect(calls()).toMatch(/^ci .*\n$/);
    });
  }

  test("without npm: it says that npm is missing, and does not blame the registry", () => {
    using folder = temporaryFolder();
    const { tools } = clone(folder.path);
    const ended = run(["node", "scripts/install.mjs"], folder.path, {
      PATH: tools,
      npm_execpath: process.execPath,
    });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain("razonete: npm, which installs");
    expect(ended.stderr).not.toContain("registry");
  });
});

describe("a flag without -- before it, which npm keeps for itself", () => {
  const scripts = {
    start: `exec bun ${MAIN} serve`,
    stack: `exec bun ${MAIN} stack`,
    razonete: `exec bun ${MAIN}`,
    rinha: `exec bun ${join(ROOT, "proof/cli/main.ts")} rinha`,
  };
  for (const [args, code, said] of [
    [
      ["start", "--port", "8080"],
      1,
      "npm took --port for itself: put -- before, as in npm start -- --port <number>.",
    ],
    [["run", "stack", "--fresh"], 1, "as in npm run stack -- --fresh."],
    [["run", "razonete", "audit", "--data=x"], 2, "as in npm run razonete -- audit --data <folder>."],
    [["run", "rinha", "--scale", "0.1"], 2, "as in npm run rinha -- --scale <factor>."],
  ] as const) {
    test(`npm ${args.join(" ")}: it says how`, () => {
      using folder = temporaryFolder();
      writeFileSync(join(folder.path, "package.json"), JSON.stringify({ name: "razonete", scripts }));
      const ended = run(["npm", ...args], folder.path, { HOME: folder.path });
      expect(ended.stderr).toContain(said);
      expect(ended.code).toBe(code);
    });
  }

  test("another package's script may use the name for itself", () => {
    using folder = temporaryFolder();
    const environment = { npm_package_name: "shop", npm_lifecycle_event: "start", npm_config_port: "80" };
    const ended = run([...SOURCE_PROGRAM, "serve", "--data", ""], folder.path, environment);
    expect(ended.stderr).toContain("--data is empty");
  });
});

describe("in the folder of another project, the command takes neither its settings nor its code", () => {
  // As the kernel reads the first line of the file that npm links: one argument, whatever is in it.
  const [, interpreter = "", argument = ""] = /^#!(\S+) (.*)\n/.exec(readFileSync(MAIN, "utf8")) ?? [];
  for (const [name, command] of [
    ["as the stack starts it", SOURCE_PROGRAM],
    ["as npm links it", [interpreter, argument, MAIN]],
  ] as const) {
    test(name, () => {
      using folder = temporaryFolder();
      const { codeHasRun } = makeForeign(folder.path);
      const version = { code: 0, stdout: `${packageJson.version}\n`, stderr: "" };
      expect(run([...command, "--version"], folder.path)).toEqual(version);
      // Would it see DRAIN_MS, it would refuse that first.
      expect(run([...command, "serve", "--port", "x"], folder.path).stderr).toBe(
        'razonete: --port must be an integer from 0 to 65535, not "x".\n',
      );
      expect(codeHasRun()).toBe(false);
    });
  }

  test("and so does each npm script", () => {
    const commands = Object.values(packageJson.scripts).filter((script) => script.includes("exec bun"));
    expect(commands.length).toBeGreaterThan(5);
    const flags = "exec bun --no-env-file --config=/dev/null ";
    expect(commands.filter((script) => !script.includes(flags))).toEqual([]);
  });
});
