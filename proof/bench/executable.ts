import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { executableProgram } from "../../src/build/build-executable.ts";
import { SOURCE_PROGRAM } from "../../src/build/programs.ts";
import { StartError } from "../../src/errors.ts";
import { BenchProgress } from "./bench-progress.ts";
import { type Noise, noiseNotes, watchNoise } from "./machine-noise.ts";
import { type MeasuredServer, startMeasuredServer } from "./measured-server.ts";
import { THIS_CHECKOUT } from "./stack-target.ts";
import { formatSpread, grouped, ratioOf, type Spread, spreadOf } from "./statistics.ts";
import { aligned } from "./tables.ts";
import { type BenchContext, BenchEnvironment } from "./bench-environment.ts";
import { runWrk } from "./wrk.ts";

export interface ExecutableBenchOptions {
  readonly rounds: number;
  readonly connections: number;
  /** Length of the load, after which the memory is measured again. */
  readonly seconds: number;
}

/** Two starts on empty folders: one up to the first answer, one with load. */
export interface ServeSample {
  /** From the start of the process to the first answer. */
  readonly firstAnswerMilliseconds: number;
  /** User and system time until then. */
  readonly firstAnswerCpuMilliseconds: number;
  /** Resident memory right after the first answer. */
  readonly firstAnswerBytes: number;
  /** Resident memory after the load. */
  readonly loadedBytes: number;
  readonly requests: number;
  readonly noise: Noise;
}

export interface ExecutableBenchResult {
  readonly bytes: {
    readonly executable: number;
    /** What the source needs to run. */
    readonly source: { readonly bun: number; readonly source: number; readonly dependencies: number };
  };
  /** One sample a round. */
  readonly samples: Readonly<Record<Program, readonly ServeSample[]>>;
  /** The executable as a multiple of the source. */
  readonly ratios: Readonly<Record<Metric, Spread>>;
}

type Program = "executable" | "source";
type Metric = Exclude<keyof ServeSample, "requests" | "noise">;

const PROGRAMS: readonly Program[] = ["executable", "source"];
const MEGABYTE = 1e6;
const METRICS: readonly (readonly [metric: Metric, name: string, unit: number])[] = [
  ["firstAnswerMilliseconds", "to the first answer, ms", 1],
  ["firstAnswerCpuMilliseconds", "CPU until then, ms", 1],
  ["firstAnswerBytes", "memory then, MB", MEGABYTE],
  ["loadedBytes", "memory after the load, MB", MEGABYTE],
];

/**
 * Measures the single-file executable beside the source that it is built from, in turn, in one run: `serve` of each,
 * with a new data file at each start. Both include the cost of creating that file.
 *
 * @throws StartError if the executable cannot be built, or a server does not start
 */
export async function benchExecutable(
  options: ExecutableBenchOptions,
  context: BenchContext,
): Promise<ExecutableBenchResult> {
  const { say, signals } = context;
  await using environment = new BenchEnvironment(context);
  const commands = { executable: executableProgram(say), source: SOURCE_PROGRAM };
  const bytes = { executable: sizeOf(commands.executable), source: sourceBytes() };
  say(`${options.rounds} rounds, ${options.connections} connections for ${options.seconds} s;`);
  say("medians (least to greatest); memory is resident, with what of the program's file is in it\n");

  const samples: Record<Program, ServeSample[]> = { executable: [], source: [] };
  const progress = new BenchProgress("starting each in turn", options.rounds * PROGRAMS.length);
  try {
    for (let round = 0; round < options.rounds; round += 1) {
      for (const program of round % 2 === 0 ? PROGRAMS : PROGRAMS.toReversed()) {
        samples[program].push(
          await measureProgram(commands[program], environment.folder, options, signals.stop),
        );
        progress.step();
      }
    }
  } finally {
    progress.stop();
  }
  const ratio = (metric: Metric): Spread =>
    ratioOf(
      samples.executable.map((sample) => sample[metric]),
      samples.source.map((sample) => sample[metric]),
    );
  const ratios = {
    firstAnswerMilliseconds: ratio("firstAnswerMilliseconds"),
    firstAnswerCpuMilliseconds: ratio("firstAnswerCpuMilliseconds"),
    firstAnswerBytes: ratio("firstAnswerBytes"),
    loadedBytes: ratio("loadedBytes"),
  };
  const result = { bytes, samples, ratios };
  for (const line of describe(result)) say(line);
  return result;
}

