import type { AccountId } from "../../../src/ledger/account.ts";
import { type BenchContext, BenchEnvironment } from "../bench-environment.ts";
import { type BenchTarget, cpuSince, readCpu, type TargetLocation } from "../bench-target.ts";
import { startEmbeddedTarget } from "../embedded-target.ts";
import { type AnswerTimes, type Probes, sendProbes } from "../lag-watch.ts";
import { type Noise, noiseNotes, watchNoise } from "../machine-noise.ts";
import type { Shape } from "../shapes.ts";
import { startStackTarget, THIS_CHECKOUT } from "../stack-target.ts";
import { formatSpread, grouped, percentile, spreadOf } from "../statistics.ts";
import { aligned } from "../tables.ts";
import { runWrk } from "../wrk.ts";
import { type ReadersReport, startReaders } from "./event-readers.ts";
import { nameOf } from "./event-watch.ts";

export interface EventsBenchOptions {
  readonly shapes: readonly Shape[];
  readonly rounds: number;
  readonly seconds: number;
  /** Numbers of connections that saturate the system. */
  readonly connections: readonly number[];
  /** Numbers of readers. Each load is also applied with none, to compare with. */
  readonly readers: readonly number[];
  /** What the readers follow but the one that is timed: the events of one account, or all. */
  readonly follow: "account" | "all";
  readonly cpus: number;
}

/** One load, applied once with so many readers. */
export interface EventsSample extends AnswerTimes {
  readonly readers: number;
  /** All requests. */
  readonly requestsPerSecond: number;
  /** From an answer to its event; `null` where nobody reads. */
  readonly lagP50Milliseconds: number | null;
  readonly lagP99Milliseconds: number | null;
  readonly lagMaxMilliseconds: number | null;
  readonly crowd: ReadersReport;
  /** Of each process of the target, as shares of a core. */
  readonly cpuShares: Readonly<Record<string, number>>;
  readonly noise: Noise;
}

export interface EventsComparison {
  readonly shape: Shape;
  readonly load: string;
  readonly samples: readonly EventsSample[];
}

/** Requests a second of the contest's full rate, and of the probes beside others, as in `bench lag`. */
const CONTEST_RATE = 340;
const PROBE_RATE = 50;
const ACCOUNTS = ["1", "2", "3", "4", "5"];
const PROBED_ACCOUNT = "5";
/** One of those that have load and no probes. */
const FOLLOWED_ACCOUNT = "1";
const WARM_UP = { connections: 32, seconds: 1 } as const;
/** For readers, load and probes; all come from one address. */
const CONNECTIONS_MAX = 4_000;

interface EventsLoad {
  readonly title: string;
  /** `null`: nothing is sent. */
  readonly probes: Probes | null;
  /** Whose events the timed reader follows; `null`: all. */
  readonly watched: AccountId | null;
  readonly connections: number;
  readonly readers: readonly number[];
}

/**
 * Measures the time from an answer to its event at a reader, and what readers cost, beside the same load without them: in
 * turn, in one run.
 *
 * @throws StartError if a target does not start, or an answer or an event does not come
 */
export async function benchEvents(
  options: EventsBenchOptions,
  context: BenchContext,
): Promise<readonly EventsComparison[]> {
  const { say, signals } = context;
  await using environment = new BenchEnvironment(context);
  say(`rounds of ${options.seconds} s: ${options.rounds}; of several, medians (least to greatest)\n`);
  const comparisons: EventsComparison[] = [];
  for (const shape of options.shapes) {
    const target = await environment.start(shape, options.cpus, (location) =>
      startTarget(shape, location, signals.stop),
    );
    await runWrk({ ...WARM_UP, url: target.url, signal: signals.stop });
    for (const load of loadsOf(options, signals.stop)) {
      const samples: EventsSample[] = [];
      for (let round = 0; round < options.rounds; round += 1)
        for (const readers of load.readers) samples.push(await measure(target, load, readers, options));
      const comparison = { shape, load: load.title, samples };
      comparisons.push(comparison);
      for (const line of [`${shape}, ${load.title}`, ...describe(comparison, load), ""]) say(line);
    }
    await environment.end(target);
  }
  return comparisons;
}

function startTarget(shape: Shape, location: TargetLocation, signal: AbortSignal): Promise<BenchTarget> {
  if (shape === "embedded") return startEmbeddedTarget("this", THIS_CHECKOUT, location);
  const flags = ["--address-connections", String(CONNECTIONS_MAX)];
  return startStackTarget("this", THIS_CHECKOUT, location, signal, flags);
}

