import type { Fault, FaultAction, FaultKind, ProcessName } from "./fault.ts";
import type { RoundOptions } from "./round-options.ts";
import type { Random } from "./random.ts";
import type { Role } from "./role.ts";

/**
 * The faults of one round of a ledger with replicas, in the order in which they begin: the same for the same `random` and
 * options. All are undone before the round's time is over.
 *
 * What is promised is that nothing is lost with one copy of a shard. So most rounds take copies of Redis one after the other,
 * whatever else is harmed; in some of them each fault comes alone, so that its outage is its own; in the middle of some one
 * server loses its folder. In the others copies are taken two at once, or before an earlier one is back. Then something may
 * be lost, which is noticed and has to be named by a restore: so the APIs and NATS, which know of it, are spared.
 */
export function planNodesRound(random: Random, plan: RoundOptions): Fault[] {
  const kinds = plan.kinds.filter((kind) => kind !== "disk");
  const takesTwo = kinds.length > 0 && random.chance(TWO_COPIES_PERCENT);
  const drawn = takesTwo ? planTwoCopies(random, plan) : planOneCopy(random, plan);
  const first = plan.firstNumber ?? 1;
  return drawn
    .filter((fault) => endOf(fault) <= plan.milliseconds)
    .toSorted((a, b) => a.afterMilliseconds - b.afterMilliseconds)
    .map((fault, index) => ({ number: first + index, ...fault }));
}

type DrawnFault = Omit<Fault, "number">;

const TWO_COPIES_PERCENT = 25;
const FOLDER_LOST_PERCENT = 40;
const FIRST_MILLISECONDS_MIN = 300;
const INTERVAL_MILLISECONDS_MIN = 1_000;
const INTERVAL_MILLISECONDS_MAX = 3_000;
const OVERLAP_PERCENT = 20;
const LONG_PERCENT = 25;
const APART_PERCENT = 20;
const ROLE_PERCENT = 70;
const KILL_PERCENT = 55;
const ALONE_PERCENT = 40;
const ALL_PERCENT = 12;
/** So long after its return a node of Redis has what it missed, and is a replica again. */
const COPY_BACK_MILLISECONDS = 3_000;

/** One copy of a shard, or of the stream, or of the books. */
const SINGLE: readonly Role[] = [
  "redis-primary",
  "redis-primary",
  "redis-replica",
  "machine",
  "machine",
  "nats-leader",
  "postgres-primary",
  "postgres-standby",
];
const DOUBLE: readonly Role[] = ["redis-replicas", "redis-primary-and-replica"];
/** The pair is cut in two, and each has another copy: it is one that is missed. */
const MAY_BE_APART: readonly Role[] = ["machine", "redis-primary-and-replica"];
const OF_BOOKS: readonly Role[] = ["postgres-primary", "postgres-standby"];
const LOSES_FOLDER: readonly Role[] = ["redis-primary", "redis-replica", "nats-leader", ...OF_BOOKS];

/** Copies of Redis are taken one after the other; a folder is lost while nothing else is harmed. */
function planOneCopy(random: Random, plan: RoundOptions): DrawnFault[] {
  const { milliseconds, kinds } = plan;
  const isAlone = random.chance(ALONE_PERCENT);
  const lost =
    kinds.includes("disk") && random.chance(FOLDER_LOST_PERCENT) ? drawFolderLost(random, plan) : null;
  const quietFrom = lost === null ? milliseconds : lost.afterMilliseconds - COPY_BACK_MILLISECONDS;
  const drawn: DrawnFault[] = lost === null ? [] : [lost];
  let [freeAt, redisFreeAt] = [0, 0];
  for (const at of beginnings(random, milliseconds)) {
    const fault = random.chance(ROLE_PERCENT)
      ? drawAtRole(random, plan, SINGLE, at)
      : drawAtProcesses(random, plan, at);
    if (fault === null || endOf(fault) > quietFrom || at < freeAt) continue;
    if (isAlone) freeAt = endOf(fault) + COPY_BACK_MILLISECONDS;
    if (takesRedis(fault.action)) {
      if (at < redisFreeAt) continue;
      redisFreeAt = endOf(fault) + COPY_BACK_MILLISECONDS;
    }
    drawn.push("of" in fault.action && takesRedis(fault.action) ? { ...fault, onlyWhole: true } : fault);
  }
  return drawn;
}

/** Copies of Redis go as they come; who knows what was answered stays. */
function planTwoCopies(random: Random, plan: RoundOptions): DrawnFault[] {
  const roles = [...SINGLE, ...DOUBLE, ...DOUBLE, ...DOUBLE].filter((role) => role !== "nats-leader");
  return [...beginnings(random, plan.milliseconds)].flatMap(
    (at) => drawAtRole(random, plan, roles, at) ?? [],
  );
}

