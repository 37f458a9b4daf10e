import { StartError } from "../../src/errors.ts";

const OPENED_AT_ONCE = 500;
/** Large enough that nothing is refused, however long it is measured; each transfer is checked against it even so. */
const CREDIT_LIMIT = 1_000_000_000_000;

/**
 * Opens the accounts `bench-1`, `bench-2` and so on, between which requests.lua moves amounts.
 *
 * @throws StartError if that is refused
 */
export function openAccounts(url: string, accounts: number): Promise<void> {
  return openAccountsOf(
    url,
    Array.from({ length: accounts }, (_, index) => `bench-${index + 1}`),
  );
}

/**
 * Opens these accounts, on however many shards they are.
 *
 * @throws StartError if one of them is refused
 */
export async function openAccountsOf(url: string, ids: readonly string[]): Promise<void> {
  for (let first = 0; first < ids.length; first += OPENED_AT_ONCE) {
    const commands = ids.slice(first, first + OPENED_AT_ONCE).map((id) => ({
      op: "account",
      body: { id, unit: "BRL/2", credit_limit: CREDIT_LIMIT },
    }));
    const body = JSON.stringify({ atomic: false, commands });
    const response = await fetch(`${url}/v1/batches`, { method: "POST", body });
    if (!response.ok) throw new StartError(`the accounts cannot be opened: ${await response.text()}`);
    const { results }: { results: readonly { status: number; body: unknown }[] } = JSON.parse(
      await response.text(),
    );
    const refused = results.find(({ status }) => status >= 400);
    if (refused !== undefined)
      throw new StartError(`an account cannot be opened: ${JSON.stringify(refused.body)}`);
  }
}

/** How many transactions the ledger has, once all of them are in its books. */
export async function transactionsIn(url: string): Promise<number> {
  const response = await fetch(`${url}/v1/ledger`);
  const { transactions }: { transactions: number } = JSON.parse(await response.text());
  return transactions;
}
