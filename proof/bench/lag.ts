import { startBareTarget } from "./bare-target.ts";
import { BenchProgress } from "./bench-progress.ts";
import { type AnswerTimes, type Lags, type Probes, sendProbes, watchLag } from "./lag-watch.ts";
import { type Noise, noiseNotes, watchNoise } from "./machine-noise.ts";
import { type StackTarget, startStackTarget, THIS_CHECKOUT } from "./stack-target.ts";
import { formatSpread, grouped, ratioOf, type Spread, spreadOf } from "./statistics.ts";
import { aligned } from "./tables.ts";
import { cpuSince, readCpu, type Target } from "./bench-target.ts";
import { type BenchContext, Workshop } from "./bench-environment.ts";
import { runWrk } from "./wrk.ts";

export interface LagBenchOptions {
  /** How often each load is offered to each target, in turn. */
  readonly rounds: number;
  readonly seconds: number;
  /** Connections that saturate the system. */
  readonly connections: readonly number[];
  readonly cpus: number;
}

/** One load, once. */
export interface Offered extends AnswerTimes {
  /** All of it: with what is not watched. */
  readonly requestsPerSecond: number;
  readonly noise: Noise;
}

export interface LagComparison {
  readonly load: string;
  /** Of the cluster, and of the bare servers, which have no books; one a round. */
  readonly samples: {
    readonly this: readonly (Offered & Lags)[];
    readonly bare: readonly Offered[];
  };
  /** To the time of a bare server's answer, round by round. */
  readonly ratios: {
    readonly answerP50: Spread;
    readonly answerP99: Spread;
    readonly lagP50: Spread;
    readonly lagP99: Spread;
  };
}

/** Requests a second at the contest's peak: 220 debits, 110 credits, 10 statements. */
const CONTEST_RATE = 340;
/** Answers that are watched at saturation, enough for a p99 and no burden. */
const PROBE_RATE = 50;
const ACCOUNTS = [1, 2, 3, 4, 5];
const PROBED_ACCOUNT = 5;
const WARM_UP = { connections: 32, seconds: 1 } as const;

interface Load {
  readonly title: string;
  readonly probes: Probes;
  /** That are kept busy besides; the account that is watched gets nothing of it. 0: none. */
  readonly connections: number;
}

/**
 * From an answer to its row in PostgreSQL, beside the time that bare servers behind the same balancer need for an
 * answer under the same load: in turn, in one run.
 *
 * @throws StartError where a target does not start or a request fails
 */
export async function benchLag(
  options: LagBenchOptions,
  context: BenchContext,
): Promise<readonly LagComparison[]> {
  const { say, signals } = context;
  await using workshop = new Workshop(context);
  const missing = options.cpus === 0 ? null : Workshop.limitsMissing();
  if (missing !== null) say(`Without limits of CPU: ${missing}`);
  const bare = await workshop.start("bare", options.cpus, startBareTarget);
  const stack = await workshop.start("this", options.cpus, (place) =>
    startStackTarget("this", THIS_CHECKOUT, place, signals.stop),
  );
  for (const { url } of [bare, stack]) await runWrk({ ...WARM_UP, url, signal: signals.stop });
  say(`${options.rounds} rounds of ${options.seconds} s; medians (least to greatest)\n`);

  const comparisons: LagComparison[] = [];
  for (const load of loadsOf(options, signals.stop)) {
    const comparison = await compare(load, stack, bare, options.rounds);
    comparisons.push(comparison);
    for (const line of [load.title, ...describe(comparison), ""]) say(line);
  }
  return comparisons;
}

function loadsOf({ seconds, connections }: LagBenchOptions, signal: AbortSignal): Load[] {
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

async function compare(load: Load, stack: StackTarget, bare: Target, rounds: number): Promise<LagComparison> {
  const samples: { this: (Offered & Lags)[]; bare: Offered[] } = { this: [], bare: [] };
  const measureStack = async (): Promise<void> => {
    samples.this.push(await offer(load, stack, () => watchLag(stack, load.probes)));
  };
  const measureBare = async (): Promise<void> => {
    samples.bare.push(await offer(load, bare, () => sendProbes(bare.url, load.probes)));
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
  const toBare = (figure: (sample: Offered & Lags) => number, floor: (sample: Offered) => number): Spread =>
    ratioOf(samples.this.map(figure), samples.bare.map(floor));
  const p50 = (sample: Offered): number => sample.answerP50Milliseconds;
  const p99 = (sample: Offered): number => sample.answerP99Milliseconds;
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
async function offer<Seen extends AnswerTimes>(
  { probes, connections }: Load,
  target: Target,
  watch: () => Promise<Seen>,
): Promise<Seen & Offered> {
  await target.settle();
  const noise = watchNoise();
  const before = readCpu(target);
  const besides = {
    url: target.url,
    connections,
    // The probes that are sent last are under load, too.
    seconds: probes.seconds + 1,
    accounts: PROBED_ACCOUNT - 1,
    signal: probes.signal,
  };
  const [seen, figures] = await Promise.all([watch(), connections === 0 ? null : runWrk(besides)]);
  await target.settle();
  const used = [...cpuSince(target, before).values()].reduce((sum, each) => sum + each, 0);
  return {
    ...seen,
    requestsPerSecond: seen.answersPerSecond + (figures === null ? 0 : figures.requests / figures.seconds),
    noise: noise(used + (figures?.cpuMicroseconds ?? 0)),
  };
}

function describe({ samples, ratios }: LagComparison): string[] {
  const told = <Sample>(of: readonly Sample[], figure: (sample: Sample) => number, digits = 2): string =>
    formatSpread(spreadOf(of.map(figure)), digits);
  const answers = (name: string, of: readonly Offered[]): string[] => [
    name,
    told(of, (sample) => sample.requestsPerSecond, 0),
    told(of, (sample) => sample.answerP50Milliseconds),
    told(of, (sample) => sample.answerP99Milliseconds),
    told(of, (sample) => sample.answerMaxMilliseconds),
  ];
  const lags = [
    "from answer to row",
    "",
    told(samples.this, (sample) => sample.lagP50Milliseconds),
    told(samples.this, (sample) => sample.lagP99Milliseconds),
    told(samples.this, (sample) => sample.lagMaxMilliseconds),
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
    `  ${grouped(watched, 0)} answers watched in each round; lags are told too long by up to ${grouped(resolution, 1)} ms`,
    ...noiseNotes(noises).map((note) => `  ${note}`),
  ];
}
