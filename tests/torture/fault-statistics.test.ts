import { describe, expect, test } from "bun:test";
import { decisionsOf, type Outage, outageOf, outageOfShards } from "../../proof/torture/report/outages.ts";
import type { Fault, FaultRecord, FaultAction, Link, ProcessName } from "../../proof/torture/plan/fault.ts";
import { faultRows } from "../../proof/torture/report/figure-rows.ts";
import type { Answer, Attempt, Operation } from "../../proof/torture/clients/history.ts";
import { planRun } from "../../proof/torture/plan/plan-run.ts";
import { reportOf } from "../../proof/torture/report/markdown-report.ts";
import { type FaultSummary, NO_COUNTS } from "../../proof/torture/report/torture-result.ts";
import { summaryOf } from "../../proof/torture/report/summary.ts";
import { FaultStatistics } from "../../proof/torture/report/fault-statistics.ts";
import { resultWith } from "./support/results.ts";

const LOAD_ENDED_AT = 60_000;

const ACCEPTED: Answer = { type: "accepted", accounts: [], transaction: null, hold: null, replayed: false };
const REFUSED = {
  type: "refused",
  problem: "limit-exceeded",
  account: null,
  index: null,
  other: null,
  replayed: false,
} as const;
const BATCH: Operation = { type: "batch", atomic: true, commands: [] };

function fault(beganAt: number, undoneAt: number, skipped: string | null = null): FaultRecord {
  const lastsMilliseconds = undoneAt - beganAt;
  const action = { type: "nats-emptied" } as const;
  return {
    fault: { number: 1, kind: "disk", action, afterMilliseconds: beganAt, lastsMilliseconds },
    beganAt,
    undoneAt,
    skipped,
  };
}

/** A decision in every 10 ms of the round but in these gaps. */
function decisionsBut(...gaps: readonly (readonly [number, number])[]): number[] {
  const all = Array.from({ length: LOAD_ENDED_AT / 10 }, (_, index) => index * 10);
  return all.filter((at) => gaps.every(([from, to]) => at <= from || at >= to));
}

