/**
 * The routes of `/v1`, in the form that openapi-typescript gives them (with `--immutable`). Written by hand until it is
 * made of the server's own document; `types.ts` names what is used of it.
 */

export interface paths {
  "/v1/accounts": {
    readonly get: Read<components["schemas"]["AccountPage"], AccountsQuery>;
    readonly post: Command<components["schemas"]["NewAccount"], 201, components["schemas"]["Account"]>;
  };
  "/v1/accounts/{id}": {
    readonly get: Read<components["schemas"]["Account"]>;
    readonly patch: Command<components["schemas"]["AccountChange"], 200, components["schemas"]["Account"]>;
  };
  "/v1/accounts/{id}/entries": {
    readonly get: Read<components["schemas"]["EntryPage"], EntriesQuery>;
  };
  "/v1/accounts/{id}/balance": {
    readonly get: Read<components["schemas"]["BalanceAt"], { readonly at?: string }>;
  };
  "/v1/transactions": {
    readonly get: Read<components["schemas"]["TransactionPage"], TransactionsQuery>;
    readonly post: Command<
      components["schemas"]["NewTransaction"],
      201,
      components["schemas"]["CreatedTransaction"]
    >;
  };
  "/v1/transactions/{id}": {
    readonly get: Read<components["schemas"]["KeptTransaction"]>;
  };
  "/v1/transactions/{id}/reversal": {
    readonly post: Command<
      components["schemas"]["Details"],
      201,
      components["schemas"]["CreatedTransaction"]
    >;
  };
  "/v1/holds": {
    readonly get: Read<components["schemas"]["HoldPage"], HoldsQuery>;
    readonly post: Command<components["schemas"]["NewHold"], 201, components["schemas"]["DecidedHold"]>;
  };
  "/v1/holds/{id}": {
    readonly get: Read<components["schemas"]["Hold"]>;
  };
  "/v1/holds/{id}/capture": {
    readonly post: Command<components["schemas"]["Capture"], 200, components["schemas"]["DecidedHold"]>;
  };
  "/v1/holds/{id}/release": {
    readonly post: Command<Readonly<Record<string, never>>, 200, components["schemas"]["DecidedHold"]>;
  };
  "/v1/batches": {
    readonly post: Command<components["schemas"]["NewBatch"], 200, components["schemas"]["BatchResults"]>;
  };
  "/v1/ledger": {
    readonly get: Read<components["schemas"]["Totals"]>;
  };
}

