import type { Account } from "../../src/ledger/account.ts";
import type {
  AccountFilter,
  HoldFilter,
  Listed,
  ListPage,
  TransactionFilter,
} from "../../src/ledger/ledger.ts";
import type { Hold, Transaction } from "../../src/ledger/transaction.ts";
import type { Model } from "./model.ts";

/** What the lists ought to have, whole. Filters and order know accounts by the ids that the ledger gave. */

export function listAccounts({ state, names }: Model, filter: AccountFilter): Account[] {
  const {
    idBeginning,
    unit,
    state: status,
    name,
    metadata,
    balanceLessThan,
    balanceGreaterThan,
    order,
  } = filter;
  return state.accountIds
    .flatMap((id) => state.account(id) ?? [])
    .filter(({ id }) => names.told(id).startsWith(idBeginning))
    .filter((account) => unit === null || account.unit === unit)
    .filter((account) => status === null || account.state === status)
    .filter((account) => name === null || account.name?.startsWith(name) === true)
    .filter((account) => Object.entries(metadata).every(([key, text]) => account.metadata[key] === text))
    .filter(({ balance }) => balanceLessThan === null || balance < balanceLessThan)
    .filter(({ balance }) => balanceGreaterThan === null || balance > balanceGreaterThan)
    .toSorted((a, b) => (names.told(a.id) < names.told(b.id) ? -1 : 1))
    .toSorted((a, b) => inOrder(order, a, b));
}

function inOrder(order: AccountFilter["order"], a: Account, b: Account): number {
  if (order === "balance") return a.balance - b.balance;
  if (order === "-balance") return b.balance - a.balance;
  if (order === "id" || a.name === b.name) return 0;
  if (a.name === null || b.name === null) return a.name === null ? 1 : -1;
  return Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));
}

export function listTransactions({ state, names }: Model, filter: TransactionFilter): Transaction[] {
  const { idBeginning, reference, account, fromTime, beforeTime } = filter;
  return state.transactions
    .filter(({ postings }) =>
      postings.every(
        ({ from, to }) => begins(names.told(from), idBeginning) && begins(names.told(to), idBeginning),
      ),
    )
    .filter((one) => reference === null || one.reference === reference)
    .filter(
      ({ postings }) =>
        account === null ||
        postings.some(({ from, to }) => [names.told(from), names.told(to)].includes(account)),
    )
    .filter(
      ({ time }) => (fromTime === null || time >= fromTime) && (beforeTime === null || time < beforeTime),
    )
    .toReversed();
}

export function listHolds({ state, names }: Model, filter: HoldFilter): Hold[] {
  const { idBeginning, account, state: status } = filter;
  return state.holds
    .filter(({ from, to }) => begins(names.told(from), idBeginning) && begins(names.told(to), idBeginning))
    .filter(({ from }) => account === null || names.told(from) === account)
    .filter((hold) => status === null || hold.state === status)
    .toReversed();
}

/** The outside is nobody's. */
function begins(party: string, beginning: string): boolean {
  return party === "@world" || party.startsWith(beginning);
}

/** All of a list, in pages of so many. */
export async function pageThrough<Item>(
  count: number,
  read: (page: ListPage) => Promise<Listed<Item>>,
): Promise<Item[]> {
  const items: Item[] = [];
  let after: string | null = null;
  do {
    const page: Listed<Item> = await read({ count, after });
    if (page.items.length > count) throw new Error(`a page of ${page.items.length} in place of ${count}`);
    items.push(...page.items);
    after = page.next;
  } while (after !== null);
  return items;
}
