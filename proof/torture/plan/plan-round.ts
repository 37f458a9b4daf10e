import type { Fault, FaultKind, FaultAction, Link, ProcessName } from "./fault.ts";
import { TORN_BYTES_MAX } from "../faults/aof-corruption.ts";
import type { Random } from "./random.ts";

export interface RoundOptions {
  /** From 1. */
  readonly round: number;
  /** How long the round's load goes on. */
  readonly milliseconds: number;
  readonly kinds: readonly FaultKind[];
  readonly embedded: boolean;
  readonly apis: number;
  readonly writers: number;
  /** Number of the round's first fault; 1 where it is not given. */
  readonly firstNumber?: number;
}

/**
 * The faults of one round, in the order in which they begin: the same for the same `random` and options. All are
 * undone before the round's time is over.
 *
 * Damage to Redis's own data comes at most once in a round, since each may need a restore. Mostly nothing else is harmed
 * then that would be the last to have what Redis forgot: neither the feed nor the APIs, which know how far Redis had
 * come. In a few rounds the feed is harmed all the same, so that something may be lost, and has to be named. The APIs
 * never are: were all that knew of a batch gone, nobody could tell that it was ever there.
 */
export function planRound(random: Random, plan: RoundOptions): Fault[] {
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
    const bearable = redisDamage === null || !destroysLastCopy(action, ends, redisDamage, sparesFeed);
    if (fits && bearable) drawn.push({ kind, action, afterMilliseconds: at, lastsMilliseconds });
    // Some begin while the one before has hardly begun.
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
/** So long before Redis is harmed no API is killed: one that was needs a moment until it knows Redis again. */
const API_SPARED_MILLISECONDS = 2_000;

const LINKS: readonly Link[] = ["api-redis", "api-nats", "writer-postgres"];

type DrawnFault = Omit<Fault, "number">;

interface FaultChoice {
  readonly kind: FaultKind;
  readonly weight: number;
  readonly draw: (random: Random) => FaultAction;
}

/** What may happen at any time, with how often it does. */
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

/** Mostly one; sometimes a few; now and then all, as when the power fails and the disks survive. */
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
  // In the middle of the round: there is something to lose before, and after the restore it goes on.
  const from = Math.floor(milliseconds / 4);
  const to = Math.max(from, Math.floor((milliseconds * 2) / 3) - lastsMilliseconds);
  return { kind: "disk", action, afterMilliseconds: random.integer(from, to), lastsMilliseconds };
}

/** The feed forgets just before Redis does, and the books have stood still for a moment: nothing has those batches then. */
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

/** Mostly under the API's deadline of 2 s; sometimes over it and over the 3 s that HAProxy waits for an API. */
function drawDuration(random: Random, action: FaultAction): number {
  // Full for a moment only, a disk would be mended before anybody has written to it.
  const least = action.type === "disk-full" ? 500 : 100;
  return random.chance(LONG_PERCENT) ? random.integer(3_000, 6_000) : random.integer(least, 2_000);
}

/** How much longer it lasts because it is done twice. */
function repeatMilliseconds(action: FaultAction): number {
  return action.type === "kill" ? (action.againAfterMilliseconds ?? 0) : 0;
}

/** Whether a harm that is undone at `ends` would leave nobody who knows what Redis is about to forget. */
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
      return false;
  }
}
