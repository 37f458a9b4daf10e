import { startBareTarget } from "./bare-target.ts";
import { BenchProgress } from "./bench-progress.ts";
import { type AnswerTimes, type Lags, type Probes, sendProbes, watchLag } from "./lag-watch.ts";
import { type Noise, noiseNotes, watchNoise } from "./machine-noise.ts";
import { type StackTarget, startStackTarget, THIS_CHECKOUT } from "./stack-target.ts";
import { formatSpread, grouped, ratioOf, type Spread, spreadOf } from "./statistics.ts";
import { aligned } from "./tables.ts";
import { cpuSince, readCpu, type BenchTarget } from "./bench-target.ts";
import { type BenchContext, BenchEnvironment } from "./bench-environment.ts";
import { runWrk } from "./wrk.ts";

export interface LagBenchOptions {
  /** How many times each load is applied to each target, in turn. */
  readonly rounds: number;
  readonly seconds: number;
  /** Numbers of connections that saturate the system. */
  readonly connections: readonly number[];
  readonly cpus: number;
}

/** One load, applied once. */
export interface LoadSample extends AnswerTimes {
  /** All requests, including those that are not watched. */
  readonly requestsPerSecond: number;
  readonly noise: Noise;
}

export interface LagComparison {
  readonly load: string;
  /** Of the cluster, and of the bare servers, which have no books. One sample of each a round. */
  readonly samples: {
    readonly this: readonly (LoadSample & Lags)[];
    readonly bare: readonly LoadSample[];
  };
  /** As multiples of the answer time of a bare server, round by round. */
  readonly ratios: {
    readonly answerP50: Spread;
    readonly answerP99: Spread;
    readonly lagP50: Spread;
    readonly lagP99: Spread;
  };
}

/** Requests a second at the contest's full rate: 220 debits, 110 credits, 10 statements. */
const CONTEST_RATE = 340;
/** Probes a second at saturation: enough for a p99, and hardly any load. */
const PROBE_RATE = 50;
const ACCOUNTS = ["1", "2", "3", "4", "5"];
const PROBED_ACCOUNT = "5";
const WARM_UP = { connections: 32, seconds: 1 } as const;

interface LagLoad {
  readonly title: string;
  readonly probes: Probes;
  /** Connections that are kept busy in addition. The watched account gets none of this load. 0: none. */
  readonly connections: number;
}

/**
 * Measures the time from an answer to its row in PostgreSQL, beside the time that bare servers behind the same balancer
 * need for an answer under the same load: in turn, in one run.
 *
 * @throws StartError if a target does not start or a request fails
 */
export async function benchLag(
  options: LagBenchOptions,
  context: BenchContext,
): Promise<readonly LagComparison[]> {
  const { say, signals } = context;
  await using environment = new BenchEnvironment(context);
  const missing = options.cpus === 0 ? null : BenchEnvironment.limitsMissing();
  if (missing !== null) say(`Without limits of CPU: ${missing}`);
  const bare = await environment.start("bare", options.cpus, startBareTarget);
  const stack = await environment.start("this", options.cpus, (location) =>
    startStackTarget("this", THIS_CHECKOUT, location, signals.stop),
  );
  for (const { url } of [bare, stack]) await runWrk({ ...WARM_UP, url, signal: signals.stop });
  say(`${options.rounds} rounds of ${options.seconds} s; medians (least to greatest)\n`);

  const comparisons: LagComparison[] = [];
  for (const load of loadsOf(options, signals.stop)) {
    const comparison = await compareLoad(load, stack, bare, options.rounds);
    comparisons.push(comparison);
    for (const line of [load.title, ...describe(comparison), ""]) say(line);
  }
  return comparisons;
}

function loadsOf({ seconds, connections }: LagBenchOptions, signal: AbortSignal): LagLoad[] {
  const contest = { accounts: ACCOUNTS, rate: CONTEST_RATE, seconds, signal };
  const few = { accounts: [PROBED_ACCOUNT], rate: PROBE_RATE, seconds, signal };
  return [
    { title: `${CONTEST_RATE} a second, a connection each`, probes: contest, connections: 0 },
    ...connections.map((count) => ({
      title: `saturation, ${count} connections`,
      probes: few,
      connections: count,
    })),
  ];
}

