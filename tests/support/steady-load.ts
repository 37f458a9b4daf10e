import { call } from "./api.ts";
import type { Random } from "./random.ts";
import type { Attempt, Journal } from "./answer-log.ts";
import { z } from "zod";

const statement = z.object({ saldo: z.object({ total: z.int() }) });

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
  /** The highest balance of the rising account that was shown so far. */
  #shown = 0;
  #statements = 0;
  #statementFailures = 0;
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
  }

  /** What was asked for since the start of the load. */
  get attempts(): readonly Attempt[] {
    return this.#journal.attempts.slice(this.#firstAttempt);
  }

  /** Transactions that were neither accepted nor refused; those that still wait for an answer are among them. */
  get failures(): readonly Attempt[] {
    return this.attempts.filter(({ known }) => known.type === "unknown" || known.type === "not-done");
  }

  get statements(): { readonly answered: number; readonly failed: number } {
    return { answered: this.#statements, failed: this.#statementFailures };
  }

  /** The longest that a request waited for its answer. */
  get slowestMilliseconds(): number {
    return this.#slowest;
  }

  /** No more requests; resolves when the last one was answered, or was given up. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
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
    await this.#journal.transact(this.#url, { account, tipo, valor, key });
  }

  async #raise(key: string | null): Promise<void> {
    const shown = this.#shown;
    const wanted = { account: this.#accounts.rising, tipo: "c", valor: 1, key } as const;
    const attempt = this.#journal.attempts.length;
    await this.#journal.transact(this.#url, wanted);
    const known = this.#journal.attempts[attempt]?.known;
    if (known?.type !== "accepted") return;
    if (known.saldo <= shown)
      this.#journal.surprises.push(`answered ${known.saldo} after ${shown} was shown`);
    this.#shown = Math.max(this.#shown, known.saldo);
  }

  async #read(): Promise<void> {
    const shown = this.#shown;
    const path = `/clientes/${this.#accounts.rising}/extrato`;
    const answer = await call(this.#url, "GET", path).catch(() => null);
    if (answer?.status !== 200) {
      this.#statementFailures += 1;
      return;
    }
    this.#statements += 1;
    const { total } = statement.parse(answer.body).saldo;
    if (total < shown) this.#journal.surprises.push(`a statement of ${total} after ${shown} was shown`);
    this.#shown = Math.max(this.#shown, total);
  }
}
