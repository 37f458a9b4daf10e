import { connectPostgres } from "../keep/connect.ts";
import { startStackTarget, THIS_CHECKOUT } from "./stack-target.ts";
import type { StackTarget } from "./stack-target.ts";
import { grouped, percentile } from "./statistics.ts";
import { aligned } from "./tables.ts";
import { type BenchContext, Workshop } from "./workshop.ts";
import { runWrk } from "./wrk.ts";
import { StartError } from "../errors.ts";

export interface LagBenchOptions {
  readonly seconds: number;
  /** Connections that saturate the system. */
  readonly connections: readonly number[];
  readonly cpus: number;
}

/** All in milliseconds. */
export interface Lag {
  readonly load: string;
  readonly answers: number;
  readonly p50Milliseconds: number;
  readonly p99Milliseconds: number;
  readonly maxMilliseconds: number;
  /** Between two looks at the books, in the middle: a lag is told too long by up to this. */
  readonly resolutionMilliseconds: number;
  /** The load that was offered besides. */
  readonly requestsPerSecond: number;
}

/** Requests a second at the contest's peak: 220 debits, 110 credits, 10 statements. */
const CONTEST_RATE = 340;
/** Answers that are watched at saturation, enough for a p99 and no burden. */
const PROBE_RATE = 50;
const ACCOUNTS = 5;
const PROBED_ACCOUNT = 5;
const LOOK_PAUSE_MILLISECONDS = 1;

/** An answer, and which entry of its account it was of. Times of `performance.now`. */
export interface Answered {
  readonly at: number;
  readonly account: number;
  readonly seq: number;
}

/** How many entries each account had in the books at one moment. */
export interface Look {
  readonly at: number;
  readonly seqs: ReadonlyMap<number, number>;
}

/**
 * From an answer to its row in PostgreSQL.
 *
 * Only credits of 1 are sent to the accounts that are watched. So an answer's balance tells how many entries its
 * account had with it, and a look at the books, every millisecond or two, how many of them are committed. The lag ends
 * with the first look that shows the entry.
 *
 * @throws StartError where the stack does not start or a request fails
 */
export async function benchLag(options: LagBenchOptions, context: BenchContext): Promise<readonly Lag[]> {
  const { say, signals } = context;
  await using workshop = new Workshop(context);
  const missing = options.cpus === 0 ? null : Workshop.limitsMissing();
  if (missing !== null) say(`Without limits of CPU: ${missing}`);
  const target = await workshop.start("this", options.cpus, (place) =>
    startStackTarget("this", THIS_CHECKOUT, place, signals.stop),
  );
  const lags: Lag[] = [];
  await runWrk({ url: target.url, connections: 32, seconds: 1, signal: signals.stop });
  await target.settle();

  const all = Array.from({ length: ACCOUNTS }, (_, index) => index + 1);
  const contest = await watch(target, all, CONTEST_RATE, options.seconds, signals.stop);
  lags.push({ load: `${CONTEST_RATE}/s, a connection each`, requestsPerSecond: CONTEST_RATE, ...contest });
  for (const connections of options.connections) {
    // The account that is watched gets nothing of it.
    const load = {
      connections,
      seconds: options.seconds + 1,
      accounts: PROBED_ACCOUNT - 1,
      signal: signals.stop,
    };
    const saturating = runWrk({ ...load, url: target.url });
    const [lag, figures] = await Promise.all([
      watch(target, [PROBED_ACCOUNT], PROBE_RATE, options.seconds, signals.stop),
      saturating,
    ]);
    const requestsPerSecond = figures.requests / figures.seconds;
    lags.push({ load: `saturation, ${connections} connections`, requestsPerSecond, ...lag });
    await target.settle();
  }
  for (const line of describe(lags)) say(line);
  return lags;
}

function describe(lags: readonly Lag[]): string[] {
  const rows = lags.map((lag) => [
    lag.load,
    grouped(lag.requestsPerSecond, 0),
    grouped(lag.p50Milliseconds, 1),
    grouped(lag.p99Milliseconds, 1),
    grouped(lag.maxMilliseconds, 1),
    grouped(lag.answers, 0),
    grouped(lag.resolutionMilliseconds, 1),
  ]);
  const head = [
    "from answer to row",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "max ms",
    "answers watched",
    "too long by ms",
  ];
  return aligned([head, ...rows]);
}

type Watched = Omit<Lag, "load" | "requestsPerSecond">;

