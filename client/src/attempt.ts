import { problemIn } from "./problem.ts";
import type { Problem } from "./types.ts";

/** What one attempt came to. */
export type Attempt =
  | { readonly type: "answered"; readonly json: unknown; readonly replayed: boolean }
  | Refusal
  | Again
  /** By the caller. `mayBeDone`: it had been sent. */
  | { readonly type: "aborted"; readonly mayBeDone: boolean };

export interface Refusal {
  readonly type: "refused";
  readonly problem: Problem;
}

export interface Again {
  readonly type: "again";
  /** Whether this attempt may have changed something. */
  readonly mayBeDone: boolean;
  /** How long the server asks to wait. */
  readonly waitMs: number;
  /** For people, without a point. */
  readonly detail: string;
  readonly problem: Problem | null;
}

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

export interface Limits {
  readonly fetch: typeof fetch;
  /** Of this attempt. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Sends a request once, and waits for the whole answer. Never rejects. */
export async function attempt(request: HttpRequest, limits: Limits): Promise<Attempt> {
  const { signal, timeoutMs } = limits;
  if (signal?.aborted) return { type: "aborted", mayBeDone: false };
  const stop = new AbortController();
  const { promise: stopped, resolve } = withResolvers<Attempt>();
  const timer = setTimeout(() => {
    resolve(lost(`no answer within ${timeoutMs} ms`));
    stop.abort();
  }, timeoutMs);
  const onAbort = () => {
    resolve({ type: "aborted", mayBeDone: true });
    stop.abort();
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    // A fetch that does not heed its signal must not keep the caller waiting.
    return await Promise.race([exchange(request, limits.fetch, stop.signal), stopped]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

async function exchange(
  { method, url, headers, body }: HttpRequest,
  send: typeof fetch,
  signal: AbortSignal,
): Promise<Attempt> {
  try {
    const response = await send(url, { method, headers, body, signal, redirect: "manual" });
    return understand(response, await response.text());
  } catch (error) {
    return lost(`no answer (${told(error)})`);
  }
}

/**
 * Also where the connection was refused: the request may have gone out on an earlier one, which was lost, and some fetch
 * send it again by themselves.
 */
export function lost(detail: string): Again {
  return { type: "again", mayBeDone: true, waitMs: 0, detail, problem: null };
}

/** Only texts: an error of a fetch may bear its request, with the access key in it. */
export function told(error: unknown): string {
  const { message, cause } = Object(error);
  const { code = "", message: reason = "" } = Object(cause);
  return [message, code || reason].filter((text) => typeof text === "string" && text !== "").join(": ");
}

function understand(response: Response, text: string): Attempt {
  const { status } = response;
  if (!response.ok) return understandProblem(response, text);
  const json = status === 204 ? null : jsonIn(text);
  // Cut off on its way, or from something else than the ledger.
  if (json === undefined) return lost(`an answer with the status ${status} that is not JSON`);
  return { type: "answered", json, replayed: response.headers.get("idempotency-replayed") === "true" };
}

/** What an answer says that is no success. */
export function understandProblem({ status, headers }: Response, text: string): Refusal | Again {
  const problem = problemIn(status, jsonIn(text));
  if (!isSentAgain(status)) return { type: "refused", problem };
  return {
    type: "again",
    mayBeDone: !isNothingDone(problem),
    waitMs: retryAfterMs(headers.get("retry-after")),
    detail: `${problem.title} (${status})`,
    problem,
  };
}

/** 501 and 505 are answers to the request as it is. */
function isSentAgain(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/** A 408 or a 503 of something else than Razonete tells nothing of what became of the request. */
function isNothingDone({ status, type, outcome }: Problem): boolean {
  return status === 429 || outcome === "none" || type === "urn:razonete:problem:request-timeout";
}

export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Seconds, or a date. */
function retryAfterMs(header: string | null): number {
  if (header === null) return 0;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(ms, 0) : 0;
}

/** Promise.withResolvers, which Node has from 22 on. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
