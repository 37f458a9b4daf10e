import { LedgerUnavailable } from "../../ledger/ledger.ts";
import { bounds } from "../../bounds.ts";
import { CallCycle, type QueueOfCycle } from "./call-cycle.ts";
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
 * call has one request, and nobody waits. Under high load calls are large, and all requests of a call share one fsync. When
 * it is sent is up to its {@link CallCycle}, which it may share with other queues.
 *
 * Lost answers: if the connection breaks or Redis is silent, a call may have been executed or not. Its requests go back
 * to the head of the queue and are sent again. Each request waits for at most `decision_milliseconds_max`. Then its
 * caller learns that there is no answer, and whether the outcome is known (see {@link UnknownOutcome}). A call that is
 * still in flight by then is not cancelled.
 */
export class CallQueue<Request, Answer> implements QueueOfCycle {
  readonly #unknownOutcome: UnknownOutcome;
  readonly #mayCall: () => boolean;
  readonly #call: (requests: readonly Request[]) => Promise<readonly (Answer | LedgerUnavailable)[]>;
  readonly #weightOf: (request: Request) => number;
  readonly #cycle: CallCycle;
  #waiting: PendingRequest<Request, Answer>[] = [];
  #inFlight: readonly PendingRequest<Request, Answer>[] = [];
  /** Its call is on its way, or was lost or refused a moment ago. */
  #calling = false;
  #abandoned: string | null = null;

  /**
   * @param mayCall whether calls can be made now. When that becomes true again, call {@link wake}
   * @param call sends requests and returns one answer for each, in order. Throws CallLost or CallRefused
   * @param weightOf how much of what a call may be a request is
   * @param cycle when it is sent, together with the other queues of the cycle
   */
  constructor(
    unknown: UnknownOutcome,
    mayCall: () => boolean,
    call: (requests: readonly Request[]) => Promise<readonly (Answer | LedgerUnavailable)[]>,
    weightOf: (request: Request) => number = () => 1,
    cycle: CallCycle = new CallCycle(),
  ) {
    this.#unknownOutcome = unknown;
    this.#mayCall = mayCall;
    this.#call = call;
    this.#weightOf = weightOf;
    this.#cycle = cycle;
    cycle.add(this);
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

  get sendable(): number {
    return this.#calling ? 0 : this.#waiting.length;
  }

  /** To be called where calls may have become possible. */
  wake(): void {
    this.#cycle.wake();
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

  send(cycle: CallCycle): void {
    if (this.#calling || this.#waiting.length === 0 || !this.#mayCall()) return;
    const batch = this.#waiting.splice(0, this.#countForCall());
    const sentBefore = batch.map((one) => one.sent);
    for (const one of batch) one.sent = true;
    this.#inFlight = batch;
    this.#calling = true;
    cycle.began();
    this.#call(batch.map((one) => one.request)).then(
      (answers) => {
        for (const [index, one] of batch.entries()) settle(one, answers[index]);
        this.#inFlight = [];
        this.#calling = false;
        cycle.answered(batch.length, this.#countForCall() < this.#waiting.length);
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
        setTimeout(() => {
          this.#inFlight = [];
          this.#calling = false;
          this.wake();
        }, bounds.resend_milliseconds);
        // The queues beside it need not wait for that.
        cycle.failed();
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
