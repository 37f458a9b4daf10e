import { describe, expect, test } from "bun:test";
import { nextAttempt, TRIED_FOR } from "./retry-plan.ts";

const MINUTE = 60_000;

describe("the plan of attempts", () => {
  test("pauses grow until 72 hours after the first attempt, when it ends with a last one", () => {
    const pauses: number[] = [];
    let now = 1_000;
    for (let attempts = 1; ; attempts += 1) {
      const next = nextAttempt({ attempts, firstAt: 1_000, now, retryAfter: null }, 0.5);
      if (next === null) break;
      pauses.push((next - now) / MINUTE);
      now = next;
    }
    expect(pauses).toEqual([
      5 / 60,
      0.5,
      2,
      10,
      30,
      60,
      120,
      240,
      480,
      720,
      720,
      720,
      720,
      expect.closeTo(497.417, 2),
    ]);
    expect(now).toBe(1_000 + TRIED_FOR);
  });

  test("chance makes a pause up to a tenth shorter or longer", () => {
    const failure = { attempts: 3, firstAt: 0, now: 0, retryAfter: null };
    expect(nextAttempt(failure, 0)).toBe(1.8 * MINUTE);
    expect(nextAttempt(failure, 1)).toBe(2.2 * MINUTE);
  });

  test("what the target asks for is kept to, up to the plan's next pause", () => {
    const failure = { attempts: 2, firstAt: 0, now: 0 };
    expect(nextAttempt({ ...failure, retryAfter: MINUTE }, 0.5)).toBe(MINUTE);
    expect(nextAttempt({ ...failure, retryAfter: 1 }, 0.5)).toBe(0.5 * MINUTE);
    expect(nextAttempt({ ...failure, retryAfter: 999 * MINUTE }, 0.5)).toBe(2 * MINUTE);
  });
});
