import type { Database } from "bun:sqlite";
import { SHARD } from "../../embedded/store.ts";
import { type LedgerEvent, timeOf, parseEventOrNull } from "../../ledger/event.ts";
import { type JournalHead, journalHash, NO_HASH } from "../../ledger/journal.ts";
import type { Findings } from "../findings.ts";
import type { Pace } from "./pace.ts";
import type { DecisionEvent } from "../../embedded/remembered-outcome.ts";

export interface FileJournalRow {
  readonly g: number;
  readonly time: number;
  readonly events: string;
  readonly previous: Uint8Array;
  readonly hash: Uint8Array;
}

const ROWS = "SELECT g, time, events, previous, hash FROM journal ORDER BY g";

/** The latest time of all rows. A clock that stepped back makes it another one than the last row's. */
export function latestTimeIn(db: Database): number {
  const latest = "SELECT coalesce(max(time), 0) AS time FROM journal";
  return db.query<{ time: number }, []>(latest).get()?.time ?? 0;
}

/**
 * Reads the journal and checks its chain of hashes.
 *
 * @param since where it ended earlier; null: not known
 * @param onEvent called with each event
 * @returns where it ends; null if it has no row
 */
export async function checkChain(
  db: Database,
  findings: Findings,
  since: JournalHead | null,
  pace: Pace,
  onEvent: (event: DecisionEvent, text: string) => void,
): Promise<JournalHead | null> {
  const add = (name: "journal-hash" | "journal-chain" | "journal-gap", detail: string): void =>
    findings.add(name, null, null, detail);
  let head: JournalHead | null = null;
  let atSince: Uint8Array | null = null;
  for (const row of db.query<FileJournalRow, []>(ROWS).iterate()) {
    const { g, hash } = row;
    const before: JournalHead | null = head;
    head = { shard: SHARD, g, hash };
    if (g === since?.g) atSince = hash;
    const next = before === null ? 0 : before.g + 1;
    if (g !== next)
      add(
        "journal-gap",
        g === next + 1 ? `row ${next} is missing` : `the rows ${next} to ${g - 1} are missing`,
      );
    else if (!isSame(row.previous, before?.hash ?? NO_HASH))
      add(
        "journal-chain",
        `row ${g} follows another row than ${before === null ? "none" : `row ${before.g} as it is`}`,
      );
    const texts = textsIn(row.events);
    if (texts === null) {
      add("journal-hash", `the events of row ${g} are not a list of texts`);
      continue;
    }
    if (!isHashed(row, texts)) add("journal-hash", `row ${g} is not what its hash was made of`);
    let latest = 0;
    for (const text of texts) {
      const event = parseEventOrNull(text);
      if (event === null || event.type === "missing") {
        findings.add(
          "journal-differs",
          null,
          null,
          `row ${g} has what is no decision: ${text.slice(0, 100)}`,
        );
        continue;
      }
      latest = Math.max(latest, timeOf(event));
      onEvent(event, text);
    }
    if (latest !== row.time)
      findings.add(
        "journal-differs",
        null,
        null,
        `row ${g} has the time ${row.time}, its events have ${latest}`,
      );
    if (pace.read(texts.length)) await pace.pause();
  }
  pace.end();
  if (head === null) add("journal-gap", "it has no rows");
  if (since !== null) compareWithEarlier(findings, since, head, atSince);
  return head;
}

/** Reads the events of all rows, whatever their hashes. */
export async function readEvents(
  db: Database,
  pace: Pace,
  onEvent: (event: LedgerEvent, text: string) => void,
): Promise<void> {
  for (const { events } of db.query<FileJournalRow, []>(ROWS).iterate()) {
    const texts = textsIn(events) ?? [];
    for (const text of texts) {
      const event = parseEventOrNull(text);
      if (event !== null) onEvent(event, text);
    }
    if (pace.read(texts.length)) await pace.pause();
  }
  pace.end();
}

function compareWithEarlier(
  findings: Findings,
  since: JournalHead,
  head: JournalHead | null,
  hash: Uint8Array | null,
): void {
  if (head === null || head.g < since.g) {
    const end = head === null ? "has no rows" : `ends with row ${head.g}`;
    findings.add("journal-cut", null, null, `the journal ${end}, and went up to row ${since.g} earlier`);
  } else if (hash === null || !isSame(hash, since.hash)) {
    const detail = `row ${since.g} is not the one with which the journal ended earlier`;
    findings.add("journal-rewritten", null, null, detail);
  }
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

export function isHashed({ g, time, previous, hash }: FileJournalRow, events: readonly string[]): boolean {
  const canBe = [g, time].every((number) => Number.isSafeInteger(number) && number >= 0);
  return (
    canBe &&
    previous.length === NO_HASH.length &&
    isSame(hash, journalHash({ shard: SHARD, g, time, events, previous }))
  );
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
