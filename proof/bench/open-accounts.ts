import { StartError } from "../../src/errors.ts";

const OPENED_AT_ONCE = 500;
/** Large enough that nothing is refused, however long it is measured; each transfer is checked against it even so. */
const CREDIT_LIMIT = 1_000_000_000_000;

/**
 * Opens the accounts `bench-1`, `bench-2` and so on, between which requests.lua moves amounts.
 *
 * @throws StartError if that is refused
 */
export async function openAccounts(url: string, accounts: number): Promise<void> {
  for (let first = 1; first <= accounts; first += OPENED_AT_ONCE) {
    const count = Math.min(OPENED_AT_ONCE, accounts - first + 1);
    const commands = Array.from({ length: count }, (_, index) => ({
      op: "account",
      body: { id: `bench-${first + index}`, unit: "BRL/2", credit_limit: CREDIT_LIMIT },
    }));
    const body = JSON.stringify({ atomic: true, commands });
    const response = await fetch(`${url}/v1/batches`, { method: "POST", body });
    if (!response.ok) throw new StartError(`the accounts cannot be opened: ${await response.text()}`);
    await response.arrayBuffer();
  }
}

/** How many transactions the ledger has, once all of them are in its books. */
export async function transactionsIn(url: string): Promise<number> {
  const response = await fetch(`${url}/v1/ledger`);
  const { transactions }: { transactions: number } = JSON.parse(await response.text());
  return transactions;
}
