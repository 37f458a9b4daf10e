import type { Outcome } from "../../load-test/http/connection.ts";
import type { Random } from "../plan/random.ts";
import { tortureBounds } from "../torture-bounds.ts";
import type { Answer } from "./history.ts";

export interface ClientKey {
  readonly name: string;
  readonly token: string;
}

/**
 * The access keys that requests come with: each with any of them, also where it is sent again. One that was revoked still
 * comes now and then, and has to be refused; so seldom that it does not pass for guessing, which is slowed down.
 */
export class ClientKeys {
  readonly #random: Random;
  #valid: readonly ClientKey[];
  #revoked: ClientKey | null = null;
  /** When it had been revoked, by performance.now(). */
  #revokedAt = Infinity;
  #revokedUsedAt = -Infinity;

  constructor(random: Random, valid: readonly ClientKey[]) {
    this.#random = random;
    this.#valid = valid;
  }

  /** `null` as long as none was. */
  get revoked(): ClientKey | null {
    return this.#revoked;
  }

  next(now: number): ClientKey {
    const revoked = this.#revoked;
    if (revoked === null || now - this.#revokedUsedAt < tortureBounds.revoked_key_milliseconds)
      return this.#random.pick(this.#valid);
    this.#revokedUsedAt = now;
    return revoked;
  }

  add(key: ClientKey): void {
    this.#valid = [...this.#valid, key];
  }

  /** The first one. To be called before it is revoked, and {@link wasRevoked} after that. */
  isRevoked(): ClientKey {
    const [first, ...others] = this.#valid;
    if (first === undefined) throw new Error("there is no key to revoke");
    this.#revoked = first;
    this.#valid = others;
    return first;
  }

  wasRevoked(now: number): void {
    this.#revokedAt = now;
  }

  /**
   * What an answer says, given the key that its request came with.
   *
   * @param answer what it says without that
   */
  answerTo(key: ClientKey, sentAt: number, outcome: Outcome, answer: Answer): Answer {
    if (key !== this.#revoked) return answer;
    const isRefusedEverywhere = sentAt > this.#revokedAt + tortureBounds.key_known_milliseconds_max;
    if (outcome.type === "answered" && outcome.status === 401) {
      if (isRefusedEverywhere) return { type: "not-done" };
      // An API that did not know yet may have died, and the balancer have asked the other one, which did.
      return { type: "unknown", reason: "401, while the access key was being revoked" };
    }
    if (!isRefusedEverywhere || answer.type === "not-done" || answer.type === "unknown") return answer;
    const seconds = ((sentAt - this.#revokedAt) / 1000).toFixed(1);
    return { type: "odd", reason: `the access key ${key.name} was taken ${seconds} s after it was revoked` };
  }
}
