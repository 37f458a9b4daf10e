import { bounds } from "../../bounds.ts";

/**
 * - `silent`: the primary was not heard for a moment. It may have been replaced, and not know it: one that was frozen, and
 *   thaws while its replacement is elected, still decides, and a replica that was not told yet confirms that.
 * - `new`: it has replaced another one. A replica whose turn was set for that election asks at once in the next one, without
 *   looking at what the others have.
 */
export type Reason = "silent" | "new";

/**
 * Whether one replica's word is too little for a while. A cluster elects nobody before the primary was silent for its
 * `cluster-node-timeout`: so one that is heard all the time is the primary, and its replica with the most is elected.
 *
 * Times are those of `performance.now()`. A process that stood still itself has heard nothing, too.
 */
export class Doubt {
  readonly #isNewUntil: number;
  /** The primary was alive then, or later. */
  #aliveAt: number;
  #silenceEndedAt = Number.NEGATIVE_INFINITY;

  /**
   * @param connectedAt the primary was alive then, or later
   * @param isReplacement whether another one was the primary before
   */
  constructor(connectedAt: number, isReplacement: boolean) {
    this.#aliveAt = connectedAt;
    this.#isNewUntil = isReplacement ? connectedAt + bounds.primary_doubt_milliseconds : connectedAt;
  }

  /**
   * The primary has answered. To be called before the answer is taken.
   *
   * @param sentAt when that was sent which it has answered
   */
  heard(sentAt: number, now: number): void {
    if (now - this.#aliveAt > bounds.primary_unheard_milliseconds_max) this.#silenceEndedAt = now;
    this.#aliveAt = Math.max(this.#aliveAt, sentAt);
  }

  /** Null: there is none. */
  reasonAt(now: number): Reason | null {
    if (now - this.#silenceEndedAt < bounds.primary_doubt_milliseconds) return "silent";
    return now < this.#isNewUntil ? "new" : null;
  }
}
