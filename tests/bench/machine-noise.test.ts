import { describe, expect, test } from "bun:test";
import { noiseBetween, parseMachineCpu } from "../../proof/bench/machine-noise.ts";

const LINES = "cpu  854148 3027 218823 1502257 17888 0 28087 30489 500 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n";

describe("the whole machine's CPU", () => {
  test("is read with the stolen time; the guest time is already part of the user time", () => {
    expect(parseMachineCpu(LINES)).toEqual({
      busyMicroseconds: (854148 + 3027 + 218823 + 28087) * 10_000,
      stolenMicroseconds: 30489 * 10_000,
      totalMicroseconds: (854148 + 3027 + 218823 + 1502257 + 17888 + 28087 + 30489) * 10_000,
    });
  });

  test("that neither the system nor the generator used counts as noise", () => {
    const before = { busyMicroseconds: 100, stolenMicroseconds: 10, totalMicroseconds: 1_000 };
    const after = { busyMicroseconds: 700, stolenMicroseconds: 60, totalMicroseconds: 2_000 };
    expect(noiseBetween(before, after, 400)).toEqual({ stolen: 0.05, others: 0.2 });
    // Clocks of different resolution may differ by a tick.
    expect(noiseBetween(before, after, 650).others).toBe(0);
  });
});
