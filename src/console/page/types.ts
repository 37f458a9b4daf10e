import type { components } from "../../../client/src/openapi.ts";

/** What the API answers, by the names of its document. */
type Schemas = components["schemas"];

export type Account = Schemas["Account"];
export type AccountState = Schemas["AccountState"];
export type Transaction = Schemas["Transaction"];
export type KeptTransaction = Schemas["KeptTransaction"];
export type Hold = Schemas["Hold"];
export type Entry = Schemas["Entry"];

export interface List<Item> {
  readonly data: readonly Item[];
  readonly next: string | null;
}

/** An access key as `GET /v1/key` tells of it. `accounts` is "*", or a beginning of ids with "*" behind it. */
export interface KeyFacts {
  readonly name: string | null;
  readonly scopes: readonly string[];
  readonly accounts: string;
}

type States = Readonly<Record<string, AccountState>>;
interface Common {
  readonly id: string;
  readonly at: string;
}
/** What `/v1/events` tells. To a bound key the accounts of others are null. */
export type LedgerEvent = Common &
  (
    | { readonly type: "account.opened" | "account.changed"; readonly data: Account }
    | {
        readonly type: "transaction.created";
        readonly data: Seen<Transaction> & { readonly accounts: States };
      }
    | {
        readonly type: "hold.created" | "hold.captured" | "hold.released" | "hold.expired";
        readonly data: Hold & { readonly accounts: States };
      }
  );
type Seen<T extends Transaction> = Omit<T, "postings"> & { readonly postings: readonly SeenPosting[] };
export interface SeenPosting {
  readonly from: string | null;
  readonly to: string | null;
  readonly amount: number;
}

/** The accounts that an event tells of, as they stood after it. */
export function statesIn(event: LedgerEvent): readonly AccountState[] {
  if ("unit" in event.data) return [event.data];
  return Object.values(event.data.accounts);
}