async function compareLoad(
  load: LagLoad,
  stack: StackTarget,
  bare: BenchTarget,
  rounds: number,
): Promise<LagComparison> {
  const samples: { this: (LoadSample & Lags)[]; bare: LoadSample[] } = { this: [], bare: [] };
  const measureStack = async (): Promise<void> => {
    samples.this.push(await measureLoad(load, stack, () => watchLag(stack, load.probes)));
  };
  const measureBare = async (): Promise<void> => {
    samples.bare.push(await measureLoad(load, bare, () => sendProbes(bare.url, load.probes)));
  };
  const progress = new BenchProgress(load.title, 2 * rounds);
  try {
    for (let round = 0; round < rounds; round += 1) {
      const inTurn = round % 2 === 0 ? [measureBare, measureStack] : [measureStack, measureBare];
      for (const measure of inTurn) {
        await measure();
        progress.step();
      }
    }
  } finally {
    progress.stop();
  }
  const toBare = (
    metric: (sample: LoadSample & Lags) => number,
    floor: (sample: LoadSample) => number,
  ): Spread => ratioOf(samples.this.map(metric), samples.bare.map(floor));
  const p50 = (sample: LoadSample): number => sample.answerP50Milliseconds;
  const p99 = (sample: LoadSample): number => sample.answerP99Milliseconds;
  return {
    load: load.title,
    samples,
    ratios: {
      answerP50: toBare(p50, p50),
      answerP99: toBare(p99, p99),
      lagP50: toBare((sample) => sample.lagP50Milliseconds, p50),
      lagP99: toBare((sample) => sample.lagP99Milliseconds, p99),
    },
  };
}

/** @param watch sends the probes */
async function measureLoad<Seen extends AnswerTimes>(
  { probes, connections }: LagLoad,
  target: BenchTarget,
  watch: () => Promise<Seen>,
): Promise<Seen & LoadSample> {
  await target.settle();
  const noise = watchNoise();
  const before = readCpu(target);
  const besides = {
    url: target.url,
    connections,
    // One second longer, so that the last probes are under load as well.
    seconds: probes.seconds + 1,
    accounts: ACCOUNTS.length - 1,
    signal: probes.signal,
  };
  const [seen, wrk] = await Promise.all([watch(), connections === 0 ? null : runWrk(besides)]);
  await target.settle();
  const used = [...cpuSince(target, before).values()].reduce((sum, each) => sum + each, 0);
  return {
    ...seen,
    requestsPerSecond: seen.answersPerSecond + (wrk === null ? 0 : wrk.requests / wrk.seconds),
    noise: noise(used + (wrk?.cpuMicroseconds ?? 0)),
  };
}

function describe({ samples, ratios }: LagComparison): string[] {
  const format = <Sample>(of: readonly Sample[], metric: (sample: Sample) => number, digits = 2): string =>
    formatSpread(spreadOf(of.map(metric)), digits);
  const answers = (name: string, of: readonly LoadSample[]): string[] => [
    name,
    format(of, (sample) => sample.requestsPerSecond, 0),
    format(of, (sample) => sample.answerP50Milliseconds),
    format(of, (sample) => sample.answerP99Milliseconds),
    format(of, (sample) => sample.answerMaxMilliseconds),
  ];
  const lags = [
    "from answer to row",
    "",
    format(samples.this, (sample) => sample.lagP50Milliseconds),
    format(samples.this, (sample) => sample.lagP99Milliseconds),
    format(samples.this, (sample) => sample.lagMaxMilliseconds),
  ];
  const toFloor = [
    ["answer to bare's answer", "", formatSpread(ratios.answerP50, 2), formatSpread(ratios.answerP99, 2)],
    ["lag to bare's answer", "", formatSpread(ratios.lagP50, 2), formatSpread(ratios.lagP99, 2)],
  ];
  const watched = spreadOf(samples.this.map((sample) => sample.answers)).median;
  const resolution = spreadOf(samples.this.map((sample) => sample.resolutionMilliseconds)).median;
  const noises = Object.values(samples)
    .flat()
    .map((sample) => sample.noise);
  return [
    ...aligned([
      ["", "requests a second", "p50 ms", "p99 ms", "max ms"],
      lags,
      answers("answer, this", samples.this),
      answers("answer, bare", samples.bare),
      ["", "", "p50", "p99"],
      ...toFloor,
    ]),
    `  ${grouped(watched, 0)} answers watched in each round; lags are reported too long by up to ${grouped(resolution, 1)} ms`,
    ...noiseNotes(noises).map((note) => `  ${note}`),
  ];
}
