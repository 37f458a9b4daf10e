import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { resultWith } from "./support/results.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const MAIN = join(import.meta.dir, "../../proof/cli/main.ts");

async function razonete(
  cwd: string,
  args: readonly string[],
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const child = Bun.spawn([process.execPath, MAIN, ...args], { cwd, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, stdout, stderr };
}

test("wrong arguments end with exit code 2 and a sentence, and nothing is started", async () => {
  using folder = temporaryFolder();
  for (const [args, words] of [
    [["--seconds", "0"], "It must be an integer from 1 to 86400."],
    [["--seconds", "soon"], "It must be an integer"],
    [["--seed", "-1"], "It must be an integer from 0 to"],
    [["--faults", "kill,rain"], "It must be a list of kill, stop, net, disk"],
    [["--faults", ""], "It must be a list"],
    [["--second", "1"], "unknown option"],
    [["report"], "missing required argument"],
    [["report", "none.json"], "cannot read none.json"],
  ] as const) {
    const { exitCode, stderr } = await razonete(folder.path, ["torture", ...args]);
    expect(stderr).toContain(words);
    expect(exitCode).toBe(2);
  }
  expect(existsSync(join(folder.path, "reports"))).toBe(false);
});

test("--help shows every option, the kinds of faults and the exit codes", async () => {
  using folder = temporaryFolder();
  const { exitCode, stdout } = await razonete(folder.path, ["torture", "--help"]);
  expect(exitCode).toBe(0);
  const words = ["--seconds", "--seed", "--faults", "--embedded", "--out", "--json", "report", "Exit code"];
  for (const word of [...words, "kill", "stop", "net", "disk", "130"]) expect(stdout).toContain(word);
});

test("report prints several results together, or writes them, and refuses what is none", async () => {
  using folder = temporaryFolder();
  const one = join(folder.path, "one.json");
  const other = join(folder.path, "other.json");
  await Bun.write(one, JSON.stringify(resultWith({ seed: 3 })));
  await Bun.write(other, JSON.stringify(resultWith({ seed: 4 })));
  const printed = await razonete(folder.path, ["torture", "report", one, other]);
  expect(printed.exitCode).toBe(0);
  expect(printed.stdout).toStartWith("2 runs, 4 minutes of load, 0 faults, 0 violations.");
  const written = await razonete(folder.path, ["torture", "report", one, other, "--out", "docs/figures.md"]);
  expect(written.exitCode).toBe(0);
  expect(readFileSync(join(folder.path, "docs", "figures.md"), "utf8")).toBe(printed.stdout);

  await Bun.write(other, '{"format":"razonete-load-1"}');
  const refused = await razonete(folder.path, ["torture", "report", one, other]);
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toContain("other.json is not a result of `razonete torture`");

  await Bun.write(other, '{"format":"razonete-torture-1","harms":[]}');
  const earlier = await razonete(folder.path, ["torture", "report", one, other]);
  expect(earlier.exitCode).toBe(2);
  expect(earlier.stderr).toContain(
    "other.json is a result of another version of `razonete torture`: it is a razonete-torture-1, and this version " +
      "reads razonete-torture-5 only.",
  );
});
