import { describe, expect, test } from "bun:test";
import { type Fault, FAULT_KINDS, type FaultKind } from "./fault.ts";
import { planRound } from "./plan-round.ts";
import type { RoundOptions } from "./round-options.ts";
import { Random } from "./random.ts";

const CLUSTER = {
  round: 1,
  milliseconds: 20_000,
  kinds: FAULT_KINDS,
  embedded: false,
  apis: 2,
  writers: 2,
  shards: 1,
  replicas: 0,
};

function rounds(seed: number, options: Partial<RoundOptions> = {}): Fault[][] {
  const random = new Random(seed);
  return Array.from({ length: 100 }, (_, index) =>
    planRound(random, { ...CLUSTER, ...options, round: index + 1 }),
  );
}

const isRedisDamage = ({ action }: Fault) => /^redis-(cut|zeroed|emptied)$/.test(action.type);
const endOf = ({ afterMilliseconds, lastsMilliseconds, action }: Fault) =>
  afterMilliseconds + lastsMilliseconds + (action.type === "kill" ? (action.againAfterMilliseconds ?? 0) : 0);

function damagesFeed({ action }: Fault): boolean {
  return (
    action.type.startsWith("nats-") ||
    ("processes" in action && action.processes.includes("nats")) ||
    ("process" in action && action.process === "nats") ||
    ("link" in action && action.link === "api-nats")
  );
}

describe("the plan of a round", () => {
  test("is the same for the same seed, and another for another", () => {
    expect(rounds(7)).toEqual(rounds(7));
    expect(rounds(7)).not.toEqual(rounds(8));
  });

  test("has every fault in the end, each process and each link, one alone and several at once", () => {
    const faults = rounds(1).flat();
    expect(new Set<string>(faults.map(({ action }) => action.type))).toEqual(
      new Set([
        "kill",
        "stop",
        "clock",
        "cut",
        "lose-replies",
        "hold",
        "disk-full",
        "nats-truncated",
        "nats-emptied",
        "redis-power-loss",
        "redis-cut",
        "redis-zeroed",
        "redis-emptied",
      ]),
    );
    const processes = ["api-1", "api-2", "haproxy", "nats", "postgres", "redis", "writer-1", "writer-2"];
    for (const type of ["kill", "stop"]) {
      const lists = faults.flatMap(({ action }) =>
        action.type === type && "processes" in action ? [action.processes] : [],
      );
      expect([...new Set<string>(lists.flat())].toSorted()).toEqual(processes.toSorted());
      expect(lists.some((list) => list.length === 1)).toBe(true);
      expect(lists.some((list) => list.length > 1)).toBe(true);
      for (const list of lists) expect(new Set(list).size).toBe(list.length);
    }
    const links = faults.flatMap(({ action }) => ("link" in action ? [`${action.type} ${action.link}`] : []));
    expect(new Set(links).size).toBe(9);
    expect(
      faults.some(({ action }) => action.type === "kill" && action.againAfterMilliseconds !== null),
    ).toBe(true);
  });

  test("begins a fault every 1 to 3 s, in order, and all are undone before its end", () => {
    for (const faults of rounds(2)) {
      const begins = faults.map(({ afterMilliseconds }) => afterMilliseconds);
      expect(begins).toEqual(begins.toSorted((a, b) => a - b));
      for (const fault of faults) {
        expect(endOf(fault)).toBeLessThanOrEqual(20_000);
        expect(fault.lastsMilliseconds).toBeGreaterThanOrEqual(100);
        expect(fault.lastsMilliseconds).toBeLessThanOrEqual(6_000);
        expect(Number.isInteger(fault.afterMilliseconds) && Number.isInteger(fault.lastsMilliseconds)).toBe(
          true,
        );
      }
    }
    const perRound = rounds(2).flat().length / 100;
    expect(perRound).toBeGreaterThan(20 / 3);
    expect(perRound).toBeLessThan(20);
    const overlapping = rounds(2).flatMap((faults) =>
      faults.filter((fault) =>
        faults.some(
          (other) =>
            other !== fault &&
            other.afterMilliseconds <= fault.afterMilliseconds &&
            endOf(other) > fault.afterMilliseconds,
        ),
      ),
    );
    expect(overlapping.length).toBeGreaterThan(100);
  });

  test("damages Redis's data at most once in a round, and then spares what has a copy of what it loses", () => {
    const all = [3, 4, 5].flatMap((seed) => rounds(seed));
    const damaged = all.filter((faults) => faults.some(isRedisDamage));
    expect(damaged.length).toBeGreaterThan(60);
    expect(damaged.length).toBeLessThan(150);
    let feedDamaged = 0;
    for (const faults of damaged) {
      const [action, ...more] = faults.filter(isRedisDamage);
      expect(more).toEqual([]);
      const from = (action?.afterMilliseconds ?? 0) - 2_000;
      const apisKilled = faults.filter(
        ({ action: { type, ...rest } }) =>
          type === "kill" && "processes" in rest && rest.processes.some((name) => name.startsWith("api-")),
      );
      for (const fault of apisKilled) expect(endOf(fault)).toBeLessThanOrEqual(from);
      if (faults.some(damagesFeed)) feedDamaged += 1;
    }
    // In a few rounds, on purpose.
    expect(feedDamaged).toBeGreaterThan(0);
    expect(feedDamaged).toBeLessThan(damaged.length / 3);
  });

  test("has only the kinds that are wanted, and numbers them", () => {
    for (const kind of FAULT_KINDS) {
      const kinds: FaultKind[] = [kind];
      const faults = rounds(6, { kinds }).flat();
      expect(faults.length).toBeGreaterThan(100);
      expect(new Set(faults.map((fault) => fault.kind))).toEqual(new Set(kinds));
    }
    expect(planRound(new Random(1), { ...CLUSTER, kinds: [] })).toEqual([]);
    const numbers = planRound(new Random(1), { ...CLUSTER, firstNumber: 41 }).map(({ number }) => number);
    expect(numbers).toEqual(numbers.map((_, index) => 41 + index));
  });

  test("hits only the one process and the disk of the embedded ledger", () => {
    const faults = rounds(9, { embedded: true }).flat();
    expect(new Set(faults.map(({ action }) => action.type))).toEqual(new Set(["kill", "stop", "disk-full"]));
    for (const { action } of faults) {
      if ("processes" in action) expect(action.processes).toEqual(["ledger"]);
      if ("process" in action) expect(action.process).toBe("ledger");
    }
  });

  test("fits into a short round", () => {
    for (const faults of rounds(10, { milliseconds: 4_000 })) {
      for (const fault of faults) expect(endOf(fault)).toBeLessThanOrEqual(4_000);
    }
  });
});
