/**
 * The deliveries of a webhook that wait, and which of them may go now. Each account is a lane: what touches it goes in the
 * order of the journal, and an event of several accounts waits for all of its lanes. Those that are first in all of their
 * lanes are kept at hand: thousands may wait, and something is asked at each that was sent.
 */

export interface Waiting {
  readonly accounts: readonly string[];
  /** In microseconds. */
  readonly nextAt: number;
  /** Being sent just now. */
  readonly inFlight: boolean;
}

export class Lanes<Delivery extends Waiting> {
  readonly #all = new Map<string, Delivery>();
  readonly #lanes = new Map<string, Delivery[]>();
  readonly #first = new Set<Delivery>();

  get size(): number {
    return this.#all.size;
  }

  values(): Iterable<Delivery> {
    return this.#all.values();
  }

  /** Behind all others; one that is there already stays. */
  add(key: string, delivery: Delivery): void {
    if (this.#all.has(key)) return;
    this.#all.set(key, delivery);
    for (const account of delivery.accounts)
      this.#lanes.getOrInsertComputed(account, () => []).push(delivery);
    this.#look(delivery);
  }

  /** It has to be first in its lanes, as what was sent is. */
  remove(key: string): void {
    const delivery = this.#all.get(key);
    if (delivery === undefined) return;
    this.#all.delete(key);
    this.#first.delete(delivery);
    for (const account of delivery.accounts) {
      const lane = this.#lanes.get(account);
      lane?.shift();
      const next = lane?.[0];
      if (next === undefined) this.#lanes.delete(account);
      else this.#look(next);
    }
  }

  /** @param count how many at most */
  mayGo(now: number, count: number): Delivery[] {
    const found: Delivery[] = [];
    for (const delivery of this.#first) {
      if (found.length >= count) break;
      if (!delivery.inFlight && delivery.nextAt <= now) found.push(delivery);
    }
    return found;
  }

  /** When the next one of those that wait only for their time is due, `now` where one is; `null`: none does. */
  nextDue(now: number): number | null {
    let due: number | null = null;
    for (const { inFlight, nextAt } of this.#first) {
      if (inFlight) continue;
      if (nextAt <= now) return now;
      if (due === null || nextAt < due) due = nextAt;
    }
    return due;
  }

  #look(delivery: Delivery): void {
    if (delivery.accounts.every((account) => this.#lanes.get(account)?.[0] === delivery))
      this.#first.add(delivery);
  }
}
