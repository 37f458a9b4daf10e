import { bounds } from "../../bounds.ts";

/** A queue, as its cycle sees it. */
export interface QueueOfCycle {
  /** How many of its requests could be sent now: 0 while its call is on its way, or put off. */
  readonly sendable: number;
  /** Begins its next call, if it has requests and may; then it tells the cycle once how that ended. */
  send(cycle: CallCycle): void;
}

/**
 * When queues that call the same Redis send what they have: all at once, after the calls before them have come back. So
 * Redis takes the calls of all its shards from the socket together, and one write of its log is for all of them.
 *
 * Lingering: clients often send their next request as soon as they have an answer. Then one half of them would always
 * be in a call while the other half waits for the next one, and calls would be half as large as they could be. So when
 * the answered calls and the queues together had several requests, the next calls wait until as many are queued again, but
 * not longer than a moment. A few requests that meet by chance do not wait.
 */
export class CallCycle {
  readonly #lingerMilliseconds: number;
  readonly #queues: QueueOfCycle[] = [];
  #calls = 0;
  /** Requests that were answered since the calls began together. */
  #answered = 0;
  /** A call failed, or a queue has more than one call takes: the next calls wait for nobody. */
  #isHurried = false;
  /** The next calls wait until this many requests are queued; 0: they are sent at once. */
  #expected = 0;
  #scheduled = false;
  #lingering: ReturnType<typeof setTimeout> | null = null;

  /** @param lingerMilliseconds how long calls wait at most for clients that were just answered */
  constructor(lingerMilliseconds: number = bounds.linger_milliseconds) {
    this.#lingerMilliseconds = lingerMilliseconds;
  }

  add(queue: QueueOfCycle): void {
    this.#queues.push(queue);
  }

  /**
   * Sends the queues, once they have as many requests as are expected. They are sent in the next turn of the event loop, so
   * that requests which arrive in this turn are included.
   */
  wake(): void {
    if (this.#scheduled || this.#calls > 0) return;
    const sendable = this.#sendable();
    if (sendable === 0) return;
    if (sendable < this.#expected) {
      this.#lingering ??= setTimeout(() => this.#endLingering(), this.#lingerMilliseconds);
      return;
    }
    if (this.#lingering !== null) clearTimeout(this.#lingering);
    this.#lingering = null;
    this.#scheduled = true;
    setImmediate(() => this.#send());
  }

  /** A queue has sent its call. */
  began(): void {
    this.#calls += 1;
  }

  /** @param isMore whether the queue has more waiting than a call takes */
  answered(requests: number, isMore: boolean): void {
    this.#answered += requests;
    this.#isHurried ||= isMore;
    this.#end();
  }

  failed(): void {
    this.#isHurried = true;
    this.#end();
  }

  #send(): void {
    this.#scheduled = false;
    this.#answered = 0;
    this.#isHurried = false;
    for (const queue of this.#queues) queue.send(this);
  }

  #end(): void {
    this.#calls -= 1;
    if (this.#calls > 0) return;
    const outstanding = Math.min(this.#answered + this.#sendable(), bounds.call_weight_max);
    this.#expected = this.#isHurried || outstanding < bounds.linger_requests_min ? 0 : outstanding;
    this.wake();
  }

  #endLingering(): void {
    this.#lingering = null;
    this.#expected = 0;
    this.wake();
  }

  #sendable(): number {
    let sum = 0;
    for (const { sendable } of this.#queues) sum += sendable;
    return sum;
  }
}
