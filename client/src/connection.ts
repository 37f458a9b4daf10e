import { flawOf, flawOfCommand, valueIn } from "./answers.ts";
import { checkAccessKey, checkKey, checkMilliseconds, checkNumbers, checkUrl } from "./check.ts";
import { NotDoneError, type Outcome, refusedError, type Sent, type Unsettled, valueOf } from "./outcome.ts";
import { nameOf } from "./problem.ts";
import { send } from "./send.ts";
import { type Opened, openStream } from "./stream-attempt.ts";

export interface ClientOptions {
  /** The ledger's address, such as `http://127.0.0.1:9999`; in a page of the same origin `location.origin`. */
  readonly url: string;
  /** One that `razonete keys create` showed. Left out: none, for a ledger that is open. */
  readonly accessKey?: string | undefined;
  /** How long a command or a read may take in all. Default 30,000 ms. */
  readonly deadlineMs?: number | undefined;
  /** How long one attempt waits for its answer. Default 10,000 ms; under 4,000 it gives up before the ledger does. */
  readonly attemptMs?: number | undefined;
  /** In place of the global one. */
  readonly fetch?: typeof fetch | undefined;
}

export interface ReadOptions {
  /** Gives up at once. A command that had been sent is then `unknown`. */
  readonly signal?: AbortSignal | undefined;
  /** In place of the client's. */
  readonly deadlineMs?: number | undefined;
}

export interface CommandOptions extends ReadOptions {
  /** Yours, stored with the operation before it is sent. Left out: a new UUID. */
  readonly key?: string | undefined;
}

export type Query = Readonly<Record<string, string | number | Date | undefined>>;

const DEADLINE_MS = 30_000;
const ATTEMPT_MS = 10_000;

/** To the ledger at one address, with one access key. */
export class Connection {
  readonly #url: string;
  readonly #accessKey: string | undefined;
  readonly #deadlineMs: number;
  readonly #attemptMs: number;
  readonly #fetch: typeof fetch;

  /** @throws TypeError, RangeError where an option cannot be */
  constructor({ url, accessKey, deadlineMs, attemptMs, fetch: own }: ClientOptions) {
    this.#url = checkUrl(url);
    this.#accessKey = accessKey === undefined ? undefined : checkAccessKey(accessKey);
    this.#deadlineMs = checkMilliseconds("deadlineMs", deadlineMs ?? DEADLINE_MS);
    this.#attemptMs = checkMilliseconds("attemptMs", attemptMs ?? ATTEMPT_MS);
    // A browser's must be called on its window, not on this object.
    this.#fetch = (own ?? globalThis.fetch).bind(globalThis);
  }

  /** @throws RangeError, TypeError where the body or the key is not one to send */
  command<T>(method: "POST" | "PATCH", path: string, body: unknown, options: CommandOptions = {}): Sent<T> {
    checkNumbers(body);
    const key = checkKey(options.key ?? newKey());
    return this.#sent({ method, path, body: JSON.stringify(body), key }, "command", options);
  }

