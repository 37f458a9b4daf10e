import { createHash } from "node:crypto";
import type { BooksSnapshot } from "../../../proof/torture/system/system-under-test.ts";
import type { Round } from "./simulated-clients.ts";

type JournalRow = BooksSnapshot["journal"][number];

type RoundWithJournal = Omit<Round, "books"> & { readonly books: BooksSnapshot };

/**
 * The rounds with the journal that their books follow from: one row a round. So harm that was done to the books is in
 * the journal as well, and has to be found without it.
 */
export function withJournals(rounds: readonly Round[]): RoundWithJournal[] {
  const journal: JournalRow[] = [];
  const known = new Set<string>();
  return rounds.map((round) => {
    const { refusals, ...books } = round.books;
    const events: string[] = [];
    const add = (row: string, event: string): void => {
      if (!known.has(row)) events.push(event);
      known.add(row);
    };
    for (const event of refusals) add(event, event);
    for (const entry of books.entries) {
      const { account, seq, time, kind, value, balance, creditLimit, command, description } = entry;
      const letter = kind === "credit" ? "c" : "d";
      const fields = [letter, account, seq, time, value, balance, creditLimit, command, description];
      add(`${account} ${seq}`, fields.join(" "));
    }
    const g = journal.length;
    const row = { shard: 0, g, time: g, events, previous: journal.at(-1)?.hash ?? "00".repeat(32) };
    journal.push({ ...row, hash: hashOf(row) });
    return { ...round, books: { ...books, journal: [...journal] } };
  });
}

/** Of a row of shard 0; see docs/journal.md. */
function hashOf({ previous, g, time, events }: Omit<JournalRow, "hash">): string {
  const integer = (value: number, bytes: 4 | 8): Buffer =>
    Buffer.from(value.toString(16).padStart(2 * bytes, "0"), "hex");
  const parts = [Buffer.from(previous, "hex"), integer(0, 4), integer(g, 8), integer(time, 8)];
  parts.push(integer(events.length, 4));
  for (const event of events) parts.push(integer(Buffer.byteLength(event), 4), Buffer.from(event));
  return createHash("sha256").update(Buffer.concat(parts)).digest("hex");
}
