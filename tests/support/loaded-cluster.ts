import { expect } from "bun:test";
import { readAccounts, type WireAccount } from "./api.ts";
import { Cluster, type ClusterOptions } from "./cluster.ts";
import { eventually } from "./eventually.ts";
import { Random } from "./random.ts";
import { Journal } from "./answer-log.ts";
import { KeptBooks } from "./kept-books.ts";
import { type LoadedAccounts, SteadyLoad } from "./steady-load.ts";

const REQUESTS_PER_SECOND = 100;

/** A cluster, what all its clients were told, and the books to hold it against. */
export class LoadedCluster {
  readonly cluster: Cluster;
  readonly journal = new Journal();
  readonly books: KeptBooks;
  readonly #random: Random;
  #load: SteadyLoad | null = null;

  private constructor(cluster: Cluster, seed: number) {
    this.cluster = cluster;
    this.books = new KeptBooks(cluster);
    this.#random = new Random(seed);
  }

  static async start(seed: number, options: ClusterOptions = {}): Promise<LoadedCluster> {
    return new LoadedCluster(await Cluster.start(options), seed);
  }

  /** A steady load on accounts of its own, through the balancer. It has run for a moment when this resolves. */
  async load(requestsPerSecond = REQUESTS_PER_SECOND): Promise<SteadyLoad> {
    // That of a test that has failed.
    await this.#load?.stop();
    await this.cluster.balanced();
    const { url } = this.cluster;
    const accounts = { contested: await this.#open(500), rising: await this.#open(0) };
    const load = this.#start(accounts, requestsPerSecond);
    this.#load = load;
    await Bun.sleep(300);
    expect(load.attempts.length, `a load on ${url}`).toBeGreaterThan(0);
    return load;
  }

  /** Sends again, with their keys, those without a known outcome: by then each has one. */
  async settle(load: SteadyLoad): Promise<void> {
    const keyed = load.undecided.filter(({ key }) => key !== null);
    await this.journal.resend(this.cluster.url, keyed);
    // And once more: what is known by now must be said again, and marked as said before.
    await this.journal.resend(this.cluster.url, keyed.slice(0, 10));
    expect(load.undecided.filter(({ key }) => key !== null)).toEqual([]);
  }

  /** Holds the books, once they have caught up, against all that was told; and what is shown against the books. */
  async check(): Promise<void> {
    await this.books.drained();
    expect(await this.books.faults()).toEqual([]);
    this.journal.compare(await this.books.entries());
    const kept = await this.books.sql<WireAccount[]>`
      SELECT account AS id, name, credit_limit, balance FROM accounts ORDER BY account`;
    this.journal.compareAccounts(kept);
    const opened = kept.slice(5).map(({ id }) => id);
    expect(await readAccounts(this.cluster.url, opened)).toEqual([...kept]);
  }

  async dispose(): Promise<void> {
    await this.#load?.stop();
    await this.books.close();
    await this.cluster[Symbol.asyncDispose]();
  }

  #start(accounts: LoadedAccounts, requestsPerSecond: number): SteadyLoad {
    return new SteadyLoad(this.cluster.url, this.journal, accounts, this.#random, requestsPerSecond);
  }

  async #open(limite: number): Promise<string> {
    let id: string | null = null;
    // As a client does whom an API refuses that does not know of a restore yet: it asks again.
    await eventually("the account is opened", async () => {
      await this.journal.open(this.cluster.url, limite);
      id = this.journal.openings.at(-1)?.id ?? null;
      return id !== null;
    });
    if (id === null) throw new Error("the account was not opened");
    return id;
  }
}
