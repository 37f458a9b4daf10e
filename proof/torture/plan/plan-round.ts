import type { Fault, FaultKind, FaultAction, Link, ProcessName } from "./fault.ts";
import type { RoundOptions } from "./round-options.ts";
import { planNodesRound } from "./plan-nodes-round.ts";
import { TORN_BYTES_MAX } from "../faults/aof-corruption.ts";
import type { Random } from "./random.ts";

/**
 * The faults of one round, in the order in which they begin: the same for the same `random` and options. All are
 * undone before the round's time is over.
 *
 * Redis's own data is damaged at most once in a round, since each time may need a restore. Mostly the plan then spares
 * whatever may hold the last copy of what Redis loses: the feed, and the APIs, which know how far Redis had come. In a
 * few rounds the feed is damaged too, so that something may be lost, which the restore then has to name. The APIs are
 * always spared: if everything that knew of a batch were gone, nobody could tell that it ever existed.
 */
export function planRound(random: Random, plan: RoundOptions): Fault[] {
  if (plan.replicas > 0) return planNodesRound(random, plan);
  const { milliseconds, kinds } = plan;
  const possible = possibleFaults(plan);
  const drawn: DrawnFault[] = [];
  const redisDamage = planRedisDamage(random, plan);
  if (redisDamage !== null) drawn.push(redisDamage);
  const sparesFeed = redisDamage !== null && !random.chance(FEED_DAMAGED_TOO_PERCENT);
  if (redisDamage !== null && !sparesFeed) drawn.push(...planFeedLoss(random, redisDamage));

  let at = random.integer(FIRST_MILLISECONDS_MIN, INTERVAL_MILLISECONDS_MAX);
  while (at < milliseconds && possible.length > 0) {
    const { kind, draw } = random.weighted(possible);
    const action = draw(random);
    const lastsMilliseconds = drawDuration(random, action);
    const ends = at + lastsMilliseconds + repeatMilliseconds(action);
    const fits = ends <= milliseconds;
    const isAllowed = redisDamage === null || !destroysLastCopy(action, ends, redisDamage, sparesFeed);
    if (fits && isAllowed) drawn.push({ kind, action, afterMilliseconds: at, lastsMilliseconds });
    // Some faults begin right after the one before.
    at += random.chance(OVERLAP_PERCENT)
      ? random.integer(0, 200)
      : random.integer(INTERVAL_MILLISECONDS_MIN, INTERVAL_MILLISECONDS_MAX);
  }
  const first = plan.firstNumber ?? 1;
  return drawn
    .filter(({ kind }) => kinds.includes(kind))
    .toSorted((a, b) => a.afterMilliseconds - b.afterMilliseconds)
    .map((fault, index) => ({ number: first + index, ...fault }));
}

const FIRST_MILLISECONDS_MIN = 300;
const INTERVAL_MILLISECONDS_MIN = 800;
const INTERVAL_MILLISECONDS_MAX = 2_400;
const OVERLAP_PERCENT = 20;
const LONG_PERCENT = 15;
const REDIS_DAMAGE_PERCENT = 35;
const FEED_DAMAGED_TOO_PERCENT = 15;
/** No API is killed so shortly before Redis is damaged: a restarted API needs a moment until it knows Redis again. */
const API_SPARED_MILLISECONDS = 2_000;

const LINKS: readonly Link[] = ["api-redis", "api-nats", "writer-postgres"];

type DrawnFault = Omit<Fault, "number">;

interface FaultChoice {
  readonly kind: FaultKind;
  readonly weight: number;
  readonly draw: (random: Random) => FaultAction;
}

/** What may happen at any time, weighted by how often. */
function possibleFaults({ kinds, embedded, apis, writers }: RoundOptions): FaultChoice[] {
  const processes = embedded ? (["ledger"] as const) : processNames(apis, writers);
  const full = embedded ? (["ledger"] as const) : (["redis", "nats", "postgres"] as const);
  const choices: FaultChoice[] = [
    { kind: "kill", weight: 30, draw: (random) => drawKill(random, processes) },
    {
      kind: "stop",
      weight: 18,
      draw: (random) => ({ type: "stop", processes: pickProcesses(random, processes) }),
    },
    { kind: "disk", weight: 9, draw: (random) => ({ type: "disk-full", process: random.pick(full) }) },
  ];
  if (!embedded) {
    choices.push(
      { kind: "stop", weight: 7, draw: drawClock },
      {
        kind: "net",
        weight: 9,
        draw: (random) => ({
          type: "cut",
          link: random.pick(LINKS),
          everyMilliseconds: random.integer(20, 400),
        }),
      },
      {
        kind: "net",
        weight: 9,
        draw: (random) => ({
          type: "lose-replies",
          link: random.pick(LINKS),
          everyBytes: random.integer(200, 20_000),
        }),
      },
      { kind: "net", weight: 7, draw: (random) => ({ type: "hold", link: random.pick(LINKS) }) },
      { kind: "disk", weight: 6, draw: drawPowerLoss },
      { kind: "disk", weight: 4, draw: () => ({ type: "nats-truncated" }) },
      { kind: "disk", weight: 4, draw: () => ({ type: "nats-emptied" }) },
    );
  }
  return choices.filter(({ kind }) => kinds.includes(kind));
}

