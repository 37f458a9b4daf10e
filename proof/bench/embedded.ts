import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SOURCE_PROGRAM } from "../../src/build/programs.ts";
import { type MeasuredServer, startMeasuredServer } from "./measured-server.ts";
import { formatSpread, spreadOf } from "./statistics.ts";
import { ensureWrk, runWrk } from "./wrk.ts";

export interface EmbeddedBenchOptions {
  readonly connections: readonly number[];
  /** How many times each of the two servers is measured, in turn, at each number of connections. */
  readonly rounds: number;
  /** Length of one measurement. */
  readonly seconds: number;
}

interface ServerSample {
  readonly requestsPerSecond: number;
  readonly p50Microseconds: number;
  readonly p99Microseconds: number;
  readonly cpuMicroseconds: number;
}

const WARM_UP_SECONDS = 2;
const MEMORY_TRANSACTIONS = 1_000_000;
const MEMORY_CONNECTIONS = 64;

/**
 * Measures the embedded ledger beside a bare Bun.serve, in turn and in one run, so that a busy machine slows both
 * equally: quote the ratio. Prints the results as they come.
 */
export async function benchEmbedded(options: EmbeddedBenchOptions): Promise<void> {
  ensureWrk();
  const data = mkdtempSync(join(tmpdir(), "razonete-bench-"));
  const bare = await startMeasuredServer([process.execPath, source("bare-server.ts")]);
  const ledger = await startMeasuredServer([...SOURCE_PROGRAM, "serve", "--port", "0", "--data", data]);
  try {
    console.log(
      `${cpus().length} × ${cpus()[0]?.model}, Bun ${Bun.version}, ${options.rounds} rounds of ${options.seconds} s`,
    );
    console.log("medians (least to greatest); CPU is the server's own, user and system, for each request\n");
    for (const server of [bare, ledger])
      await runWrk({ url: server.url, connections: MEMORY_CONNECTIONS, seconds: WARM_UP_SECONDS });
    for (const connections of options.connections) await compareServers(bare, ledger, connections, options);
    await reportMemory(ledger, data);
  } finally {
    await Promise.all([bare.stop(), ledger.stop()]);
    rmSync(data, { recursive: true });
  }
}

async function compareServers(
  bare: MeasuredServer,
  ledger: MeasuredServer,
  connections: number,
  { rounds, seconds }: EmbeddedBenchOptions,
): Promise<void> {
  const samples: { readonly bare: ServerSample; readonly ledger: ServerSample }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    samples.push({
      bare: await measureServer(bare, connections, seconds),
      ledger: await measureServer(ledger, connections, seconds),
    });
  }
  console.log(`${connections} connection${connections === 1 ? "" : "s"}`);
  console.log(`  bare server   ${describe(samples.map((pair) => pair.bare))}`);
  console.log(`  ledger        ${describe(samples.map((pair) => pair.ledger))}`);
  const ratios = samples.map((pair) => pair.ledger.cpuMicroseconds / pair.bare.cpuMicroseconds);
  console.log(`  CPU, ledger to bare server: ${spread(ratios, 2)}\n`);
}

async function measureServer(
  server: MeasuredServer,
  connections: number,
  seconds: number,
): Promise<ServerSample> {
  const before = server.cpuMicroseconds();
  const wrk = await runWrk({ url: server.url, connections, seconds });
  return {
    requestsPerSecond: wrk.requests / wrk.seconds,
    p50Microseconds: wrk.p50Microseconds,
    p99Microseconds: wrk.p99Microseconds,
    cpuMicroseconds: (server.cpuMicroseconds() - before) / wrk.requests,
  };
}

async function reportMemory(ledger: MeasuredServer, data: string): Promise<void> {
  while ((await transactionsIn(ledger)) < MEMORY_TRANSACTIONS) {
    await runWrk({ url: ledger.url, connections: MEMORY_CONNECTIONS, seconds: 5 });
  }
  const fileBytes = Bun.file(join(data, "razonete.db")).size;
  const transactions = await transactionsIn(ledger);
  console.log(
    `after ${transactions.toLocaleString("en")} transactions: resident memory ${megabytes(ledger.residentBytes())}`,
  );
  console.log(
    `data file ${megabytes(fileBytes)}, ${Math.round(fileBytes / transactions)} bytes for each entry`,
  );
}

async function transactionsIn(ledger: MeasuredServer): Promise<number> {
  let total = 0;
  for (let account = 1; account <= 5; account += 1) {
    const reply = await fetch(`${ledger.url}/clientes/${account}/transacoes?quantidade=1`);
    const { transacoes }: { transacoes: { seq: number }[] } = JSON.parse(await reply.text());
    total += transacoes[0]?.seq ?? 0;
  }
  return total;
}

function describe(samples: readonly ServerSample[]): string {
  return [
    `${spread(
      samples.map((sample) => sample.requestsPerSecond),
      0,
    )}/s`,
    `p50 ${spread(
      samples.map((sample) => sample.p50Microseconds),
      0,
    )} µs`,
    `p99 ${spread(
      samples.map((sample) => sample.p99Microseconds),
      0,
    )} µs`,
    `CPU ${spread(
      samples.map((sample) => sample.cpuMicroseconds),
      1,
    )} µs`,
  ].join("  ");
}

function spread(values: readonly number[], digits: number): string {
  return formatSpread(spreadOf(values), digits);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function source(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
