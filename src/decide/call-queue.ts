import { LedgerUnavailable } from "../ledger/ledger.ts";
import { bounds } from "../bounds.ts";
import { CallLost, CallRefused } from "./call-errors.ts";

interface PendingRequest<Request, Answer> {
  readonly request: Request;
  /** In milliseconds of `performance.now`. */
  readonly deadline: number;
  readonly weight: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (reason: LedgerUnavailable) => void;
  /** It is in a call now, or was in one whose answer was lost. */
  sent: boolean;
  /** Its caller already has an answer. */
  settled: boolean;
}

/**
 * For which unanswered requests the outcome is unknown: `none`, because these requests change nothing; those that were
 * `sent`; or `all`, because another process may have sent the same request.
 */
export type UnknownOutcome = "none" | "sent" | "all";

/** This process has not sent the request to Redis. (Another one may have sent the same, see {@link UnknownOutcome}.) */
export class NotSent extends LedgerUnavailable {}

/**
 * Collects requests while a call to Redis is in flight, and sends all of them as the next call. Under low load each
 * call has one request, and nobody waits. Under high load calls are large, and all requests of a call share one fsync.
 *
 * Lingering: clients often send their next request as soon as they have an answer. Then one half of them would always
 * be in a call while the other half waits for the next one, and calls would be half as large as they could be. So when
 * an answered call and the queue together had several requests, the next call waits until as many are queued again, but
 * not longer than a moment. A few requests that meet by chance do not wait.
 *
 * Lost answers: if the connection breaks or Redis is silent, a call may have been executed or not. Its requests go back
 * to the head of the queue and are sent again. Each request waits for at most `decision_milliseconds_max`. Then its
 * caller learns that there is no answer, and whether the outcome is known (see {@link UnknownOutcome}). A call that is
 * still in flight by then is not cancelled.
 */
export class CallQueue<Request, Answer> {
  readonly #unknownOutcome: UnknownOutcome;
  readonly #mayCall: () => boolean;
  readonly #call: (requests: readonly Request[]) => Promise<readonly (Answer | LedgerUnavailable)[]>;
  readonly #weightOf: (request: Request) => number;
  readonly #lingerMilliseconds: number;
  #waiting: PendingRequest<Request, Answer>[] = [];
  #inFlight: readonly PendingRequest<Request, Answer>[] = [];
  #calling = false;
  #scheduled = false;
  /** The next call waits until this many requests are queued; 0: it is sent at once. */
  #expected = 0;
  #lingering: ReturnType<typeof setTimeout> | null = null;
  #abandoned: string | null = null;

  /**
   * @param mayCall whether calls can be made now. When that becomes true again, call {@link wake}
   * @param call sends requests and returns one answer for each, in order. Throws CallLost or CallRefused
   * @param weightOf how much of what a call may be a request is
   * @param lingerMilliseconds how long a call waits at most for clients that were just answered
   */
  constructor(
    unknown: UnknownOutcome,
    mayCall: () => boolean,
    call: (requests: readonly Request[]) => Promise<readonly (Answer | LedgerUnavailable)[]>,
    weightOf: (request: Request) => number = () => 1,
    lingerMilliseconds: number = bounds.linger_milliseconds,
  ) {
    this.#unknownOutcome = unknown;
    this.#mayCall = mayCall;
    this.#call = call;
    this.#weightOf = weightOf;
    this.#lingerMilliseconds = lingerMilliseconds;
  }

