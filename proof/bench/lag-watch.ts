import type { AccountId } from "../../src/ledger/account.ts";
import { StartError } from "../../src/errors.ts";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import type { StackTarget } from "./stack-target.ts";
import { percentile } from "./statistics.ts";

/** Credits of 1 that are watched. Each is sent on its own connection, at a steady rate. */
export interface Probes {
  /** Used in turn. They get no other transactions meanwhile, and all their earlier ones are in the books. */
  readonly accounts: readonly AccountId[];
  /** Probes a second. */
  readonly rate: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

/** How long the answers to the probes took. */
export interface AnswerTimes {
  readonly answers: number;
  readonly answersPerSecond: number;
  readonly answerP50Milliseconds: number;
  readonly answerP99Milliseconds: number;
  readonly answerMaxMilliseconds: number;
}

/** How long it took from the answers to their rows in the books. */
export interface Lags {
  readonly lagP50Milliseconds: number;
  readonly lagP99Milliseconds: number;
  readonly lagMaxMilliseconds: number;
  /** The median time between two snapshots of the books. A lag is reported too long by up to this. */
  readonly resolutionMilliseconds: number;
}

/** An answer, and the entry of the account that it is for. Times are those of `performance.now`. */
export interface ProbeAnswer {
  readonly at: number;
  readonly account: AccountId;
  readonly seq: number;
}

/** How many entries each account had in the books at one moment. */
export interface BooksSnapshot {
  readonly at: number;
  readonly seqs: ReadonlyMap<AccountId, number>;
}

/** Snapshots are work for the measured database, so they are no more frequent than the precision of a lag needs. */
const SNAPSHOT_PAUSE_MILLISECONDS = 5;

/**
 * Sends the probes, each when it is due, whether or not earlier ones were answered, and measures the time of each
 * answer.
 *
 * @param onAnswer called with the balance in the answer
 * @throws StartError if an answer is not as it should be
 */
export async function sendProbes(
  url: string,
  { accounts, rate, seconds, signal }: Probes,
  onAnswer: (at: number, account: AccountId, balance: number) => void = () => {},
): Promise<AnswerTimes> {
  const took: number[] = [];
  const send = async (account: AccountId): Promise<void> => {
    const begun = performance.now();
    const balance = await credit(url, account);
    const at = performance.now();
    took.push(at - begun);
    onAnswer(at, account, balance);
  };
  const begun = performance.now();
  const sent: Promise<void>[] = [];
  for (let index = 0; index < rate * seconds; index += 1) {
    signal.throwIfAborted();
    const due = begun + (index * 1000) / rate;
    if (due > performance.now()) await Bun.sleep(due - performance.now());
    sent.push(send(accounts[index % accounts.length] ?? ""));
  }
  await Promise.all(sent);
  return {
    answers: took.length,
    answersPerSecond: (took.length * 1000) / (performance.now() - begun),
    answerP50Milliseconds: percentile(took, 0.5),
    answerP99Milliseconds: percentile(took, 0.99),
    answerMaxMilliseconds: percentile(took, 1),
  };
}

/**
 * Sends the probes, and reads the books until they have their rows.
 *
 * Since the probes are credits of 1, the balance in an answer gives the number of entries of its account, and a
 * snapshot of the books gives the number that is committed. The lag ends with the first snapshot that shows the
 * entry.
 *
 * @throws StartError if the answer to a probe is not as it should be
 */
export async function watchLag(
  { url, description }: StackTarget,
  probes: Probes,
): Promise<AnswerTimes & Lags> {
  const sql = connectPostgres({ url: description().databaseUrl, name: "razonete bench", connections_max: 1 });
  const takeSnapshot = async (): Promise<BooksSnapshot> => {
    const rows = await sql<{ account: AccountId; seq: number }[]>`
      SELECT account, seq FROM accounts WHERE account IN ${sql(probes.accounts)}`;
    return { at: performance.now(), seqs: new Map(rows.map(({ account, seq }) => [account, seq])) };
  };
  try {
    const before = await takeSnapshot();
    const balances = await sql<{ account: AccountId; balance: number }[]>`
      SELECT account, balance FROM accounts WHERE account IN ${sql(probes.accounts)}`;
    const offsets = new Map(
      balances.map(({ account, balance }) => [account, (before.seqs.get(account) ?? 0) - balance]),
    );
    const snapshots: BooksSnapshot[] = [before];
    const answers: ProbeAnswer[] = [];
    const state = { sent: false };
    const watching = (async () => {
      while (!state.sent || !areInBooks(answers, snapshots.at(-1) ?? before)) {
        probes.signal.throwIfAborted();
        await Bun.sleep(SNAPSHOT_PAUSE_MILLISECONDS);
        snapshots.push(await takeSnapshot());
      }
    })();
    const sending = sendProbes(url, probes, (at, account, balance) =>
      answers.push({ at, account, seq: balance + (offsets.get(account) ?? 0) }),
    ).finally(() => {
      state.sent = true;
    });
    const [times] = await Promise.all([sending, watching]);
    const lags = lagsOf(answers, snapshots);
    const pauses = snapshots.slice(1).map(({ at }, index) => at - (snapshots[index]?.at ?? at));
    return {
      ...times,
      lagP50Milliseconds: percentile(lags, 0.5),
      lagP99Milliseconds: percentile(lags, 0.99),
      lagMaxMilliseconds: percentile(lags, 1),
      resolutionMilliseconds: percentile(pauses, 0.5),
    };
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function areInBooks(answers: readonly ProbeAnswer[], { seqs }: BooksSnapshot): boolean {
  return answers.every(({ account, seq }) => (seqs.get(account) ?? 0) >= seq);
}

/**
 * The time from each answer to the first snapshot that shows its entry, in milliseconds; 0 if the entry was seen
 * before the answer.
 *
 * @param snapshots in order of time; the last one shows every entry
 * @throws StartError if it does not
 */
export function lagsOf(answers: readonly ProbeAnswer[], snapshots: readonly BooksSnapshot[]): number[] {
  return answers.map(({ at, account, seq }) => {
    const shows = (snapshot: BooksSnapshot): boolean => (snapshot.seqs.get(account) ?? 0) >= seq;
    // What a snapshot shows, all later ones show.
    let [from, to] = [0, snapshots.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      const snapshot = snapshots[middle];
      if (snapshot !== undefined && shows(snapshot)) to = middle;
      else from = middle + 1;
    }
    const first = snapshots[from];
    if (first === undefined)
      throw new StartError(`entry ${seq} of account ${account} never came into the books.`);
    return Math.max(0, first.at - at);
  });
}

/** @returns the balance after the credit */
async function credit(url: string, account: AccountId): Promise<number> {
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
