import { LedgerUnavailable } from "../ledger/ledger.ts";
import { bounds } from "../bounds.ts";
import { CallLost, CallRefused } from "./redis-link.ts";

interface PendingRequest<Request, Answer> {
  readonly request: Request;
  /** On the clock of `performance.now`. */
  readonly deadline: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (reason: LedgerUnavailable) => void;
  /** It was in a call whose answer was lost, or is in one now. */
  sent: boolean;
  /** Its caller has an answer. */
  settled: boolean;
}

/**
 * Of which requests nobody knows whether they were done, where there is no answer: of none, because doing them changes
 * nothing; of those that were sent; or of all, because another process may have sent them.
 */
export type UnknownOutcome = "none" | "sent" | "all";

/**
 * Collects requests while a call is on its way, and sends all of them as the next call. Few requests: calls of one,
 * and no wait. Many: large calls, and one fsync for all in each.
 *
 * Left to itself this would halve the calls of clients that send their next request when they have an answer: while
 * half of them are in a call, the other half collects, and so on in turn. So where several were in a call or waited when
 * it was answered, the next one lingers until as many wait again, or the clients have had a moment to come back. Those
 * few that meet by chance do not linger.
 *
 * A call whose answer is lost (the connection broke, Redis is silent) may have been done or not. Its requests go back
 * to the head of the queue and are sent again. Each waits for at most `decision_milliseconds_max`; then its caller
 * learns that there is no answer, and whether the outcome is known (see {@link UnknownOutcome}). A call that is on its way by
 * then goes on by itself.
 */
export class CallQueue<Request, Answer> {
  readonly #unknownOutcome: UnknownOutcome;
  readonly #mayCall: () => boolean;
  readonly #call: (requests: readonly Request[]) => Promise<readonly (Answer | LedgerUnavailable)[]>;
  readonly #lingerMilliseconds: number;
  #waiting: PendingRequest<Request, Answer>[] = [];
  #inFlight: readonly PendingRequest<Request, Answer>[] = [];
  #calling = false;
  #scheduled = false;
  /** So many are worth waiting for; 0: whatever there is, is sent. */
  #expected = 0;
  #lingering: ReturnType<typeof setTimeout> | null = null;
  #abandoned: string | null = null;

  /**
   * @param mayCall whether calls can be made now; when they can again, call {@link wake}
   * @param call one answer for each request, in order; throws CallLost or CallRefused
   * @param lingerMilliseconds how long a call waits for those that were answered before
   */
  constructor(
    unknown: UnknownOutcome,
    mayCall: () => boolean,
    call: (requests: readonly Request[]) => Promise<readonly (Answer | LedgerUnavailable)[]>,
    lingerMilliseconds: number = bounds.linger_milliseconds,
  ) {
    this.#unknownOutcome = unknown;
    this.#mayCall = mayCall;
    this.#call = call;
    this.#lingerMilliseconds = lingerMilliseconds;
  }

  /** @throws LedgerUnavailable (as a rejection) */
  submit(request: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + bounds.decision_milliseconds_max;
      const one = { request, deadline, resolve, reject, sent: false, settled: false };
      if (this.#abandoned === null) this.#waiting.push(one);
      else this.#giveUp(one, this.#abandoned);
      this.wake();
    });
  }

  get idle(): boolean {
    return this.#waiting.length === 0 && !this.#calling;
  }

  /**
   * Sends what waits, once there is as much as is worth waiting for; in the next turn of the loop, so that all that
   * arrives in this one goes along.
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

  /** Tells those whose deadline has passed. */
  expire(now: number): void {
    for (const one of [...this.#inFlight, ...this.#waiting]) {
      if (!one.settled && now >= one.deadline) this.#giveUp(one, "Redis did not answer in time");
    }
    if (this.#waiting.some((one) => one.settled)) this.#waiting = this.#waiting.filter((one) => !one.settled);
  }

  /** Tells those who may have been done that there is no answer; the others wait on. */
  abandonUnknown(reason: string): void {
    for (const one of this.#waiting) if (this.#isUnknown(one)) this.#giveUp(one, reason);
    this.#waiting = this.#waiting.filter((one) => !one.settled);
  }

  /** Tells everyone, from now on, that there will be no answer. */
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
    const batch = this.#waiting.splice(0, bounds.call_commands_max);
    const sentBefore = batch.map((one) => one.sent);
    for (const one of batch) one.sent = true;
    this.#inFlight = batch;
    this.#calling = true;
    this.#call(batch.map((one) => one.request)).then(
      (answers) => {
        for (const [index, one] of batch.entries()) settle(one, answers[index]);
        const outstanding = Math.min(batch.length + this.#waiting.length, bounds.call_commands_max);
        this.#finish(outstanding < bounds.linger_requests_min ? 0 : outstanding);
      },
      (error: unknown) => {
        // This call changed nothing; an earlier one with the same request may have.
        if (error instanceof CallRefused)
          for (const [index, one] of batch.entries()) one.sent = sentBefore[index] ?? true;
        // Anything else but a lost answer is an answer that nobody understands: asking again would not help.
        else if (!(error instanceof CallLost)) for (const one of batch) this.#giveUp(one, String(error));
        this.#waiting.unshift(...batch.filter((one) => !one.settled));
        setTimeout(() => this.#finish(0), bounds.resend_milliseconds);
      },
    );
  }

  #giveUp(one: PendingRequest<Request, Answer>, reason: string): void {
    if (one.settled) return;
    one.settled = true;
    one.reject(new LedgerUnavailable(reason, this.#isUnknown(one) ? "unknown" : "none"));
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
