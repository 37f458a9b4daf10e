import { expect, test } from "bun:test";
import { ACCOUNTS, contestRules, LOAD_STREAMS } from "../contest-rules.ts";
import { generateRequests } from "./request-generator.ts";
import { rateAt, schedule, scheduledRequests, type DueRequest } from "./schedule.ts";

const CONTEST = { scale: 1, rate: 1 };

function perSecond(dues: Iterable<DueRequest>, kind: string): number[] {
  const counts: number[] = [];
  for (const due of dues) {
    if (due.kind !== kind) continue;
    const second = Math.floor(due.atMs / 1000);
    while (counts.length <= second) counts.push(0);
    counts[second] = (counts[second] ?? 0) + 1;
  }
  return counts;
}

test("with the preflight checks, the requests of a run at scale 1 are the 61,503 of the official results", () => {
  const concurrency = 2 * (contestRules.concurrent_requests + 1);
  // Statement, credit, debit, statement, credit, the concurrent statements, five invalid requests.
  const consistency = ACCOUNTS.length * (5 + contestRules.statements_at_once + 5);
  const unknownAccount = 1;
  const load = [...schedule(CONTEST)].length;
  expect(load).toBe(61_380);
  expect(scheduledRequests(CONTEST)).toBe(load);
  expect(concurrency + consistency + unknownAccount + load).toBe(61_503);
});

test("each second has as many requests as Gatling's injection with carried fractions", () => {
  for (const { kind, from, to } of LOAD_STREAMS) {
    let carried = 0;
    const expected = Array.from({ length: 240 }, (_, second) => {
      if (second >= 120) return to;
      // The rate in the middle of the second, and the fraction carried over from the one before.
      const made = from + ((to - from) * (2 * second + 1)) / 240 + carried;
      const whole = Math.floor(Math.round(made * 1e10) / 1e10);
      carried = made - whole;
      return whole;
    });
    expect(perSecond(schedule(CONTEST), kind)).toEqual(expected);
  }
});

test("requests come in the order of their due times, evenly spaced within a second", () => {
  const dues = [...schedule(CONTEST)];
  expect(dues.every((due, index) => due.atMs >= (dues[index - 1]?.atMs ?? 0))).toBe(true);
  const steady = dues.filter((due) => due.kind === "statement" && due.atMs >= 200_000 && due.atMs < 201_000);
  expect(steady.map((due) => due.atMs - 200_000)).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
});

test("the scale changes the length of the phases, the rate the number of requests", () => {
  expect(scheduledRequests({ scale: 0.1, rate: 1 })).toBe(6138);
  expect(scheduledRequests({ scale: 1, rate: 3 })).toBe(3 * 61_380);
  // Phases of 0.6 s: not a whole number of seconds.
  expect(scheduledRequests({ scale: 0.005, rate: 1 })).toBe(306);
  expect(rateAt(CONTEST, 0)).toBe(3);
  expect(rateAt(CONTEST, 120)).toBe(340);
  expect(rateAt({ scale: 1, rate: 3 }, 240)).toBe(1020);
});

test("the generated requests are the same for the same seed, and within the contest's rules", () => {
  const shape = { scale: 0.02, rate: 1 };
  const requests = [...generateRequests(shape, 7)];
  expect([...generateRequests(shape, 7)]).toEqual(requests);
  expect([...generateRequests(shape, 8)]).not.toEqual(requests);
  const descriptions = new Set<string>();
  for (const request of requests) {
    expect(request.account).toBeWithin(1, 6);
    if (request.kind === "statement") continue;
    expect(request.value).toBeWithin(1, 10_001);
    expect(request.description).toMatch(/^[A-Za-z0-9]{10}$/);
    descriptions.add(request.description);
  }
  expect(descriptions.size).toBe(requests.filter((request) => request.kind !== "statement").length);
  expect(new Set(requests.map((request) => request.account)).size).toBe(5);
});
