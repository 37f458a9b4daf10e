import { checkKey } from "./check.ts";
import type { ReadOptions } from "./connection.ts";
import type { Holds } from "./holds.ts";
import { type NotDone, RazoneteError, type Refused, type Sent, type Unknown } from "./outcome.ts";
import type { Capture, DecidedHold, NewHold } from "./types.ts";

/** What the work used: an amount, or how it is split; and what is to be handed through. */
export type Used =
  | number
  | { readonly amount: number; readonly to?: string; readonly result?: unknown }
  | { readonly postings: readonly UsedPart[]; readonly result?: unknown };

export interface UsedPart {
  readonly to: string;
  readonly amount: number;
}

/** The `result` in it. */
export type ResultOf<Work> = Work extends { readonly result: infer Result } ? Result : undefined;

export interface Captured<Result> {
  /** After its capture. */
  readonly hold: DecidedHold;
  readonly result: Result;
}

export interface WithHoldOptions extends ReadOptions, Omit<NewHold, "from" | "amount"> {
  /** Of the operation as a whole: with the same one again it is held and captured once, though the work is run again. */
  readonly key?: string | undefined;
}

/**
 * The work is over, but its hold did not end as it should have. `step` says what was tried, `outcome` what became of it,
 * and `message` what to do. `hold` is as it was made.
 */
export class HoldError extends RazoneteError {
  override readonly name = "HoldError";
  readonly type = "hold";
  readonly step: "capture" | "release";
  readonly hold: DecidedHold;
  readonly outcome: Refused | NotDone | Unknown<DecidedHold>;
  /** What the work returned; of a release nothing, and `cause` is what the work threw. */
  readonly used: Used | undefined;

  constructor(
    step: "capture" | "release",
    hold: DecidedHold,
    outcome: Refused | NotDone | Unknown<DecidedHold>,
    of: { readonly used?: Used; readonly cause?: unknown },
  ) {
    super(messageOf(step, hold, outcome), "cause" in of ? { cause: of.cause } : undefined);
    this.step = step;
    this.hold = hold;
    this.outcome = outcome;
    this.used = of.used;
  }
}

/**
 * Holds the amount, runs the work, and captures what the work says was used. Where the work throws, the hold is
 * released, and what it threw is thrown on. The signal is for the work and what comes before it: what was used is
 * captured, and what was not is released, whether or not it was aborted meanwhile.
 *
 * @throws RefusedError, NotDoneError, UnknownError where there is no hold, and the work was not run (of an unknown hold
 * nothing is captured, and it ends by itself); HoldError; what the work throws
 */
export async function withHold<Work extends Used>(
  holds: Holds,
  account: string,
  amount: number,
  work: (hold: DecidedHold, signal: AbortSignal | undefined) => Work | Promise<Work>,
  { key, signal, deadlineMs, ...more }: WithHoldOptions = {},
): Promise<Captured<ResultOf<Work>>> {
  if (key !== undefined) checkKey(keyOf(key, "capture"));
  const made = holds.create({ ...more, from: account, amount }, { key, signal, deadlineMs });
  const hold = await made;
  let used: Work;
  let capture: Sent<DecidedHold>;
  try {
    used = await work(hold, signal);
    // It throws what the work returned and cannot be sent.
    capture = holds.capture(hold.id, captureOf(used), { key: keyOf(made.key, "capture"), deadlineMs });
  } catch (error) {
    const released = await holds.release(hold.id, { key: keyOf(made.key, "release"), deadlineMs }).outcome();
    if (released.type === "done" || isFree(released)) throw error;
    throw new HoldError("release", hold, released, { cause: error });
  }
  const captured = await capture.outcome();
  if (captured.type !== "done") throw new HoldError("capture", hold, captured, { used });
  return { hold: captured.value, result: Object(used).result };
}

function keyOf(key: string, step: string): string {
  return `${key}.${step}`;
}

/** @throws RangeError: what is no amount must not become the capture of all, as a body without one would */
function captureOf(used: Used): Capture {
  if (typeof used === "number") return captureOf({ amount: used });
  if (typeof used === "object" && used !== null && "postings" in used) {
    const { postings } = used;
    for (const { amount } of postings) checkAmount(amount, 1);
    if (postings.length > 0) return { postings };
  }
  const { amount, to }: { amount?: unknown; to?: string } = Object(used);
  return { amount: checkAmount(amount, 0), ...(to === undefined ? {} : { to }) };
}

function checkAmount(amount: unknown, least: number): number {
  if (typeof amount === "number" && Number.isSafeInteger(amount) && amount >= least) return amount;
  throw new RangeError(
    `the work of a hold must return what was used, an integer from ${least} to 2^53 - 1, not ${String(amount)}`,
  );
}

/** It ended by itself or by another request: nothing is held any more, and nothing was taken. */
function isFree({ problem }: Refused | NotDone | Unknown<DecidedHold>): boolean {
  return problem?.state === "expired" || problem?.state === "released";
}

function messageOf(step: "capture" | "release", hold: DecidedHold, outcome: HoldError["outcome"]): string {
  const which = `hold ${hold.id} of ${hold.amount} from ${hold.from}`;
  const open = `The ${which} is still open, until ${hold.expires_at}`;
  switch (outcome.type) {
    case "unknown":
      return `Whether the ${which} was ${PAST[step]} is not known (${outcome.detail}): settle outcome.request within 24 hours.`;
    case "not-done":
      return `${open}: it was not ${PAST[step]} (${outcome.detail}).`;
    case "refused": {
      const { title, state } = outcome.problem;
      if (outcome.reason === "idempotency-key-reused")
        return `The ${step} of the ${which} was refused, since its key was used before: an earlier run with that key ended the hold in another way, with another amount perhaps. ledger.holds.get("${hold.id}") tells how.`;
      if (state === "expired")
        return `The ${which} expired before its capture, so nothing was charged: hold for longer (expires_in), and charge what was used by a transaction of its own.`;
      if (state !== undefined)
        return `The ${which} had been ${state} before its ${step}, by another request.`;
      return `${open}: its ${step} was refused (${title}). Capture less, such as hold.amount, or release it.`;
    }
  }
}

const PAST = { capture: "captured", release: "released" } as const;
