import { tortureBounds } from "../torture-bounds.ts";
import type { Answer } from "./history.ts";
import type { Random } from "../plan/random.ts";
import type { ClientRequest, OperationGenerator } from "./operation-generator.ts";

/** Sends a request once, and once only, and says what became of it. `fresh`: on a connection of its own. */
export type Send = (request: ClientRequest, fresh: boolean) => Promise<Answer>;

/** Between two requests of a client, in milliseconds. */
export interface Pause {
  readonly min: number;
  readonly max: number;
}

/** A command with a key that is to be sent again. */
interface Resend {
  readonly request: ClientRequest;
  readonly attempts: number;
  /** performance.now(); null: in the next round. */
  readonly dueAt: number | null;
}

const PAUSES_WHERE_UNSETTLED = 4;
const TWICE_AT_ONCE_PERCENT = 5;
const ANSWERED_AGAIN_PERCENT = 6;
const SOON_PERCENT = 60;
const LATER_PERCENT = 25;

/**
 * One client: wants one thing after the other, and waits for each answer.
 *
 * What bears a key and was not answered, or was told that nothing was done, it sends again: mostly soon, at times much
 * later, or in the next round. So it does now and then with what was answered, and some things it sends twice at the
 * same time. What has no key is sent once, whatever comes of it.
 */
export class TortureClient {
  readonly #operations: OperationGenerator;
  readonly #random: Random;
  readonly #send: Send;
  /** A connection for each request, where others keep theirs. */
  readonly #fresh: boolean;
  readonly #pause: Pause;
  #owed: Resend[] = [];

  constructor(operations: OperationGenerator, random: Random, send: Send, fresh: boolean, pause: Pause) {
    this.#operations = operations;
    this.#random = random;
    this.#send = send;
    this.#fresh = fresh;
    this.#pause = pause;
  }

  /** One round: until `stopped` aborts and the answer that is being waited for has come. Never rejects. */
  async round(stopped: AbortSignal): Promise<void> {
    const began = performance.now();
    this.#owed = this.#owed.map((owed) =>
      owed.dueAt === null ? { ...owed, dueAt: began + this.#random.integer(0, 3_000) } : owed,
    );
    while (!stopped.aborted) {
      const settled = await this.#step();
      const pause = this.#random.integer(this.#pause.min, this.#pause.max);
      await Bun.sleep(settled ? pause : pause * PAUSES_WHERE_UNSETTLED);
    }
  }

  /** @returns whether the outcome is known: where it is not, the system is in trouble, and asked for less */
  async #step(): Promise<boolean> {
    const now = performance.now();
    const due = this.#owed.findIndex(({ dueAt }) => dueAt !== null && dueAt <= now);
    const [owed] = due === -1 ? [] : this.#owed.splice(due, 1);
    if (owed !== undefined) {
      return this.#settle(owed.request, owed.attempts + 1, await this.#send(owed.request, this.#fresh));
    }
    const request = this.#operations.next();
    const first = this.#send(request, this.#fresh);
    if (request.key === null || !this.#random.chance(TWICE_AT_ONCE_PERCENT)) {
      return this.#settle(request, 1, await first);
    }
    const [one, other] = await Promise.all([first, this.#send(request, true)]);
    return this.#settle(request, 2, isSettled(one) ? one : other);
  }

  #settle(request: ClientRequest, attempts: number, answer: Answer): boolean {
    const settled = isSettled(answer);
    const again = !settled || this.#random.chance(ANSWERED_AGAIN_PERCENT);
    if (again && request.key !== null && attempts < tortureBounds.attempts_max) {
      this.#owed.push({ request, attempts, dueAt: this.#dueAt() });
    }
    return settled;
  }

  #dueAt(): number | null {
    const drawn = this.#random.integer(1, 100);
    if (drawn <= SOON_PERCENT) return performance.now() + this.#random.integer(100, 1_000);
    if (drawn <= SOON_PERCENT + LATER_PERCENT) return performance.now() + this.#random.integer(3_000, 12_000);
    return null;
  }
}

/** Its outcome is known for good. */
function isSettled(answer: Answer): boolean {
  return answer.type !== "unknown" && answer.type !== "not-done";
}
