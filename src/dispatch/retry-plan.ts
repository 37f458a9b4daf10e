/** When a delivery that failed is tried again. Times are in milliseconds. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** After the first failed attempt, the second, and so on; the last one for all that follow. */
const PAUSES: readonly number[] = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  4 * HOUR,
  8 * HOUR,
  12 * HOUR,
];

/** From its first attempt on a delivery is tried for so long, then it is parked. */
export const TRIED_FOR: number = 72 * HOUR;

/** A pause is up to this share longer or shorter, so that what failed together does not come again together. */
const SPREAD = 0.1;

export interface Failure {
  /** How many attempts there were, this one included. */
  readonly attempts: number;
  readonly firstAt: number;
  readonly now: number;
  /** What the target asked for, in milliseconds from now; `null`: nothing. */
  readonly retryAfter: number | null;
}

/**
 * When the next attempt is due; `null`: it was tried long enough. What the target asks for is kept to, but no longer than
 * the plan's next pause: else one answer could put a delivery off for good.
 *
 * @param chance from 0 to 1
 */
export function nextAttempt({ attempts, firstAt, now, retryAfter }: Failure, chance: number): number | null {
  if (now - firstAt >= TRIED_FOR) return null;
  const planned = pauseAfter(attempts) * (1 + SPREAD * (2 * chance - 1));
  const asked = Math.min(retryAfter ?? 0, pauseAfter(attempts + 1));
  // The last attempt is not put off beyond the end.
  return Math.min(now + Math.round(Math.max(planned, asked)), firstAt + TRIED_FOR);
}

/** Later than this, the next attempt after so many is by no plan. */
export function latestAttempt(attempts: number, now: number): number {
  return attempts === 0 ? now : now + pauseAfter(attempts + 1) * (1 + SPREAD);
}

function pauseAfter(attempts: number): number {
  return PAUSES[Math.min(attempts, PAUSES.length) - 1] ?? 12 * HOUR;
}
