import { expect, test } from "bun:test";
import { verdictOf } from "./verdict.ts";

const right = { complete: true, requests: 1000, inTime: 1000, failures: 0, inconsistencies: 0 };

test("a run without failures is paid in full", () => {
  expect(verdictOf(right)).toEqual({
    passed: true,
    shareUnder250ms: 1,
    inconsistencies: 0,
    fineForLatencyUsd: 0,
    fineForInconsistenciesUsd: 0,
    paymentUsd: 100_000,
  });
});

test("98 % in time is enough; each percent under it costs USD 1,000", () => {
  expect(verdictOf({ ...right, inTime: 980 }).fineForLatencyUsd).toBe(0);
  const late = verdictOf({ ...right, inTime: 950, failures: 1 });
  expect(late.fineForLatencyUsd).toBe(3000);
  expect(late.paymentUsd).toBe(97_000);
  expect(late.passed).toBe(false);
});

test("each inconsistency costs USD 803.01, and a payment is never negative", () => {
  const two = verdictOf({ ...right, failures: 2, inconsistencies: 2 });
  expect(two.fineForInconsistenciesUsd).toBe(1606.02);
  expect(two.paymentUsd).toBe(98_393.98);
  expect(verdictOf({ ...right, failures: 500, inconsistencies: 500 }).paymentUsd).toBe(0);
});

test("an interrupted run has not passed, and one without requests had none in time", () => {
  expect(verdictOf({ ...right, complete: false }).passed).toBe(false);
  expect(verdictOf({ ...right, requests: 0, inTime: 0 })).toMatchObject({
    shareUnder250ms: 0,
    fineForLatencyUsd: 98_000,
  });
});
