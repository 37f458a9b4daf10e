import { fileURLToPath } from "node:url";
import { StartError } from "../../src/errors.ts";

/** What requests.lua asks for, and how many of it one request is. A hold and its capture are two requests. */
export const PER_REQUEST = {
  transactions: 1,
  statements: 1,
  transfers: 1,
  across: 1,
  holds: 0.5,
  batches: 50,
} as const;

/** A load at full speed. */
export interface WrkLoad {
  readonly url: string;
  /** Each connection sends its next request when it has the answer to the one before. */
  readonly connections: number;
  readonly seconds: number;
  /** Default: transactions. */
  readonly what?: keyof typeof PER_REQUEST;
  /** Between how many. Default: the 5 of the contest. */
  readonly accounts?: number;
  /** Default: in turn. */
  readonly order?: "turn" | "random";
  /** The access key that each request bears. Default: none. */
  readonly token?: string;
  /** Of tagged-accounts.ts, whose accounts are used then; `accounts` has to be a multiple of their number. */
  readonly tags?: readonly string[];
  /** Ends the run early, with an error. */
  readonly signal?: AbortSignal;
}

/** What one run of the load generator measured. */
export interface WrkResult {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Microseconds: number;
  readonly p99Microseconds: number;
  readonly maxMicroseconds: number;
  /** Of the generator itself, which has one thread. If this is close to `seconds`, the generator was the bottleneck. */
  readonly cpuMicroseconds: number;
}

/** @throws StartError if wrk is missing and cannot be installed */
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
 * Runs wrk with one thread.
 *
 * @throws StartError if any request was answered with an error: then the figures would be meaningless
 */
export async function runWrk(load: WrkLoad): Promise<WrkResult> {
  const {
    url,
    connections,
    seconds,
    what = "transactions",
    accounts = 5,
    order = "turn",
    token = "",
    tags = [],
    signal,
  } = load;
  const script = fileURLToPath(new URL("requests.lua", import.meta.url));
  const how = ["--threads", "1", "--connections", String(connections), "--duration", `${seconds}s`];
  const wrk = Bun.spawn(
    ["wrk", ...how, "--script", script, url, "--", what, String(accounts), order, token, tags.join(",")],
    {
      stdout: "pipe",
      stderr: "inherit",
      ...(signal === undefined ? {} : { signal }),
    },
  );
  const output = await new Response(wrk.stdout).text();
  const code = await wrk.exited;
  signal?.throwIfAborted();
  if (code !== 0) throw new StartError(`wrk failed: ${output.trim()}`);
  const { failed, ...figures } = parseWrkOutput(output);
  if (failed > 0) {
    const share = `${failed} of ${figures.requests} requests to ${url} failed`;
    throw new StartError(`${share}: these figures are worth nothing.`);
  }
  return { ...figures, cpuMicroseconds: Number(wrk.resourceUsage()?.cpuTime.total ?? 0) };
}

/** @throws StartError if the script's line of figures is missing */
export function parseWrkOutput(output: string): Omit<WrkResult, "cpuMicroseconds"> & { failed: number } {
  const line = /^FIGURES((?: \d+){6})$/m.exec(output)?.[1];
  if (line === undefined) throw new StartError(`wrk printed no figures: ${output.trim()}`);
  const [requests = 0, duration = 0, p50 = 0, p99 = 0, max = 0, failed = 0] = line
    .trim()
    .split(" ")
    .map(Number);
  return {
    requests,
    seconds: duration / 1e6,
    p50Microseconds: p50,
    p99Microseconds: p99,
    maxMicroseconds: max,
    failed,
  };
}
