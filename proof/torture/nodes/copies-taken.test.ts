import { describe, expect, test } from "bun:test";
import type { FaultRecord, Hit, ProcessName } from "../plan/fault.ts";
import type { Role } from "../plan/role.ts";
import { tookTwoCopies } from "./copies-taken.ts";

interface Options {
  readonly from?: number;
  readonly to?: number;
  readonly role?: Role;
  readonly type?: "kill-role" | "stop-role" | "apart";
  readonly skipped?: string;
  readonly wereCopiesMissing?: boolean;
  readonly hasMostPrimaries?: boolean;
}

function fault(processes: readonly ProcessName[], options: Options = {}): FaultRecord {
  const { from = 0, to = 1_000, role = "redis-primary", type = "kill-role", skipped = null } = options;
  const { wereCopiesMissing = false, hasMostPrimaries = false } = options;
  const hit: Hit = { processes, shards: [0], wereCopiesMissing, hasMostPrimaries };
  const of = { role, shard: 0 };
  const action = type === "kill-role" ? { type, of, againAfterMilliseconds: null } : { type, of };
  return {
    fault: { number: 1, kind: "stop", action, afterMilliseconds: from, lastsMilliseconds: to - from },
    beganAt: from,
    undoneAt: to,
    skipped,
    hit,
  };
}

describe("whether two copies were taken", () => {
  const one = fault(["redis-1"]);

  test.each<[string, readonly FaultRecord[], boolean]>([
    ["none", [], false],
    ["one", [one], false],
    ["one after the other", [one, fault(["redis-4"], { from: 1_001, to: 2_000 })], false],
    ["one while another is away", [one, fault(["redis-4"], { from: 999, to: 2_000 })], true],
    [
      "one before another has what it missed",
      [one, fault(["redis-4"], { from: 1_001, to: 2_000, wereCopiesMissing: true })],
      true,
    ],
    ["two at once", [fault(["redis-1", "redis-4"], { role: "redis-primary-and-replica" })], true],
    ["a machine, which has one of each shard", [fault(["redis-1", "redis-5"], { role: "machine" })], false],
    ["two that are apart", [fault(["redis-1", "redis-4"], { role: "redis-replica", type: "apart" })], false],
    [
      "a machine that is frozen with most of the primaries",
      [
        fault(["redis-1", "redis-5"], {
          to: 3_000,
          type: "stop-role",
          role: "machine",
          hasMostPrimaries: true,
        }),
      ],
      false,
    ],
    [
      "a machine that is cut off with most of the primaries",
      [fault(["redis-1", "redis-5"], { role: "machine", type: "apart", hasMostPrimaries: true })],
      true,
    ],
    [
      "one that may thaw while another is elected",
      [fault(["redis-1"], { to: 950, type: "stop-role" })],
      false,
    ],
    ["one beside what is no copy of Redis", [one, fault(["nats-1"], { from: 500 })], false],
    ["one that was not taken", [one, fault(["redis-4"], { from: 500, skipped: "why" })], false],
    ["no copy while one is missing", [fault(["nats-1"], { wereCopiesMissing: true })], false],
  ])("%s", (_, records, isTwo) => {
    expect(tookTwoCopies(records)).toBe(isTwo);
  });
});
