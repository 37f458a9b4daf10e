import { Store, useStore } from "./store.ts";

/** Where in the console one is: the part of the address behind "#". */
export type Place =
  | { readonly view: "overview" | "accounts" | "transactions" | "new" }
  | { readonly view: "account" | "transaction" | "hold"; readonly id: string };

export const hrefOf = {
  overview: "#/",
  accounts: "#/accounts",
  transactions: "#/transactions",
  new: "#/new",
  account: (id: string) => `#/accounts/${encodeURIComponent(id)}`,
  transaction: (id: string) => `#/transactions/${encodeURIComponent(id)}`,
  hold: (id: string) => `#/holds/${encodeURIComponent(id)}`,
} as const;

export function placeOf(hash: string): Place {
  const [name = "", id = ""] = hash.replace(/^#?\/?/, "").split("/");
  const known = decoded(id);
  if (name === "accounts") return known === "" ? { view: "accounts" } : { view: "account", id: known };
  if (name === "transactions")
    return known === "" ? { view: "transactions" } : { view: "transaction", id: known };
  if (name === "holds" && known !== "") return { view: "hold", id: known };
  return { view: name === "new" ? "new" : "overview" };
}

/** Followed from the start on, not from the first drawing: no change is missed, and a place stays itself until there is one. */
const here = new Store(placeOf(location.hash));
addEventListener("hashchange", () => here.set(placeOf(location.hash)));

export function usePlace(): Place {
  return useStore(here);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
