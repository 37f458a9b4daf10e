import { z } from "zod";
import { accountOn } from "../../support/account-on.ts";
import { eventually } from "../../support/eventually.ts";

/** What a client was told of its transaction. */
export interface Answered {
  readonly shard: number;
  /** The transaction's id: where in the journal it is. */
  readonly id: string;
  readonly account: string;
  readonly seq: number;
  readonly balance: number;
}

/** An API. */
export interface Target {
  readonly url: string;
  /** The socket that leads to it, in place of its address. */
  readonly unix?: string;
}

const transaction = z.object({
  id: z.string(),
  accounts: z.record(z.string(), z.object({ seq: z.int(), balance: z.int() })),
});

const CLIENTS_PER_SHARD = 2;
const PAUSE_MILLISECONDS = 15;
const ANSWER_MILLISECONDS_MAX = 10_000;

/**
 * Clients of each shard. Each credits one cent to an account of its shard, again and again under the same key until it is
 * answered, and then under the next: so that after {@link quiet} each key is to be there exactly once.
 */
export class AnsweredLoad {
  /** By the key. */
  readonly answered = new Map<string, Answered>();
  /** How often there was another answer than 201, or none, by what it was. */
  readonly troubles = new Map<string, number>();
  /** An access key, where the ledger is not open. */
  token = "";
  readonly #targetOf: (shard: number, client: number) => Target;
  readonly #shards: number;
  readonly #counts: number[];
  readonly #countsOfClients = [0, 0];
  readonly #lastAt: number[];
  readonly #longest: number[];
  #clients: Promise<void>[] = [];
  #isOver = true;
  #isGivenUp = false;
  #keys = 0;

  /** @param targetOf whom a client of a shard asks: each shard has the clients 0 and 1 */
  constructor(targetOf: (shard: number, client: number) => Target, shards: number) {
    this.#targetOf = targetOf;
    this.#shards = shards;
    const zeros = (): number[] => Array.from({ length: shards }, () => 0);
    [this.#counts, this.#lastAt, this.#longest] = [zeros(), zeros(), zeros()];
  }

  begin(): void {
    this.#isOver = false;
    this.mark();
    for (let shard = 0; shard < this.#shards; shard += 1)
      for (let client = 0; client < CLIENTS_PER_SHARD; client += 1)
        this.#clients.push(this.#client(shard, client));
  }

  /** No more keys; resolves once each that was begun has its answer. */
  async quiet(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    this.#clients = [];
  }

  /** No more attempts either, answered or not. */
  async giveUp(): Promise<void> {
    this.#isGivenUp = true;
    await this.quiet();
  }

  /** From now on {@link longest} counts. */
  mark(): void {
    this.#lastAt.fill(performance.now());
    this.#longest.fill(0);
  }

  /** Of each shard the longest time without an answer since the mark, in milliseconds. */
  longest(): number[] {
    return this.#longest.map((longest, shard) =>
      Math.max(longest, performance.now() - (this.#lastAt[shard] ?? 0)),
    );
  }

  countOf(shard: number): number {
    return this.#counts[shard] ?? 0;
  }

  /** Of the clients with this number of all shards. */
  countOfClients(client: number): number {
    return this.#countsOfClients[client] ?? 0;
  }

  /** Until each of these shards has answered some more. */
  async goesOn(shards: readonly number[], more = 20): Promise<void> {
    const wanted = shards.map((shard) => this.countOf(shard) + more);
    await eventually(
      `shards ${shards.join(", ")} answer`,
      () => shards.every((shard, index) => this.countOf(shard) >= (wanted[index] ?? 0)),
      () => [this.#counts, wanted, Object.fromEntries(this.troubles)],
      90_000,
    );
  }

  /** Sends it until it is answered. */
  async settle(shard: number, key: string, client = 0): Promise<void> {
    while (!this.#isGivenUp && !(await this.#attempt(shard, key, client)))
      await Bun.sleep(PAUSE_MILLISECONDS);
  }

  async #client(shard: number, client: number): Promise<void> {
    while (!this.#isOver) {
      this.#keys += 1;
      const key = `loss-${this.#keys}`;
      await this.settle(shard, key, client);
      await Bun.sleep(PAUSE_MILLISECONDS);
    }
  }

  /** @returns whether it was answered with what became of it */
  async #attempt(shard: number, key: string, client: number): Promise<boolean> {
    const account = accountOn(shard, this.#shards);
    let told: string;
    try {
      const response = await credit(this.#targetOf(shard, client), account, key, this.token);
      const text = await response.text();
      if (response.status === 201) {
        this.#note(shard, key, account, text);
        this.#countsOfClients[client] = this.countOfClients(client) + 1;
        return true;
      }
      told = `${response.status} ${/"outcome": ?"(\w+)"/.exec(text)?.[1] ?? text}`;
    } catch (error) {
      told = error instanceof Error ? error.name : String(error);
    }
    this.troubles.set(told, (this.troubles.get(told) ?? 0) + 1);
    return false;
  }

  #note(shard: number, key: string, account: string, text: string): void {
    const { id, accounts } = transaction.parse(JSON.parse(text));
    const { seq = 0, balance = 0 } = accounts[account] ?? {};
    this.answered.set(key, { shard, id, account, seq, balance });
    this.#counts[shard] = this.countOf(shard) + 1;
    const now = performance.now();
    this.#longest[shard] = Math.max(this.#longest[shard] ?? 0, now - (this.#lastAt[shard] ?? now));
    this.#lastAt[shard] = now;
  }
}

/** One cent, on a connection of its own. Rejects where no answer comes. */
export function credit({ url, unix }: Target, account: string, key: string, token = ""): Promise<Response> {
  return fetch(`${url}/v1/transactions`, {
    method: "POST",
    keepalive: false,
    headers: {
      "content-type": "application/json",
      connection: "close",
      "idempotency-key": key,
      ...authorization(token),
    },
    body: JSON.stringify({ postings: [{ from: "@world", to: account, amount: 1 }] }),
    signal: AbortSignal.timeout(ANSWER_MILLISECONDS_MAX),
    ...(unix === undefined ? {} : { unix }),
  });
}

export function authorization(token: string): Readonly<Record<string, string>> {
  return token === "" ? {} : { authorization: `Bearer ${token}` };
}
