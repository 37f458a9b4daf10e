import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RunResult } from "../../proof/load-test/run-result.ts";
import { eventually } from "../support/eventually.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { LedgerServer } from "./support/server.ts";
import { Hangs, HangsFromTheStart, KnowsAccount6 } from "./support/wrong-servers.ts";

const MAIN = join(import.meta.dir, "../../proof/cli/main.ts");
const SHORT = ["--scale", "0.003", "--seed", "5"];

let temporary: TemporaryFolder;
let folder = "";
let server: LedgerServer | null = null;

beforeEach(() => {
  temporary = temporaryFolder();
  folder = temporary.path;
});

afterEach(async () => {
  await server?.stop();
  server = null;
  temporary[Symbol.dispose]();
});

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command in a folder of its own. `during` is called while it runs. */
async function rinha(args: readonly string[], during?: (kill: () => void) => Promise<void>): Promise<Ended> {
  const child = Bun.spawn([process.execPath, MAIN, "rinha", ...args], {
    cwd: folder,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
    during?.(() => child.kill("SIGINT")),
  ]);
  return { exitCode, stdout, stderr };
}

async function start(started: LedgerServer): Promise<string> {
  server = started;
  return started.start();
}

function resultIn(path: string): RunResult {
  const result: RunResult = JSON.parse(readFileSync(join(path, "result.json"), "utf8"));
  return result;
}

test("a correct server: exit code 0, a table, a report and a result, in reports/ by default", async () => {
  const url = await start(new LedgerServer());
  const { exitCode, stdout } = await rinha(["--url", url, ...SHORT, "--timeout", "60"]);
  const [run = ""] = readdirSync(join(folder, "reports"));
  expect(readdirSync(join(folder, "reports", run)).toSorted()).toEqual(["report.html", "result.json"]);
  expect(stdout).toContain(join("reports", run, "report.html"));
  const result = resultIn(join(folder, "reports", run));
  expect(result).toMatchObject({
    format: "razonete-load-1",
    url,
    seed: 5,
    scale: 0.003,
    rate: 1,
    complete: true,
  });
  expect(stdout).toContain(result.command);
  // If this machine itself was too slow, the table and the exit code say so.
  expect(stdout).toMatch(/^debits +\d+ +\d+ /m);
  expect(stdout).toMatch(new RegExp(`^total +\\d+ +${result.failuresTotal} `, "m"));
  expect(exitCode).toBe(result.verdict.passed ? 0 : 1);
  expect(result.failures.filter(({ check }) => check !== "too-slow")).toEqual([]);
});

test("a wrong server: exit code 1, and the message of the failure", async () => {
  const url = await start(new KnowsAccount6());
  const { exitCode, stdout } = await rinha(["--url", url, ...SHORT, "--out", "out"]);
  expect(exitCode).toBe(1);
  expect(stdout).toContain(
    "unknown-account-found: account 6: its statement was answered with 200, should be 404",
  );
  expect(stdout).toContain("FAILED");
});

test("a system that was used: one sentence, exit code 2, no folder, and not one transaction is sent", async () => {
  const used = new LedgerServer();
  const account = used.accounts.get(3);
  if (account !== undefined) account.saldo = -1500;
  const url = await start(used);
  const { exitCode, stdout, stderr } = await rinha(["--url", url, ...SHORT, "--out", "out"]);
  expect(stderr).toBe(
    "razonete: the load test needs a fresh system, with a balance of 0 in each account, but account 3 has -1500: " +
      "nothing was sent; start it with an empty data folder (see docs/performance.md).\n",
  );
  expect(exitCode).toBe(2);
  expect(stdout).not.toContain("FAILED");
  expect([...used.accounts.values()].flatMap(({ ultimas }) => ultimas)).toEqual([]);
  expect(existsSync(join(folder, "out"))).toBe(false);
});

test("--json: the standard output is the result, and nothing else", async () => {
  const url = await start(new LedgerServer());
  const { stdout, stderr } = await rinha(["--url", url, ...SHORT, "--out", "out", "--json"]);
  const written: unknown = JSON.parse(stdout);
  expect(written).toEqual(resultIn(join(folder, "out")));
  // After its fines alone, where this machine itself was too slow.
  expect(stderr).toMatch(/the contest would pay/i);
});

