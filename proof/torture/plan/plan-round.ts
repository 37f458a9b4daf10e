import type { Fault, FaultKind, Harm, Link, ProcessName } from "./fault.ts";
import { TORN_BYTES_MAX } from "../faults/aof-corruption.ts";
import type { Random } from "./random.ts";

export interface RoundPlan {
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
 * Harm to Redis's own data comes at most once in a round, since each may need a restore. Mostly nothing else is harmed
 * then that would be the last to have what Redis forgot: neither the feed nor the APIs, which know how far Redis had
 * come. In a few rounds the feed is harmed all the same, so that something may be lost, and has to be named. The APIs
 * never are: were all that knew of a batch gone, nobody could tell that it was ever there.
 */
export function planRound(random: Random, plan: RoundPlan): Fault[] {
  const { milliseconds, kinds } = plan;
  const repertoire = repertoireOf(plan);
  const drawn: Drawn[] = [];
  const redisHarm = planRedisHarm(random, plan);
  if (redisHarm !== null) drawn.push(redisHarm);
  const sparesFeed = redisHarm !== null && !random.chance(FEED_HARMED_TOO_PERCENT);
  if (redisHarm !== null && !sparesFeed) drawn.push(...planForgetting(random, redisHarm));

  let at = random.integer(FIRST_MILLISECONDS_MIN, GAP_MILLISECONDS_MAX);
  while (at < milliseconds && repertoire.length > 0) {
    const { kind, draw } = random.weighted(repertoire);
    const harm = draw(random);
    const lastsMilliseconds = lasts(random, harm);
    const ends = at + lastsMilliseconds + againOf(harm);
    const fits = ends <= milliseconds;
    const bearable = redisHarm === null || !destroysWhatIsNeeded(harm, ends, redisHarm, sparesFeed);
    if (fits && bearable) drawn.push({ kind, harm, afterMilliseconds: at, lastsMilliseconds });
    // Some begin while the one before has hardly begun.
    at += random.chance(OVERLAP_PERCENT)
      ? random.integer(0, 200)
      : random.integer(GAP_MILLISECONDS_MIN, GAP_MILLISECONDS_MAX);
  }
  const first = plan.firstNumber ?? 1;
  return drawn
    .filter(({ kind }) => kinds.includes(kind))
    .toSorted((a, b) => a.afterMilliseconds - b.afterMilliseconds)
    .map((fault, index) => ({ number: first + index, ...fault }));
}

const FIRST_MILLISECONDS_MIN = 300;
const GAP_MILLISECONDS_MIN = 800;
const GAP_MILLISECONDS_MAX = 2_400;
const OVERLAP_PERCENT = 20;
const LONG_PERCENT = 15;
const REDIS_HARM_PERCENT = 35;
const FEED_HARMED_TOO_PERCENT = 15;
/** So long before Redis is harmed no API is killed: one that was needs a moment until it knows Redis again. */
const API_SPARED_MILLISECONDS = 2_000;

const LINKS: readonly Link[] = ["api-redis", "api-nats", "writer-postgres"];

type Drawn = Omit<Fault, "number">;

interface Choice {
  readonly kind: FaultKind;
  readonly weight: number;
  readonly draw: (random: Random) => Harm;
}

/** What may happen at any time, with how often it does. */
function repertoireOf({ kinds, embedded, apis, writers }: RoundPlan): Choice[] {
  const processes = embedded ? (["ledger"] as const) : processNames(apis, writers);
  const full = embedded ? (["ledger"] as const) : (["redis", "nats", "postgres"] as const);
  const choices: Choice[] = [
    { kind: "kill", weight: 30, draw: (random) => drawKill(random, processes) },
    {
      kind: "stop",
      weight: 18,
      draw: (random) => ({ type: "stop", processes: several(random, processes) }),
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
function several(random: Random, processes: readonly ProcessName[]): ProcessName[] {
  if (random.chance(4)) return [...processes];
  return random.some(processes, random.chance(25) ? random.integer(2, 4) : 1);
}

function drawKill(random: Random, processes: readonly ProcessName[]): Harm {
  const againAfterMilliseconds = random.chance(30) ? random.integer(5, 800) : null;
  return { type: "kill", processes: several(random, processes), againAfterMilliseconds };
}

function drawPowerLoss(random: Random): Harm {
  return { type: "redis-power-loss", tornBytes: random.chance(50) ? random.integer(1, TORN_BYTES_MAX) : 0 };
}

function drawClock(random: Random): Harm {
  const seconds = random.chance(20) ? random.integer(181, 3_600) : random.integer(2, 180);
  return { type: "clock", seconds: random.chance(50) ? seconds : -seconds };
}

function planRedisHarm(random: Random, { kinds, embedded, milliseconds }: RoundPlan): Drawn | null {
  if (embedded || !kinds.includes("disk") || !random.chance(REDIS_HARM_PERCENT)) return null;
  const bytes = random.chance(60) ? random.integer(1, 2_000) : random.integer(2_001, 200_000);
  const harm = random.pick<Harm>([
    { type: "redis-cut", bytes },
    { type: "redis-zeroed", bytes },
    { type: "redis-emptied" },
  ]);
  const lastsMilliseconds = Math.min(lasts(random, harm), Math.floor(milliseconds / 4));
  // In the middle of the round: there is something to lose before, and after the restore it goes on.
  const from = Math.floor(milliseconds / 4);
  const to = Math.max(from, Math.floor((milliseconds * 2) / 3) - lastsMilliseconds);
  return { kind: "disk", harm, afterMilliseconds: random.integer(from, to), lastsMilliseconds };
}

/** The feed forgets just before Redis does, and the books have stood still for a moment: nothing has those batches then. */
function planForgetting(random: Random, redisHarm: Drawn): Drawn[] {
  const at = (before: number): number => Math.max(0, redisHarm.afterMilliseconds - before);
  const pause = { afterMilliseconds: at(random.integer(300, 1_500)), lastsMilliseconds: 1_500 };
  return [
    { kind: "net", harm: { type: "hold", link: "writer-postgres" }, ...pause },
    {
      kind: "disk",
      harm: { type: "nats-emptied" },
      afterMilliseconds: at(random.integer(0, 200)),
      lastsMilliseconds: random.integer(100, 1_000),
    },
  ];
}

/** Mostly under the API's deadline of 2 s; sometimes over it and over the 3 s that HAProxy waits for an API. */
function lasts(random: Random, harm: Harm): number {
  // Full for a moment only, a disk would be mended before anybody has written to it.
  const least = harm.type === "disk-full" ? 500 : 100;
  return random.chance(LONG_PERCENT) ? random.integer(3_000, 6_000) : random.integer(least, 2_000);
}

/** How much longer it lasts because it is done twice. */
function againOf(harm: Harm): number {
  return harm.type === "kill" ? (harm.againAfterMilliseconds ?? 0) : 0;
}

/** Whether a harm that is undone at `ends` would leave nobody who knows what Redis is about to forget. */
function destroysWhatIsNeeded(harm: Harm, ends: number, redisHarm: Drawn, sparesFeed: boolean): boolean {
  switch (harm.type) {
    case "kill":
      return (
        (harm.processes.some((name) => name.startsWith("api-")) &&
          ends > redisHarm.afterMilliseconds - API_SPARED_MILLISECONDS) ||
        (sparesFeed && harm.processes.includes("nats"))
      );
    case "stop":
      return sparesFeed && harm.processes.includes("nats");
    case "cut":
    case "lose-replies":
    case "hold":
      return sparesFeed && harm.link === "api-nats";
    case "disk-full":
      return sparesFeed && harm.process === "nats";
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
