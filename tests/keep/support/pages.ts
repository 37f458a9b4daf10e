import { expect } from "bun:test";
import type {
  AccountFilter,
  EntriesPage,
  HoldFilter,
  Listed,
  ListPage,
  TransactionFilter,
} from "../../../src/ledger/ledger.ts";

export const ALL_ACCOUNTS: AccountFilter = {
  idBeginning: "",
  unit: null,
  state: null,
  name: null,
  metadata: {},
  balanceLessThan: null,
  balanceGreaterThan: null,
};
export const ALL_TRANSACTIONS: TransactionFilter = {
  idBeginning: "",
  reference: null,
  account: null,
  fromTime: null,
  beforeTime: null,
};
export const ALL_HOLDS: HoldFilter = { idBeginning: "", account: null, state: null };

export function page(changes: Partial<EntriesPage> = {}): EntriesPage {
  const none = { from: null, before: null, fromTime: null, beforeTime: null };
  return { count: 100, order: "desc", ...none, ...changes };
}

/** The whole list, in pages of so many: all of them are full but the last. */
export async function whole<Item>(
  read: (page: ListPage) => Promise<Listed<Item>>,
  count: number,
): Promise<Item[]> {
  const all: Item[] = [];
  for (let after: string | null = null; ;) {
    const { items, next }: Listed<Item> = await read({ count, after });
    all.push(...items);
    if (next === null) return all;
    expect(items).toHaveLength(count);
    after = next;
  }
}