test("Ctrl-C ends the run with what was measured so far", async () => {
  const url = await start(new LedgerServer());
  const { exitCode, stdout, stderr } = await rinha(
    ["--url", url, "--scale", "1", "--out", "out"],
    async (kill) => {
      // More than the checks at the start send, so the load has begun.
      await eventually("the load has begun", () => (server?.requests ?? 0) >= 200);
      kill();
    },
  );
  expect(exitCode).toBe(1);
  const result = resultIn(join(folder, "out"));
  expect(result.complete).toBe(false);
  // After Ctrl-C an answer has a second, which a busy machine may take.
  const isSlowness = (check: string): boolean => check === "too-slow" || check === "timed-out";
  expect(result.failures.filter(({ check }) => !isSlowness(check))).toEqual([]);
  expect(result.total.requests).toBeWithin(123, 10_000);
  expect(result.durationSeconds).toBeLessThan(60);
  expect(stdout).toContain("INTERRUPTED");
  expect(stderr).toContain("Ending the run");
});

test("a server that never answers ends the run early, as timed out", async () => {
  const url = await start(new HangsFromTheStart());
  const { exitCode, stdout } = await rinha(["--url", url, ...SHORT, "--out", "out"]);
  expect(exitCode).toBe(1);
  expect(stdout).toContain(
    "timed-out: account 1: a statement was not answered: no whole answer within 2.0 s",
  );
  expect(stdout).toContain("no account answered at the start");
});

test("--timeout is how long an answer may take, and is part of the command for the same again", async () => {
  const url = await start(new HangsFromTheStart());
  const { stdout } = await rinha(["--url", url, ...SHORT, "--timeout", "1", "--out", "out"]);
  expect(stdout).toContain("no whole answer within 1.0 s");
  expect(resultIn(join(folder, "out")).command).toEndWith(" --seed 5 --timeout 1");
});

test("if this machine has no socket left it says so, and does not blame the server", async () => {
  const url = await start(new Hangs());
  const script = `ulimit -n 80 && exec "$0" "$@"`;
  const args = [process.execPath, MAIN, "rinha", "--url", url, "--scale", "0.005", "--out", "out"];
  const child = Bun.spawn(["sh", "-c", script, ...args], { cwd: folder, stdout: "pipe", stderr: "pipe" });
  await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(await child.exited).toBe(1);
  const checks = new Set(resultIn(join(folder, "out")).failures.map((failure) => failure.check));
  expect(checks).toContain("no-socket");
  expect(checks).not.toContain("connection-refused");
});

test("if nothing listens it says so in one sentence, with exit code 2, and leaves no folder", async () => {
  const url = await start(new LedgerServer());
  await server?.stop();
  server = null;
  const { exitCode, stdout, stderr } = await rinha(["--url", url, "--out", "out"]);
  expect(exitCode).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toBe(
    `razonete: nothing listens at ${url} (ECONNREFUSED); start the system to be tested first.\n`,
  );
  expect(existsSync(join(folder, "out"))).toBe(false);
});

test("a wrong option or argument ends with exit code 2 and a message", async () => {
  for (const [args, words] of [
    [["--url", "nowhere"], '"nowhere" is not a URL'],
    [["--url", "https://127.0.0.1"], "is not an http:// URL"],
    [["--url", "http://127.0.0.1:9?a=b"], "give only these"],
    [["--scale", "0"], "It must be a number from"],
    [["--rate", "many"], "It must be a number from"],
    [["--seed", "-1"], "It must be a whole number"],
    [["--timeout", "0"], "It must be a number from"],
    [["--sacle", "1"], "unknown option"],
    [["compare", "a.json"], "missing required argument"],
    [["compare", "a.json", "b.json"], "cannot read a.json"],
  ] as const) {
    const { exitCode, stderr } = await rinha(args);
    expect(stderr).toContain(words);
    expect(exitCode).toBe(2);
  }
}, 120_000);

test("--help shows every option and the exit codes", async () => {
  const { exitCode, stdout } = await rinha(["--help"]);
  expect(exitCode).toBe(0);
  for (const word of [
    "--url",
    "--scale",
    "--rate",
    "--seed",
    "--timeout",
    "--out",
    "--json",
    "compare",
    "Exit code",
  ]) {
    expect(stdout).toContain(word);
  }
});

test("compare shows two results side by side, and refuses other files", async () => {
  const url = await start(new LedgerServer());
  await rinha(["--url", url, ...SHORT, "--out", "a"]);
  const paths = [join("a", "result.json"), join("a", "result.json")] as const;
  const compared = await rinha(["compare", ...paths, "--out", "both"]);
  expect(compared.exitCode).toBe(0);
  expect(compared.stdout).toContain(join("both", "compare.html"));
  expect(readFileSync(join(folder, "both", "compare.html"), "utf8")).toContain("<!doctype html>");

  await Bun.write(join(folder, "other.json"), `{"format": "another"}`);
  const refused = await rinha(["compare", paths[0], "other.json"]);
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toContain("other.json is not a result of this load test");
});
