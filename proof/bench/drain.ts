import { StartError } from "../../src/errors.ts";
import { startBareTarget } from "./bare-target.ts";
import { BenchProgress } from "./bench-progress.ts";
import { type Noise, noiseNotes, watchNoise } from "./machine-noise.ts";
import { type BenchLoad, measureTarget, type BenchSample } from "./measurement.ts";
import { startStackTarget, THIS_CHECKOUT } from "./stack-target.ts";
import { formatSpread, grouped, ratioOf, type Spread, spreadOf } from "./statistics.ts";
import { aligned } from "./tables.ts";
import { cpuSince, readCpu, type BenchTarget } from "./bench-target.ts";
import { type BenchContext, BenchEnvironment } from "./bench-environment.ts";
import { runWrk } from "./wrk.ts";

export interface DrainBenchOptions {
  /** How many times a backlog is made and drained. */
  readonly rounds: number;
  /** The size of the backlog. */
  readonly entries: number;
  readonly connections: number;
  readonly cpus: number;
}

/** One backlog. CPU is in microseconds for each entry, during the drain. */
export interface DrainSample {
  readonly entries: number;
  /**
   * From when the writer continues until the outbox is empty. Exact to about 0.1 s, the interval at which it is
   * trimmed.
   */
  readonly seconds: number;
  readonly entriesPerSecond: number;
  readonly cpuMicroseconds: number;
  readonly cpuMicrosecondsByProcess: Readonly<Record<string, number>>;
  readonly noise: Noise;
}

export interface DrainBenchResult {
  /** One sample of each a round. */
  readonly samples: { readonly drain: readonly DrainSample[]; readonly bare: readonly BenchSample[] };
  /** A drained entry as a multiple of a request to a bare server. */
  readonly ratios: { readonly perSecond: Spread; readonly cpuMicroseconds: Spread };
}

const WRITER = "writer-1";
const SLICE_SECONDS = 2;

/**
 * Measures how fast the writer brings a backlog into the books. The writer is paused while transactions are sent,
 * then it continues, with no other load. Beside it, in turn, the throughput of bare servers behind the same balancer
 * with as many connections: the most that a writer could ever have to keep up with.
 *
 * @throws StartError if the outbox is full before the backlog is large enough
 */
export async function benchDrain(
  options: DrainBenchOptions,
  context: BenchContext,
): Promise<DrainBenchResult> {
  const { say, signals } = context;
  await using environment = new BenchEnvironment(context);
  const missing = options.cpus === 0 ? null : BenchEnvironment.limitsMissing();
  if (missing !== null) say(`Without limits of CPU: ${missing}`);
  const bare = await environment.start("bare", options.cpus, startBareTarget);
  const stack = await environment.start("this", options.cpus, (location) =>
    startStackTarget("this", THIS_CHECKOUT, location, signals.stop),
  );
  const slice = { connections: options.connections, seconds: SLICE_SECONDS, signal: signals.stop };
  for (const target of [bare, stack]) await measureTarget(target, slice);
  say(`${options.rounds} rounds; medians (least to greatest)\n`);

  const samples: { drain: DrainSample[]; bare: BenchSample[] } = { drain: [], bare: [] };
  for (let round = 0; round < options.rounds; round += 1) {
    samples.bare.push(await measureTarget(bare, slice));
    samples.drain.push(await drainBacklog(stack, options.entries, slice));
  }
  const result = {
    samples,
    ratios: {
      perSecond: ratioOf(
        samples.drain.map((sample) => sample.entriesPerSecond),
        samples.bare.map((sample) => sample.requestsPerSecond),
      ),
      cpuMicroseconds: ratioOf(
        samples.drain.map((sample) => sample.cpuMicroseconds),
        samples.bare.map((sample) => sample.cpuMicroseconds),
      ),
    },
  };
  for (const line of describe(result)) say(line);
  return result;
}

async function drainBacklog(stack: BenchTarget, size: number, slice: BenchLoad): Promise<DrainSample> {
  const writer = stack.processes().find(({ name }) => name === WRITER);
  if (writer === undefined) throw new StartError(`the stack has no ${WRITER}.`);
  await stack.settle();
  process.kill(writer.pid, "SIGSTOP");
  let entries: number;
  let noise: ReturnType<typeof watchNoise>;
  let before: ReturnType<typeof readCpu>;
  try {
    entries = await makeBacklog(stack.url, size, slice);
    noise = watchNoise();
    before = readCpu(stack);
  } finally {
    process.kill(writer.pid, "SIGCONT");
  }
  const begun = performance.now();
  await stack.settle();
  const seconds = (performance.now() - begun) / 1000;
  const used = [...cpuSince(stack, before)];
  const cpu = used.reduce((sum, [, each]) => sum + each, 0);
  return {
    entries,
    seconds,
    entriesPerSecond: entries / seconds,
    cpuMicroseconds: cpu / entries,
    cpuMicrosecondsByProcess: Object.fromEntries(used.map(([name, each]) => [name, each / entries])),
    noise: noise(cpu),
  };
}

/** @returns how many were answered, at least `size` */
async function makeBacklog(url: string, size: number, slice: BenchLoad): Promise<number> {
  const progress = new BenchProgress(`letting ${grouped(size, 0)} entries pile up`, size);
  let entries = 0;
  try {
    while (entries < size) {
      const { requests } = await runWrk({ ...slice, url });
      entries += requests;
      progress.step(requests);
    }
  } finally {
    progress.stop();
  }
  return entries;
}

function describe({ samples, ratios }: DrainBenchResult): string[] {
  const format = (of: readonly number[], digits: number): string => formatSpread(spreadOf(of), digits);
  const entries = spreadOf(samples.drain.map((sample) => sample.entries)).median;
  const seconds = samples.drain.map((sample) => sample.seconds);
  const noises = [...samples.drain, ...samples.bare].map(({ noise }) => noise);
  return [
    `${grouped(entries, 0)} entries were brought into the books in ${format(seconds, 1)} s`,
    ...aligned([
      ["", "a second", "CPU µs each"],
      [
        "entries, drained",
        format(
          samples.drain.map((sample) => sample.entriesPerSecond),
          0,
        ),
        format(
          samples.drain.map((sample) => sample.cpuMicroseconds),
          1,
        ),
      ],
      [
        "requests, bare",
        format(
          samples.bare.map((sample) => sample.requestsPerSecond),
          0,
        ),
        format(
          samples.bare.map((sample) => sample.cpuMicroseconds),
          1,
        ),
      ],
      ["drained to bare", formatSpread(ratios.perSecond, 2), formatSpread(ratios.cpuMicroseconds, 2)],
    ]),
    `  CPU µs each, drained: ${byProcess(samples.drain)}`,
    `  CPU µs each, bare: ${byProcess(samples.bare)}`,
    ...noiseNotes(noises).map((note) => `  ${note}`),
  ];
}

/** Medians. Processes that used next to nothing are left out. */
function byProcess(samples: readonly Pick<BenchSample, "cpuMicrosecondsByProcess">[]): string {
  return Object.keys(samples[0]?.cpuMicrosecondsByProcess ?? {})
    .map((name) => ({
      name,
      each: spreadOf(samples.map((sample) => sample.cpuMicrosecondsByProcess[name] ?? 0)).median,
    }))
    .filter(({ each }) => each >= 0.05)
    .map(({ name, each }) => `${name} ${grouped(each, 1)}`)
    .join(", ");
}
