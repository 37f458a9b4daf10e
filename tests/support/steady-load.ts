import { call } from "./api.ts";
import type { Random } from "./random.ts";
import type { Attempt, Journal } from "./answer-log.ts";
import { z } from "zod";

const statement = z.object({ saldo: z.object({ total: z.int() }) });

const TICK_MILLISECONDS = 10;
/** An API gives a decision up after 2 s: most of that has to be the machine's. */
const STANDSTILL_MILLISECONDS_MIN = 1_500;

/** When something happened, by performance.now(). */
interface Span {
  readonly from: number;
  to: number;
}

export interface LoadedAccounts {
  /** With a small limit, so that many debits are refused. */
  readonly contested: string;
  /** Only ever credited, by one cent each: a higher balance is a later one. */
  readonly rising: string;
}

/**
 * Requests at a steady rate, however long the answers take, each on a connection of its own. What is told goes into
 * the journal; a statement of the rising account must show at least every answer that came before it was asked for,
 * and no more than what was answered to a transaction that was sent after it.
 */
export class SteadyLoad {
  readonly #url: string;
  readonly #journal: Journal;
  readonly #accounts: LoadedAccounts;
  readonly #random: Random;
  readonly #firstAttempt: number;
  readonly #underWay = new Set<Promise<void>>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #ticker: ReturnType<typeof setInterval>;
  #tickedAt = performance.now();
  #isOver = false;
  /** When not even this process ran. */
  readonly #standstills: Span[] = [];
  readonly #spans = new Map<Attempt, Span>();
  /** The highest balance of the rising account that was shown so far. */
  #shown = 0;
  #statements = 0;
  readonly #statementFailures: Span[] = [];
  #slowest = 0;

  constructor(
    url: string,
    journal: Journal,
    accounts: LoadedAccounts,
    random: Random,
    requestsPerSecond: number,
  ) {
    this.#url = url;
    this.#journal = journal;
    this.#accounts = accounts;
    this.#random = random;
    this.#firstAttempt = journal.attempts.length;
    this.#timer = setInterval(() => this.#next(), 1000 / requestsPerSecond);
    this.#ticker = setInterval(() => this.#tick(), TICK_MILLISECONDS);
  }

  /** What was asked for since the start of the load. */
  get attempts(): readonly Attempt[] {
    return this.#journal.attempts.slice(this.#firstAttempt);
  }

  /** Transactions that were neither accepted nor refused; those that still wait for an answer are among them. */
  get undecided(): readonly Attempt[] {
    return this.attempts.filter(({ known }) => known.type === "unknown" || known.type === "not-done");
  }

  /** Those of them that a ledger has to answer for: nobody decides in time on a machine that stands still. */
  get failures(): readonly Attempt[] {
    this.#tick();
    return this.undecided.filter((attempt) => !this.#stoodStill(this.#spans.get(attempt)));
  }

  get statements(): { readonly answered: number; readonly failed: number } {
    this.#tick();
    const failed = this.#statementFailures.filter((span) => !this.#stoodStill(span));
    return { answered: this.#statements, failed: failed.length };
  }

  /** The longest that a request waited for its answer. */
  get slowestMilliseconds(): number {
    return this.#slowest;
  }

  /** No more requests; resolves when the last one was answered, or was given up. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
    this.#tick();
    this.#isOver = true;
    clearInterval(this.#ticker);
  }

  #tick(): void {
    if (this.#isOver) return;
    const now = performance.now();
    if (now - this.#tickedAt >= STANDSTILL_MILLISECONDS_MIN)
      this.#standstills.push({ from: this.#tickedAt, to: now });
    this.#tickedAt = now;
  }

  #stoodStill(span: Span | undefined): boolean {
    if (span === undefined) return false;
    return this.#standstills.some(({ from, to }) => span.from <= to && span.to >= from);
  }

  #next(): void {
    const begun = performance.now();
    const request = this.#request().then(() => {
      this.#slowest = Math.max(this.#slowest, performance.now() - begun);
      this.#underWay.delete(request);
    });
    this.#underWay.add(request);
  }

  #request(): Promise<void> {
    const random = this.#random;
    const key = random.chance(30) ? `k-${this.#journal.newName()}` : null;
    if (random.chance(20)) return this.#read();
    if (random.chance(40)) return this.#raise(key);
    const kind = random.chance(60) ? "d" : "c";
    return this.#transact(this.#accounts.contested, kind, random.integer(1, 300), key);
  }

  async #transact(account: string, tipo: "c" | "d", valor: number, key: string | null): Promise<void> {
    await this.#send({ account, tipo, valor, key });
  }

  async #send(wanted: Pick<Attempt, "account" | "tipo" | "valor" | "key">): Promise<Attempt | undefined> {
    const place = this.#journal.attempts.length;
    const span = { from: performance.now(), to: Number.POSITIVE_INFINITY };
    const sent = this.#journal.transact(this.#url, wanted);
    const attempt = this.#journal.attempts[place];
    if (attempt !== undefined) this.#spans.set(attempt, span);
    await sent;
    span.to = performance.now();
    return attempt;
  }

  async #raise(key: string | null): Promise<void> {
    const shown = this.#shown;
    const wanted = { account: this.#accounts.rising, tipo: "c", valor: 1, key } as const;
    const known = (await this.#send(wanted))?.known;
    if (known?.type !== "accepted") return;
    if (known.saldo <= shown)
      this.#journal.surprises.push(`answered ${known.saldo} after ${shown} was shown`);
    this.#shown = Math.max(this.#shown, known.saldo);
  }

  async #read(): Promise<void> {
    const shown = this.#shown;
    const path = `/clientes/${this.#accounts.rising}/extrato`;
    const from = performance.now();
    const answer = await call(this.#url, "GET", path).catch(() => null);
    if (answer?.status !== 200) {
      this.#statementFailures.push({ from, to: performance.now() });
      return;
    }
    this.#statements += 1;
    const { total } = statement.parse(answer.body).saldo;
    if (total < shown) this.#journal.surprises.push(`a statement of ${total} after ${shown} was shown`);
    this.#shown = Math.max(this.#shown, total);
  }
}
