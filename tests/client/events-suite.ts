import { expect } from "bun:test";
import { type LedgerEvent, Razonete, type StreamedEvent } from "../../client/src/razonete.ts";
import { eventually } from "../support/eventually.ts";
import { Random } from "../support/random.ts";
import { CommandMix } from "./support/command-mix.ts";
import { CuttingProxy } from "./support/cutting-proxy.ts";

const ACCOUNTS = ["{m}:a", "{m}:b", "{m}:c", "{m}:d"];
const READERS = 40;
/** Some two events of a transaction, so that most connections come some way. */
const CUT_BYTES_MAX = 3000;

export interface EventRun {
  /** Of the ledger. */
  readonly url: string;
  readonly seed: number;
  /** At least so many. */
  readonly commands: number;
  readonly cuts: number;
  /** Faults of the ledger, while commands are sent and events are read. It stays on its port. */
  readonly faults: () => Promise<void>;
}

/**
 * Readers of all events, of one account's, and of holds alone, through a proxy that cuts their connections, while commands
 * are sent and the ledger has faults: each has every event of its own once and in order, as pages tell them in the end.
 *
 * @returns what happened, for people
 */
export async function everyEventOnce({ url, seed, commands, cuts, faults }: EventRun): Promise<string> {
  const random = new Random(seed);
  await using proxy = await CuttingProxy.start(Number(new URL(url).port), random, CUT_BYTES_MAX);
  const direct = new Razonete({ url, deadlineMs: 120_000, attemptMs: 4000 });
  const cut = new Razonete({ url: proxy.url, attemptMs: 4000 });
  const mix = new CommandMix(direct, random, ACCOUNTS);
  const before = (await walk(direct)).length;
  await mix.start();
  const stop = new AbortController();
  const readers = Array.from({ length: READERS }, (_, index) => {
    const filter = FILTERS[index % FILTERS.length] ?? {};
    const seen: StreamedEvent[] = [];
    const read = async (): Promise<void> => {
      for await (const event of cut.events.stream({ ...filter, signal: stop.signal })) seen.push(event);
    };
    return { filter, seen, done: read() };
  });
  const harm = { isOver: false };
  const harmed = faults().finally(() => {
    harm.isOver = true;
  });
  // Spread over the faults, and on until the last of them.
  for (let count = 10; count <= commands || !harm.isOver; count += 10) {
    await mix.run(count, 4);
    await Bun.sleep(50);
  }
  await harmed;
  expect(mix.surprises).toEqual([]);
  await eventually(
    `${cuts} connections are cut`,
    () => proxy.cuts >= cuts,
    () => proxy.cuts,
    60_000,
  );
  proxy.stopCutting();

  const decided = mix.told.filter(({ isDone }) => isDone).length;
  let all: LedgerEvent[] = [];
  const decidedIn = () => all.slice(before).filter(({ type }) => type !== "hold.expired").length;
  // The books may be behind what was answered, for as long as a slow machine makes it.
  await eventually(
    "pages have what was decided",
    async () => {
      all = await walk(direct);
      return decidedIn() >= decided;
    },
    () => [decidedIn(), decided],
  );
  expect(decidedIn()).toBe(decided);
  for (const id of ACCOUNTS) expect([id, ...outOfOrder(id, all)]).toEqual([id]);
  for (const { filter, seen, done } of readers) {
    const wanted = all.filter((event) => isOf(filter, event)).map(({ id }) => id);
    const ids = () => seen.map(({ id }) => id);
    await eventually(
      "the reader has all events",
      () => seen.length >= wanted.length,
      () => seen.length,
      30_000,
    );
    expect(ids()).toEqual(wanted);
    if (readers.at(-1)?.done === done) stop.abort();
  }
  await Promise.all(readers.map(({ done }) => done));
  return `${READERS} readers had ${all.length} events over ${proxy.cuts} cuts; seed ${seed}`;
}

const FILTERS: readonly { readonly account?: string; readonly types?: readonly LedgerEvent["type"][] }[] = [
  {},
  { account: "{m}:a" },
  { types: ["hold.created", "hold.captured", "hold.released", "hold.expired"] },
];

function isOf({ account, types }: (typeof FILTERS)[number], event: LedgerEvent): boolean {
  if (types?.includes(event.type) === false) return false;
  return account === undefined || touched(event).includes(account);
}

function touched({ data }: LedgerEvent): readonly string[] {
  return "accounts" in data ? Object.keys(data.accounts) : [data.id];
}

/** Page by page, from the first one on. */
async function walk(ledger: Razonete): Promise<LedgerEvent[]> {
  const all: LedgerEvent[] = [];
  let after: string | undefined;
  for (;;) {
    // The books may be a moment behind what was answered.
    const { data, next } = await ledger.events.list({ limit: 100, wait: 2, after });
    if (data.length === 0 && next === after) return all;
    all.push(...data);
    after = next;
  }
}

/** Events of an account whose seq is under that of an earlier one. */
function outOfOrder(id: string, events: readonly LedgerEvent[]): readonly string[] {
  let last = 0;
  return events.flatMap(({ id: event, data }) => {
    const seq = ("accounts" in data ? data.accounts[id]?.seq : data.id === id ? data.seq : undefined) ?? last;
    const isWrong = seq < last;
    last = seq;
    return isWrong ? [event] : [];
  });
}