function* beginnings(random: Random, milliseconds: number): Generator<number> {
  let at = random.integer(FIRST_MILLISECONDS_MIN, INTERVAL_MILLISECONDS_MAX);
  while (at < milliseconds) {
    yield at;
    at += random.chance(OVERLAP_PERCENT)
      ? random.integer(0, 200)
      : random.integer(INTERVAL_MILLISECONDS_MIN, INTERVAL_MILLISECONDS_MAX);
  }
}

/** @returns null where none of the wanted kinds hits a role */
function drawAtRole(
  random: Random,
  { kinds, shards }: RoundOptions,
  roles: readonly Role[],
  afterMilliseconds: number,
): DrawnFault | null {
  const shard = random.integer(0, shards - 1);
  const common = { afterMilliseconds };
  const harms = kinds.includes("kill") || kinds.includes("stop");
  if (kinds.includes("net") && (!harms || random.chance(APART_PERCENT))) {
    const of = { role: random.pick(MAY_BE_APART), shard };
    const lastsMilliseconds = drawDuration(random, false, false);
    return { ...common, kind: "net", action: { type: "apart", of }, lastsMilliseconds };
  }
  const isKill = drawIsKill(random, kinds);
  if (isKill === null) return null;
  const of = { role: random.pick(roles), shard };
  const againAfterMilliseconds = random.chance(20) ? random.integer(5, 800) : null;
  return {
    ...common,
    kind: isKill ? "kill" : "stop",
    action: isKill ? { type: "kill-role", of, againAfterMilliseconds } : { type: "stop-role", of },
    lastsMilliseconds: drawDuration(random, isKill, OF_BOOKS.includes(of.role)),
  };
}

/** @returns null where neither is wanted */
function drawIsKill(random: Random, kinds: readonly FaultKind[]): boolean | null {
  if (!kinds.includes("kill")) return kinds.includes("stop") ? false : null;
  return !kinds.includes("stop") || random.chance(KILL_PERCENT);
}

/** Of those that have no copies of data: one, some of them; now and then all processes that there are. */
function drawAtProcesses(random: Random, plan: RoundOptions, afterMilliseconds: number): DrawnFault | null {
  const isKill = drawIsKill(random, plan.kinds);
  if (isKill === null) return null;
  const others = processesWithoutData(plan);
  const isAll = isKill && random.chance(ALL_PERCENT);
  const processes = isAll
    ? [...others, ...serverNames(plan)]
    : random.some(others, random.chance(25) ? random.integer(2, 3) : 1);
  return {
    kind: isKill ? "kill" : "stop",
    action: isKill ? { type: "kill", processes, againAfterMilliseconds: null } : { type: "stop", processes },
    afterMilliseconds,
    lastsMilliseconds: drawDuration(random, isKill, false),
  };
}

function drawFolderLost(random: Random, { milliseconds, shards }: RoundOptions): DrawnFault {
  const kind: FaultKind = "disk";
  return {
    kind,
    action: {
      type: "folder-lost",
      of: { role: random.pick(LOSES_FOLDER), shard: random.integer(0, shards - 1) },
    },
    afterMilliseconds: Math.floor(milliseconds * 0.6),
    lastsMilliseconds: random.integer(100, 1_500),
  };
}

/**
 * Shorter and longer than what waits for it: a primary of Redis is given up after 0.5 s and replaced within 2 s, an API's
 * request after 2 s, a primary of PostgreSQL after 5 s.
 */
function drawDuration(random: Random, isKill: boolean, isOfBooks: boolean): number {
  if (isOfBooks && random.chance(LONG_PERCENT)) return random.integer(5_500, 8_000);
  if (random.chance(LONG_PERCENT)) return random.integer(2_500, 6_000);
  return isKill || random.chance(60) ? random.integer(100, 2_000) : random.integer(50, 450);
}

/** When it is undone. */
function endOf({ action, afterMilliseconds, lastsMilliseconds }: DrawnFault): number {
  const isKill = action.type === "kill" || action.type === "kill-role";
  return afterMilliseconds + lastsMilliseconds + (isKill ? (action.againAfterMilliseconds ?? 0) : 0);
}

function takesRedis(action: FaultAction): boolean {
  if (action.type === "kill") return action.processes.some((name) => name.startsWith("redis-"));
  return "of" in action && (action.of.role.startsWith("redis-") || action.of.role === "machine");
}

function processesWithoutData({ apis, writers }: RoundOptions): ProcessName[] {
  return ["haproxy", ...numbered("api", apis), ...numbered("writer", writers)];
}

/** Of three primaries with their replicas, as `razonete stack` has them. */
function serverNames({ replicas }: RoundOptions): ProcessName[] {
  return [
    ...numbered("redis", PRIMARIES * (1 + replicas)),
    ...numbered("nats", 3),
    ...numbered("postgres", 2),
  ];
}

const PRIMARIES = 3;

function numbered<Name extends "api" | "writer" | "redis" | "nats" | "postgres">(
  name: Name,
  count: number,
): `${Name}-${number}`[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index + 1}` as const);
}
