import { parentPort, workerData } from "node:worker_threads";
import type { TimerSchedule } from "./high-resolution-timer.ts";
import { schedule } from "./schedule.ts";

// A separate thread can sleep for a fraction of a millisecond. The timers of the event loop cannot.
const timerSchedule: TimerSchedule = workerData;
const { shape, startsAtEpochMs } = timerSchedule;
const neverNotified = new Int32Array(new SharedArrayBuffer(4));
const startsAt = startsAtEpochMs - performance.timeOrigin;
let last = -1;

for (const { atMs } of schedule(shape)) {
  if (atMs > last) {
    const left = startsAt + atMs - performance.now();
    if (left > 0) Atomics.wait(neverNotified, 0, 0, left);
    parentPort?.postMessage(null, []);
    last = atMs;
  }
}
