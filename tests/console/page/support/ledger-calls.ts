import { z } from "zod";

/** Another client of the same ledger: what it does is seen in the console. */

const made = z.looseObject({ id: z.string() });

/** @throws where it was refused */
export async function call(
  url: string,
  path: string,
  body: object,
  { method = "POST", key }: { readonly method?: string; readonly key?: string } = {},
): Promise<{ readonly id: string }> {
  const headers = {
    "idempotency-key": crypto.randomUUID(),
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
  };
  const response = await fetch(`${url}${path}`, { method, headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return made.parse(await response.json());
}

export async function move(url: string, from: string, to: string, amount: number, more: object = {}) {
  return call(url, "/v1/transactions", { postings: [{ from, to, amount }], ...more });
}

export async function account(url: string, id: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/v1/accounts/${encodeURIComponent(id)}`);
  return z.looseObject({}).parse(await response.json());
}

export const LONG_ID = "a-very-long-identifier:{tenant-0000000000000001}:settlement:2026";
export const LONG_NAME =
  "A name of one hundred characters, as long as a name can be here, and it goes on to the very end now.";
export const LARGEST = 9_007_199_254_740_991;

/** Accounts and transactions as people have them, and at the bounds of what there can be. */
export async function fillLedger(url: string) {
  await call(url, "/v1/accounts", {
    id: "acme",
    unit: "BRL/2",
    name: "Acme",
    credit_limit: 500_000,
    metadata: { plan: "gold" },
  });
  await call(url, "/v1/accounts", { id: "shop", unit: "BRL/2", name: "Corner shop" });
  await call(url, "/v1/accounts", { id: "fees", unit: "BRL/2" });
  await call(url, "/v1/accounts", { id: "owing", unit: "BRL/2", credit_limit: 100_000 });
  await call(url, "/v1/accounts", { id: "largest", unit: "TOKENS", credit_limit: LARGEST });
  await call(url, "/v1/accounts", { id: LONG_ID, unit: "CREDITS/6", name: LONG_NAME });
  await move(url, "@world", "acme", 1_250_000, { description: "Opening deposit", reference: "dep-1" });
  await move(url, "@world", "largest", LARGEST);
  await move(url, "owing", "shop", 73_455);
  const split = await call(url, "/v1/transactions", {
    postings: [
      { from: "acme", to: "shop", amount: 95_000 },
      { from: "acme", to: "fees", amount: 3_500 },
    ],
    description: "Sale with a fee",
    reference: "sale-77",
    metadata: { cart: "c-81" },
  });
  const hold = await call(url, "/v1/holds", {
    from: "acme",
    amount: 120_000,
    expires_in: 3_000,
    description: "Hotel",
  });
  return { split: split.id, hold: hold.id };
}
