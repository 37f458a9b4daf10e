import { attempt, type HttpRequest } from "./attempt.ts";
import { settles } from "./problem.ts";
import type { Problem } from "./types.ts";

/** The first pause is this long, each further one twice as long, up to the longest; by chance up to twice that. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 4000;
/** A longer timer ends at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/**
 * As long as nothing is in doubt, an attempt is begun only where this is left for its answer, or a quarter of short
 * deadlines: one that is cut off by the deadline would make `unknown` of what is known to be not done.
 */
const LAST_ATTEMPT_MS = 1000;

export interface Sending {
  readonly fetch: typeof fetch;
  readonly deadlineMs: number;
  /** Of each attempt. */
  readonly attemptMs: number;
  readonly signal: AbortSignal | undefined;
  /** What may be applied; `read`: nothing, whatever becomes of an attempt. `settle`: an earlier attempt may have been. */
  readonly purpose: "read" | "command" | "settle";
  /** Why the answer of a success is not one, or not a whole one. */
  readonly flawOf: (json: unknown) => Flaw | null;
}

export interface Flaw {
  /** For people, without a point. */
  readonly detail: string;
  readonly waitMs: number;
  /** Some of what was asked for is done. */
  readonly isPart: boolean;
}

/** What all attempts came to. */
export type End =
  | { readonly type: "answered"; readonly json: unknown; readonly replayed: boolean }
  | {
      readonly type: "refused";
      readonly problem: Problem;
      /** Whether an earlier attempt may have been applied, which led to this answer. */
      readonly wasInDoubt: boolean;
    }
  | {
      readonly type: "given-up";
      /** Whether one of the attempts may have been, or may still be, applied. */
      readonly inDoubt: boolean;
      readonly detail: string;
      readonly problem: Problem | null;
      /** The latest answer that was a part. */
      readonly partly: unknown;
    };

/**
 * Sends the same request again and again, until its outcome is known or the deadline has passed. One attempt that may
 * have been applied leaves the whole in doubt until an answer tells what became of it: what later attempts are told of
 * themselves says nothing of that one.
 */
export async function send(request: HttpRequest, sending: Sending): Promise<End> {
  const { signal, flawOf, purpose } = sending;
  const giveUpAt = performance.now() + sending.deadlineMs;
  const remaining = () => giveUpAt - performance.now();
  const mayChange = purpose !== "read";
  let inDoubt = purpose === "settle";
  let partly: unknown = null;
  let last: { readonly detail: string; readonly problem: Problem | null } = {
    detail: "there was no time for an attempt",
    problem: null,
  };
  for (let pause = FIRST_PAUSE_MS; remaining() > 0; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    const timeoutMs = Math.ceil(Math.min(sending.attemptMs, remaining(), LONGEST_TIMER_MS));
    const told = await attempt(request, { fetch: sending.fetch, timeoutMs, signal });
    let waitMs = 0;
    switch (told.type) {
      case "answered": {
        const flaw = flawOf(told.json);
        if (flaw === null) return told;
        inDoubt = mayChange;
        ({ waitMs } = flaw);
        last = { detail: flaw.detail, problem: null };
        if (flaw.isPart) partly = told.json;
        break;
      }
      case "refused": {
        const { problem } = told;
        if (!inDoubt || settles(problem)) return { type: "refused", problem, wasInDoubt: inDoubt };
        return { type: "given-up", inDoubt, detail: `${problem.title} (${problem.status})`, problem, partly };
      }
      case "aborted":
        inDoubt ||= told.mayBeDone && mayChange;
        break;
      case "again":
        inDoubt ||= told.mayBeDone && mayChange;
        ({ waitMs } = told);
        last = told;
        break;
    }
    const reserved = inDoubt ? 0 : Math.min(LAST_ATTEMPT_MS, sending.deadlineMs / 4);
    const wait = pauseWithin(remaining() - reserved, pause, waitMs);
    if (wait === null || !(await slept(wait, signal))) break;
  }
  const { detail, problem } = signal?.aborted ? { detail: "it was aborted", problem: null } : last;
  return { type: "given-up", inDoubt, detail, problem, partly };
}

/** Within the time that remains, so that there is a last attempt. `null`: there is none for a further one. */
function pauseWithin(remaining: number, pause: number, waitMs: number): number | null {
  const byChance = Math.max(pause, waitMs) * (1 + Math.random());
  const wait = Math.min(byChance, Math.max(waitMs, remaining / 2));
  return remaining > FIRST_PAUSE_MS && wait < remaining ? wait : null;
}

/** @returns false where it was aborted */
export async function slept(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  if (signal?.aborted) return false;
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve(!signal?.aborted);
    };
    const timer = setTimeout(end, Math.min(ms, LONGEST_TIMER_MS));
    signal?.addEventListener("abort", end, { once: true });
  });
}
