import type { Database } from "bun:sqlite";
import { SHARD } from "../../embedded/read-tables.ts";
import { type LedgerEvent, parseEventOrNull, timeOf } from "../../ledger/event.ts";
import type { Place } from "../../ledger/event-results.ts";
import { type JournalHead, journalHash, NO_HASH } from "../../ledger/journal.ts";
import type { Findings } from "../findings.ts";
import { JournalChain } from "../journal/journal-chain.ts";
import type { Pace } from "./pace.ts";

/** What a data file's journal has: no batch is ever missing there. */
export type FileEvent = Exclude<LedgerEvent, { readonly type: "missing" }>;

export interface FileJournalRow {
  readonly g: number;
  readonly time: number;
  readonly events: string;
  readonly previous: Uint8Array;
  readonly hash: Uint8Array;
}

const ROWS = "SELECT g, time, events, previous, hash FROM journal ORDER BY g";

/** The rows of a data file's journal, in order. */
export function journalRows(db: Database): Iterable<FileJournalRow> {
  return db.query<FileJournalRow, []>(ROWS).iterate();
}

/** The latest time of all rows. A clock that stepped back makes it another one than the last row's. */
export function latestTimeIn(db: Database): number {
  const latest = "SELECT coalesce(max(time), 0) AS time FROM journal";
  return db.query<{ time: number }, []>(latest).get()?.time ?? 0;
}

/** Gives a row to the chain. @returns its events; null if they are in another form */
export function takeRow(chain: JournalChain, row: FileJournalRow): string[] | null {
  const { g, previous, hash } = row;
  const texts = textsIn(row.events);
  chain.take({ shard: SHARD, g, previous, hash, fits: texts !== null && isHashed(row, texts), gone: null });
  return texts;
}

/** After all rows. @returns where the journal ends; null if it has no row */
export function finishChain(chain: JournalChain): JournalHead | null {
  const head = chain.heads()[0] ?? null;
  // A file has no cursor: its journal ends where it ends. But it has a row.
  chain.finish(new Map([[SHARD, head?.g ?? 0]]));
  return head;
}

/**
 * Reads the journal and checks its chain of hashes.
 *
 * @param since where it ended earlier; null: not known
 * @param onEvent called with each event
 * @returns where it ends; null if it has no row
 */
export async function checkJournal(
  db: Database,
  findings: Findings,
  since: JournalHead | null,
  pace: Pace,
  onEvent: (event: FileEvent, place: Place, text: string) => void,
): Promise<JournalHead | null> {
  const chain = new JournalChain(findings, since === null ? null : [since]);
  const differs = (detail: string): void => findings.add("journal-differs", null, null, detail);
  for (const row of journalRows(db)) {
    const { g, time } = row;
    const texts = takeRow(chain, row);
    if (texts === null) continue;
    let latest = 0;
    for (const [index, text] of texts.entries()) {
      const event = parseEventOrNull(text);
      if (event === null || event.type === "missing") {
        differs(`row ${g} has what is no decision: ${text.slice(0, 100)}`);
        continue;
      }
      latest = Math.max(latest, timeOf(event));
      onEvent(event, { shard: SHARD, g, index }, text);
    }
    // A ledger may begin without accounts: then its first row has no event.
    if (latest !== time && (g > 0 || texts.length > 0))
      differs(`row ${g} has the time ${time}, its events have ${latest}`);
    if (pace.read(texts.length)) await pace.pause();
  }
  pace.end();
  return finishChain(chain);
}

/** Finds an event by its place; `null` if there is none. */
export function eventsIn(db: Database): (place: Place) => LedgerEvent | null {
  const row = db.query<{ events: string }, [number]>("SELECT events FROM journal WHERE g = ?");
  return ({ g, index }) => {
    const text = textsIn(row.get(g)?.events ?? "")?.[index];
    return text === undefined ? null : parseEventOrNull(text);
  };
}

/** Reads the events of all rows, whatever their hashes. */
export async function readEvents(
  db: Database,
  pace: Pace,
  onEvent: (event: FileEvent, place: Place, text: string) => void,
): Promise<void> {
  for (const { g, events } of journalRows(db)) {
    const texts = textsIn(events) ?? [];
    for (const [index, text] of texts.entries()) {
      const event = parseEventOrNull(text);
      if (event !== null && event.type !== "missing") onEvent(event, { shard: SHARD, g, index }, text);
    }
    if (pace.read(texts.length)) await pace.pause();
  }
  pace.end();
}

/** A row's events; null if they are in another form. */
export function textsIn(events: string): string[] | null {
  try {
    const texts: unknown = JSON.parse(events);
    return Array.isArray(texts) && texts.every((text) => typeof text === "string") ? texts : null;
  } catch {
    return null;
  }
}

function isHashed({ g, time, previous, hash }: FileJournalRow, events: readonly string[]): boolean {
  const canBe = [g, time].every((number) => Number.isSafeInteger(number) && number >= 0);
  return (
    canBe &&
    previous.length === NO_HASH.length &&
    Buffer.compare(hash, journalHash({ shard: SHARD, g, time, events, previous })) === 0
  );
}
