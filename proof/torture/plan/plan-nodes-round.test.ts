import { describe, expect, test } from "bun:test";
import { faultTargetOf } from "../report/fault-target.ts";
import { type Fault, FAULT_KINDS, type FaultKind } from "./fault.ts";
import { planRound } from "./plan-round.ts";
import type { RoundOptions } from "./round-options.ts";
import { Random } from "./random.ts";
import { ROLES } from "./role.ts";

const NODES = {
  round: 1,
  milliseconds: 20_000,
  kinds: FAULT_KINDS,
  embedded: false,
  apis: 2,
  writers: 2,
  shards: 3,
  replicas: 2,
};

function rounds(seed: number, options: Partial<RoundOptions> = {}): Fault[][] {
  const random = new Random(seed);
  return Array.from({ length: 300 }, (_, index) =>
    planRound(random, { ...NODES, ...options, round: index + 1 }),
  );
}

const endOf = ({ afterMilliseconds, lastsMilliseconds }: Fault) => afterMilliseconds + lastsMilliseconds;
const takesTwoCopies = ({ action }: Fault) =>
  (action.type === "kill-role" || action.type === "stop-role") &&
  ["redis-replicas", "redis-primary-and-replica"].includes(action.of.role);
const endsApi = ({ action }: Fault) =>
  action.type === "kill" && action.processes.some((name) => name.startsWith("api-"));
const takesRedis = ({ action }: Fault) => "of" in action && /^(redis|machine)/.test(action.of.role);

describe("the plan of a round over nodes", () => {
  test("is the same for the same seed, and another for another", () => {
    expect(rounds(7)).toEqual(rounds(7));
    expect(rounds(7)).not.toEqual(rounds(8));
  });

  test("hits each role, and whatever has no copies, and ends in time", () => {
    const faults = rounds(1).flat();
    const targets = new Set<string>(faults.map(({ action }) => faultTargetOf(action)));
    for (const target of [...ROLES, "api", "writer", "haproxy", "several"]) expect(targets).toContain(target);
    const shards = faults.flatMap(({ action }) => ("of" in action ? [action.of.shard] : []));
    expect(new Set(shards)).toEqual(new Set([0, 1, 2]));
    for (const fault of faults) expect(endOf(fault)).toBeLessThanOrEqual(NODES.milliseconds);
  });

  test("has all processes killed at once now and then", () => {
    const all = rounds(2)
      .flat()
      .filter(({ action }) => action.type === "kill" && action.processes.length === 19);
    expect(all.length).toBeGreaterThan(5);
  });

  test("spares who knows what was answered in rounds that take two copies", () => {
    const twice = rounds(3).filter((faults) => faults.some(takesTwoCopies));
    expect(twice.length).toBeGreaterThan(30);
    for (const faults of twice) {
      expect(faults.filter(endsApi)).toEqual([]);
      expect(faults.filter(({ onlyWhole }) => onlyWhole)).toEqual([]);
    }
  });

  test("takes one copy of Redis after the other in the rest, and a folder where nothing else is harmed", () => {
    const single = rounds(4).filter((faults) => !faults.some(takesTwoCopies) && faults.some(endsApi));
    expect(single.length).toBeGreaterThan(30);
    for (const faults of single) {
      const ofRedis = faults.filter(takesRedis);
      for (const fault of ofRedis)
        if (fault.action.type !== "folder-lost") expect(fault.onlyWhole).toBeTrue();
      for (const [index, fault] of ofRedis.entries()) {
        const next = ofRedis[index + 1];
        if (next !== undefined) expect(next.afterMilliseconds).toBeGreaterThanOrEqual(endOf(fault));
      }
      const lost = faults.find(({ action }) => action.type === "folder-lost");
      if (lost === undefined) continue;
      for (const fault of faults)
        if (fault !== lost) expect(endOf(fault)).toBeLessThan(lost.afterMilliseconds);
    }
  });

  test("has only the kinds that are wanted", () => {
    for (const kind of FAULT_KINDS) {
      const kinds: FaultKind[] = [kind];
      const faults = rounds(5, { kinds }).flat();
      expect(faults.length).toBeGreaterThan(50);
      expect(new Set(faults.map((fault) => fault.kind))).toEqual(new Set(kinds));
    }
    expect(planRound(new Random(1), { ...NODES, kinds: [] })).toEqual([]);
  });
});
