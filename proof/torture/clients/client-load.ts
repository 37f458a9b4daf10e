import { Client } from "../../load-test/http/client.ts";
import type { Outcome } from "../../load-test/http/connection.ts";
import type { LoadTarget } from "../../load-test/http/load-target.ts";
import { tortureBounds } from "../torture-bounds.ts";
import type { ClientKey, ClientKeys } from "./client-keys.ts";
import { KnownThings, HOT_ACCOUNTS } from "./known-things.ts";
import { type Pause, TortureClient } from "./torture-client.ts";
import { decodeAnswer, encodeRequest, isReading } from "./http-codec.ts";
import type { Answer, Attempt, Operation } from "./history.ts";
import { Random } from "../plan/random.ts";
import { type ClientRequest, OperationGenerator } from "./operation-generator.ts";

export interface ClientLoadOptions {
  readonly target: LoadTarget;
  readonly seed: number;
  /** 1 if not given. */
  readonly shards?: number;
  /** Not given: the system is open, and asks for none. */
  readonly keys?: ClientKeys;
  readonly clients?: number;
  /** After this time a request is given up. */
  readonly answerMilliseconds?: number;
  readonly pause?: Pause;
}

const PAUSE: Pause = {
  min: tortureBounds.pause_milliseconds_min,
  max: tortureBounds.pause_milliseconds_max,
};

/** One of so many clients uses a new connection for each request. */
const FRESH_EVERY = 4;

/**
 * The clients of a torture, and the record of their requests and answers.
 *
 * The requests are written to sockets by our own HTTP client: since the checks count how often something was done, no
 * library may send a request again without our knowledge. The seed decides what each client asks for, but not the order
 * in which the requests of several clients reach the system.
 */
export class ClientLoad {
  readonly #client: Client;
  readonly #clients: readonly TortureClient[];
  readonly #known: KnownThings;
  readonly #target: LoadTarget;
  readonly #keys: ClientKeys | null;
  #stop = new AbortController();
  #rounds: readonly Promise<void>[] = [];
  #attempts: Attempt[] = [];
  #sent = 0;
  #unknown = 0;
  #proofs = 0;
  #pulses = 0;
  /** The shards whose account for this is open. */
  readonly #pulsed = new Set<number>();
  #decidedAt = 0;

