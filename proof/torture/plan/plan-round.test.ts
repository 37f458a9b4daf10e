import { describe, expect, test } from "bun:test";
import { type Fault, FAULT_KINDS, type FaultKind } from "./fault.ts";
import { planRound, type RoundPlan } from "./plan-round.ts";
import { Random } from "./random.ts";

const CLUSTER = { round: 1, milliseconds: 20_000, kinds: FAULT_KINDS, embedded: false, apis: 2, writers: 2 };

function rounds(seed: number, options: Partial<RoundPlan> = {}): Fault[][] {
  const random = new Random(seed);
  return Array.from({ length: 100 }, (_, index) =>
    planRound(random, { ...CLUSTER, ...options, round: index + 1 }),
  );
}

const isRedisHarm = ({ harm }: Fault) => /^redis-(cut|zeroed|emptied)$/.test(harm.type);
const endOf = ({ afterMilliseconds, lastsMilliseconds, harm }: Fault) =>
  afterMilliseconds + lastsMilliseconds + (harm.type === "kill" ? (harm.againAfterMilliseconds ?? 0) : 0);

function harmsFeed({ harm }: Fault): boolean {
  return (
    harm.type.startsWith("nats-") ||
    ("processes" in harm && harm.processes.includes("nats")) ||
    ("process" in harm && harm.process === "nats") ||
    ("link" in harm && harm.link === "api-nats")
  );
}

describe("the plan of a round", () => {
  test("is the same for the same seed, and another for another", () => {
    expect(rounds(7)).toEqual(rounds(7));
    expect(rounds(7)).not.toEqual(rounds(8));
  });

  test("has every harm in the end, each process and each link, one alone and several at once", () => {
    const faults = rounds(1).flat();
    expect(new Set<string>(faults.map(({ harm }) => harm.type))).toEqual(
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
      const lists = faults.flatMap(({ harm }) =>
        harm.type === type && "processes" in harm ? [harm.processes] : [],
      );
      expect([...new Set<string>(lists.flat())].toSorted()).toEqual(processes.toSorted());
      expect(lists.some((list) => list.length === 1)).toBe(true);
      expect(lists.some((list) => list.length > 1)).toBe(true);
      for (const list of lists) expect(new Set(list).size).toBe(list.length);
    }
    const links = faults.flatMap(({ harm }) => ("link" in harm ? [`${harm.type} ${harm.link}`] : []));
    expect(new Set(links).size).toBe(9);
    expect(faults.some(({ harm }) => harm.type === "kill" && harm.againAfterMilliseconds !== null)).toBe(
      true,
    );
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

  test("harms Redis's data at most once in a round, and then spares who knows what it forgets", () => {
    const all = [3, 4, 5].flatMap((seed) => rounds(seed));
    const harmed = all.filter((faults) => faults.some(isRedisHarm));
    expect(harmed.length).toBeGreaterThan(60);
    expect(harmed.length).toBeLessThan(150);
    let feedHarmed = 0;
    for (const faults of harmed) {
      const [harm, ...more] = faults.filter(isRedisHarm);
      expect(more).toEqual([]);
      const from = (harm?.afterMilliseconds ?? 0) - 2_000;
      const apisKilled = faults.filter(
        ({ harm: { type, ...rest } }) =>
          type === "kill" && "processes" in rest && rest.processes.some((name) => name.startsWith("api-")),
      );
      for (const fault of apisKilled) expect(endOf(fault)).toBeLessThanOrEqual(from);
      if (faults.some(harmsFeed)) feedHarmed += 1;
    }
    // Deliberately, in a few.
    expect(feedHarmed).toBeGreaterThan(0);
    expect(feedHarmed).toBeLessThan(harmed.length / 3);
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

  test("of the embedded ledger harms its one process and its disk", () => {
    const faults = rounds(9, { embedded: true }).flat();
    expect(new Set(faults.map(({ harm }) => harm.type))).toEqual(new Set(["kill", "stop", "disk-full"]));
    for (const { harm } of faults) {
      if ("processes" in harm) expect(harm.processes).toEqual(["ledger"]);
      if ("process" in harm) expect(harm.process).toBe("ledger");
    }
  });

  test("fits into a short round", () => {
    for (const faults of rounds(10, { milliseconds: 4_000 })) {
      for (const fault of faults) expect(endOf(fault)).toBeLessThanOrEqual(4_000);
    }
  });
});