  /** @throws TypeError where it is no request that an outcome had */
  settle<T>({ method, path, body, key }: Unsettled<T>, options: ReadOptions = {}): Sent<T> {
    const isOne = /^(POST|PATCH|DELETE)$/.test(method) && /^\/v1\/[^?#]+$/.test(path);
    if (!isOne || typeof body !== "string")
      throw new TypeError("this is no request to settle: give the one of an outcome that is unknown");
    return this.#sent({ method, path, body, key: checkKey(key) }, "settle", options);
  }

  /** Takes something away. Done also where that had been done by an attempt whose answer was lost. */
  remove(path: string, options: ReadOptions = {}): Sent<void> {
    return this.#sent({ method: "DELETE", path, body: "", key: newKey() }, "command", options);
  }

  /**
   * @param member one that the answer always has
   * @param waitMs how long the ledger is asked to wait before it answers
   * @throws RefusedError, NotDoneError; the signal's reason where it was aborted
   */
  read<T>(path: string, query: Query, member: string, options: ReadOptions = {}, waitMs = 0): Promise<T> {
    const request = { method: "GET", path: path + queryText(query), body: null } as const;
    return this.#read<T>(request, member, options, waitMs);
  }

  /** Asks once for a stream of events. @param cursor what it is to begin after, in place of what the query says */
  stream(path: string, query: Query, cursor: string | undefined, signal: AbortSignal): Promise<Opened> {
    const resumed = cursor === undefined ? {} : { "last-event-id": cursor };
    const headers = { ...this.#headers(null), accept: "text/event-stream", ...resumed };
    const limits = { fetch: this.#fetch, timeoutMs: this.#attemptMs, signal };
    return openStream({ url: this.#url + path + queryText(query), headers }, limits);
  }

  /** A command that changes nothing, and needs no key. As `read`. */
  dryRun<T>(path: string, body: unknown, member: string, options: ReadOptions = {}): Promise<T> {
    checkNumbers(body);
    return this.#read<T>({ method: "POST", path, body: JSON.stringify(body) }, member, options);
  }

  #sent<T>(request: Unsettled<T>, purpose: "command" | "settle", options: ReadOptions): Sent<T> {
    const outcome = this.#outcome(request, purpose, options);
    const promise = outcome.then(valueOf);
    const { key } = request;
    return Object.assign(promise, {
      key,
      outcome: async () => {
        // Who asks for the outcome need not wait for the promise that throws as well.
        promise.catch(() => {});
        return outcome;
      },
    });
  }

  async #outcome<T>(
    request: Unsettled<T>,
    purpose: "command" | "settle",
    options: ReadOptions,
  ): Promise<Outcome<T>> {
    const { method, path, body, key } = request;
    const url = this.#url + path;
    const isRemoval = method === "DELETE";
    const end = await send(
      isRemoval
        ? { method, url, headers: this.#headers(null), body: null }
        : { method, url, headers: { ...this.#headers(body), "idempotency-key": key }, body },
      { ...this.#limits(options), purpose, flawOf: (json) => flawOfCommand(method, path, json) },
    );
    switch (end.type) {
      case "answered":
        return { type: "done", value: valueIn(path, end.json), replayed: end.replayed, key };
      case "refused":
        if (isRemoval && end.wasInDoubt && end.problem.status === 404)
          return { type: "done", value: valueIn(path, null), replayed: true, key };
        return { type: "refused", reason: nameOf(end.problem), problem: end.problem, key };
      case "given-up": {
        const { problem, inDoubt } = end;
        const detail = this.withoutAccessKey(end.detail);
        if (!inDoubt) return { type: "not-done", detail, problem, key };
        const partly = end.partly === null ? null : valueIn(path, end.partly);
        return { type: "unknown", detail, problem, key, request, partly };
      }
    }
  }

  async #read<T>(
    { method, path, body }: { method: "GET" | "POST"; path: string; body: string | null },
    member: string,
    options: ReadOptions,
    waitMs = 0,
  ): Promise<T> {
    const limits = this.#limits(options);
    const end = await send(
      { method, url: this.#url + path, headers: this.#headers(body), body },
      {
        ...limits,
        deadlineMs: limits.deadlineMs + waitMs,
        attemptMs: limits.attemptMs + waitMs,
        purpose: "read",
        flawOf: (json) => flawOf(member, json),
      },
    );
    if (end.type === "answered") return valueIn(path, end.json);
    const { problem } = end;
    const key = "";
    if (end.type === "refused") throw refusedError(end.problem, key);
    options.signal?.throwIfAborted();
    throw new NotDoneError({ type: "not-done", detail: this.withoutAccessKey(end.detail), problem, key });
  }

  #headers(body: string | null): Record<string, string> {
    return {
      accept: "application/json",
      ...(this.#accessKey === undefined ? {} : { authorization: `Bearer ${this.#accessKey}` }),
      ...(body === null ? {} : { "content-type": "application/json" }),
    };
  }

  #limits({ signal, deadlineMs }: ReadOptions) {
    return {
      fetch: this.#fetch,
      deadlineMs: checkMilliseconds("deadlineMs", deadlineMs ?? this.#deadlineMs),
      attemptMs: this.#attemptMs,
      signal,
    };
  }

  /** The message of a fetch's error may tell the headers. */
  withoutAccessKey(text: string): string {
    return this.#accessKey === undefined ? text : text.replaceAll(this.#accessKey, "(the access key)");
  }
}

/** In a page that came by http from another machine there is no randomUUID. */
function newKey(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

function queryText(query: Query): string {
  checkNumbers(query, "the query");
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value instanceof Date ? value.toISOString() : String(value)]],
  );
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}
