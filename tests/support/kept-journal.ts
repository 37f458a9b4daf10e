import type { AccountId } from "../../src/ledger/account.ts";
import { type LedgerEvent, formatEvent, parseEvent, timeOf } from "../../src/ledger/event.ts";
import { journalHash, NO_HASH } from "../../src/ledger/journal.ts";
import type { EntryKind } from "../../src/ledger/entry.ts";
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
    for (const event of events) made.take(event);
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

/** Rows of the tables, each as a text. */
interface TableTexts {
  readonly entries: readonly string[];
  readonly accounts: readonly string[];
  readonly limits: readonly string[];
}

interface AccountRow {
  account: AccountId;
  unit: string;
  name: string | null;
  state: string;
  credit_limit: number;
  balance: number;
  held: number;
  seq: number;
  opened_at: number;
  command: string;
}

/** The tables as the events make them. */
class Tables {
  readonly #entries: string[] = [];
  readonly #accounts = new Map<AccountId, AccountRow>();
  readonly #limits: string[] = [];
  readonly #versions = new Map<AccountId, number>();

  take(event: LedgerEvent): void {
    switch (event.type) {
      case "entry": {
        const { account, balance, seq } = event.entry;
        this.#entries.push(formatEvent(event));
        this.#set(account, { balance, seq });
        break;
      }
      case "open": {
        const { account, unit, name, creditLimit, time, id } = event;
        const opened = { account, unit, name, state: "open", credit_limit: creditLimit };
        const row = { ...opened, balance: 0, held: 0, seq: 0, opened_at: time, command: id };
        this.#accounts.set(account, row);
        this.#limit(event, 0);
        break;
      }
      case "limit":
        this.#set(event.account, { credit_limit: event.creditLimit });
        this.#limit(event, event.seq);
        break;
      case "refusal":
      case "missing":
    }
  }

  differences(kept: TableTexts): string[] {
    const accounts = [...this.#accounts.values()].map((row) => JSON.stringify(row));
    const made: TableTexts = { entries: this.#entries, accounts, limits: this.#limits };
    return (["entries", "accounts", "limits"] as const).flatMap((table) => {
      const wanted = new Set(made[table]);
      const found = new Set(kept[table]);
      return [
        ...[...wanted.difference(found)].map((row) => `${table} lack ${row}`),
        ...[...found.difference(wanted)].map((row) => `${table} have ${row}, the journal has not`),
      ];
    });
  }

  #set(account: AccountId, change: Partial<AccountRow>): void {
    const row = this.#accounts.get(account);
    if (row === undefined) throw new Error(`the journal changes account ${account} before it is opened`);
    Object.assign(row, change);
  }

  #limit(event: LedgerEvent & { readonly type: "open" | "limit" }, afterSeq: number): void {
    const version = (this.#versions.get(event.account) ?? 0) + 1;
    this.#versions.set(event.account, version);
    const { account, creditLimit, id, time } = event;
    this.#limits.push([account, version, creditLimit, afterSeq, id, time].join(" "));
  }
}

async function keptTables(sql: Sql): Promise<TableTexts> {
  const entries = await sql<EntryRow[]>`
    SELECT account, seq, kind, value, balance, credit_limit, description, command AS id, time FROM entries`;
  const accounts = await sql<AccountRow[]>`
    SELECT account, unit, name, state, credit_limit, balance, held, seq, opened_at, command FROM accounts`;
  const limits = await sql<{ text: string }[]>`
    SELECT concat_ws(' ', account, version, credit_limit, after_seq, command, changed_at) AS text FROM limits`;
  return {
    entries: entries.map(({ credit_limit: creditLimit, ...entry }) =>
      formatEvent({ type: "entry", entry, creditLimit }),
    ),
    accounts: accounts.map((row) => JSON.stringify(row)),
    limits: limits.map(({ text }) => text),
  };
}

interface EntryRow {
  readonly account: AccountId;
  readonly seq: number;
  readonly kind: EntryKind;
  readonly value: number;
  readonly balance: number;
  readonly credit_limit: number;
  readonly description: string;
  readonly id: string;
  readonly time: number;
}
