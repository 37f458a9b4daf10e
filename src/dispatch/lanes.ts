/**
 * Which deliveries of a webhook may go now. Each account is a lane: what touches it goes in the order of the journal,
 * and an event of several accounts waits for all of its lanes.
 */

export interface Waiting {
  readonly accounts: readonly string[];
  /** In milliseconds. */
  readonly nextAt: number;
  /** Being sent just now. */
  readonly inFlight: boolean;
}

/**
 * @param waiting in the order of the journal, with those that are in flight
 * @param count how many at most
 */
export function mayGo<Delivery extends Waiting>(
  waiting: Iterable<Delivery>,
  now: number,
  count: number,
): Delivery[] {
  const taken = new Set<string>();
  const found: Delivery[] = [];
  for (const delivery of waiting) {
    if (found.length >= count) break;
    const { accounts, inFlight, nextAt } = delivery;
    const isFirst = accounts.every((account) => !taken.has(account));
    if (isFirst && !inFlight && nextAt <= now) found.push(delivery);
    for (const account of accounts) taken.add(account);
  }
  return found;
}

/** When the next one of those that wait only for their time is due; `null`: none does. */
export function nextDue(waiting: Iterable<Waiting>): number | null {
  const taken = new Set<string>();
  let due: number | null = null;
  for (const { accounts, inFlight, nextAt } of waiting) {
    const isFirst = accounts.every((account) => !taken.has(account));
    if (isFirst && !inFlight && (due === null || nextAt < due)) due = nextAt;
    for (const account of accounts) taken.add(account);
  }
  return due;
}