export interface components {
  readonly schemas: {
    readonly Metadata: { readonly [name: string]: string };
    /** An account as other objects show it. Amounts are integers in the unit's smallest part. */
    readonly AccountState: {
      readonly id: string;
      readonly unit: string;
      readonly state: "open" | "frozen" | "closed";
      readonly credit_limit: number;
      readonly balance: number;
      /** The sum of its open holds. */
      readonly held: number;
      /** What may still go out: balance + credit_limit - held. */
      readonly available: number;
      /** The number of its latest entry. */
      readonly seq: number;
      readonly opened_at: string;
    };
    readonly Account: components["schemas"]["AccountState"] & {
      readonly name: string | null;
      readonly metadata: components["schemas"]["Metadata"];
    };
    readonly AccountPage: Page<components["schemas"]["Account"]>;
    readonly NewAccount: {
      /** Yours; left out, the ledger makes one. */
      readonly id?: string | null;
      /** What it counts, and how many decimals people are shown: `BRL/2`, `USD/2`, `CREDITS/6`, `TOKENS`. */
      readonly unit: string;
      /** How far under 0 it may go. Left out: 0. */
      readonly credit_limit?: number | null;
      readonly name?: string | null;
      readonly metadata?: components["schemas"]["Metadata"] | null;
    };
    readonly AccountChange: {
      readonly credit_limit?: number;
      /** `null` removes it. */
      readonly name?: string | null;
      /** Members are changed one by one; `null` removes one. */
      readonly metadata?: { readonly [name: string]: string | null };
      readonly state?: "open" | "frozen" | "closed";
    };
    readonly Details: {
      readonly description?: string | null;
      /** Yours, up to 64 visible ASCII characters; it can be searched for. */
      readonly reference?: string | null;
      readonly metadata?: components["schemas"]["Metadata"] | null;
    };
    readonly Posting: {
      /** An account, or `@world`, the outside. */
      readonly from: string;
      readonly to: string;
      readonly amount: number;
    };
    readonly Comparison: { readonly eq: number } | { readonly gte: number } | { readonly lte: number };
    readonly Condition: { readonly account: string } & (
      | { readonly balance: components["schemas"]["Comparison"] }
      | { readonly available: components["schemas"]["Comparison"] }
      | { readonly seq: components["schemas"]["Comparison"] }
    );
    readonly NewTransaction: components["schemas"]["Details"] & {
      readonly postings: readonly components["schemas"]["Posting"][];
      /** All must hold before the first posting. */
      readonly conditions?: readonly components["schemas"]["Condition"][] | null;
      readonly dry_run?: boolean | null;
    };
    readonly Transaction: {
      readonly id: string;
      readonly postings: readonly components["schemas"]["Posting"][];
      readonly description: string | null;
      readonly reference: string | null;
      readonly metadata: components["schemas"]["Metadata"];
      /** The transaction that this one takes back. */
      readonly reverses: string | null;
      /** The hold that this one is the capture of. */
      readonly hold: string | null;
      readonly created_at: string;
    };
    readonly CreatedTransaction: components["schemas"]["Transaction"] & {
      /** Each account that is named, as it stands after it. */
      readonly accounts: { readonly [id: string]: components["schemas"]["AccountState"] };
    };
    readonly KeptTransaction: components["schemas"]["Transaction"] & {
      readonly reversed_by: string | null;
    };
    readonly TransactionPage: Page<components["schemas"]["Transaction"]>;
    readonly NewHold: components["schemas"]["Details"] & {
      readonly from: string;
      readonly amount: number;
      /** Where it goes if its capture does not say otherwise. Left out: `@world`. */
      readonly to?: string | null;
      /** Seconds, 1 to 2,592,000 (30 days). Left out: 600. */
      readonly expires_in?: number | null;
    };
    readonly Hold: {
      readonly id: string;
      readonly state: "open" | "captured" | "released" | "expired";
      readonly from: string;
      readonly to: string;
      readonly amount: number;
      /** What was moved in all. */
      readonly captured: number;
      readonly expires_at: string;
      readonly description: string | null;
      readonly reference: string | null;
      readonly metadata: components["schemas"]["Metadata"];
      readonly created_at: string;
      readonly transaction: string | null;
    };
    readonly DecidedHold: components["schemas"]["Hold"] & {
      /** As it stands after it. */
      readonly account: components["schemas"]["AccountState"];
    };
    readonly HoldPage: Page<components["schemas"]["Hold"]>;
    readonly Capture: {
      /** Left out: all of it. It may be less, also 0, or more, as far as the account has it. */
      readonly amount?: number | null;
      readonly to?: string | null;
      /** In place of amount and to. */
      readonly postings?:
        readonly { readonly from?: string | null; readonly to: string; readonly amount: number }[] | null;
    };
    readonly BatchCommand:
      | {
          readonly op: "account";
          readonly key?: string | null;
          readonly body: components["schemas"]["NewAccount"];
        }
      | {
          readonly op: "transaction";
          readonly key?: string | null;
          readonly body: components["schemas"]["NewTransaction"];
        }
      | {
          readonly op: "hold";
          readonly key?: string | null;
          readonly body: components["schemas"]["NewHold"];
        }
      | {
          readonly op: "capture";
          readonly key?: string | null;
          readonly id: string;
          readonly body?: components["schemas"]["Capture"] | null;
        }
      | {
          readonly op: "release";
          readonly key?: string | null;
          readonly id: string;
          readonly body?: Readonly<Record<string, never>> | null;
        }
      | {
          readonly op: "reversal";
          readonly key?: string | null;
          readonly id: string;
          readonly body?: components["schemas"]["Details"] | null;
        };
    readonly NewBatch: {
      readonly atomic: boolean;
      readonly commands: readonly components["schemas"]["BatchCommand"][];
    };
    readonly BatchResults: {
      readonly results: readonly {
        readonly status: number;
        readonly body: unknown;
        readonly replayed?: true;
      }[];
    };
    readonly Entry: {
      readonly seq: number;
      /** Less than 0: it went out. */
      readonly amount: number;
      /** After it. */
      readonly balance: number;
      readonly counterparty: string;
      readonly transaction: string;
      readonly description: string | null;
      readonly reference: string | null;
      readonly created_at: string;
    };
    readonly EntryPage: Page<components["schemas"]["Entry"]>;
    readonly BalanceAt: {
      readonly id: string;
      readonly unit: string;
      readonly balance: number;
      readonly seq: number;
      readonly at: string;
    };
    readonly Totals: {
      readonly accounts: number;
      readonly transactions: number;
      /** Sums are texts, as they may be over 2^53. */
      readonly units: readonly { readonly unit: string; readonly balances: string; readonly world: string }[];
      readonly books: { readonly lag_ms: number };
    };
  };
}

interface Page<Item> {
  readonly data: readonly Item[];
  readonly next: string | null;
}

interface PageQuery {
  readonly limit?: number;
  readonly cursor?: string;
}

interface AccountsQuery extends PageQuery {
  readonly unit?: string;
  readonly state?: "open" | "frozen" | "closed";
  /** The beginning of one. */
  readonly name?: string;
  readonly balance_lt?: number;
  readonly balance_gt?: number;
}

interface TransactionsQuery extends PageQuery {
  readonly reference?: string;
  readonly account?: string;
  readonly from?: string;
  readonly to?: string;
}

interface HoldsQuery extends PageQuery {
  readonly account?: string;
  readonly state?: "open" | "captured" | "released" | "expired";
}

interface EntriesQuery extends PageQuery {
  readonly from?: string;
  readonly to?: string;
  readonly order?: "desc" | "asc";
}

interface Read<Answer, Query = never> {
  readonly parameters: { readonly query?: Query };
  readonly responses: { readonly 200: { readonly content: { readonly "application/json": Answer } } };
}

interface Command<Body, Status extends number, Answer> {
  readonly requestBody?: { readonly content: { readonly "application/json": Body } };
  readonly responses: {
    readonly [status in Status]: { readonly content: { readonly "application/json": Answer } };
  };
}
