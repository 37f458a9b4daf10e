import type { Database } from "bun:sqlite";
import { clientKeyOf, forgetAt, type RememberedPlace } from "../../embedded/remembered-outcome.ts";
import { readKeyHours } from "../../embedded/key-hours.ts";
import type { AccountId } from "../../ledger/account.ts";
import { timeOf } from "../../ledger/event.ts";
import type { Place } from "../../ledger/event-results.ts";
import { bounds } from "../../bounds.ts";
import type { Findings } from "../findings.ts";
import type { FileEvent } from "./journal-rows.ts";
import { RowHash } from "./row-hash.ts";

interface OutcomeRow extends RememberedPlace {
  readonly command: string;
}

const OUTCOMES = "SELECT command, g, place AS event, forget_at AS forgetAt FROM outcomes";

/**
 * The rows of `outcomes`, each as a hash of 53 bits, to be compared with the journal. A row that follows from no event
 * was changed. One that follows from an event and is not there may only have been forgotten: its time has come before
 * the journal's latest.
 */
export class OutcomeSet {
  readonly #db: Database;
  readonly #findings: Findings;
  /** Rising. */
  readonly #hashes: Float64Array;
  /** Whether an event was found for it. */
  readonly #known: Uint8Array;
  readonly #latest: number;
  readonly #keyHours: (g: number) => number;
  /** Keys whose outcome is already named by a finding. */
  readonly #named = new Set<string>();

  /** @param latest the latest time in the journal */
  constructor(db: Database, findings: Findings, latest: number) {
    this.#db = db;
    this.#findings = findings;
    this.#latest = latest;
    this.#keyHours = readKeyHours(db);
    const count = db.query<{ count: number }, []>("SELECT count(*) AS count FROM outcomes").get()?.count ?? 0;
    this.#hashes = new Float64Array(count);
    this.#known = new Uint8Array(count);
    let at = 0;
    for (const row of db.query<OutcomeRow, []>(OUTCOMES).iterate()) {
      this.#hashes[at] = hashOf(row);
      at += 1;
      if (at % bounds.audit_pause_rows === 0) Bun.gc(true);
    }
    this.#hashes.sort();
  }

  /** Takes the next event of the journal. */
  add(event: FileEvent, { g, index: at }: Place): void {
    const command = clientKeyOf(event);
    if (command === null) return;
    const expected = { command, g, event: at, forgetAt: forgetAt(timeOf(event), this.#keyHours(g)) };
    const index = this.#find(hashOf(expected));
    if (index !== null) this.#known[index] = 1;
    else if (expected.forgetAt > this.#latest) this.#addMissing(event, command);
  }

  /** Call it when all events were added. */
  finish(): void {
    if (!this.#known.includes(0)) return;
    for (const row of this.#db.query<OutcomeRow, []>(OUTCOMES).iterate()) {
      const index = this.#find(hashOf(row));
      if (index !== null && this.#known[index] === 1) continue;
      if (this.#named.has(row.command)) continue;
      const detail = `the remembered outcome of ${row.command} follows from nothing in the journal`;
      this.#findings.add("journal-differs", null, null, detail);
    }
  }

  #addMissing(event: FileEvent, command: string): void {
    const isThere = this.#db.query<{ command: string }, [string]>(
      "SELECT command FROM outcomes WHERE command = ?",
    );
    const what = isThere.get(command) === null ? "is missing" : "is not what the journal makes of it";
    const [account, seq] = placeOf(event);
    this.#findings.add("journal-differs", account, seq, `the remembered outcome of ${command} ${what}`);
    if (this.#named.size < bounds.audit_rows_named_max) this.#named.add(command);
  }

  #find(hash: number): number | null {
    let from = 0;
    let to = this.#hashes.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#hashes[middle] ?? 0) < hash) from = middle + 1;
      else to = middle;
    }
    return this.#hashes[from] === hash ? from : null;
  }
}

function placeOf(event: FileEvent): readonly [AccountId | null, number | null] {
  switch (event.type) {
    case "entry":
      return [event.entry.account, event.entry.seq];
    case "open":
      return [event.account, null];
    case "change":
    case "hold":
    case "release":
    case "expiry":
      return [event.account.id, null];
    case "transaction":
    case "capture":
    case "part":
    case "finish":
    case "undo": {
      const [account] = event.accounts;
      return account === undefined ? [null, null] : [account.id, account.seq];
    }
    case "refusal":
      return [null, null];
  }
}

const rowHash = new RowHash();

function hashOf({ command, g, event, forgetAt: until }: OutcomeRow): number {
  return rowHash.restart().text(command).number(g).number(event).number(until).bits53;
}
