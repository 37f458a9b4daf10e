import { expect } from "bun:test";
import type { EntriesPage, Listed, ListPage } from "../../../src/ledger/ledger.ts";

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
