import { useEffect, useState } from "preact/hooks";

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

export function usePlace(): Place {
  const [place, setPlace] = useState(() => placeOf(location.hash));
  useEffect(() => {
    const follow = (): void => setPlace(placeOf(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return place;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
