import { openingHash } from "../../src/ledger/content-hash.ts";
import { type AccountId, type AccountState, type Party, WORLD } from "../../src/ledger/account.ts";
import { type LedgerEvent, parseEvent, timeOf } from "../../src/ledger/event.ts";
import { detailsIn, formatDetails } from "../../src/ledger/details-text.ts";
import { entriesOf, holdOf, type Place, transactionOf } from "../../src/ledger/event-results.ts";
import { journalHash, NO_HASH } from "../../src/ledger/journal.ts";
import type { EventId } from "../../src/ledger/transaction.ts";
import type { Sql } from "../../src/keep/postgres-client.ts";

export interface KeptRow {
  readonly shard: number;
  readonly g: number;
  readonly time: number;
  readonly events: readonly string[];
  readonly previous: Uint8Array;
  readonly hash: Uint8Array;
}

/** The journal, in order. */
export async function journalOf(sql: Sql): Promise<KeptRow[]> {
  return sql<KeptRow[]>`
    SELECT shard, g, time, array_to_json(events) AS events, previous, hash FROM journal ORDER BY shard, g`;
}

/** What is wrong with the chain of hashes and numbers, and where the other tables are not what the journal makes. */
export async function journalFaults(sql: Sql): Promise<string[]> {
  const rows = await journalOf(sql);
  const made = new Tables();
  const faults: string[] = [];
  let before: KeptRow | null = null;
  for (const row of rows) {
    const events = row.events.map(parseEvent);
    const last: KeptRow | null = before?.shard === row.shard ? before : null;
    const fault = faultOf(row, events, last);
    if (fault !== null) faults.push(`row ${row.g} of shard ${row.shard}: ${fault}`);
    for (const [index, event] of events.entries()) made.take(event, { shard: row.shard, g: row.g, index });
    before = row;
  }
  const ends = Object.fromEntries(rows.map(({ shard, g }) => [shard, g]));
  for (const { shard, last_g: lastG } of await sql<{ shard: number; last_g: number }[]>`
    SELECT shard, last_g FROM cursors`)
    if (ends[shard] !== lastG) faults.push(`shard ${shard} ends at ${ends[shard]}, its cursor is ${lastG}`);
  return [...faults, ...made.differences(await keptTables(sql))];
}

function faultOf(row: KeptRow, events: readonly LedgerEvent[], before: KeptRow | null): string | null {
  if (Buffer.compare(row.previous, before?.hash ?? NO_HASH) !== 0) return "it does not follow the row before";
  if (Buffer.compare(row.hash, journalHash(row)) !== 0) return "its hash is another one";
  const [first] = events;
  const from = first?.type === "missing" ? first.from : row.g;
  const to = first?.type === "missing" ? first.to : row.g;
  if (from !== (before === null ? 0 : before.g + 1) || to !== row.g) return `it follows ${before?.g}`;
  if (events.length > 0 && row.time !== Math.max(...events.map(timeOf))) return "it has another time";
  return null;
}

const TABLES = ["entries", "accounts", "limits", "holds", "reversals"] as const;

/** Rows of the tables, each as a text. */
type TableTexts = Readonly<Record<(typeof TABLES)[number], readonly string[]>>;

type Row = Record<string, unknown>;

/** The tables as the events make them. */
class Tables {
  readonly #entries: Row[] = [];
  readonly #accounts = new Map<
    AccountId,
    Row & { from_others: string | null; entries_more: number | null }
  >();
  readonly #limits: Row[] = [];
  readonly #latestLimits = new Map<AccountId, { version: number; creditLimit: number }>();
  readonly #holds = new Map<EventId, Row>();
  readonly #reversals: Row[] = [];

  take(event: LedgerEvent, place: Place): void {
    switch (event.type) {
      case "entry": {
        const { account, balance, seq } = event.entry;
        this.#set({ id: account, balance, seq });
        break;
      }
      case "open": {
        const { account, unit, name, metadata, creditLimit, time, id } = event;
        const opening = openingHash(event);
        const opened = { account, unit, name, metadata, opening, state: "open", credit_limit: creditLimit };
        const row = { ...opened, balance: 0, held: 0, seq: 0, opened_at: time, command: id };
        this.#accounts.set(account, { ...row, from_others: null, entries_more: null });
        this.#limit(account, creditLimit, 0, event);
        break;
      }
      case "change":
        this.#set(event.account, { name: event.name, metadata: event.metadata });
        this.#limit(event.account.id, event.account.creditLimit, event.account.seq, event);
        break;
      case "transaction":
        for (const account of event.accounts) this.#set(account);
        if (event.reverses !== null) {
          const { time, reverses: reversed } = event;
          this.#reversals.push({ reversed, reversal: transactionOf(event, place)?.id, time });
        }
        break;
      case "hold": {
        this.#set(event.account);
        const { id, description, reference, metadata, time, ...hold } = holdOf(event, place);
        const details = detailsIn(formatDetails({ description, reference, metadata }, null));
        const { from: account, to, amount } = hold;
        const head = { ...placeColumns(place), time, account, recipient: outside(to), amount };
        const rest = { expires_at: hold.expiresAt, command: event.id, details };
        const end = { ended_g: null, ended_event: null, ended_at: null };
        this.#holds.set(id, { ...head, captured: 0, state: "open", ...rest, ...end });
        break;
      }
      case "capture":
        for (const account of event.accounts) this.#set(account);
        this.#end(event, place, "captured", event.postings);
        break;
      case "release":
      case "expiry":
        this.#set(event.account);
        this.#end(event, place, event.type === "release" ? "released" : "expired", []);
        break;
      case "part":
      case "undo":
      case "finish":
        for (const account of event.accounts) this.#set(account);
        break;
      case "refusal":
      case "missing":
        return;
    }
    this.#move(event, place);
  }

