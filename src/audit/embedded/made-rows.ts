import { type Database, SQLiteError } from "bun:sqlite";
import { bounds } from "../../bounds.ts";
import { EventKeeper, prepareKeeping } from "../../embedded/keep-event.ts";
import {
  differingKeys,
  type Key,
  MADE_PREFIX,
  madeTable,
  makeTable,
  rowText,
} from "../../embedded/made-tables.ts";
import type { AccountId } from "../../ledger/account.ts";
import type { Place } from "../../ledger/event-results.ts";
import { placeOfEvent } from "../../ledger/event-id.ts";
import type { EventId } from "../../ledger/transaction.ts";
import type { Findings } from "../findings.ts";
import type { FileEvent } from "./journal-rows.ts";

/** What changes after it was made, and so is made anew to be compared. Entries do not, and are many. */
const TABLES = [
  { table: "accounts", key: "account" },
  { table: "holds", key: "account, g, place" },
  { table: "reversals", key: "reversed" },
] as const;

/** What an end of a hold is compared with. */
export interface HoldRow {
  readonly account: AccountId;
  readonly amount: number;
  readonly state: string;
  readonly expiresAt: number;
}

/** Accounts, holds and reversals as the journal makes them, in temporary tables of the audit's connection. */
export class MadeRows {
  readonly #db: Database;
  readonly #findings: Findings;
  readonly #statements: ReturnType<typeof prepareKeeping>;
  readonly #keeper: EventKeeper;
  readonly #hold;

  constructor(db: Database, findings: Findings) {
    this.#db = db;
    this.#findings = findings;
    for (const table of [...TABLES.map((made) => made.table), "entries"]) makeTable(db, table, true);
    this.#statements = prepareKeeping(db, MADE_PREFIX);
    this.#keeper = new EventKeeper(this.#statements);
    this.#hold = db.query<HoldRow, [number, number]>(
      `SELECT account, amount, state, expires_at AS expiresAt FROM ${madeTable("holds")} WHERE g = ? AND place = ?`,
    );
  }

  add(event: FileEvent, place: Place, text: string): void {
    try {
      this.#keeper.keepAllButEntries(event, place);
      this.#keeper.flush();
    } catch (error) {
      this.#keeper.reset();
      if (error instanceof SQLiteError && !error.code?.startsWith("SQLITE_CONSTRAINT")) throw error;
      if (event.type === "transaction" && event.reverses !== null) {
        const detail = `the transaction ${event.reverses} is reversed a second time, in row ${place.g}`;
        this.#findings.add("reversal-broken", event.accounts[0]?.id ?? null, null, detail);
        return;
      }
      const detail = `row ${place.g} has what cannot follow on the rows before: ${text.slice(0, 100)}`;
      this.#findings.add("journal-differs", null, null, detail);
    }
  }

  /** As the events so far have made it. */
  hold(id: EventId): HoldRow | null {
    const place = placeOfEvent("h", id);
    return place === null ? null : this.#hold.get(place.g, place.index);
  }

  /** Compares them with the tables. @returns accounts that are not there */
  compare(): Set<AccountId> {
    const gone = new Set<AccountId>();
    for (const { table, key } of TABLES) {
      const keys = `${differingKeys(table, key)} ORDER BY ${key} LIMIT ${bounds.audit_rows_named_max}`;
      for (const place of this.#db.query<Key, []>(keys).all()) {
        const made = rowText(this.#db, madeTable(table), place);
        const there = rowText(this.#db, `main.${table}`, place);
        const account = place["account"] === undefined ? null : String(place["account"]);
        if (table === "accounts" && account !== null && there === null) gone.add(account);
        const detail = `the journal has ${made ?? "nothing"}, the ${table} have ${there ?? "nothing"}`;
        const what = table === "holds" ? `the hold at ${place["place"]} of row ${place["g"]}` : "";
        this.#findings.add("journal-differs", account, null, detail, what);
      }
    }
    return gone;
  }

  /** Otherwise the temporary file would remain. */
  close(): void {
    for (const statement of Object.values(this.#statements)) statement.finalize();
  }
}