  /** @throws LedgerUnavailable (as a rejection) */
  submit(request: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + bounds.decision_milliseconds_max;
      const weight = this.#weightOf(request);
      const one = { request, deadline, weight, resolve, reject, sent: false, settled: false };
      if (this.#abandoned === null) this.#waiting.push(one);
      else this.#giveUp(one, this.#abandoned);
      this.wake();
    });
  }

  get idle(): boolean {
    return this.#waiting.length === 0 && !this.#calling;
  }

  /**
   * Sends the queue, once it has as many requests as are expected. It is sent in the next turn of the event loop, so
   * that requests which arrive in this turn are included.
   */
  wake(): void {
    if (this.#scheduled || this.#calling || this.#waiting.length === 0) return;
    if (this.#waiting.length < this.#expected) {
      this.#lingering ??= setTimeout(() => this.#endLingering(), this.#lingerMilliseconds);
      return;
    }
    if (this.#lingering !== null) clearTimeout(this.#lingering);
    this.#lingering = null;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#calling && this.#waiting.length > 0 && this.#mayCall()) this.#send();
    });
  }

  /**
   * Rejects the requests whose deadline has passed.
   *
   * @param reason why they have no answer, for a person
   */
  expire(now: number, reason: string): void {
    // Both are in the order of their deadlines, also where some were put back: to look at all, many times a second, would
    // take a twentieth of the CPU where many wait.
    for (const requests of [this.#inFlight, this.#waiting]) {
      for (const one of requests) {
        if (now < one.deadline) break;
        if (!one.settled) this.#giveUp(one, reason);
      }
    }
    if (this.#waiting[0]?.settled === true) this.#waiting = this.#waiting.filter((one) => !one.settled);
  }

  /** Rejects the requests whose outcome is unknown. The others keep waiting. */
  abandonUnknown(reason: string): void {
    for (const one of this.#waiting) if (this.#isUnknown(one)) this.#giveUp(one, reason);
    this.#waiting = this.#waiting.filter((one) => !one.settled);
  }

  /** Rejects all requests, also those that come later. */
  abandon(reason: string): void {
    this.#abandoned = reason;
    for (const one of [...this.#inFlight, ...this.#waiting]) this.#giveUp(one, reason);
    this.#waiting = [];
  }

  #endLingering(): void {
    this.#lingering = null;
    this.#expected = 0;
    this.wake();
  }

  #send(): void {
    const batch = this.#waiting.splice(0, this.#countForCall());
    const sentBefore = batch.map((one) => one.sent);
    for (const one of batch) one.sent = true;
    this.#inFlight = batch;
    this.#calling = true;
    this.#call(batch.map((one) => one.request)).then(
      (answers) => {
        for (const [index, one] of batch.entries()) settle(one, answers[index]);
        // Where more is waiting than a call takes, it goes on at once.
        const isMore = this.#countForCall() < this.#waiting.length;
        const outstanding = isMore
          ? 0
          : Math.min(batch.length + this.#waiting.length, bounds.call_weight_max);
        this.#finish(outstanding < bounds.linger_requests_min ? 0 : outstanding);
      },
      (error: unknown) => {
        // This call changed nothing. But an earlier call with the same request may have.
        if (error instanceof CallRefused)
          for (const [index, one] of batch.entries()) one.sent = sentBefore[index] ?? true;
        // If the error is not a lost answer, the function failed or its answer could not be understood: sending again
        // would not help, and could do harm.
        else if (!(error instanceof CallLost))
          for (const one of batch) this.#giveUp(one, "the ledger's function failed in Redis");
        this.#waiting.unshift(...batch.filter((one) => !one.settled));
        setTimeout(() => this.#finish(0), bounds.resend_milliseconds);
      },
    );
  }

  /** How many of the waiting requests fit into one call: at least one. */
  #countForCall(): number {
    let weight = 0;
    let count = 0;
    for (const one of this.#waiting) {
      weight += one.weight;
      if (weight > bounds.call_weight_max) return Math.max(1, count);
      count += 1;
    }
    return count;
  }

  #giveUp(one: PendingRequest<Request, Answer>, reason: string): void {
    if (one.settled) return;
    one.settled = true;
    const outcome = this.#isUnknown(one) ? "unknown" : "none";
    one.reject(one.sent ? new LedgerUnavailable(reason, outcome) : new NotSent(reason, outcome));
  }

  #isUnknown({ sent }: PendingRequest<Request, Answer>): boolean {
    return this.#unknownOutcome === "all" || (this.#unknownOutcome === "sent" && sent);
  }

  #finish(expected: number): void {
    this.#inFlight = [];
    this.#calling = false;
    this.#expected = expected;
    this.wake();
  }
}

function settle<Request, Answer>(
  one: PendingRequest<Request, Answer>,
  answer: Answer | LedgerUnavailable | undefined,
): void {
  if (one.settled) return;
  one.settled = true;
  if (answer === undefined) one.reject(new LedgerUnavailable("the answer was too short", "unknown"));
  else if (answer instanceof LedgerUnavailable) one.reject(answer);
  else one.resolve(answer);
}