describe("the outage of a fault", () => {
  const one = fault(10_000, 12_000);

  test("is the longest gap from its beginning until some seconds after its end", () => {
    const of = (...gaps: readonly (readonly [number, number])[]) =>
      outageOf(one, [one], decisionsBut(...gaps), LOAD_ENDED_AT);
    expect(of()).toEqual({ milliseconds: 10, open: false, alone: true });
    expect(of([10_500, 11_000], [11_500, 12_500])).toMatchObject({ milliseconds: 1_000, open: false });
    // One that began before it counts from its beginning; one that begins in time counts until its end.
    expect(of([9_000, 10_800]).milliseconds).toBe(800);
    expect(of([16_900, 25_000]).milliseconds).toBe(8_100);
    expect(of([17_100, 25_000]).milliseconds).toBe(10);
  });

  test("is open where it was not over when the load ended", () => {
    expect(outageOf(one, [one], decisionsBut([11_000, 70_000]), LOAD_ENDED_AT)).toMatchObject({
      milliseconds: 49_000,
      open: true,
    });
    expect(outageOf(one, [one], [], LOAD_ENDED_AT)).toMatchObject({ milliseconds: 50_000, open: true });
  });

  test("is not what is left of the load after the last decision, where that is no longer than usual", () => {
    const late = fault(58_000, 59_000);
    const of = (lastDecision: number) =>
      outageOf(late, [late], decisionsBut([lastDecision, 70_000]), LOAD_ENDED_AT);
    expect(of(59_800)).toMatchObject({ milliseconds: 10, open: false });
    expect(of(59_700)).toMatchObject({ milliseconds: 300, open: true });
  });

  test("is shared by faults at the same time, and not by one before", () => {
    const decisions = decisionsBut([15_000, 18_000]);
    const meanwhile = fault(11_000, 16_000);
    const later = fault(14_000, 16_000);
    const of = (done: FaultRecord, all: readonly FaultRecord[]) =>
      outageOf(done, all, decisions, LOAD_ENDED_AT).milliseconds;
    expect([of(one, [one, meanwhile]), of(meanwhile, [one, meanwhile])]).toEqual([3_000, 3_000]);
    expect([of(one, [one, later]), of(later, [one, later])]).toEqual([10, 3_000]);
    expect(of(one, [one, fault(14_000, 14_000, "not here")])).toBe(3_000);
    // The last decision before a fault is always a little before it; an outage that was on its way is not its alone.
    const [sudden, gradual] = [fault(15_005, 16_000), fault(15_500, 16_000)];
    expect([of(one, [one, sudden]), of(sudden, [one, sudden])]).toEqual([10, 2_995]);
    expect([of(one, [one, gradual]), of(gradual, [one, gradual])]).toEqual([3_000, 2_500]);
  });

  test("is a fault's alone if no other was in progress until its end, and earlier ones were over", () => {
    const isAlone = (other: FaultRecord, ...gaps: readonly (readonly [number, number])[]) =>
      outageOf(one, [one, other], decisionsBut([10_000, 13_000], ...gaps), LOAD_ENDED_AT).alone;
    expect(isAlone(fault(11_000, 11_500))).toBe(false);
    expect(isAlone(fault(12_990, 14_000))).toBe(false);
    expect(isAlone(fault(13_000, 14_000))).toBe(true);
    expect(isAlone(fault(11_000, 11_500, "not here"))).toBe(true);
    // It was undone, but the system had not decided anything since when the next one came.
    expect(isAlone(fault(8_000, 9_000))).toBe(true);
    expect(isAlone(fault(8_000, 9_000), [8_500, 10_000])).toBe(true);
    expect(isAlone(fault(8_000, 9_000), [8_500, 13_000])).toBe(false);
    expect(isAlone(fault(8_000, 10_500))).toBe(false);
  });

  test("is that of the shards that it touches; beside it the longest of the others", () => {
    const shards = [decisionsBut([10_500, 12_000]), decisionsBut([10_200, 10_900]), decisionsBut()];
    const of = (touched: readonly number[] | null) => {
      const touching = { ...one, ...(touched === null ? {} : { hit: { processes: [], shards: touched } }) };
      return outageOfShards(touching, [touching], shards, LOAD_ENDED_AT);
    };
    expect(of([0])).toEqual({ milliseconds: 1_500, open: false, alone: true, othersMilliseconds: 700 });
    expect(of([1, 2])).toMatchObject({ milliseconds: 700, othersMilliseconds: 1_500 });
    expect(of(null)).toMatchObject({ milliseconds: 1_500, othersMilliseconds: null });
    expect(of([])).toMatchObject({ milliseconds: 0, othersMilliseconds: 1_500 });
  });

  test("ends with a decision on a command, accepted or refused, and with nothing else", () => {
    const transact: Operation = { type: "transact", account: "1", kind: "debit", value: 1, description: "x" };
    const answers: readonly (readonly [Operation, Answer])[] = [
      [transact, ACCEPTED],
      [BATCH, { type: "batch", results: [ACCEPTED], refused: null }],
      [transact, REFUSED],
      [transact, { type: "unknown", reason: "" }],
      [transact, { type: "not-done" }],
      [transact, { type: "odd", reason: "" }],
      [
        { type: "statement", account: "1" },
        { ...REFUSED, problem: "account-not-found" },
      ],
    ];
    const attempts = answers.map(([operation, answer], index): Attempt => ({
      number: index + 1,
      operation,
      key: null,
      by: null,
      sentAt: 0,
      endedAt: 9 - index,
      answer,
    }));
    expect(decisionsOf(attempts)).toEqual([[7, 8, 9]]);
    // A batch may be of several shards, so that it tells of none.
    expect(decisionsOf(attempts, 3).flat()).toEqual([7, 9]);
  });
});

