import { Worker } from "node:worker_threads";
import type { LoadShape } from "./schedule.ts";

/** What the thread is told. */
export interface TimerSchedule {
  readonly shape: LoadShape;
  /** Start of the ramp, in milliseconds since 1970. */
  readonly startsAtEpochMs: number;
}

/**
 * Wakes the event loop when a request is due. The loop's own timers know whole milliseconds only, so that requests
 * would start half a millisecond late on average, which is as much as a fast server takes for its answer. Who is
 * woken must look at the clock: a beat may come late, or not at all where there is no thread to be had.
 */
export class HighResolutionTimer {
  readonly #worker: Worker;

  /** @param startsAt of the ramp, in milliseconds on the clock of `performance.now()` */
  constructor(shape: LoadShape, startsAt: number, onDue: () => void) {
    const timerSchedule: TimerSchedule = { shape, startsAtEpochMs: performance.timeOrigin + startsAt };
    this.#worker = new Worker(new URL("./high-resolution-timer-worker.ts", import.meta.url), {
      workerData: timerSchedule,
    });
    this.#worker.on("message", onDue);
    this.#worker.on("error", () => {}); // the caller's timers go on without it
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
