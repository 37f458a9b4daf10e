import { shardOf } from "../../../src/ledger/account-id.ts";
import { StartError } from "../../../src/errors.ts";
import type { BenchContext } from "../bench-environment.ts";
import { grouped, type Spread, spreadOf } from "../statistics.ts";
import { aligned } from "../tables.ts";

/**
 * How far shards help where some accounts are used much more than others. Nothing is started: the use of accounts follows
 * Zipf's law (the account of rank r is used in proportion to 1 / r^exponent), their ids are hashed as the ledger does, and
 * what a shard and a call come to is of docs/performance.md and docs/scale.md.
 */

/** What a call to Redis takes from beginning to end, one after the other: whatever is in it, and for each command. */
const CALL_SECONDS = 215e-6;
const COMMAND_SECONDS = 11e-6;
/** What it costs Redis in CPU, likewise. */
const CALL_CPU_MICROSECONDS = 150;
const COMMAND_CPU_MICROSECONDS = 15;
/** More than a second has room for: calls that are ever larger would not do. */
const CARRIES_MAX = Math.floor(1 / COMMAND_SECONDS);

const HASHES = 2 ** 32;

export interface HotAccountsOptions {
  readonly accounts: readonly number[];
  readonly exponents: readonly number[];
  readonly shards: readonly number[];
  /** Transactions a second that one shard carries. */
  readonly carries: number;
  /** How many times the accounts get other ids, and so other shards. */
  readonly placements: number;
  readonly seed: number;
}

/** What some accounts, used so unequally, come to on so many shards. Shares are from 0 to 1. */
export interface HotAccountsRow {
  readonly accounts: number;
  readonly exponent: number;
  readonly shards: number;
  readonly hottestAccount: number;
  /** Over the placements. */
  readonly hottestShard: Spread;
  /** All shards together, at the moment when the hottest one is full. From here on, medians of the placements. */
  readonly perSecond: number;
  /** Of what the shards would carry if all were used equally. */
  readonly used: number;
  /** How many commands a call has then, in the hottest shard and in the one in the middle. */
  readonly hottestCall: number;
  readonly middleCall: number;
  /** CPU of Redis for a transaction then, on average over all of them. */
  readonly redisMicroseconds: number;
}

/** By rank, the most used one first; together 1. */
export function zipfShares(accounts: number, exponent: number): Float64Array {
  const shares = Float64Array.from({ length: accounts }, (_, index) => (index + 1) ** -exponent);
  const sum = shares.reduce((total, each) => total + each, 0);
  return shares.map((each) => each / sum);
}

/** The hashes by which the ledger chooses a shard, of ids that follow from the seed. */
export function hashesOf(accounts: number, seed: number): Float64Array {
  return Float64Array.from({ length: accounts }, (_, index) => shardOf(`${seed}-${index}`, HASHES));
}

/** What part of all transactions each shard has. */
export function sharesOfShards(shares: Float64Array, hashes: Float64Array, shards: number): Float64Array {
  const sums = new Float64Array(shards);
  for (const [index, share] of shares.entries()) {
    const shard = (hashes[index] ?? 0) % shards;
    sums[shard] = (sums[shard] ?? 0) + share;
  }
  return sums;
}

/**
 * How many commands a call has where so many come each second to one API, of one shard: as many as come while the call
 * before them takes its time, which grows with what is in it.
 */
export function commandsInCall(perSecond: number): number {
  return Math.max(1, (perSecond * CALL_SECONDS) / (1 - perSecond * COMMAND_SECONDS));
}

/** CPU of Redis for each command of a call. */
export function redisMicroseconds(commands: number): number {
  return CALL_CPU_MICROSECONDS / commands + COMMAND_CPU_MICROSECONDS;
}

/** @throws StartError if a shard cannot carry so many */
export function simulateHotAccounts(options: HotAccountsOptions): HotAccountsRow[] {
  const { carries, placements, seed } = options;
  if (carries >= CARRIES_MAX)
    throw new StartError(`--carries must be below ${CARRIES_MAX}: a command takes Redis 11 µs.`);
  return options.accounts.flatMap((accounts) => {
    const places = Array.from({ length: placements }, (_, place) => hashesOf(accounts, seed + place));
    return options.exponents.flatMap((exponent) => {
      const shares = zipfShares(accounts, exponent);
      return options.shards.map((shards): HotAccountsRow => {
        const placed = places.map((hashes) => atFull(sharesOfShards(shares, hashes, shards), carries));
        const median = (of: (one: AtFull) => number): number => spreadOf(placed.map(of)).median;
        const perSecond = median((one) => one.perSecond);
        return {
          accounts,
          exponent,
          shards,
          hottestAccount: shares[0] ?? 0,
          hottestShard: spreadOf(placed.map(({ hottest }) => hottest)),
          perSecond,
          used: perSecond / (carries * shards),
          hottestCall: commandsInCall(carries),
          middleCall: median((one) => one.middleCall),
          redisMicroseconds: median((one) => one.redisMicroseconds),
        };
      });
    });
  });
}

interface AtFull extends Pick<HotAccountsRow, "perSecond" | "middleCall" | "redisMicroseconds"> {
  readonly hottest: number;
}

function atFull(shares: Float64Array, carries: number): AtFull {
  const sorted = shares.toSorted();
  const hottest = sorted.at(-1) ?? 1;
  const perSecond = carries / hottest;
  const callOf = (share: number): number => commandsInCall(share * perSecond);
  return {
    hottest,
    perSecond,
    middleCall: callOf(sorted.at(sorted.length >> 1) ?? 0),
    redisMicroseconds: sorted.reduce((sum, share) => sum + share * redisMicroseconds(callOf(share)), 0),
  };
}

/** Prints {@link simulateHotAccounts} as a table. */
export async function benchHotAccounts(
  options: HotAccountsOptions,
  { say }: Pick<BenchContext, "say">,
): Promise<{ readonly rows: readonly HotAccountsRow[] }> {
  const rows = simulateHotAccounts(options);
  const { carries, placements, seed } = options;
  say(`A shard carries ${grouped(carries, 0)} transactions a second; ${placements} placements, seed ${seed}`);
  say(
    "A second: all shards together, when the hottest one is full; used: of what they carry if used equally",
  );
  say(
    "Calls: commands in one, then, in the hottest shard and in the middle one; medians (least to greatest)\n",
  );
  for (const line of aligned([HEADINGS, ...rows.map(cellsOf)])) say(line);
  return { rows };
}

const HEADINGS = [
  "accounts",
  "exponent",
  "shards",
  "hottest account %",
  "hottest shard %",
  "a second",
  "used %",
  "calls",
  "Redis CPU µs each",
];

function cellsOf(row: HotAccountsRow): string[] {
  const percent = (share: number): string => grouped(share * 100, 1);
  const { median, least, greatest } = row.hottestShard;
  return [
    grouped(row.accounts, 0),
    grouped(row.exponent, 1),
    grouped(row.shards, 0),
    percent(row.hottestAccount),
    `${percent(median)} (${percent(least)} to ${percent(greatest)})`,
    grouped(row.perSecond, 0),
    grouped(row.used * 100, 0),
    `${grouped(row.hottestCall, 1)}, ${grouped(row.middleCall, 1)}`,
    grouped(row.redisMicroseconds, 0),
  ];
}
