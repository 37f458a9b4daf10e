import type { Database } from "bun:sqlite";
import { type AccountDetails, type AccountId, type AccountState, WORLD } from "../ledger/account.ts";
import { openingHash } from "../ledger/content-hash.ts";
import { type LedgerEvent } from "../ledger/event.ts";
import { formatDetails } from "../ledger/details-text.ts";
import { type Place, transactionOf } from "../ledger/event-results.ts";
import { eventId, placeOfEvent } from "../ledger/event-id.ts";
import { entryRowsOf } from "./entry-row.ts";

/** The statements that make the tables of events. @param prefix of the tables' names */
export function prepareKeeping(db: Database, prefix = "") {
  return {
    insertAccount: db.prepare(
      `INSERT INTO ${prefix}accounts
         (account, unit, state, credit_limit, held, name, metadata, opening, opened_at)
       VALUES (?, ?, 'open', ?, 0, ?, ?, ?, ?)`,
    ),
    updateAccount: db.prepare(
      `UPDATE ${prefix}accounts SET state = ?, credit_limit = ?, held = ? WHERE account = ?`,
    ),
    updateDetails: db.prepare(`UPDATE ${prefix}accounts SET name = ?, metadata = ? WHERE account = ?`),
    insertContestEntry: db.prepare(
      `INSERT INTO ${prefix}entries
         (account, seq, amount, balance, description, command, time, g, place)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    insertEntry: db.prepare(
      `INSERT INTO ${prefix}entries
         (account, seq, amount, balance, description, command, time, g, place, part, decided_at, counterparty, reference)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    insertHold: db.prepare(
      `INSERT INTO ${prefix}holds
         (g, place, time, account, counterparty, amount, expires_at, state, captured, moved_by, details)
       VALUES (?, ?, ?, ?, ?, ?, ?, 'open', 0, NULL, ?)`,
    ),
    endHold: db.prepare(
      `UPDATE ${prefix}holds SET state = ?, captured = ?, moved_by = ? WHERE g = ? AND place = ?`,
    ),
    insertReversal: db.prepare(`INSERT INTO ${prefix}reversals (reversed, reversal) VALUES (?, ?)`),
  };
}

/** Makes the tables of the journal's events: accounts, entries, holds, reversals. All that is in them follows from these. */
export class EventKeeper {
  readonly #sql: ReturnType<typeof prepareKeeping>;
  /** Accounts whose rows are to be written. A batch may change one many times. */
  readonly #accounts = new Map<AccountId, AccountState>();

  constructor(statements: ReturnType<typeof prepareKeeping>) {
    this.#sql = statements;
  }

  keep(event: LedgerEvent, place: Place): void {
    if (event.type === "entry") {
      const { account, seq, kind, value, balance, description, id, time } = event.entry;
      const amount = kind === "credit" ? value : -value;
      const { g, index } = place;
      this.#sql.insertContestEntry.run(account, seq, amount, balance, description, id, time, g, index);
    } else {
      this.#insertEntries(event, place);
      this.keepAllButEntries(event, place);
    }
  }

  keepAllButEntries(event: LedgerEvent, place: Place): void {
    const { g, index } = place;
    switch (event.type) {
      case "open": {
        const { account, unit, creditLimit, name, time } = event;
        const opening = openingHash(event);
        this.#sql.insertAccount.run(account, unit, creditLimit, name, metadataOf(event), opening, time);
        return;
      }
      case "change":
        this.#accounts.set(event.account.id, event.account);
        this.#sql.updateDetails.run(event.name, metadataOf(event), event.account.id);
        return;
      case "transaction":
        if (event.reverses !== null)
          this.#sql.insertReversal.run(event.reverses, eventId("t", place.shard, g, index, event.time));
        return;
      case "hold": {
        const { time, account, to, amount, expiresAt } = event;
        const details = formatDetails(event, null);
        this.#accounts.set(account.id, account);
        const counterparty = to === WORLD ? null : to;
        this.#sql.insertHold.run(g, index, time, account.id, counterparty, amount, expiresAt, details);
        return;
      }
      case "capture": {
        const [account] = event.accounts;
        if (account !== undefined) this.#accounts.set(account.id, account);
        const captured = event.postings.reduce((sum, { amount }) => sum + amount, 0);
        this.#endHold(event.hold, "captured", captured, transactionOf(event, place)?.id ?? null);
        return;
      }
      case "release":
        this.#accounts.set(event.account.id, event.account);
        this.#endHold(event.hold, "released", 0, null);
        return;
      case "expiry":
        this.#accounts.set(event.account.id, event.account);
        this.#endHold(event.hold, "expired", 0, null);
        return;
      case "entry":
      case "refusal":
      case "missing":
      // Of these a data file has none: its only shard is home to everything.
      case "part":
      case "finish":
      case "undo":
    }
  }

  /** Call it after the last event of a transaction. */
  flush(): void {
    if (this.#accounts.size === 0) return;
    for (const { id, state, creditLimit, held } of this.#accounts.values())
      this.#sql.updateAccount.run(state, creditLimit, held, id);
    this.#accounts.clear();
  }

  /** After an error: what was not flushed is forgotten. */
  reset(): void {
    this.#accounts.clear();
  }

  #insertEntries(event: LedgerEvent, place: Place): void {
    for (const row of entryRowsOf(event, place)) {
      const { account, seq, amount, balance, description, command, time } = row;
      const { part, decided_at: decidedAt, counterparty, reference } = row;
      const of = [place.g, place.index, part, decidedAt, counterparty, reference] as const;
      this.#sql.insertEntry.run(account, seq, amount, balance, description, command, time, ...of);
    }
  }

  #endHold(hold: string, state: string, captured: number, movedBy: string | null): void {
    const place = placeOfEvent("h", hold);
    if (place === null) throw new Error(`${hold} is not the id of a hold`);
    this.#sql.endHold.run(state, captured, movedBy, place.g, place.index);
  }
}

function metadataOf({ metadata }: AccountDetails): string | null {
  return Object.keys(metadata).length === 0 ? null : JSON.stringify(metadata);
}
