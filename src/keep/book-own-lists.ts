import { bounds } from "../bounds.ts";
import type { AccountId, Micros } from "../ledger/account.ts";
import { shardOf } from "../ledger/account-id.ts";
import type { Listed, ListPage } from "../ledger/ledger.ts";
import { endOfOwn } from "../ledger/own-accounts.ts";
import { integers, texts } from "./pg-array.ts";
import type { Queryable } from "./postgres-client.ts";
import { type Reached, reachedRows } from "./reached.ts";

/**
 * Lists of the accounts whose ids have one beginning. Where these are few, each of them is asked for its newest; where they
 * are many, they are a good part of all there is, and are looked for in that.
 */

/** How far a list has come in an account, see {@link Reached}. */
interface ReachedAccount extends Omit<Reached, "shard"> {
  readonly account: AccountId;
  readonly seq: number;
  /** When its shard had come so far; `null`: to the end. */
  readonly time: Micros | null;
}

type OwnAccount = Pick<ReachedAccount, "account" | "seq">;

/** The accounts that begin so; `null` if they are many. */
export async function fewAccounts(sql: Queryable, beginning: string): Promise<readonly OwnAccount[] | null> {
  const max = bounds.list_own_accounts_max;
  const accounts = await sql<OwnAccount[]>`
    SELECT account, seq FROM accounts WHERE ${isOwn(sql, sql`account`, beginning)} ORDER BY account LIMIT ${max + 1}`;
  return accounts.length > max ? null : accounts;
}

export async function reachedAccounts(
  sql: Queryable,
  accounts: readonly OwnAccount[],
  reached: readonly Reached[],
): Promise<ReachedAccount[]> {
  const times = await sql<{ shard: number; time: Micros | null }[]>`
    SELECT p.shard, j.time FROM ${reachedRows(sql, reached)} LEFT JOIN journal AS j ON j.shard = p.shard AND j.g = p.g`;
  return accounts.flatMap(({ account, seq }) => {
    const place = reached.find(({ shard }) => shard === shardOf(account, reached.length));
    const time = times.find(({ shard }) => shard === place?.shard)?.time ?? null;
    return place === undefined ? [] : [{ account, seq, time, ...place }];
  });
}

/** A table with these columns, to be joined with. */
export function reachedAccountRows(sql: Queryable, reached: readonly ReachedAccount[]) {
  return sql`unnest(
    ${texts(reached, ({ account }) => account)}::text::text[], ${integers(reached, ({ seq }) => seq)}::text::bigint[],
    ${integers(reached, ({ g }) => g)}::text::bigint[], ${integers(reached, ({ event }) => event)}::text::integer[],
    ${integers(reached, ({ fromG }) => fromG)}::text::bigint[], ${integers(reached, ({ time }) => time)}::text::bigint[]
  ) AS p (account, seq, g, event, from_g, time)`;
}

/** The condition that a column is an id that begins so. */
export function isOwn(sql: Queryable, column: ReturnType<Queryable>, beginning: string) {
  return sql`${column} >= ${beginning} AND ${column} < ${endOfOwn(beginning)}`;
}

/** Reads on until the page is full of what is asked for, but not for ever: it may have fewer. */
export async function fillOwn<Item>(
  { count, after: start }: ListPage,
  read: (page: ListPage) => Promise<Listed<Item>>,
  isAsked: (item: Item) => boolean,
): Promise<Listed<Item>> {
  const found: Item[] = [];
  let after = start;
  for (let reads = 0; reads < bounds.list_own_reads_max; reads += 1) {
    const { items, next } = await read({ count: count - found.length, after });
    found.push(...items.filter(isAsked));
    after = next;
    if (found.length === count || next === null) break;
  }
  return { items: found, next: after };
}