describe("figures", () => {
  const outage = (milliseconds: number, { open = false, alone = false } = {}): Outage => ({
    milliseconds,
    open,
    alone,
    othersMilliseconds: null,
  });

  /** What a run has of these faults. */
  function summariesOf(
    ...faults: readonly (readonly [Fault["kind"], FaultAction, Outage | string])[]
  ): FaultSummary[] {
    const statistics = new FaultStatistics();
    for (const [index, [kind, action, came]] of faults.entries()) {
      const skipped = typeof came === "string" ? came : null;
      const planned = { number: index + 1, kind, action, afterMilliseconds: 0, lastsMilliseconds: 0 };
      const done = { fault: planned, beganAt: 0, undoneAt: 0, skipped };
      statistics.add(done, typeof came === "string" ? outage(0) : came);
    }
    return statistics.summaries();
  }

  const kill = (...processes: readonly ProcessName[]): FaultAction => ({
    type: "kill",
    processes,
    againAfterMilliseconds: null,
  });
  const cut = (link: Link): FaultAction => ({ type: "cut", link, everyMilliseconds: 100 });
  const killsOfRedis = (...outages: readonly Outage[]) =>
    summariesOf(...outages.map((one) => ["kill", kill("redis"), one] as const), [
      "kill",
      kill("redis"),
      "why not",
    ]);

  test("of several runs are those of all faults together", () => {
    const [first, second] = [
      killsOfRedis(outage(30), outage(10)),
      killsOfRedis(outage(20), outage(500, { open: true })),
    ];
    expect(faultRows([...first, ...second])).toEqual([
      ["kill", "kill redis", "4", "2", "over 0.50 s", "0.02 s", "0", ""],
    ]);
    expect(faultRows([...killsOfRedis(outage(900)), ...second])[0]?.[4]).toBe("0.90 s");
    expect(faultRows([...second, ...killsOfRedis(outage(500))])[0]?.[4]).toBe("over 0.50 s");
    expect(faultRows(killsOfRedis())).toEqual([["kill", "kill redis", "0", "1", "", "", "0", ""]]);
  });

  test("tell the targets apart, in the order in which a request meets it, under the sum of each kind", () => {
    const rows = faultRows(
      summariesOf(
        ["net", cut("writer-postgres"), outage(10)],
        ["net", cut("api-redis"), outage(700, { alone: true })],
        ["kill", kill("api-1", "api-2"), outage(3_000)],
        ["kill", kill("writer-2"), outage(9_000)],
        ["kill", kill("writer-1"), outage(20, { alone: true })],
        ["kill", kill("redis"), outage(2_000, { alone: true })],
        ["kill", kill("api-2"), outage(40, { alone: true })],
        ["kill", kill("api-1"), outage(9_000)],
        ["stop", { type: "clock", seconds: 5 }, outage(50)],
        ["disk", { type: "disk-full", process: "postgres" }, "no room"],
        ["disk", { type: "disk-full", process: "redis" }, outage(60)],
        ["disk", { type: "redis-cut", bytes: 5 }, outage(70)],
        ["disk", { type: "nats-emptied" }, outage(80)],
      ),
    );
    expect(rows.map((row) => row.slice(0, 5))).toEqual([
      ["kill", "all", "6", "0", "9.00 s"],
      ["", "kill api", "2", "0", "9.00 s"],
      ["", "kill redis", "1", "0", "2.00 s"],
      ["", "kill writer", "2", "0", "9.00 s"],
      ["", "kill several", "1", "0", "3.00 s"],
      ["stop", "clock redis", "1", "0", "0.05 s"],
      ["net", "all", "2", "0", "0.70 s"],
      ["", "cut api-redis", "1", "0", "0.70 s"],
      ["", "cut writer-postgres", "1", "0", "0.01 s"],
      ["disk", "all", "3", "1", "0.08 s"],
      ["", "disk-full redis", "1", "0", "0.06 s"],
      ["", "disk-full postgres", "0", "1", ""],
      ["", "nats-emptied", "1", "0", "0.08 s"],
      ["", "redis-cut", "1", "0", "0.07 s"],
    ]);
    expect(rows.slice(0, 5).map((row) => row.slice(5))).toEqual([
      ["2.00 s", "3", "2.00 s"],
      ["0.04 s", "1", "0.04 s"],
      ["2.00 s", "1", "2.00 s"],
      ["0.02 s", "1", "0.02 s"],
      ["3.00 s", "0", ""],
    ]);
  });

  test("become one section in Markdown", () => {
    const counts = { ...NO_COUNTS, requests: 1_000, accepted: 700, unknown: 20, lostNamed: 3 };
    const restore = { round: 1, type: "restored" as const, found: ["empty"], fromOutbox: 1, fromFeed: 2 };
    const restores = [
      { ...restore, missingBatches: 4, missingAccounts: 5, missingTransits: 0 },
      { ...restore, missingBatches: 0, missingAccounts: 0, missingTransits: 1 },
    ];
    const report = reportOf([
      resultWith({
        seed: 7,
        counts,
        harms: killsOfRedis(outage(10), outage(30)),
        restores,
        loadSeconds: 600,
      }),
      resultWith({ seed: 8, counts, harms: killsOfRedis(outage(20)), loadSeconds: 1_200 }),
    ]);
    expect(report).toStartWith("2 runs, 30 minutes of load, 3 faults, 0 violations.\n");
    expect(report).toMatch(/\| 7 +\| cluster \|/);
    expect(report).toMatch(/\| requests .*\| +2,000 \|/);
    expect(report).toMatch(/\| lost and named .*\| +6 \|/);
    expect(report).toMatch(/\| kill +\| kill redis +\| +3 \| +2 \|/);
    expect(report).toContain(
      "2 times something was missing and named (4 batches, 5 accounts, one side of 1 transactions across shards)",
    );
    expect(report.match(/- kill, kill redis: why not/g)).toHaveLength(1);
  });

  test("and the words at the end of a run tell what was found and how to see it again", () => {
    const violations = [{ round: 2, name: "lost", detail: "it is gone", attempts: ["attempt 4"] }];
    const told = summaryOf(
      resultWith({
        seed: 9,
        rounds: 2,
        violations,
        violationsInAll: 60,
        violatedAfterSeconds: 41,
        folder: "/f",
      }),
    );
    for (const words of [
      "VIOLATED: 60 findings in round 2, after 41 s",
      "✗ lost: it is gone\n    attempt 4",
      "and 59 more",
      "Seed:   9",
      "Again:  npm run torture -- --seed 9",
      "Folder: /f",
    ]) {
      expect(told).toContain(words);
    }
    expect(summaryOf(resultWith({}))).toContain("NOTHING FOUND");
    expect(summaryOf(resultWith({ interrupted: true }))).toContain("INTERRUPTED");
    expect(summaryOf(resultWith({ harms: [], rounds: 1 }))).toContain("No harm was done");
  });
});

test("a run's plan is cut into rounds of about the same length, with its faults numbered through", () => {
  const options = { seconds: 90, roundSeconds: 20, seed: 5, kinds: ["kill"], embedded: false } as const;
  const action = { type: "kill", processes: ["redis"], againAfterMilliseconds: null } as const;
  const plans = planRun(options, (random, { round, milliseconds, firstNumber }) =>
    Array.from({ length: round }, (_, index) => ({
      number: firstNumber + index,
      kind: "kill" as const,
      action,
      afterMilliseconds: random.integer(0, milliseconds),
      lastsMilliseconds: 1,
    })),
  );
  expect(plans.map(({ milliseconds }) => milliseconds)).toEqual([18_000, 18_000, 18_000, 18_000, 18_000]);
  expect(plans.flatMap(({ faults }) => faults.map(({ number }) => number))).toEqual(
    Array.from({ length: 15 }, (_, index) => index + 1),
  );
  expect(new Set(plans.flatMap(({ faults }) => faults.map((one) => one.afterMilliseconds))).size).toBe(15);
});