async function watch(
  { url, description }: StackTarget,
  accounts: readonly number[],
  rate: number,
  seconds: number,
  signal: AbortSignal,
): Promise<Watched> {
  const sql = connectPostgres({ url: description().databaseUrl, name: "razonete bench", connections_max: 1 });
  const look = async (): Promise<Look> => {
    const rows = await sql<{ account: number; seq: number }[]>`
      SELECT account, seq FROM accounts WHERE account <= ${ACCOUNTS}`;
    return { at: performance.now(), seqs: new Map(rows.map(({ account, seq }) => [account, seq])) };
  };
  try {
    const before = await look();
    const balances = await sql<{ account: number; balance: number }[]>`
      SELECT account, balance FROM accounts WHERE account <= ${ACCOUNTS}`;
    const offsets = new Map(
      balances.map(({ account, balance }) => [account, (before.seqs.get(account) ?? 0) - balance]),
    );
    const looks: Look[] = [before];
    const answers: Answered[] = [];
    const state = { sent: false };
    const looking = (async () => {
      const isKept = (): boolean => unkept(answers, looks.at(-1) ?? before) === 0;
      while (!state.sent || !isKept()) {
        signal.throwIfAborted();
        await Bun.sleep(LOOK_PAUSE_MILLISECONDS);
        looks.push(await look());
      }
    })();
    const sending = offer(rate, seconds, signal, async (index) => {
      const account = accounts[index % accounts.length] ?? 0;
      const balance = await credit(url, account);
      answers.push({ at: performance.now(), account, seq: balance + (offsets.get(account) ?? 0) });
    }).finally(() => {
      state.sent = true;
    });
    await Promise.all([sending, looking]);
    return summarise(lagsOf(answers, looks), looks);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function unkept(answers: readonly Answered[], { seqs }: Look): number {
  return answers.filter(({ account, seq }) => (seqs.get(account) ?? 0) < seq).length;
}

function summarise(lags: readonly number[], looks: readonly Look[]): Watched {
  const pauses = looks.slice(1).map(({ at }, index) => at - (looks[index]?.at ?? at));
  return {
    answers: lags.length,
    p50Milliseconds: percentile(lags, 0.5),
    p99Milliseconds: percentile(lags, 0.99),
    maxMilliseconds: percentile(lags, 1),
    resolutionMilliseconds: percentile(pauses, 0.5),
  };
}

/**
 * How long each entry took from its answer to the first look that shows it, in milliseconds; 0 where it was seen before
 * the answer was.
 *
 * @param looks in their order; the last one shows every entry
 * @throws StartError where it does not
 */
export function lagsOf(answers: readonly Answered[], looks: readonly Look[]): number[] {
  return answers.map(({ at, account, seq }) => {
    const shows = (look: Look): boolean => (look.seqs.get(account) ?? 0) >= seq;
    // What a look shows, all later ones show.
    let [from, to] = [0, looks.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      const look = looks[middle];
      if (look !== undefined && shows(look)) to = middle;
      else from = middle + 1;
    }
    const first = looks[from];
    if (first === undefined)
      throw new StartError(`entry ${seq} of account ${account} never came into the books.`);
    return Math.max(0, first.at - at);
  });
}

/** Calls `send` at a steady rate, whether the ones before have been answered or not. */
async function offer(
  rate: number,
  seconds: number,
  signal: AbortSignal,
  send: (index: number) => Promise<void>,
): Promise<void> {
  const begun = performance.now();
  const sent: Promise<void>[] = [];
  for (let index = 0; index < rate * seconds; index += 1) {
    signal.throwIfAborted();
    const due = begun + (index * 1000) / rate;
    if (due > performance.now()) await Bun.sleep(due - performance.now());
    sent.push(send(index));
  }
  await Promise.all(sent);
}

/** @returns the balance after it */
async function credit(url: string, account: number): Promise<number> {
  const response = await fetch(`${url}/clientes/${account}/transacoes`, {
    method: "POST",
    body: '{"valor":1,"tipo":"c","descricao":"lag"}',
    keepalive: false,
  });
  const text = await response.text();
  const answer: unknown = response.ok ? JSON.parse(text) : null;
  if (typeof answer !== "object" || answer === null || !("saldo" in answer)) {
    throw new StartError(`a credit was answered ${response.status} ${text}`);
  }
  return Number(answer.saldo);
}
