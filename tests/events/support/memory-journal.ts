import type { JournalSource, KeptRow } from "../../../src/events/journal-source.ts";
import { type LedgerEvent, formatEvent, timeOf } from "../../../src/ledger/event.ts";
import { journalHash, NO_HASH } from "../../../src/ledger/journal.ts";
import { LedgerUnavailable } from "../../../src/ledger/ledger.ts";

/** A journal in memory, whose rows a test keeps, takes back, and hides. */
export class MemoryJournal implements JournalSource {
  readonly #shards: KeptRow[][];
  readonly #listeners = new Set<() => void>();
  /** What was asked of it: names of methods. */
  readonly asked: string[] = [];
  isAway = false;
  /** Awaited by each read of rows. */
  beforeRows: () => Promise<void> = async () => {};

  constructor(shards = 1) {
    this.#shards = Array.from({ length: shards }, () => []);
    for (let shard = 0; shard < shards; shard += 1) this.keep(shard);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** Keeps a row with these events, without telling anybody. */
  keep(shard: number, ...events: readonly LedgerEvent[]): KeptRow {
    const rows = this.#shards[shard] ?? [];
    const last = rows.at(-1);
    const g = (last?.g ?? -1) + 1;
    const time = Math.max(last?.time ?? 0, ...events.map(timeOf)) + 1;
    const texts = events.map(formatEvent);
    const hash = journalHash({ shard, g, time, events: texts, previous: last?.hash ?? NO_HASH });
    const row = { shard, g, time, hash: Uint8Array.from(hash), events: texts };
    rows.push(row);
    return row;
  }

  /** An account that was opened: the shortest of events. */
  open(shard: number, account: string, name: string | null = null): KeptRow {
    return this.keep(shard, opening(account, name));
  }

  tell(): void {
    for (const listener of this.#listeners) listener();
  }

  /** As where books are put back: the rows from `g` on are gone. */
  takeBack(shard: number, g: number): KeptRow[] {
    const rows = this.#shards[shard] ?? [];
    return rows.splice(rows.findIndex((row) => row.g === g));
  }

  putBack(rows: readonly KeptRow[]): void {
    for (const row of rows) this.#shards[row.shard]?.push(row);
  }

  async ends() {
    this.#ask("ends");
    return this.#shards.map((rows, shard) => {
      const last = rows.at(-1);
      return { shard, g: last?.g ?? -1, hash: last?.hash ?? NO_HASH };
    });
  }

  async rows(shard: number, from: number, count: number) {
    this.#ask("rows");
    await this.beforeRows();
    return (this.#shards[shard] ?? []).filter(({ g }) => g >= from).slice(0, count);
  }

  async hashesAt(places: readonly { readonly shard: number; readonly g: number }[]) {
    this.#ask("hashesAt");
    return places.map(({ shard, g }) => this.#shards[shard]?.find((row) => row.g === g)?.hash ?? null);
  }

  async firstSince() {
    return 0;
  }

  async eventTexts() {
    return [];
  }

  async facts() {
    return new Map();
  }

  onKept(listener: () => void) {
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  async close() {}

  #ask(what: string): void {
    this.asked.push(what);
    if (this.isAway) throw new LedgerUnavailable("the journal is away", "none");
  }
}

let clock = 1_700_000_000_000_000;

export function opening(account: string, name: string | null = null): LedgerEvent {
  clock += 7;
  const rest = { id: "initial", content: null, unit: "BRL/2", name, metadata: {} } as const;
  return { type: "open", account, time: clock, creditLimit: 0, ...rest };
}
