import { z } from "zod";
import type { Posting } from "../../../src/ledger/transaction.ts";
import { call } from "../../support/api.ts";
import type { Settled } from "./load-across.ts";

const DIFFERENCES_SHOWN = 10;

const statement = z.object({
  data: z.array(
    z.object({
      seq: z.int(),
      amount: z.int(),
      balance: z.int(),
      counterparty: z.string(),
      transaction: z.string(),
    }),
  ),
  next: z.nullable(z.string()),
});
const account = z.object({ balance: z.int(), held: z.int(), seq: z.int() });

/** What one account has of a transaction, in the order of its statement. */
interface Side {
  readonly transaction: string;
  readonly side: string;
}

/**
 * What differs between the statements of all accounts and what was answered: nothing, where each transaction that was answered
 * is there once and whole, on whatever shards, nothing else is, and each statement leads to what its account has.
 *
 * @param answered all that there is to be
 */
export async function differencesOfSides(
  url: string,
  accounts: readonly string[],
  answered: readonly Pick<Settled, "key" | "transaction" | "postings">[],
): Promise<unknown[]> {
  const found = new Map<string, string[]>();
  const differences: unknown[] = [];
  for (const id of accounts) {
    const { sides, fault } = await readSides(url, id);
    if (fault !== null) differences.push(fault);
    for (const { transaction, side } of sides)
      found.set(transaction, [...(found.get(transaction) ?? []), side]);
  }
  for (const { key, transaction, postings } of answered) {
    if (transaction === null) continue;
    const wanted = postings.flatMap(sidesOf).toSorted();
    const kept = found.get(transaction)?.toSorted() ?? [];
    // Two keys may not have the same.
    found.delete(transaction);
    if (!Bun.deepEquals(wanted, kept)) differences.push({ key, transaction, wanted, kept });
  }
  differences.push(...[...found].map(([transaction, kept]) => ({ transaction, kept, wanted: "nothing" })));
  return differences.slice(0, DIFFERENCES_SHOWN);
}

/** The transactions of an account, in the order of its statement. */
export async function transactionsOf(url: string, id: string): Promise<string[]> {
  const { sides } = await readSides(url, id);
  return [...new Set(sides.map(({ transaction }) => transaction))];
}

function sidesOf({ from, to, amount }: Posting): string[] {
  return [`${from} ${-amount} ${to}`, `${to} ${amount} ${from}`].filter((side) => !side.startsWith("@world"));
}

async function readSides(url: string, id: string): Promise<{ sides: Side[]; fault: unknown }> {
  const path = `/v1/accounts/${id}/entries?order=asc&limit=100`;
  const sides: Side[] = [];
  let [seq, balance] = [0, 0];
  let fault: unknown = null;
  for (let cursor: string | null = ""; cursor !== null;) {
    const more: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const { data, next } = statement.parse((await call(url, "GET", `${path}${more}`)).body);
    for (const entry of data) {
      [seq, balance] = [seq + 1, balance + entry.amount];
      if (entry.seq !== seq || entry.balance !== balance) fault ??= { id, seq, balance, entry };
      const side = `${id} ${entry.amount} ${entry.counterparty}`;
      sides.push({ transaction: entry.transaction, side });
    }
    cursor = next;
  }
  const stands = account.parse((await call(url, "GET", `/v1/accounts/${id}`)).body);
  if (!Bun.deepEquals(stands, { balance, held: 0, seq })) fault ??= { id, seq, balance, stands };
  return { sides, fault };
}