function loadsOf({ seconds, connections, readers }: EventsBenchOptions, signal: AbortSignal): EventsLoad[] {
  const contest = { accounts: ACCOUNTS, rate: CONTEST_RATE, seconds, signal };
  const few = { accounts: [PROBED_ACCOUNT], rate: PROBE_RATE, seconds, signal };
  const all = [0, ...readers];
  return [
    { title: "without any load", probes: null, watched: null, connections: 0, readers: [0, 1] },
    {
      title: `${CONTEST_RATE} a second, a connection each`,
      probes: contest,
      watched: null,
      connections: 0,
      readers: all,
    },
    ...connections.map((count) => ({
      title: `saturation, ${count} connections`,
      probes: few,
      watched: PROBED_ACCOUNT,
      connections: count,
      readers: all,
    })),
  ];
}

const NO_ANSWERS: AnswerTimes = {
  answers: 0,
  answersPerSecond: 0,
  answerP50Milliseconds: 0,
  answerP99Milliseconds: 0,
  answerMaxMilliseconds: 0,
};

async function measure(
  target: BenchTarget,
  { probes, watched, connections }: EventsLoad,
  count: number,
  { seconds, follow }: EventsBenchOptions,
): Promise<EventsSample> {
  await target.settle();
  const followed = follow === "account" ? FOLLOWED_ACCOUNT : null;
  const readers = await startReaders(target.url, count, watched, followed);
  const noise = watchNoise();
  const before = readCpu(target);
  const begun = performance.now();
  const answers = new Map<ReturnType<typeof nameOf>, number>();
  const besides = {
    url: target.url,
    connections,
    // One second longer, so that the last probes are under load as well.
    seconds: seconds + 1,
    accounts: ACCOUNTS.length - 1,
    ...(probes === null ? {} : { signal: probes.signal }),
  };
  const [times, wrk] = await Promise.all([
    probes === null
      ? Bun.sleep(seconds * 1000).then(() => NO_ANSWERS)
      : sendProbes(target.url, probes, (at, account, balance) => answers.set(nameOf(account, balance), at)),
    connections === 0 ? null : runWrk(besides),
  ]);
  const lags = (await readers.watch?.lagsOf(answers)) ?? [];
  const wall = (performance.now() - begun) * 1000;
  const used = cpuSince(target, before);
  const crowd = await readers.stop();
  const lag = (quantile: number) => (lags.length === 0 ? null : percentile(lags, quantile));
  const all = [...used.values()].reduce((sum, each) => sum + each, 0);
  return {
    ...times,
    readers: count,
    requestsPerSecond: times.answersPerSecond + (wrk === null ? 0 : wrk.requests / wrk.seconds),
    lagP50Milliseconds: lag(0.5),
    lagP99Milliseconds: lag(0.99),
    lagMaxMilliseconds: lag(1),
    crowd,
    cpuShares: Object.fromEntries([...used].map(([name, each]) => [name, each / wall])),
    noise: noise(all + crowd.cpuMicroseconds + (wrk?.cpuMicroseconds ?? 0)),
  };
}

function describe({ samples }: EventsComparison, load: EventsLoad): string[] {
  const rows = load.readers.map((count) => {
    const of = samples.filter(({ readers }) => readers === count);
    const cell = (metric: (sample: EventsSample) => number | null, digits = 1): string => {
      const values = of.map(metric).filter((value) => value !== null);
      if (values.length === 0) return "–";
      const all = spreadOf(values);
      return values.length === 1 ? grouped(all.median, digits) : formatSpread(all, digits);
    };
    // Those that a reader can cost anything: the APIs, or the one process that there is.
    const edges = ({ cpuShares }: EventsSample): number =>
      Object.entries(cpuShares)
        .filter(([name]) => name === "ledger" || name.startsWith("api"))
        .reduce((most, [, share]) => Math.max(most, 100 * share), 0);
    const whole = ({ cpuShares }: EventsSample): number =>
      Object.values(cpuShares).reduce((sum, share) => sum + 100 * share, 0);
    return [
      `${grouped(count, 0)} readers`,
      cell(({ requestsPerSecond }) => requestsPerSecond, 0),
      cell(({ answers, answerP99Milliseconds }) => (answers === 0 ? null : answerP99Milliseconds)),
      cell(({ lagP50Milliseconds }) => lagP50Milliseconds),
      cell(({ lagP99Milliseconds }) => lagP99Milliseconds),
      cell(edges),
      cell(whole),
      cell(({ crowd }) => crowd.bytes / 1e6),
      cell(({ crowd }) => crowd.ended, 0),
    ];
  });
  const headings = [
    "a second",
    "answer p99 ms",
    "to event p50",
    "p99",
    "% CPU of API",
    "of all",
    "MB read",
    "ended",
  ];
  const notes = noiseNotes(samples.map(({ noise }) => noise));
  return [...aligned([["", ...headings], ...rows]), ...notes.map((note) => `  ${note}`)];
}