  differences(kept: TableTexts): string[] {
    const made: Record<(typeof TABLES)[number], readonly Row[]> = {
      entries: this.#entries,
      accounts: [...this.#accounts.values()],
      limits: this.#limits,
      holds: [...this.#holds.values()],
      reversals: this.#reversals,
    };
    return TABLES.flatMap((table) => {
      const wanted = new Set(made[table].map(rowText));
      const found = new Set(kept[table]);
      return [
        ...[...wanted.difference(found)].map((row) => `${table} lack ${row}`),
        ...[...found.difference(wanted)].map((row) => `${table} have ${row}, the journal has not`),
      ];
    });
  }

  #move(event: LedgerEvent, place: Place): void {
    const transaction = transactionOf(event, place);
    if (transaction === null) return;
    for (const { from, to, amount } of transaction.postings) {
      if (from === WORLD || to === WORLD) continue;
      this.#add(from, "from_others", -amount);
      this.#add(to, "from_others", amount);
    }
    for (const [index, entry] of entriesOf(event, place).entries()) {
      if (index > 0) this.#add(entry.account, "entries_more", 1);
      const { id: command, counterparty, transaction: _, ...rest } = entry;
      const decided = transaction.time === entry.time ? null : transaction.time;
      const credit_limit = this.#accounts.get(entry.account)?.["credit_limit"];
      const columns = { ...rest, ...placeColumns(place), counterparty: outside(counterparty), credit_limit };
      this.#entries.push({ ...columns, command, decided_at: decided });
    }
  }

  #set(
    { id, ...state }: Pick<AccountState, "id" | "balance" | "seq"> & Partial<AccountState>,
    more: Row = {},
  ): void {
    const row = this.#accounts.get(id);
    if (row === undefined) throw new Error(`the journal changes account ${id} before it is opened`);
    const { balance, seq, creditLimit, held, state: status } = state;
    Object.assign(row, { balance, seq }, more);
    if (creditLimit !== undefined) Object.assign(row, { credit_limit: creditLimit, held, state: status });
  }

  #end(
    event: Extract<LedgerEvent, { type: "capture" | "release" | "expiry" }>,
    place: Place,
    state: string,
    postings: readonly { readonly amount: number }[],
  ): void {
    const hold = this.#holds.get(event.hold);
    if (hold?.["state"] !== "open") throw new Error(`the journal ends ${event.hold}, which is not open`);
    const captured = postings.reduce((sum, { amount }) => sum + amount, 0);
    const end = { ended_g: place.g, ended_event: place.index, ended_at: event.time };
    Object.assign(hold, { state, captured, ...end });
  }

  #limit(
    account: AccountId,
    creditLimit: number,
    afterSeq: number,
    event: { id: string; time: number },
  ): void {
    const latest = this.#latestLimits.get(account);
    if (latest?.creditLimit === creditLimit) return;
    const version = (latest?.version ?? 0) + 1;
    this.#latestLimits.set(account, { version, creditLimit });
    const row = { account, version, credit_limit: creditLimit, after_seq: afterSeq };
    this.#limits.push({ ...row, command: event.id, changed_at: event.time });
  }

  #add(account: AccountId, column: "from_others" | "entries_more", amount: number): void {
    const row = this.#accounts.get(account);
    const sum = BigInt(row?.[column] ?? 0) + BigInt(amount);
    // The driver reads a `numeric` as a text.
    const value = column === "from_others" ? String(sum) : Number(sum);
    Object.assign(row ?? {}, { [column]: sum === 0n ? null : value });
  }
}

function placeColumns({ shard, g, index }: Place): Row {
  return { shard, g, event: index };
}

function outside(party: Party): string | null {
  return party === WORLD ? null : party;
}

/** The members in order, in all depths. */
function rowText(row: Row): string {
  return JSON.stringify(sorted(row));
}

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}

async function keptTables(sql: Sql): Promise<TableTexts> {
  const read = async (table: (typeof TABLES)[number]): Promise<string[]> => {
    const rows = await sql<Row[]>`SELECT * FROM ${sql(table)}`;
    return rows.map((row) =>
      rowText(table === "holds" ? { ...row, details: detailsIn(String(row["details"])) } : row),
    );
  };
  const [entries, accounts, limits] = [await read("entries"), await read("accounts"), await read("limits")];
  const [holds, reversals] = [await read("holds"), await read("reversals")];
  return { entries, accounts, limits, holds, reversals };
}
