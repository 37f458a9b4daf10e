import { HighResolutionTimer } from "./high-resolution-timer.ts";
import type { AnswerChecker } from "../checks/answer-checker.ts";
import { generateRequests, type GeneratedRequest } from "./request-generator.ts";
import type { RunContext } from "../run-context.ts";
import type { LoadShape } from "./schedule.ts";

/** Time for the thread of the high-resolution timer to start. */
const TIMER_START_MS = 100;

/**
 * The ramp and the steady phase, in an open model: each request starts when it is due, whether or not earlier ones
 * were answered, and its latency counts from its due time.
 */
export class LoadPhase {
  readonly #context: RunContext;
  readonly #requests: Generator<GeneratedRequest, void>;
  readonly #shape: LoadShape;
  readonly #startsAt = performance.now() + TIMER_START_MS;
  #next: GeneratedRequest | null;
  #timer: Timer | undefined;
  #waiting = 0;
  #allSettled: () => void = () => {};

  constructor(context: RunContext, shape: LoadShape, seed: number) {
    this.#context = context;
    this.#shape = shape;
    this.#requests = generateRequests(shape, seed);
    this.#next = this.#takeNext();
  }

  /** Progress of the load, in seconds since the start of the ramp. */
  get seconds(): number {
    return Math.max(0, (performance.now() - this.#startsAt) / 1000);
  }

  /** Resolves when every request has its outcome. */
  async run(): Promise<void> {
    const settled = new Promise<void>((resolve) => {
      this.#allSettled = resolve;
    });
    const timer = new HighResolutionTimer(this.#shape, this.#startsAt, () => this.#sendDue());
    this.#sendDue();
    await settled;
    clearTimeout(this.#timer);
    await timer.stop();
  }

  /** Sends no further requests, but waits for those in flight. */
  stop(): void {
    this.#next = null;
    this.#finishIfDone();
  }

  #sendDue(): void {
    clearTimeout(this.#timer);
    while (this.#next !== null) {
      const leftMs = this.#startsAt + this.#next.atMs - performance.now();
      if (leftMs > 0) {
        // A fallback in case the high-resolution timer fails. That one is nearly always earlier.
        this.#timer = setTimeout(() => this.#sendDue(), Math.ceil(leftMs));
        return;
      }
      const request = this.#next;
      this.#next = this.#takeNext();
      this.#send(request);
    }
    this.#finishIfDone();
  }

  #send(request: GeneratedRequest): void {
    const { account, kind, atMs } = request;
    const checker = this.#context.checkers[account - 1];
    if (checker === undefined) throw new Error(`there is no account ${account}`);
    this.#waiting += 1;
    const sentAt = performance.now();
    this.#context.recorder.addSent(atMs, sentAt - this.#startsAt - atMs);
    if (kind === "statement") this.#sendStatement(checker, atMs, sentAt);
    else this.#sendTransaction(checker, request, sentAt);
  }

  #sendStatement(checker: AnswerChecker, atMs: number, sentAt: number): void {
    const { client, requests, recorder } = this.#context;
    client.once(requests.statement(checker.expected.account), this.#startsAt + atMs, (outcome) => {
      const endMs = performance.now() - this.#startsAt;
      const { findings } = checker.statement(outcome, sentAt);
      recorder.addOutcome("statement", atMs, endMs, outcome, findings);
      this.#settled();
    });
  }

  #sendTransaction(
    checker: AnswerChecker,
    planned: GeneratedRequest & { readonly kind: "debit" | "credit" },
    sentAt: number,
  ): void {
    const { account, kind, value, description, atMs } = planned;
    const { client, requests, recorder } = this.#context;
    const pending = checker.expected.recordSent({ kind, value, description }, sentAt);
    const request = requests.transaction(account, kind, value, description);
    client.once(request, this.#startsAt + atMs, (outcome) => {
      const endedAt = performance.now();
      const findings = checker.transaction(pending, outcome, endedAt, true);
      recorder.addOutcome(kind, atMs, endedAt - this.#startsAt, outcome, findings);
      this.#settled();
    });
  }

  #settled(): void {
    this.#waiting -= 1;
    this.#finishIfDone();
  }

  #finishIfDone(): void {
    if (this.#next === null && this.#waiting === 0) this.#allSettled();
  }

  #takeNext(): GeneratedRequest | null {
    const step = this.#requests.next();
    return step.done === true ? null : step.value;
  }
}