  constructor({ target, seed, clients = tortureBounds.clients, ...options }: ClientLoadOptions) {
    const { answerMilliseconds = tortureBounds.answer_milliseconds_max, pause = PAUSE } = options;
    this.#target = target;
    this.#known = new KnownThings(options.shards);
    this.#keys = options.keys ?? null;
    this.#client = new Client(target.address, answerMilliseconds);
    const seeds = new Random(seed);
    this.#clients = Array.from({ length: clients }, (_, client) => {
      const random = new Random(seeds.integer(0, 2 ** 31 - 1));
      const operations = new OperationGenerator(seed, client, random, this.#known);
      const kept = this.#client.session();
      const send = (request: ClientRequest, fresh: boolean) =>
        this.#send(request, fresh ? this.#onOwn : kept);
      return new TortureClient(operations, random, send, client % FRESH_EVERY === FRESH_EVERY - 1, pause);
    });
  }

  /** Requests so far, of the whole run. */
  get requests(): number {
    return this.#sent;
  }

  /** How many of these had an unknown outcome. */
  get unknown(): number {
    return this.#unknown;
  }

  /** When a command was last decided, by performance.now(); 0 for never. */
  get decidedAt(): number {
    return this.#decidedAt;
  }

  /** Begins a round. */
  start(): void {
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    const clients = this.#clients.map((client) => client.round(signal));
    const { shards } = this.#known;
    const pulses =
      shards === 1 ? [] : Array.from({ length: shards }, (_, shard) => this.#pulse(shard, signal));
    this.#rounds = [...clients, ...pulses];
  }

  /** Ends the round. Resolves, when every request has ended, to all attempts since the last call. */
  async stop(): Promise<readonly Attempt[]> {
    this.#stop.abort();
    await Promise.all(this.#rounds);
    const attempts = this.#attempts;
    this.#attempts = [];
    return attempts;
  }

  /**
   * Checks between two rounds that the system answers: a transaction and a statement on each hot account. These
   * attempts belong to the next round.
   *
   * @returns null if all were answered in time; else what was answered instead
   */
  async probe(): Promise<string | null> {
    const deadline = performance.now() + tortureBounds.probe_milliseconds_max;
    for (const { account } of HOT_ACCOUNTS) {
      const wanted = [() => this.#credit(account), (): Operation => ({ type: "statement", account })];
      for (const operation of wanted) {
        const wrong = await this.#answered(operation, deadline);
        if (wrong !== null) return wrong;
      }
    }
    return null;
  }

  /** A request with the key that was revoked. */
  async useRevoked(): Promise<void> {
    const key = this.#keys?.revoked;
    if (key === undefined || key === null) throw new Error("no key was revoked");
    const [{ account }] = HOT_ACCOUNTS;
    await this.#send({ operation: { type: "statement", account }, key: null }, this.#onOwn, key);
  }

  /** Gives up all requests that are in progress. */
  close(): void {
    this.#stop.abort();
    this.#client.close();
  }

  /**
   * Credits an account of the shard again and again, whether the one before is answered or not: so it is seen when each shard
   * decides, also while all clients wait for another one.
   */
  async #pulse(shard: number, stopped: AbortSignal): Promise<void> {
    const account = this.#known.idOn(shard, "pulse");
    const opening = { type: "open", account, unit: "BRL/2", creditLimit: 0, name: `pulse${shard}` } as const;
    while (!this.#pulsed.has(shard) && !stopped.aborted) {
      const { type } = await this.#send({ operation: opening, key: null }, this.#onOwn);
      if (type === "accepted" || type === "account") this.#pulsed.add(shard);
      else await Bun.sleep(tortureBounds.pause_milliseconds_max);
    }
    const waiting = new Set<Promise<unknown>>();
    while (!stopped.aborted) {
      if (waiting.size < tortureBounds.pulses_waiting_max) {
        const operation: Operation = {
          type: "transact",
          account,
          kind: "credit",
          value: 1,
          description: this.#pulseMark(),
        };
        const sent = this.#send({ operation, key: null }, this.#onOwn).finally(() => waiting.delete(sent));
        waiting.add(sent);
      }
      await Bun.sleep(tortureBounds.pulse_milliseconds);
    }
    await Promise.all(waiting);
  }

  /** Those of clients begin with their numbers. */
  #pulseMark(): string {
    this.#pulses += 1;
    return `pulse${this.#pulses.toString(36)}`;
  }

  #credit(account: string): Operation {
    this.#proofs += 1;
    // No client has such a mark: theirs begin with the client's number.
    const description = `proof-${this.#proofs.toString(36)}`;
    return { type: "transact", account, kind: "credit", value: 1, description };
  }

  /** Each try is a new operation, since one without a key is sent once only. */
  async #answered(operation: () => Operation, deadline: number): Promise<string | null> {
    while (true) {
      const request: ClientRequest = { operation: operation(), key: null };
      const answer = await this.#send(request, this.#onOwn);
      if (answer.type === "accepted" || answer.type === "refused" || answer.type === "statement") return null;
      if (performance.now() > deadline) {
        return `${request.operation.type} was answered with ${JSON.stringify(answer)}`;
      }
      await Bun.sleep(tortureBounds.pause_milliseconds_max);
    }
  }

  async #send(
    { operation, key }: ClientRequest,
    exchange: (request: Uint8Array) => Promise<Outcome>,
    accessKey: ClientKey | null = this.#keys?.next(performance.now()) ?? null,
  ): Promise<Answer> {
    this.#sent += 1;
    const number = this.#sent;
    const request = encodeRequest(operation, key, this.#target, accessKey?.token);
    const sentAt = performance.now();
    const { outcome, endedAt } = await exchange(request).then((ended) => ({
      outcome: ended,
      endedAt: performance.now(),
    }));
    const said = decodeAnswer(operation, outcome);
    const answer =
      accessKey === null || this.#keys === null
        ? said
        : this.#keys.answerTo(accessKey, sentAt, outcome, said);
    const by = accessKey?.name ?? null;
    this.#attempts.push({ number, operation, key, by, sentAt, endedAt, answer });
    this.#note(operation, answer, endedAt);
    return answer;
  }

  #note(operation: Operation, answer: Answer, endedAt: number): void {
    if (answer.type === "unknown") this.#unknown += 1;
    if (isDecided(operation, answer)) this.#decidedAt = endedAt;
    // No client uses the accounts of pulses.
    if (operation.type !== "open" || operation.account?.startsWith("pulse") !== true)
      this.#known.learn({ operation, answer });
  }

  readonly #onOwn = (request: Uint8Array): Promise<Outcome> =>
    new Promise((settle) => {
      this.#client.once(request, performance.now(), settle);
    });
}

/** Whether the answer says what became of a command. */
export function isDecided(operation: Operation, answer: Answer): boolean {
  if (isReading(operation)) return false;
  return answer.type === "accepted" || answer.type === "refused" || answer.type === "batch";
}
