import type { Transaction as Sql } from "../keep/postgres-client.ts";
import { texts } from "../keep/pg-array.ts";
import { accountsMoved, NAMED_LOSSES } from "../keep/transits/lost-sides.ts";
import type { PreparedPart } from "../keep/transits/part-changes.ts";
import type { AccountId, AccountState, Micros } from "../ledger/account.ts";
import { type LedgerEvent, parseEvent } from "../ledger/event.ts";
import { placeOfEvent } from "../ledger/event-id.ts";
import type { AccountRow, PostingRow, TransactionRow } from "../ledger/rules.ts";
import type { EventId, Posting } from "../ledger/transaction.ts";
import { preparePart, type SideRow } from "../ledger/transit-rules.ts";
import type { AttemptId } from "../ledger/transit.ts";
import type { LostTransit } from "./restore-report.ts";

// What one shard has lost of a transaction of which another one has kept its side. Part and decision were on disk before
// anything was built upon them, so this is only where a shard has lost what was on its disk.

/** A part of a decided transaction that the books of its shard have nothing of. */
export interface LostPart {
  readonly attempt: AttemptId;
  readonly transaction: EventId;
  readonly shard: number;
  readonly decision: Extract<LedgerEvent, { readonly type: "transaction" | "capture" }>;
}

/** Those that no restore has named before. */
export async function readLostParts(sql: Sql): Promise<LostPart[]> {
  const rows = await sql<{ attempt: AttemptId; transaction: EventId; shard: number; text: string }[]>`
    SELECT t.attempt, t.transaction, s.shard, j.events[t.event + 1] AS text
    FROM transits AS t CROSS JOIN unnest(t.shards) AS s (shard) JOIN journal AS j ON j.shard = t.shard AND j.g = t.g
    WHERE NOT EXISTS (SELECT FROM parts AS p WHERE p.attempt = t.attempt AND p.shard = s.shard)
    ORDER BY s.shard, t.time`;
  const named = await namedBefore(sql);
  return rows.flatMap(({ text, ...lost }) => {
    const decision = parseEvent(text);
    if (decision.type !== "transaction" && decision.type !== "capture") return [];
    return named.has(`${lost.shard} ${lost.attempt}`) ? [] : [{ ...lost, decision }];
  });
}

/** Decisions that their home has lost, while another shard has finished its part; those that no restore has named before. */
export async function readLostDecisions(sql: Sql, shards: number): Promise<LostTransit[]> {
  const rows = await sql<{ attempt: AttemptId; transaction: EventId; text: string }[]>`
    SELECT DISTINCT ON (p.attempt) p.attempt, p.transaction, j.events[p.ended_event + 1] AS text
    FROM parts AS p JOIN journal AS j ON j.shard = p.shard AND j.g = p.ended_g
    WHERE p.state = 'finished' AND NOT EXISTS (SELECT FROM transits AS t WHERE t.attempt = p.attempt)
    ORDER BY p.attempt, p.shard`;
  const named = await namedBefore(sql);
  return rows.flatMap(({ attempt, transaction, text }) => {
    const event = parseEvent(text);
    const shard = placeOfEvent("t", transaction)?.shard;
    if (event.type !== "finish" || shard === undefined || named.has(`${shard} ${attempt}`)) return [];
    return [{ attempt, transaction, shard, accounts: accountsMoved(event.postings, shard, shards) }];
  });
}

/** How far the homes of finished parts must have been: the id of a transaction says where it was decided. */
export function homesOf(transactions: Iterable<EventId>): ReadonlyMap<number, number> {
  const latest = new Map<number, number>();
  for (const transaction of transactions) {
    const place = placeOfEvent("t", transaction);
    if (place !== null) latest.set(place.shard, Math.max(place.g, latest.get(place.shard) ?? 0));
  }
  return latest;
}

async function namedBefore(sql: Sql): Promise<ReadonlySet<string>> {
  const rows = await sql.unsafe<{ lost: string }[]>(NAMED_LOSSES);
  return new Set(rows.map(({ lost }) => lost));
}

/**
 * Prepares a lost part anew, as it was asked for, on what the shard's accounts are now: so it is finished like any other, and
 * the transaction is whole again.
 *
 * @param now not before the shard's latest event
 * @returns `null` if that cannot be any more: an account has too little now, or is gone
 */
export async function prepareAnew(sql: Sql, lost: LostPart, shards: number, now: Micros) {
  const { attempt, shard, decision } = lost;
  const ids = accountsMoved(decision.postings, shard, shards);
  const states = await sql<AccountState[]>`
    SELECT a.account AS id, a.unit, a.state, a.credit_limit AS "creditLimit", a.balance, a.held, a.seq,
      coalesce(e.time, a.opened_at) AS time, a.opened_at AS "openedAt"
    FROM accounts AS a LEFT JOIN entries AS e ON e.account = a.account AND e.seq = a.seq
    WHERE a.account = ANY(${texts(ids, (id) => id)}::text::text[])`;
  const byId = new Map(states.map((state) => [state.id, state]));
  const accounts = ids.flatMap((id) => byId.get(id) ?? []);
  if (accounts.length < ids.length) return null;
  const rows = new Map<AccountId, AccountRow>(accounts.map((account) => [account.id, { ...account }]));
  const sides = [...rows.values()].map((account): SideRow => ({
    account,
    outgoing: 0,
    incoming: 0,
    locks: 0,
  }));
  const refusal = preparePart({ transaction: rowsOf(decision.postings, rows), sides }, now);
  if (refusal !== null) return null;
  const { id, description, reference, metadata } = decision;
  const part: PreparedPart = {
    type: "part",
    time: now,
    attempt,
    postings: decision.postings.map(({ from, to, amount }) => {
      return { from, to, amount, fromSeq: 0, fromBalance: 0, toSeq: 0, toBalance: 0 };
    }),
    accounts: accounts.map((account) => ({ ...account, held: rows.get(account.id)?.held ?? account.held })),
    sides: sides.map(({ outgoing, incoming, locks }) => ({ outgoing, incoming, locks })),
    id,
    reverses: decision.type === "transaction" ? decision.reverses : null,
    description,
    reference,
    metadata,
  };
  return part;
}

/** To a part all accounts of others are part of the outside. */
function rowsOf(postings: readonly Posting[], rows: ReadonlyMap<AccountId, AccountRow>): TransactionRow {
  const outside: AccountRow = {
    creditLimit: 0,
    balance: 0,
    held: 0,
    seq: 0,
    time: 0,
    unit: "",
    state: "open",
  };
  const posted = postings.map(({ from, to, amount }): PostingRow => {
    const after = { fromSeq: 0, fromBalance: 0, toSeq: 0, toBalance: 0, fromTime: 0, toTime: 0 };
    return { from: rows.get(from) ?? outside, to: rows.get(to) ?? outside, amount, ...after };
  });
  return { postings: posted, conditions: [], refusedAt: 0 };
}
