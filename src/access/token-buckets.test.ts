import { expect, test } from "bun:test";
import { TokenBuckets } from "./token-buckets.ts";

function clocked(seconds: number, max: number) {
  const clock = { now: 0 };
  return { clock, buckets: new TokenBuckets(seconds, max, () => clock.now) };
}

test("a bucket has as many as its quota at first, and fills up evenly", () => {
  const { clock, buckets } = clocked(1, 10);
  for (let taken = 0; taken < 4; taken += 1) expect(buckets.take("a", 4)).toBe(0);
  expect(buckets.take("a", 4)).toBeCloseTo(0.25);
  expect(buckets.take("b", 4)).toBe(0);
  clock.now += 125;
  expect(buckets.wait("a", 4)).toBeCloseTo(0.125);
  clock.now += 125;
  expect(buckets.wait("a", 4)).toBe(0);
  expect(buckets.take("a", 4)).toBe(0);
  expect(buckets.take("a", 4)).toBeCloseTo(0.25);
  clock.now += 100_000;
  for (let taken = 0; taken < 4; taken += 1) expect(buckets.take("a", 4)).toBe(0);
  expect(buckets.take("a", 4)).toBeGreaterThan(0);
});

test("never more than the quota goes through in its time, nor much less", () => {
  const { clock, buckets } = clocked(60, 10);
  let passed = 0;
  for (; clock.now < 600_000; clock.now += 250) if (buckets.take("a", 10) === 0) passed += 1;
  // All that it had, and ten a minute.
  expect(passed).toBeWithin(108, 111);
});

test("one that waits is not set back by trying, and looking takes nothing", () => {
  const { clock, buckets } = clocked(60, 10);
  for (let taken = 0; taken < 10; taken += 1) buckets.take("a", 10);
  for (; clock.now < 6_000; clock.now += 10) expect(buckets.take("a", 10)).toBeGreaterThan(0);
  clock.now += 1;
  for (let looks = 0; looks < 5; looks += 1) expect(buckets.wait("a", 10)).toBe(0);
  expect(buckets.take("a", 10)).toBe(0);
  expect(buckets.take("a", 10)).toBeGreaterThan(0);
});

test("however many come, memory has a bound, and who is busy is not forgotten by it", () => {
  const { clock, buckets } = clocked(60, 100);
  for (let index = 0; index < 10; index += 1) buckets.take("busy", 10);
  for (let index = 0; index < 10_000; index += 1) {
    buckets.take(`other-${index}`, 10);
    if (index % 50 === 0) expect(buckets.take("busy", 10)).toBeGreaterThan(0);
    clock.now += 0.01;
    expect(buckets.size).toBeLessThanOrEqual(200);
  }
});
