import { tortureBounds } from "../torture-bounds.ts";
import type { Answer } from "./history.ts";
import type { Random } from "../plan/random.ts";
import type { ClientRequest, OperationGenerator } from "./operation-generator.ts";

/** Sends a request exactly once, and resolves to its answer. `fresh`: on a connection of its own. */
export type Send = (request: ClientRequest, fresh: boolean) => Promise<Answer>;

/** Between two requests of a client, in milliseconds. */
export interface Pause {
  readonly min: number;
  readonly max: number;
}

/** A command with a key that will be sent again. */
interface Resend {
  readonly request: ClientRequest;
  readonly attempts: number;
  /** performance.now(); null: in the next round. */
  readonly dueAt: number | null;
}

const PAUSES_IF_UNSETTLED = 4;
const TWICE_AT_ONCE_PERCENT = 5;
const ANSWERED_AGAIN_PERCENT = 6;
const SOON_PERCENT = 60;
const LATER_PERCENT = 25;

/**
 * One client: sends one request after the other, and waits for each answer.
 *
 * A command with a key is sent again if its outcome is unknown or nothing was done: mostly soon, sometimes much later,
 * or in the next round. Some answered commands are sent again, too, and some are sent twice at the same time. So is an
 * opening under an id of the client's. Any other request without a key is sent once, whatever its answer.
 */
export class TortureClient {
  readonly #operations: OperationGenerator;
  readonly #random: Random;
  readonly #send: Send;
  /** Whether it uses a new connection for each request; others keep theirs. */
  readonly #fresh: boolean;
  readonly #pause: Pause;
  #resends: Resend[] = [];

  constructor(operations: OperationGenerator, random: Random, send: Send, fresh: boolean, pause: Pause) {
    this.#operations = operations;
    this.#random = random;
    this.#send = send;
    this.#fresh = fresh;
    this.#pause = pause;
  }

  /** One round: until `stopped` aborts and the last request has its answer. Never rejects. */
  async round(stopped: AbortSignal): Promise<void> {
    const began = performance.now();
    this.#resends = this.#resends.map((resend) =>
      resend.dueAt === null ? { ...resend, dueAt: began + this.#random.integer(0, 3_000) } : resend,
    );
    while (!stopped.aborted) {
      const settled = await this.#step();
      const pause = this.#random.integer(this.#pause.min, this.#pause.max);
      await Bun.sleep(settled ? pause : pause * PAUSES_IF_UNSETTLED);
    }
  }

  /** @returns whether the outcome is known; if not, the system has a problem, and the client pauses for longer */
  async #step(): Promise<boolean> {
    const now = performance.now();
    const due = this.#resends.findIndex(({ dueAt }) => dueAt !== null && dueAt <= now);
    const [resend] = due === -1 ? [] : this.#resends.splice(due, 1);
    if (resend !== undefined) {
      return this.#settle(resend.request, resend.attempts + 1, await this.#send(resend.request, this.#fresh));
    }
    const request = this.#operations.next();
    const first = this.#send(request, this.#fresh);
    if (!maySendAgain(request) || !this.#random.chance(TWICE_AT_ONCE_PERCENT)) {
      return this.#settle(request, 1, await first);
    }
    const [one, other] = await Promise.all([first, this.#send(request, true)]);
    return this.#settle(request, 2, isSettled(one) ? one : other);
  }

  #settle(request: ClientRequest, attempts: number, answer: Answer): boolean {
    const settled = isSettled(answer);
    const again = !settled || this.#random.chance(ANSWERED_AGAIN_PERCENT);
    if (again && maySendAgain(request) && attempts < tortureBounds.attempts_max) {
      this.#resends.push({ request, attempts, dueAt: this.#dueAt() });
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

/** Whether it is done once, however often it is sent. */
function maySendAgain({ operation, key }: ClientRequest): boolean {
  return key !== null || (operation.type === "open" && operation.account !== null);
}

/** Whether the outcome is final. */
function isSettled(answer: Answer): boolean {
  return answer.type !== "unknown" && answer.type !== "not-done";
}
