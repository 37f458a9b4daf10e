import { type Again, lost, type Refusal, told, understandProblem } from "./attempt.ts";

/** What an attempt to open a stream came to. */
export type Opened = { readonly type: "open"; readonly body: ReadableStream<Uint8Array> } | Refusal | Again;

export interface StreamRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface StreamLimits {
  readonly fetch: typeof fetch;
  /** Until the answer begins. */
  readonly timeoutMs: number;
  /** Ends the stream as well. */
  readonly signal: AbortSignal;
}

/** Asks once. Never rejects. */
export async function openStream(
  { url, headers }: StreamRequest,
  { fetch: send, timeoutMs, signal }: StreamLimits,
): Promise<Opened> {
  try {
    const asked = send(url, { headers, signal, redirect: "manual" }).then(understood);
    return (await within(asked, timeoutMs, signal)) ?? lost(`no answer within ${timeoutMs} ms`);
  } catch (error) {
    return lost(`no answer (${told(error)})`);
  }
}

async function understood(response: Response): Promise<Opened> {
  if (!response.ok) return understandProblem(response, await response.text());
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  if (isStream && response.body !== null) return { type: "open", body: response.body };
  await response.body?.cancel();
  return lost(`an answer with the status ${response.status} that is no stream of events`);
}

/** Stops with that signal, or by itself at its end, whichever is first. */
export function stopWith(parent: AbortSignal | undefined): { readonly signal: AbortSignal; end(): void } {
  const stop = new AbortController();
  const abort = () => stop.abort();
  if (parent?.aborted) abort();
  parent?.addEventListener("abort", abort, { once: true });
  return {
    signal: stop.signal,
    end() {
      // The parent may live on, for many more of these.
      parent?.removeEventListener("abort", abort);
      abort();
    },
  };
}

/** @returns `null` where it takes longer, or the signal is aborted: what does not heed its signal is not waited for */
export async function within<T>(work: Promise<T>, ms: number, signal: AbortSignal): Promise<T | null> {
  if (signal.aborted) {
    work.catch(() => {});
    return null;
  }
  let end: () => void = () => {};
  const ended = new Promise<null>((resolve) => {
    end = () => resolve(null);
  });
  const timer = setTimeout(end, ms);
  signal.addEventListener("abort", end, { once: true });
  try {
    return await Promise.race([work, ended]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
}
