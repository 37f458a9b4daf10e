import { Client } from "../../load-test/http/client.ts";
import type { Outcome } from "../../load-test/http/connection.ts";
import type { LoadTarget } from "../../load-test/http/load-target.ts";
import { tortureBounds } from "../torture-bounds.ts";
import { Accounts, HOT_ACCOUNTS } from "./known-accounts.ts";
import { type Pause, TortureClient } from "./torture-client.ts";
import { answerOf, requestOf } from "./http-codec.ts";
import type { Answer, Attempt, Operation } from "./history.ts";
import { Random } from "../plan/random.ts";
import { type Wish, Wishes } from "./operation-generator.ts";

export interface LoadOptions {
  readonly target: LoadTarget;
  readonly seed: number;
  readonly clients?: number;
  /** After so long a request is given up. */
  readonly answerMilliseconds?: number;
  readonly pause?: Pause;
}

const PAUSE: Pause = {
  min: tortureBounds.pause_milliseconds_min,
  max: tortureBounds.pause_milliseconds_max,
};

/** Every so many clients use a connection for each request. */
const FRESH_EVERY = 4;

/**
 * The clients of a torture, and all that they saw.
 *
 * Their requests are written by a client of our own, on sockets: no library may send one again behind our back, where
 * the checks count how often a thing was done. What the clients want comes from the seed; the order in which it meets
 * does not.
 */
export class Load {
  readonly #client: Client;
  readonly #clients: readonly TortureClient[];
  readonly #accounts = new Accounts();
  readonly #target: LoadTarget;
  #stop = new AbortController();
  #rounds: readonly Promise<void>[] = [];
  #attempts: Attempt[] = [];
  #sent = 0;
  #unknown = 0;
  #proofs = 0;
  #decidedAt = 0;

  constructor({ target, seed, clients = tortureBounds.clients, ...options }: LoadOptions) {
    const { answerMilliseconds = tortureBounds.answer_milliseconds_max, pause = PAUSE } = options;
    this.#target = target;
    this.#client = new Client(target.address, answerMilliseconds);
    const seeds = new Random(seed);
    this.#clients = Array.from({ length: clients }, (_, client) => {
      const random = new Random(seeds.integer(0, 2 ** 31 - 1));
      const wishes = new Wishes(seed, client, random, this.#accounts);
      const kept = this.#client.session();
      const send = (wish: Wish, fresh: boolean) => this.#send(wish, fresh ? this.#onOwn : kept);
      return new TortureClient(wishes, random, send, client % FRESH_EVERY === FRESH_EVERY - 1, pause);
    });
  }

  /** Requests so far, of the whole run. */
  get requests(): number {
    return this.#sent;
  }

  /** Of these, the ones of which nobody could say what became of them. */
  get unknown(): number {
    return this.#unknown;
  }

  /** When a transaction was decided the last time, by performance.now(); 0 for never. */
  get decidedAt(): number {
    return this.#decidedAt;
  }

  /** Begins a round. */
  start(): void {
    this.#stop = new AbortController();
    this.#rounds = this.#clients.map((client) => client.round(this.#stop.signal));
  }

  /** Ends the round; resolves when every request has ended, with all that there were since the last time. */
  async stop(): Promise<readonly Attempt[]> {
    this.#stop.abort();
    await Promise.all(this.#rounds);
    const attempts = this.#attempts;
    this.#attempts = [];
    return attempts;
  }

  /**
   * Asks each hot account for a transaction and a statement, between two rounds; what is sent counts with the next one.
   *
   * @returns null where all were answered in time; else what was answered instead
   */
  async proof(): Promise<string | null> {
    const deadline = performance.now() + tortureBounds.proof_milliseconds_max;
    for (const { account } of HOT_ACCOUNTS) {
      const wanted = [() => this.#credit(account), (): Operation => ({ type: "statement", account })];
      for (const operation of wanted) {
        const wrong = await this.#answered(operation, deadline);
        if (wrong !== null) return wrong;
      }
    }
    return null;
  }

  /** Gives up on all that is under way. */
  close(): void {
    this.#stop.abort();
    this.#client.close();
  }

  #credit(account: number): Operation {
    this.#proofs += 1;
    // No client has such a mark: theirs begin with their number.
    const description = `proof-${this.#proofs.toString(36)}`;
    return { type: "transact", account, kind: "credit", value: 1, description };
  }

  /** Each try is a new thing: what has no key is sent once. */
  async #answered(operation: () => Operation, deadline: number): Promise<string | null> {
    while (true) {
      const wish: Wish = { operation: operation(), key: null };
      const answer = await this.#send(wish, this.#onOwn);
      if (answer.type === "accepted" || answer.type === "refused" || answer.type === "statement") return null;
      if (performance.now() > deadline) {
        return `${wish.operation.type} was answered with ${JSON.stringify(answer)}`;
      }
      await Bun.sleep(tortureBounds.pause_milliseconds_max);
    }
  }

  async #send(
    { operation, key }: Wish,
    exchange: (request: Uint8Array) => Promise<Outcome>,
  ): Promise<Answer> {
    this.#sent += 1;
    const number = this.#sent;
    const request = requestOf(operation, key, this.#target);
    const sentAt = performance.now();
    const { outcome, endedAt } = await exchange(request).then((ended) => ({
      outcome: ended,
      endedAt: performance.now(),
    }));
    const answer = answerOf(operation, outcome);
    this.#attempts.push({ number, operation, key, sentAt, endedAt, answer });
    this.#note(operation, answer, endedAt);
    return answer;
  }

  #note(operation: Operation, answer: Answer, endedAt: number): void {
    if (answer.type === "unknown") this.#unknown += 1;
    if (operation.type === "transact" && (answer.type === "accepted" || answer.type === "refused")) {
      this.#decidedAt = endedAt;
    }
    if (operation.type === "open" && answer.type === "accepted") {
      this.#accounts.opened({ account: answer.account, creditLimit: operation.creditLimit });
    }
  }

  readonly #onOwn = (request: Uint8Array): Promise<Outcome> =>
    new Promise((settle) => {
      this.#client.once(request, performance.now(), settle);
    });
}