export function processNames(apis: number, writers: number): ProcessName[] {
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
  return [
    "haproxy",
    ...numbers(apis).map((number) => `api-${number}` as const),
    "redis",
    "nats",
    ...numbers(writers).map((number) => `writer-${number}` as const),
    "postgres",
  ];
}

/** Mostly one process, sometimes a few; now and then all, as in a loss of power that the disks survive. */
function pickProcesses(random: Random, processes: readonly ProcessName[]): ProcessName[] {
  if (random.chance(4)) return [...processes];
  return random.some(processes, random.chance(25) ? random.integer(2, 4) : 1);
}

function drawKill(random: Random, processes: readonly ProcessName[]): FaultAction {
  const againAfterMilliseconds = random.chance(30) ? random.integer(5, 800) : null;
  return { type: "kill", processes: pickProcesses(random, processes), againAfterMilliseconds };
}

function drawPowerLoss(random: Random): FaultAction {
  return { type: "redis-power-loss", tornBytes: random.chance(50) ? random.integer(1, TORN_BYTES_MAX) : 0 };
}

function drawClock(random: Random): FaultAction {
  const seconds = random.chance(20) ? random.integer(181, 3_600) : random.integer(2, 180);
  return { type: "clock", seconds: random.chance(50) ? seconds : -seconds };
}

function planRedisDamage(random: Random, { kinds, embedded, milliseconds }: RoundOptions): DrawnFault | null {
  if (embedded || !kinds.includes("disk") || !random.chance(REDIS_DAMAGE_PERCENT)) return null;
  const bytes = random.chance(60) ? random.integer(1, 2_000) : random.integer(2_001, 200_000);
  const action = random.pick<FaultAction>([
    { type: "redis-cut", bytes },
    { type: "redis-zeroed", bytes },
    { type: "redis-emptied" },
  ]);
  const lastsMilliseconds = Math.min(drawDuration(random, action), Math.floor(milliseconds / 4));
  // In the middle of the round: then there is something to lose, and load goes on after the restore.
  const from = Math.floor(milliseconds / 4);
  const to = Math.max(from, Math.floor((milliseconds * 2) / 3) - lastsMilliseconds);
  return { kind: "disk", action, afterMilliseconds: random.integer(from, to), lastsMilliseconds };
}

/**
 * The feed loses its messages just before Redis does, while writers cannot reach the books: no copy of these batches is
 * left.
 */
function planFeedLoss(random: Random, redisDamage: DrawnFault): DrawnFault[] {
  const at = (before: number): number => Math.max(0, redisDamage.afterMilliseconds - before);
  const pause = { afterMilliseconds: at(random.integer(300, 1_500)), lastsMilliseconds: 1_500 };
  return [
    { kind: "net", action: { type: "hold", link: "writer-postgres" }, ...pause },
    {
      kind: "disk",
      action: { type: "nats-emptied" },
      afterMilliseconds: at(random.integer(0, 200)),
      lastsMilliseconds: random.integer(100, 1_000),
    },
  ];
}

/**
 * Mostly shorter than the API's deadline of 2 s; sometimes longer than that and than the 3 s that HAProxy waits for an
 * API.
 */
function drawDuration(random: Random, action: FaultAction): number {
  // A disk that is full for a shorter time would be free again before anybody has written to it.
  const least = action.type === "disk-full" ? 500 : 100;
  return random.chance(LONG_PERCENT) ? random.integer(3_000, 6_000) : random.integer(least, 2_000);
}

/** How much longer a fault lasts if it is done twice. */
function repeatMilliseconds(action: FaultAction): number {
  return action.type === "kill" ? (action.againAfterMilliseconds ?? 0) : 0;
}

/** Whether a fault that is undone at `ends` may destroy the last copy of what Redis is about to lose. */
function destroysLastCopy(
  action: FaultAction,
  ends: number,
  redisDamage: DrawnFault,
  sparesFeed: boolean,
): boolean {
  switch (action.type) {
    case "kill":
      return (
        (action.processes.some((name) => name.startsWith("api-")) &&
          ends > redisDamage.afterMilliseconds - API_SPARED_MILLISECONDS) ||
        (sparesFeed && action.processes.includes("nats"))
      );
    case "stop":
      return sparesFeed && action.processes.includes("nats");
    case "cut":
    case "lose-replies":
    case "hold":
      return sparesFeed && action.link === "api-nats";
    case "disk-full":
      return sparesFeed && action.process === "nats";
    case "nats-truncated":
    case "nats-emptied":
      return sparesFeed;
    case "clock":
    case "redis-power-loss":
    case "redis-cut":
    case "redis-zeroed":
    case "redis-emptied":
    case "kill-role":
    case "stop-role":
    case "folder-lost":
    case "apart":
      return false;
  }
}
