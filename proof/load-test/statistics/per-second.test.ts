import { expect, test } from "bun:test";
import { PerSecondStatistics } from "./per-second.ts";

/** Phases of 1.2 s each. */
const SHORT = { scale: 0.01, rate: 1 };

test("a request counts in the second in which it was due, its answer in the second in which it came", () => {
  const perSecond = new PerSecondStatistics(SHORT);
  perSecond.addSent(0);
  perSecond.addSent(500);
  perSecond.addOutcome(0, 3, true, false);
  perSecond.addSent(1500);
  perSecond.addOutcome(1500, 1504, true, true);
  perSecond.addOutcome(500, 2500, true, false);
  const seconds = perSecond.seconds();
  expect(
    seconds.map(({ second, phase, offered, answered, failures }) => [
      second,
      phase,
      offered,
      answered,
      failures,
    ]),
  ).toEqual([
    [0, "ramp", 2, 1, 0],
    [1, "ramp", 1, 1, 1],
    [2, "steady", 0, 1, 0],
  ]);
  expect(seconds[0]?.latency).toMatchObject({ meanMs: 1001.5, maxMs: 2000 });
  expect(seconds[1]?.latency).toMatchObject({ meanMs: 4, maxMs: 4 });
  expect(seconds[2]?.latency).toBeNull();
});

test("a second has only its own latencies, although its memory was used by an earlier one", () => {
  const perSecond = new PerSecondStatistics({ scale: 1, rate: 1 });
  for (let second = 0; second < 100; second++) {
    const dueMs = second * 1000;
    perSecond.addSent(dueMs);
    perSecond.addOutcome(dueMs, dueMs + 100 - second, true, false);
  }
  expect(perSecond.seconds().map(({ latency }) => latency?.maxMs)).toEqual(
    Array.from({ length: 100 }, (_, second) => 100 - second),
  );
});

test("a request without an answer does not count as answered, and a cancelled one is not counted at all", () => {
  const perSecond = new PerSecondStatistics(SHORT);
  perSecond.addSent(10);
  perSecond.addOutcome(10, 2010, false, true);
  perSecond.addSent(20);
  perSecond.addCancelled(20);
  const [first, ...others] = perSecond.seconds();
  expect(first).toMatchObject({ offered: 1, answered: 0, failures: 1, latency: { maxMs: 2000 } });
  expect(others).toEqual([]);
});
