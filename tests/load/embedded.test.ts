import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunResult } from "../../src/load/result.ts";

const MAIN = join(import.meta.dir, "..", "..", "src", "cli", "main.ts");

/** The server prints its address when it is ready. */
async function addressIn(stdout: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stdout) {
    text += decoder.decode(chunk, { stream: true });
    const address = /http:\/\/[\d.]+:\d+/.exec(text)?.[0];
    if (address !== undefined) return address;
  }
  throw new Error(`the server ended without an address: ${text}`);
}

test("the ledger in one process stands the contest's load without a failure", async () => {
  const folder = mkdtempSync(join(tmpdir(), "razonete-contest-"));
  const serve = [process.execPath, MAIN, "serve", "--port", "0", "--data", join(folder, "data")];
  const server = Bun.spawn(serve, { cwd: folder, stdout: "pipe", stderr: "inherit" });
  try {
    const url = await addressIn(server.stdout);
    // Twenty-four seconds of load: a ramp to the contest's full rate, and as long at it.
    const args = ["rinha", "--url", url, "--scale", "0.1", "--out", "out"];
    const run = Bun.spawn([process.execPath, MAIN, ...args], { cwd: folder, stdout: "pipe", stderr: "pipe" });
    const [stdout, exitCode] = await Promise.all([run.stdout.text(), run.exited]);
    const result: RunResult = JSON.parse(readFileSync(join(folder, "out", "result.json"), "utf8"));
    // A machine that is busy with other work cannot be held against the ledger; a wrong answer can.
    expect(result.failures.filter(({ check }) => check !== "too-slow")).toEqual([]);
    expect(result).toMatchObject({ complete: true, notes: [], verdict: { inconsistencies: 0 } });
    expect(result.total.requests).toBe(6138 + 123);
    expect(exitCode).toBe(result.verdict.passed ? 0 : 1);
    expect(stdout).toMatch(/^total +6,261 +0 /m);
    expect(existsSync(join(folder, "out", "report.html"))).toBe(true);
  } finally {
    server.kill();
    await server.exited;
    rmSync(folder, { recursive: true });
  }
}, 60_000);
