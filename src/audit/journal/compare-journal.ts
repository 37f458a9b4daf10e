import type { JournalHead } from "../../ledger/journal.ts";
import { StartError } from "../../errors.ts";
import { DuplicateDetector } from "../duplicate-detector.ts";
import { quote } from "../events.ts";
import type { AccountTable } from "../books/account-table.ts";
import type { BooksSize, Snapshot } from "../books/books-snapshot.ts";
import type { Findings } from "../findings.ts";
import type { ProgressEstimate } from "../progress-estimate.ts";
import { CANNOT_AUDIT } from "../unreachable-server.ts";
import { EventRows } from "./event-rows.ts";
import { JournalChain } from "./journal-chain.ts";
import { JournalTotals } from "./journal-totals.ts";
import { readJournal, type StoredJournalRow, textIn } from "./journal-reader.ts";
import { nameDifferences } from "./name-differences.ts";
import { type RowKind, RowSums } from "./row-sums.ts";
import type { TextHash } from "./text-hash.ts";

const PROGRESS_EVENTS = 100_000;

/**
 * Compares the books with their journal: first the journal is read, its chain is checked, and what its events make is
 * summed up; then each row of the books is taken off, when it is read for the other checks. What is left differs.
 */
export class CompareJournal {
  readonly #books: Snapshot;
  readonly #size: BooksSize;
  readonly #findings: Findings;
  readonly #sums = new RowSums();
  readonly #accounts: AccountTable;
  readonly #hash: TextHash;
  #totals = new JournalTotals();
  #finished = new DuplicateDetector(0);

  /** @param accounts gets each account that the journal opens */
  constructor(
    books: Snapshot,
    { size, accounts, hash }: { size: BooksSize; accounts: AccountTable; hash: TextHash },
    findings: Findings,
  ) {
    this.#books = books;
    this.#accounts = accounts;
    this.#hash = hash;
    this.#size = size;
    this.#findings = findings;
  }

  /**
   * Reads the journal; before the rows of the books.
   *
   * @param cursors by shard, the latest batch that the books have kept
   * @param since heads that were noted before
   * @returns where the journal of each shard ends
   */
  async read(
    cursors: ReadonlyMap<number, number>,
    since: readonly JournalHead[] | null,
    progress: ProgressEstimate,
  ): Promise<JournalHead[]> {
    await this.#tryHash();
    const planned = eventsOf(this.#size);
    const chain = new JournalChain(this.#findings, since);
    const rows = new EventRows(
      this.#accounts,
      this.#hash,
      (kind, key, place, hash, sign) => {
        if (sign === 1) this.#sums.add(kind, key, place, hash);
        else this.#sums.subtract(kind, key, place, hash);
      },
      (name, { id, seq }, detail) => this.#findings.add(name, id, seq, detail),
    );
    this.#totals = rows.totals;
    this.#finished = rows.finished;
    let events = 0;
    let told = 0;
    await readJournal(this.#books, (row) => {
      chain.take(row);
      const { shard, g } = row;
      const first = events;
      row.events.each((from, to) => {
        const index = events - first;
        events += 1;
        if (!rows.take(row.events.view, from, to, { shard, g, index })) this.#reportNoEvent(row, from, to);
      });
      if (events - told < PROGRESS_EVENTS || events > planned) return;
      progress.did(events - told);
      told = events;
    });
    progress.did(planned - told);
    return chain.finish(cursors);
  }

  /** Commands of which parts on other shards than their home are finished, see EventRows. */
  get finished(): DuplicateDetector {
    return this.#finished;
  }

  /** Takes a row of the books; the parameters are as in RowSums. */
  takeRow(kind: RowKind, key: number, place: number, hash: number): void {
    this.#sums.subtract(kind, key, place, hash);
  }

  /** After all rows of the books: reports those that are not what the journal makes of them. */
  async finish(): Promise<void> {
    const buckets = this.#sums.differing();
    if (buckets.length === 0) {
      // Where anything differs, so may the sums.
      if (this.#findings.count === 0) await this.#totals.compare(this.#books, this.#findings);
      return;
    }
    const context = { buckets, accounts: this.#accounts, hash: this.#hash };
    await nameDifferences(this.#books, context, this.#findings);
  }

  #reportNoEvent({ shard, g, events: { view } }: StoredJournalRow, from: number, to: number): void {
    const text = quote(textIn(view, from, to));
    const detail = `row ${g} of the journal (shard ${shard}) holds what is no event: ${text}`;
    this.#findings.add("unreadable", null, null, detail);
  }

  /** @throws StartError if PostgreSQL hashes a text otherwise: each row would seem to differ */
  async #tryHash(): Promise<void> {
    const text = "a text of more than 24 bytes, not all of them ASCII: \u00e9";
    const [row] = await this.#books.query(`SELECT ${this.#hash.inSql("$1::text")}::text AS hash`, [text]);
    if (Number(row?.["hash"]) === this.#hash.ofText(text)) return;
    throw new StartError(
      "this PostgreSQL cannot be audited: it hashes texts otherwise than PostgreSQL 11 to 18 with UTF-8 on a " +
        "little-endian machine.",
      CANNOT_AUDIT,
    );
  }
}

/** About how many events the journal has. */
export function eventsOf({ entries, limits, holds }: BooksSize): number {
  return entries + limits + 2 * holds;
}