async function measureProgram(
  program: readonly string[],
  folder: string,
  { connections, seconds }: ExecutableBenchOptions,
  signal: AbortSignal,
): Promise<ServeSample> {
  const noise = watchNoise();
  const start = (): Promise<MeasuredServer> => {
    signal.throwIfAborted();
    const data = mkdtempSync(join(folder, "serve-"));
    return startMeasuredServer([...program, "serve", "--port", "0", "--data", data]);
  };
  const begun = performance.now();
  const first = await killAfter(await start(), async (server) => {
    await firstAnswer(server.url);
    return {
      firstAnswerMilliseconds: performance.now() - begun,
      firstAnswerBytes: server.residentBytes(),
    };
  });
  const loaded = await killAfter(await start(), async (server) => {
    const load = await runWrk({ url: server.url, connections, seconds, signal });
    return { loadedBytes: server.residentBytes(), load };
  });
  return {
    firstAnswerMilliseconds: first.firstAnswerMilliseconds,
    firstAnswerCpuMilliseconds: first.cpuMicroseconds / 1000,
    firstAnswerBytes: first.firstAnswerBytes,
    loadedBytes: loaded.loadedBytes,
    requests: loaded.load.requests,
    noise: noise(first.cpuMicroseconds + loaded.cpuMicroseconds + loaded.load.cpuMicroseconds),
  };
}

/**
 * Kills the server after `use`, and adds its CPU time. While a process runs, the kernel reports its CPU time in steps
 * that are too large to measure a start; after its end, the time is exact.
 */
async function killAfter<T extends object>(
  server: MeasuredServer,
  use: (server: MeasuredServer) => Promise<T>,
): Promise<T & { readonly cpuMicroseconds: number }> {
  let used: T;
  try {
    used = await use(server);
  } catch (error) {
    await server.kill();
    throw error;
  }
  return { ...used, cpuMicroseconds: await server.kill() };
}

async function firstAnswer(url: string): Promise<void> {
  const response = await fetch(`${url}/clientes/1/extrato`);
  if (!response.ok) throw new StartError(`the first request was answered ${response.status}.`);
  await response.text();
}

function describe({ bytes, samples, ratios }: ExecutableBenchResult): string[] {
  const { bun, source, dependencies } = bytes.source;
  const inAll = bun + source + dependencies;
  const megabytes = (size: number): string => grouped(size / MEGABYTE, 1);
  const rows = METRICS.map(([metric, name, unit]) => {
    const formatted = PROGRAMS.map((program) => {
      const values = samples[program].map((sample) => sample[metric] / unit);
      return formatSpread(spreadOf(values), 1);
    });
    return [name, ...formatted, formatSpread(ratios[metric], 2)];
  });
  const requests = PROGRAMS.map((program) =>
    grouped(spreadOf(samples[program].map((sample) => sample.requests)).median, 0),
  );
  const noises = Object.values(samples)
    .flat()
    .map(({ noise }) => noise);
  return [
    ...aligned([
      ["", "executable", "bun src/...", "executable to source"],
      ["on disk, MB", megabytes(bytes.executable), megabytes(inAll), grouped(bytes.executable / inAll, 2)],
      ...rows,
      ["requests of the load", ...requests],
    ]),
    "",
    `  on disk the source is Bun ${megabytes(bun)}, src ${megabytes(source)}, dependencies ${megabytes(dependencies)}`,
    ...noiseNotes(noises).map((note) => `  ${note}`),
  ];
}

function sizeOf([file = ""]: readonly string[]): number {
  return statSync(file).size;
}

function sourceBytes(): ExecutableBenchResult["bytes"]["source"] {
  return {
    bun: statSync(process.execPath).size,
    source: bytesBelow(join(THIS_CHECKOUT, "src")),
    dependencies: dependencyFolders().reduce((sum, folder) => sum + bytesBelow(folder), 0),
  };
}

/** The folders of the packages that the program depends on, directly or indirectly, except Bun. */
function dependencyFolders(): string[] {
  const found = new Set<string>();
  const add = (folder: string): void => {
    const packageJson: { dependencies?: Record<string, string> } = JSON.parse(
      readFileSync(join(folder, "package.json"), "utf8"),
    );
    for (const name of Object.keys(packageJson.dependencies ?? {})) {
      const dependency = join(THIS_CHECKOUT, "node_modules", name);
      // A package inside the folder of the one that depends on it is counted there.
      if (name === "bun" || found.has(dependency) || !existsSync(dependency)) continue;
      found.add(dependency);
      add(dependency);
    }
  };
  add(THIS_CHECKOUT);
  return [...found];
}

/** The size of all files in a folder together. */
function bytesBelow(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
}
