import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AccessKey } from "../../src/access/access-key.ts";
import { type AccessKeys, OPEN } from "../../src/access/access-keys.ts";
import { EmbeddedLedger } from "../../src/embedded/embedded-ledger.ts";
import { Admission } from "../../src/http/admission.ts";
import { startHttpServer } from "../../src/http/server.ts";
import { type BenchContext, BenchEnvironment } from "./bench-environment.ts";
import type { BenchTarget, TargetLocation } from "./bench-target.ts";
import { startServer } from "./embedded-target.ts";
import { compareTargets, type Comparison, spread, warmUp } from "./measurement.ts";
import { type Ratios, ratiosOf } from "./ratios.ts";
import { grouped, type Spread, spreadOf } from "./statistics.ts";
import { describeComparison } from "./tables.ts";
import { runWrk } from "./wrk.ts";

export interface AccessBenchOptions {
  readonly connections: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  /** What each server may use, in CPUs; 0: no limit. */
  readonly cpus: number;
}

interface AccessComparison extends Comparison {
  readonly ratios: readonly Ratios[];
  /** The check, as a share of the CPU of a transaction on the open server. */
  readonly share: number;
}

export interface AccessBenchResult {
  /** What the check of one request takes. */
  readonly checkMicroseconds: Spread;
  readonly comparisons: readonly AccessComparison[];
}

/** As long as those that the product makes. */
const TOKEN = "rzn_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

/**
 * Measures what it costs to check an access key: transactions on the embedded ledger, whose server is open, or asks for a
 * key. In turn, in one run. The difference is less than what a busy machine adds and takes away, so the check itself is
 * measured as well, request by request, of which the median is hardly disturbed: quote its share.
 *
 * @throws StartError if a server does not start or does not answer
 */
export async function benchAccess(
  { connections, rounds, seconds, cpus }: AccessBenchOptions,
  context: BenchContext,
): Promise<AccessBenchResult> {
  const { say, signals } = context;
  await using environment = new BenchEnvironment(context);
  say(`${rounds} rounds of ${seconds} s; medians (least to greatest)\n`);
  const load = { seconds, signal: signals.stop } as const;
  const start = (name: "open" | "keyed") =>
    environment.start(name, cpus, (location) => startTarget(name, location));
  const measured = [
    { target: await start("open"), load },
    { target: await start("keyed"), load: { ...load, token: TOKEN } },
  ];
  for (const { target, load: each } of measured) await warmUp(target, each);
  const checkMicroseconds = await measureCheck(seconds, signals.stop);
  const check = checkMicroseconds.median;
  const comparisons: AccessComparison[] = [];
  for (const each of connections) {
    const title = `embedded, ${each} connections`;
    const targets = measured.map((one) => ({ ...one, load: { ...one.load, connections: each } }));
    const compared = await compareTargets(title, targets, rounds);
    const whole = spread(compared.samples["open"] ?? [], (sample) => sample.cpuMicroseconds).median;
    const comparison = { ...compared, ratios: ratiosOf(compared, [["keyed", "open"]]), share: check / whole };
    comparisons.push(comparison);
    const told = `  the check takes ${grouped(check, 2)} µs: ${grouped((check / whole) * 100, 2)} % of a transaction`;
    for (const line of [title, ...describeComparison(comparison), told, ""]) say(line);
  }
  return { checkMicroseconds, comparisons };
}

/** Of requests as they come in. That Bun makes their headers is no part of it: each transaction needs them anyway. */
async function measureCheck(seconds: number, signal: AbortSignal): Promise<Spread> {
  const admission = new Admission(oneKey(), { perAddress: null }, () => null);
  const needs = { all: ["transactions:write", "world:write"] } as const;
  const taken: number[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      request.headers.get("idempotency-key");
      const start = performance.now();
      const admitted = admission.admit(request, needs);
      taken.push((performance.now() - start) * 1000);
      return new Response(null, { status: admitted.ok ? 200 : 401 });
    },
  });
  try {
    await runWrk({ url: server.url.href.replace(/\/$/, ""), connections: 8, seconds, token: TOKEN, signal });
  } finally {
    await server.stop(true);
  }
  // The first ones are those of the JIT compilers.
  return spreadOf(taken.slice(taken.length / 2));
}

function startTarget(name: "open" | "keyed", { folder, group }: TargetLocation): Promise<BenchTarget> {
  const source = fileURLToPath(import.meta.url);
  return startServer(name, "ledger", [
    ...(group?.commandPrefix ?? []),
    process.execPath,
    source,
    name,
    folder,
  ]);
}

/** One key, looked for as the product does: by a hash of its token. */
function oneKey(): AccessKeys {
  const key: AccessKey = {
    name: "bench",
    scopes: new Set(["transactions:write", "world:write", "accounts:read"]),
    accounts: "",
    expiresAt: null,
    rate: null,
  };
  const hash = (token: string) => new Bun.CryptoHasher("sha256").update(token).digest("hex");
  const keys = new Map([[hash(TOKEN), key]]);
  return { isOpen: false, find: (token) => keys.get(hash(token)) ?? null, close: () => {} };
}

/** `access.ts open|keyed <folder>` is the server itself, as `razonete serve` starts it. */
if (import.meta.main) {
  const [, , name, folder = ""] = process.argv;
  const ledger = new EmbeddedLedger({ file: join(folder, "razonete.db") });
  const server = startHttpServer(ledger, {
    address: { host: "127.0.0.1", port: 0 },
    access: name === "keyed" ? oneKey() : OPEN,
    limits: { perAddress: null },
    onDefect: (message) => console.error(message),
  });
  console.log(`listens on ${server.url}`);
}
