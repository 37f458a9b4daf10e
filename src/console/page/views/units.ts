import { beside } from "../beside.ts";
import { useEffect, useState } from "preact/hooks";
import { pathOf, read } from "../api.ts";
import { WORLD } from "../parts.tsx";
import { type Account, type LedgerEvent, statesIn, type Transaction } from "../types.ts";

/** An account's unit never changes, so that each is asked for once. Bounded, as a ledger may have any number. */
const known = new Map<string, string | null>();
const KNOWN_MAX = 5_000;

/** The units of transactions, by their ids: transactions themselves do not tell. */
export function useUnits(
  transactions: readonly Pick<Transaction, "id" | "postings">[],
  events: readonly LedgerEvent[],
): ReadonlyMap<string, string> {
  const [, draw] = useState<object>({});
  for (const { id, unit } of events.flatMap(statesIn)) known.set(id, unit);
  // The oldest go.
  for (const id of known.keys()) {
    if (known.size <= KNOWN_MAX) break;
    known.delete(id);
  }
  useEffect(() => {
    const missing = new Set(transactions.map(accountIn).filter((id) => id !== null && !known.has(id)));
    if (missing.size === 0) return;
    const load = async (id: string | null): Promise<void> => {
      if (id === null) return;
      known.set(id, null);
      // Of the books, as the transactions are: its shard may be away.
      const answer = await read<Pick<Account, "unit">>(
        pathOf(["v1", "accounts", id, "balance"], { at: LONG_AGO }),
      );
      if (answer.ok) known.set(id, answer.value.unit);
      else known.delete(id);
    };
    const loadAll = async (): Promise<void> => {
      for (const left = [...missing]; left.length > 0; draw({}))
        await Promise.all(left.splice(0, AT_ONCE_MAX).map(load));
    };
    beside(loadAll());
  }, [transactions]);
  return new Map(
    transactions.flatMap((transaction) => {
      const unit = known.get(accountIn(transaction) ?? "") ?? null;
      return unit === null ? [] : [[transaction.id, unit] as const];
    }),
  );
}

const AT_ONCE_MAX = 20;
/** Any time of the past: the unit is the same. */
const LONG_AGO = "2020-01-01T00:00:00Z";

/** One of its accounts: all have the same unit, and the outside has none. */
function accountIn({ postings }: Pick<Transaction, "postings">): string | null {
  const [first] = postings;
  if (first === undefined) return null;
  return first.from === WORLD ? first.to : first.from;
}
