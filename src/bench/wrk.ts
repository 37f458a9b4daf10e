import { fileURLToPath } from "node:url";
import { StartError } from "../errors.ts";

/** What one run of the load generator measured. */
export interface WrkFigures {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Microseconds: number;
  readonly p99Microseconds: number;
}

/** @throws StartError where there is no wrk and it cannot be installed */
export function ensureWrk(): void {
  if (Bun.which("wrk") !== null) return;
  if (process.getuid?.() === 0 && Bun.which("apt-get") !== null) {
    console.error("Installing wrk, the load generator (apt-get) ...");
    Bun.spawnSync(["apt-get", "update"], { stdout: "ignore", stderr: "ignore" });
    Bun.spawnSync(["apt-get", "install", "-y", "wrk"], { stdout: "ignore", stderr: "inherit" });
    if (Bun.which("wrk") !== null) return;
  }
  throw new StartError(
    "wrk, the load generator, is missing: install it (apt-get install wrk) and try again.",
  );
}

/**
 * Offers transactions over `connections` connections for `seconds`, from one thread.
 *
 * @throws StartError where any request was not answered 200: then the figures would be of something else
 */
export async function runWrk(url: string, connections: number, seconds: number): Promise<WrkFigures> {
  const script = fileURLToPath(new URL("transactions.lua", import.meta.url));
  const wrk = Bun.spawn(
    [
      "wrk",
      "--threads",
      "1",
      "--connections",
      String(connections),
      "--duration",
      `${seconds}s`,
      "--script",
      script,
      url,
    ],
    { stdout: "pipe", stderr: "inherit" },
  );
  const output = await new Response(wrk.stdout).text();
  const line = /FIGURES (\d+) (\d+) (\d+) (\d+) (\d+)/.exec(output);
  if ((await wrk.exited) !== 0 || line === null) throw new StartError(`wrk failed: ${output.trim()}`);
  const [requests = 0, microseconds = 0, p50 = 0, p99 = 0, failed = 0] = line.slice(1).map(Number);
  if (failed > 0)
    throw new StartError(
      `${failed} of ${requests} requests to ${url} failed: these figures are worth nothing.`,
    );
  return { requests, seconds: microseconds / 1e6, p50Microseconds: p50, p99Microseconds: p99 };
}
