import { z } from "zod";
import type { Posting } from "../../../src/ledger/transaction.ts";
import { type Answer, call, problemName } from "../../support/api.ts";
import { eventually } from "../../support/eventually.ts";
import { Random } from "../../support/random.ts";

/** A request under a key, and how it was answered for good. */
export interface Settled {
  readonly key: string;
  readonly path: string;
  readonly body: object;
  readonly status: number;
  readonly answer: unknown;
  /** Of the transaction that it made; null where it made none. */
  readonly transaction: string | null;
  /** What that transaction moved. */
  readonly postings: readonly Posting[];
  /** It had to be sent more than once. */
  readonly wasLost: boolean;
}

type Request = Pick<Settled, "key" | "path" | "body">;

/** Of a transaction, or of a hold with the transaction of its capture. */
const made = z.looseObject({ id: z.string(), transaction: z.string().nullish() });

const PAUSE_MILLISECONDS = 15;
const ATTEMPT_PAUSE_MILLISECONDS = 50;
/** Amounts are so large beside what accounts have that some are refused. */
const AMOUNT_MAX = 400;

/**
 * Clients that move money between accounts of several shards: transfers, holds that are captured, whole and in parts, or
 * released, and reversals. Each request has a key, and is sent under it until it is answered for good.
 */
export class LoadAcross {
  readonly settled: Settled[] = [];
  /** Answers that no server may give. */
  readonly surprises: unknown[] = [];
  /** Requests that were decided for somebody who got no answer: the answer came to the same key later. */
  foundDecided = 0;
  /** Requests that wait for an answer just now. */
  underWay = 0;
  readonly #url: string;
  readonly #accounts: readonly string[];
  readonly #seed: number;
  #clients: Promise<void>[] = [];
  #isOver = false;
  #isGivenUp = false;
  #silence: PromiseWithResolvers<void> | null = null;
  #keys = 0;

  constructor(url: string, accounts: readonly string[], seed: number) {
    this.#url = url;
    this.#accounts = accounts;
    this.#seed = seed;
  }

  begin(clients: number): void {
    this.#clients = Array.from({ length: clients }, async (_, number) => {
      const random = new Random(this.#seed + number);
      while (!this.#isOver) {
        await this.#turn(random);
        await Bun.sleep(PAUSE_MILLISECONDS);
      }
    });
  }

  /** No more keys; resolves once each that was begun has its answer. */
  async quiet(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  /** No more attempts either, answered or not. */
  async giveUp(): Promise<void> {
    this.#isGivenUp = true;
    this.speak();
    await this.quiet();
  }

  /** From now on nobody sends anything, until {@link speak}. */
  hush(): void {
    this.#silence ??= Promise.withResolvers();
  }

  speak(): void {
    this.#silence?.resolve();
    this.#silence = null;
  }

  /** Until so many more requests were answered for good. */
  async goesOn(more: number): Promise<void> {
    const wanted = this.settled.length + more;
    await eventually(
      "requests are answered",
      () => this.settled.length >= wanted,
      () => [this.settled.length, wanted, this.surprises.slice(0, 3)],
      90_000,
    );
  }

  /** What a request says that is sent once more under its key; null: the same as before. */
  async differenceOf(settled: Settled): Promise<unknown> {
    let again: Answer | null = null;
    await eventually("it is answered again", async () => {
      again = await this.#attempt(settled);
      return again !== null;
    });
    const { status, body, replayed } = Object(again);
    const isSame = replayed === true && status === settled.status && Bun.deepEquals(body, settled.answer);
    return isSame ? null : { settled, status, body, replayed };
  }

  async #turn(random: Random): Promise<void> {
    const [from, to, third] = this.#three(random);
    const amount = random.integer(2, AMOUNT_MAX);
    if (random.chance(35)) return this.#hold(random, from, to, third, amount);
    const postings = [{ from, to, amount }];
    if (random.chance(40)) postings.push({ from: random.pick([from, to]), to: third, amount: 1 });
    const paid = await this.#settle(random, "/v1/transactions", { postings }, postings);
    if (paid === null || random.chance(60)) return;
    const back = postings.toReversed().map((posting) => ({
      from: posting.to,
      to: posting.from,
      amount: posting.amount,
    }));
    await this.#settle(random, `/v1/transactions/${paid}/reversal`, {}, back);
  }

  /** A hold, and its end. */
  async #hold(random: Random, from: string, to: string, third: string, amount: number): Promise<void> {
    const hold = await this.#settle(random, "/v1/holds", { from, to, amount }, []);
    if (hold === null) return;
    if (random.chance(20)) {
      await this.#settle(random, `/v1/holds/${hold}/release`, {}, []);
      return;
    }
    const whole = [{ from, to, amount }];
    const parts = [
      { from, to, amount: amount - 1 },
      { from, to: third, amount: 1 },
    ];
    const [postings, body] = random.chance(50)
      ? [whole, {}]
      : [parts, { postings: parts.map((part) => ({ to: part.to, amount: part.amount })) }];
    await this.#settle(random, `/v1/holds/${hold}/capture`, body, postings);
  }

  #three(random: Random): [string, string, string] {
    const left = [...this.#accounts];
    const take = (): string => {
      const [taken = ""] = left.splice(random.integer(0, left.length - 1), 1);
      return taken;
    };
    return [take(), take(), take()];
  }

  /** @returns the id of what was made; null where it was refused, or given up */
  async #settle(
    random: Random,
    path: string,
    body: object,
    postings: readonly Posting[],
  ): Promise<string | null> {
    this.#keys += 1;
    const request = { key: `across-${this.#keys}`, path, body };
    // Twice at once it has one answer all the same.
    const copies = random.chance(10) ? 2 : 1;
    for (let attempts = 1; ; attempts += 1) {
      const sent = Array.from({ length: copies }, () => this.#attempt(request));
      const [answer, twin] = (await Promise.all(sent)).filter((one) => one !== null);
      if (this.#isGivenUp) return null;
      if (answer === undefined) {
        await Bun.sleep(ATTEMPT_PAUSE_MILLISECONDS);
        continue;
      }
      if (twin !== undefined && !Bun.deepEquals([answer.status, answer.body], [twin.status, twin.body]))
        this.surprises.push([request, answer.body, twin.body]);
      if (copies === 1 && answer.replayed) this.foundDecided += 1;
      return this.#note(request, answer, postings, attempts > 1);
    }
  }

  /** @returns null where it is not known what became of it, or nothing did */
  async #attempt({ key, path, body }: Request): Promise<Answer | null> {
    await this.#silence?.promise;
    if (this.#isGivenUp) return null;
    this.underWay += 1;
    try {
      const answer = await call(this.#url, "POST", path, body, key);
      return answer.status === 503 || answer.status === 502 || answer.status === 504 ? null : answer;
    } catch {
      return null;
    } finally {
      this.underWay -= 1;
    }
  }

  #note(request: Request, answer: Answer, postings: readonly Posting[], wasLost: boolean): string | null {
    const { status, body } = answer;
    const common = { ...request, status, answer: body, wasLost };
    if (problemName(answer) === "limit-exceeded") {
      this.settled.push({ ...common, transaction: null, postings: [] });
      return null;
    }
    const { success, data } = made.safeParse(body);
    if (!success || (status !== 200 && status !== 201)) {
      this.surprises.push([request, status, body]);
      return null;
    }
    const { id, transaction = id } = data;
    this.settled.push({ ...common, transaction, postings: transaction === null ? [] : postings });
    return id;
  }
}
