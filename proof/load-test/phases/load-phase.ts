import { Metronome } from "./high-resolution-timer.ts";
import type { Examiner } from "../checks/answer-checker.ts";
import { plan, type PlannedRequest } from "./request-generator.ts";
import type { Rig } from "../run-context.ts";
import type { Shape } from "./schedule.ts";

/** Time for the metronome's thread to start. */
const HEAD_START_MS = 100;

/**
 * The ramp and the steady phase, in an open model: each request starts when it is due, whether or not earlier ones
 * were answered, and its time counts from then.
 */
export class LoadPhase {
  readonly #rig: Rig;
  readonly #requests: Generator<PlannedRequest, void>;
  readonly #shape: Shape;
  readonly #startsAt = performance.now() + HEAD_START_MS;
  #next: PlannedRequest | null;
  #timer: Timer | undefined;
  #waiting = 0;
  #allSettled: () => void = () => {};

  constructor(rig: Rig, shape: Shape, seed: number) {
    this.#rig = rig;
    this.#shape = shape;
    this.#requests = plan(shape, seed);
    this.#next = this.#pull();
  }

  /** How far the load is, in seconds since the ramp's start. */
  get seconds(): number {
    return Math.max(0, (performance.now() - this.#startsAt) / 1000);
  }

  /** Resolves when every request has its outcome. */
  async run(): Promise<void> {
    const settled = new Promise<void>((resolve) => {
      this.#allSettled = resolve;
    });
    const metronome = new Metronome(this.#shape, this.#startsAt, () => this.#sendDue());
    this.#sendDue();
    await settled;
    clearTimeout(this.#timer);
    await metronome.stop();
  }

  /** Sends no further request; those under way are waited for. */
  stop(): void {
    this.#next = null;
    this.#finishIfDone();
  }

  #sendDue(): void {
    clearTimeout(this.#timer);
    while (this.#next !== null) {
      const leftMs = this.#startsAt + this.#next.atMs - performance.now();
      if (leftMs > 0) {
        // In case that the metronome fails: it is nearly always sooner.
        this.#timer = setTimeout(() => this.#sendDue(), Math.ceil(leftMs));
        return;
      }
      const request = this.#next;
      this.#next = this.#pull();
      this.#send(request);
    }
    this.#finishIfDone();
  }

  #send(request: PlannedRequest): void {
    const { account, kind, atMs } = request;
    const examiner = this.#rig.examiners[account - 1];
    if (examiner === undefined) throw new Error(`there is no account ${account} in the plan`);
    this.#waiting += 1;
    const sentAt = performance.now();
    this.#rig.recorder.sent(atMs, sentAt - this.#startsAt - atMs);
    if (kind === "statement") this.#sendStatement(examiner, atMs, sentAt);
    else this.#sendTransaction(examiner, request, sentAt);
  }

  #sendStatement(examiner: Examiner, atMs: number, sentAt: number): void {
    const { client, requests, recorder } = this.#rig;
    client.once(requests.statement(examiner.book.account), this.#startsAt + atMs, (outcome) => {
      const endMs = performance.now() - this.#startsAt;
      const { findings } = examiner.statement(outcome, sentAt);
      recorder.settled("statement", atMs, endMs, outcome, findings);
      this.#settled();
    });
  }

  #sendTransaction(
    examiner: Examiner,
    planned: PlannedRequest & { readonly kind: "debit" | "credit" },
    sentAt: number,
  ): void {
    const { account, kind, value, description, atMs } = planned;
    const { client, requests, recorder } = this.#rig;
    const pending = examiner.book.sending({ kind, value, description }, sentAt);
    const request = requests.transaction(account, kind, value, description);
    client.once(request, this.#startsAt + atMs, (outcome) => {
      const endedAt = performance.now();
      const findings = examiner.transaction(pending, outcome, endedAt, true);
      recorder.settled(kind, atMs, endedAt - this.#startsAt, outcome, findings);
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

  #pull(): PlannedRequest | null {
    const step = this.#requests.next();
    return step.done === true ? null : step.value;
  }
}
