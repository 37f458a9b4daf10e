import { bounds } from "../bounds.ts";

/** In place of what did not come in time. */
export const LATE = Symbol("it did not come in time");

/** What gives up on it, and since when it is waited for: in the order of these times. */
const waiting = new Map<(late: typeof LATE) => void, number>();
let isLooking = false;

/**
 * What is awaited, or `LATE` after `body_milliseconds_max`, up to a look's time later. One look for all: a timer for each
 * request would cost some 4 µs, a tenth of what the server does for it.
 */
export function inTime<T>(awaited: Promise<T>): Promise<T | typeof LATE> {
  if (!isLooking) setInterval(look, bounds.body_look_milliseconds).unref();
  isLooking = true;
  return new Promise((resolve, reject) => {
    waiting.set(resolve, performance.now());
    awaited.then(
      (value) => {
        waiting.delete(resolve);
        resolve(value);
      },
      (error: unknown) => {
        waiting.delete(resolve);
        reject(error);
      },
    );
  });
}

function look(): void {
  const now = performance.now();
  for (const [giveUp, since] of waiting) {
    if (now - since < bounds.body_milliseconds_max) return;
    waiting.delete(giveUp);
    giveUp(LATE);
  }
}
