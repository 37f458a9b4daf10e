import type { Account, AccountId } from "./account.ts";

/** In which order a list of accounts is. Those of one name or balance are by id; those without a name come after all names. */
export const ACCOUNT_ORDERS = ["id", "name", "balance", "-balance"] as const;

export type AccountOrder = (typeof ACCOUNT_ORDERS)[number];

/** Where an account stands in a list: what comes first decides. Texts are compared by their bytes, as both stores do. */
export type AccountRank = readonly [group: number, value: number | string, id: AccountId];

export function rankOf(order: AccountOrder, { id, name, balance }: Account): AccountRank {
  switch (order) {
    case "id":
      return [0, 0, id];
    case "name":
      return name === null ? [1, "", id] : [0, name, id];
    case "balance":
      return [0, balance, id];
    case "-balance":
      return [0, -balance, id];
  }
}

export function compareRanks(a: AccountRank, b: AccountRank): number {
  return a[0] - b[0] || compareValues(a[1], b[1]) || compareValues(a[2], b[2]);
}

function compareValues(a: number | string, b: number | string): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}

/** The key of a page: what cursors are made of. */
export function keyOfRank(order: AccountOrder, [, value, id]: AccountRank): string {
  if (order === "id") return id;
  return `${typeof value === "number" ? value : Buffer.from(value).toString("base64url")}:${id}`;
}

/** @returns `null` if the key is none of such a list */
export function rankInKey(order: AccountOrder, key: string): AccountRank | null {
  if (order === "id") return [0, 0, key];
  const [, value = "", id = ""] = /^([A-Za-z0-9_-]*):(.+)$/.exec(key) ?? [];
  if (id === "") return null;
  if (order === "name") {
    const name = Buffer.from(value, "base64url").toString();
    // No name has it, and PostgreSQL takes no such text.
    return name.includes("\0") ? null : [name === "" ? 1 : 0, name, id];
  }
  return /^-?\d{1,16}$/.test(value) ? [0, Number(value), id] : null;
}
