import { Worker } from "node:worker_threads";
import type { LoadShape } from "./schedule.ts";

/** What the worker thread is given. */
export interface TimerSchedule {
  readonly shape: LoadShape;
  /** Start of the ramp, in milliseconds since 1970. */
  readonly startsAtEpochMs: number;
}

/**
 * Wakes the event loop when a request is due. The loop's own timers have a resolution of one millisecond, so requests
 * would start half a millisecond late on average: as long as a fast server takes to answer. `onDue` must check the
 * clock: it may be called late, or never if no thread can be started.
 */
export class HighResolutionTimer {
  readonly #worker: Worker;

  /** @param startsAt start of the ramp, in milliseconds on the clock of `performance.now()` */
  constructor(shape: LoadShape, startsAt: number, onDue: () => void) {
    const timerSchedule: TimerSchedule = { shape, startsAtEpochMs: performance.timeOrigin + startsAt };
    this.#worker = new Worker(new URL("./high-resolution-timer-worker.ts", import.meta.url), {
      workerData: timerSchedule,
    });
    this.#worker.on("message", onDue);
    this.#worker.on("error", () => {}); // the caller's own timers go on without it
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
