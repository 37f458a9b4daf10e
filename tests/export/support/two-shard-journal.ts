import { type Cursor, formatCursor, markOf } from "../../../src/events/cursor.ts";
import type { JournalSource, KeptRow } from "../../../src/events/journal-source.ts";
import { parseEvent } from "../../../src/ledger/event.ts";
import type { Decided } from "../../../src/ledger/transit.ts";
import { LedgerSource } from "../../support/ledger-source.ts";

/** A journal of transactions across two shards, made by hand, that ends wherever a test wants it to. */

export type Moves = Parameters<LedgerSource["transaction"]>[0];

export const BOTH: Moves = [
  ["a", "b", 40],
  ["b", "b2", 2],
  // On the other shard alone, and in a unit of its own.
  ["x", "x2", 3],
];
export const BACK: Moves = [["b", "a", 5]];
export const LATE: Moves = [["a", "b", 7]];

/** Of `a`, and of the rest: the rows of the two shards, from row 1 on. The last transaction is decided, and not finished. */
function madeRows(): readonly [readonly KeptRow[], readonly KeptRow[]] {
  const [home, other] = [new LedgerSource("e"), new LedgerSource("e", 1)];
  const rows: [KeptRow[], KeptRow[]] = [[], []];
  let clock = home.began;
  const keep = (source: LedgerSource, make: () => readonly string[]): void => {
    clock += 1_000_000;
    source.began = clock;
    const { shard, g, events } = source.close(make());
    const hash = new Uint8Array(32).fill(10 * shard + g);
    rows[shard === 0 ? 0 : 1].push({ shard, g, time: clock + 500_000, hash, events });
  };
  const decided = new Map<string, Decided>();
  const decide = (source: LedgerSource, attempt: string, moves: Moves): readonly string[] => {
    const event = source.transaction(moves, { across: { attempt, shards: [1 - source.shard] } });
    const { transaction, time } = source.latest;
    decided.set(attempt, { transaction, decidedAt: time, hold: null });
    return [event];
  };
  const finish = (source: LedgerSource, attempt: string): string => {
    const of = decided.get(attempt);
    if (of === undefined) throw new Error(`${attempt} was not decided`);
    return source.finish(attempt, of);
  };
  keep(home, () => [home.open("a", 0), home.entry("a", 1000)]);
  keep(other, () => [
    ...["b", "b2"].map((id) => other.open(id, 0)),
    ...["x", "x2"].map((id) => other.open(id, 10, null, { unit: "X" })),
  ]);
  keep(other, () => [other.part("0-one", BOTH), other.part("0-not", BOTH)]);
  keep(home, () => decide(home, "0-one", BOTH));
  keep(other, () => [finish(other, "0-one"), other.undo("0-not")]);
  keep(home, () => [home.part("1-two", BACK)]);
  keep(other, () => decide(other, "1-two", BACK));
  keep(home, () => [finish(home, "1-two")]);
  keep(other, () => [other.part("0-late", LATE)]);
  keep(home, () => decide(home, "0-late", LATE));
  return rows;
}

const ROWS = madeRows();
export const WHOLE = [ROWS[0].length, ROWS[1].length] as const;

/** The journal as long as it ends at these rows. */
export function journalUntil(until: readonly [number, number]): JournalSource {
  const unused = () => Promise.reject(new Error("not asked for"));
  const kept = ROWS.map((rows, shard) => rows.slice(0, until[shard === 0 ? 0 : 1]));
  const row = (shard: number, g: number) => kept[shard]?.find((one) => one.g === g);
  return {
    ends: async () => kept.map((rows, shard) => ({ shard, g: rows.length, hash: hashOf(rows.at(-1)) })),
    rows: async (shard, from, count) => (kept[shard] ?? []).filter(({ g }) => g >= from).slice(0, count),
    hashesAt: async (places) => places.map(({ shard, g }) => row(shard, g)?.hash ?? null),
    facts: async (accounts) =>
      new Map(
        kept.flat().flatMap(({ events }) =>
          events.flatMap((text) => {
            const event = parseEvent(text);
            if (event.type !== "open" || !accounts.includes(event.account)) return [];
            return [[event.account, { unit: event.unit, openedAt: event.time }] as const];
          }),
        ),
      ),
    firstSince: unused,
    eventTexts: unused,
    onKept: () => () => {},
    close: async () => {},
  };
}

function hashOf(row: KeptRow | undefined): Uint8Array {
  return row?.hash ?? new Uint8Array(32);
}

/** Behind these rows. */
export function cursorAt(until: readonly [number, number]): string {
  const cursor: Cursor = until.map((g, shard) => ({
    shard,
    g: g === 0 ? -1 : g,
    seen: null,
    mark: g === 0 ? 0 : markOf(hashOf(ROWS[shard === 0 ? 0 : 1][g - 1])),
  }));
  return formatCursor(cursor);
}
