/** The routes of `/v1`. Made of the server's document by `npm run types`: never changed by hand. */

export interface paths {
  readonly "/v1/accounts": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /**
     * List accounts
     * @description By id, or by `order`: by name (those without one last), or by balance, the least first or (`-balance`) the most; then all accounts are looked through for each page. Up to a second behind.
     */
    readonly get: operations["listAccounts"];
    readonly put?: never;
    /**
     * Open an account
     * @description The same id with the same content again is answered 200, with the account as it stands.
     */
    readonly post: operations["openAccount"];
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/accounts/{id}": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /** Read an account */
    readonly get: operations["readAccount"];
    readonly put?: never;
    readonly post?: never;
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    /**
     * Change an account
     * @description What is left out stays. `null` takes `name`, or a member of `metadata`, away.
     */
    readonly patch: operations["changeAccount"];
    readonly trace?: never;
  };
  readonly "/v1/accounts/{id}/entries": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /**
     * List an account's entries
     * @description Newest first, or `order=asc`. With `Accept: text/csv` as CSV with a header line.
     */
    readonly get: operations["listEntries"];
    readonly put?: never;
    readonly post?: never;
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/accounts/{id}/balance": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /** Read an account's balance as it stood at a time */
    readonly get: operations["readBalance"];
    readonly put?: never;
    readonly post?: never;
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/transactions": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /**
     * List transactions
     * @description Newest first. Up to a second behind.
     */
    readonly get: operations["listTransactions"];
    readonly put?: never;
    /**
     * Move money between accounts
     * @description All postings or none, in their order. `@world` is the outside, where money comes from and goes to: postings from and to it need the scope `world:write`, too.
     */
    readonly post: operations["createTransaction"];
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/transactions/{id}": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /** Read a transaction */
    readonly get: operations["readTransaction"];
    readonly put?: never;
    readonly post?: never;
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/transactions/{id}/reversal": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    readonly get?: never;
    readonly put?: never;
    /**
     * Take a transaction back
     * @description A transaction with the opposite postings in the opposite order. Once. Where one of them is from or to `@world`, it needs the scope `world:write`, too.
     */
    readonly post: operations["reverseTransaction"];
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/holds": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /**
     * List holds
     * @description Newest first. Up to a second behind.
     */
    readonly get: operations["listHolds"];
    readonly put?: never;
    /**
     * Hold an amount
     * @description It counts against `available` at once, until it is captured, released, or expires.
     */
    readonly post: operations["createHold"];
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/holds/{id}": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /** Read a hold */
    readonly get: operations["readHold"];
    readonly put?: never;
    readonly post?: never;
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/holds/{id}/capture": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    readonly get?: never;
    readonly put?: never;
    /**
     * Capture a hold
     * @description What was used moves, the rest is free again. Without a body all of it moves. What goes to `@world` needs the scope `world:write`, too.
     */
    readonly post: operations["captureHold"];
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/holds/{id}/release": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    readonly get?: never;
    readonly put?: never;
    /** Release a hold */
    readonly post: operations["releaseHold"];
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/batches": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    readonly get?: never;
    readonly put?: never;
    /**
     * Send many commands at once
     * @description Each by itself, with a result of its own, or with `atomic` all or none. A key needs the scopes of each command.
     */
    readonly post: operations["sendBatch"];
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/events": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /**
     * Follow what is decided
     * @description One event for each decision, gapless from any cursor on: in order for each account, and for each shard. With `Accept: text/event-stream` a stream that goes on; else pages, which may wait for the first event. Without a cursor it begins with the first event that is kept. A key for some accounts is told what is theirs, and the other side of a posting not.
     */
    readonly get: operations["readEvents"];
    readonly put?: never;
    readonly post?: never;
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/webhooks": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /** List webhooks */
    readonly get: operations["listWebhooks"];
    readonly put?: never;
    /**
     * Make a webhook
     * @description From now on each event that is for it is sent to its `url`, signed as Standard Webhooks says, in order for each account, and again for 72 hours until it is answered with 2xx. Of a key for some accounts it is told what is theirs.
     */
    readonly post: operations["createWebhook"];
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/webhooks/{id}": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /** Read a webhook */
    readonly get: operations["readWebhook"];
    readonly put?: never;
    readonly post?: never;
    /** Delete a webhook */
    readonly delete: operations["deleteWebhook"];
    readonly options?: never;
    readonly head?: never;
    /**
     * Change, pause or continue a webhook
     * @description What is left out stays. `null` for `types` or `accounts` means all. Set `active`, it goes on where it was, and what was parked is tried anew.
     */
    readonly patch: operations["changeWebhook"];
    readonly trace?: never;
  };
  readonly "/v1/webhooks/{id}/secret": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    readonly get?: never;
    readonly put?: never;
    /**
     * Give a webhook a new secret
     * @description For 24 hours deliveries bear two signatures, one by each secret.
     */
    readonly post: operations["rotateSecret"];
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/webhooks/{id}/replay": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    readonly get?: never;
    readonly put?: never;
    /**
     * Send a webhook what followed a cursor or a time
     * @description Events that were delivered before are sent again under the same ids. It is active from then on.
     */
    readonly post: operations["replayWebhook"];
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/webhooks/{id}/deliveries": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /**
     * List a webhook's deliveries with their attempts
     * @description Newest first. What was delivered is kept for 3 days.
     */
    readonly get: operations["listDeliveries"];
    readonly put?: never;
    readonly post?: never;
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/watches": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /** List watches */
    readonly get: operations["listWatches"];
    readonly put?: never;
    /**
     * Be told when an account has little available
     * @description Webhooks get one event `watch.crossed` each time that an account comes to have less available than `available_lt`: the account named, or each whose id begins with `prefix`.
     */
    readonly post: operations["createWatch"];
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/watches/{id}": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /** Read a watch */
    readonly get: operations["readWatch"];
    readonly put?: never;
    readonly post?: never;
    /** Delete a watch */
    readonly delete: operations["deleteWatch"];
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/watches/{id}/crossings": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /**
     * List when a watch was crossed
     * @description Newest first.
     */
    readonly get: operations["listCrossings"];
    readonly put?: never;
    readonly post?: never;
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/ledger": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /**
     * Read the trial balance
     * @description For each unit all balances and what the outside holds, together 0. Up to a second behind. Only for keys of every account.
     */
    readonly get: operations["readLedger"];
    readonly put?: never;
    readonly post?: never;
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
  readonly "/v1/key": {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /**
     * Read what the access key of the request is for
     * @description Any key may ask. Nothing of its text is told.
     */
    readonly get: operations["readKey"];
    readonly put?: never;
    readonly post?: never;
    readonly delete?: never;
    readonly options?: never;
    readonly head?: never;
    readonly patch?: never;
    readonly trace?: never;
  };
}
export type webhooks = Record<string, never>;
export interface components {
  schemas: {
    readonly NewAccount: {
      /** @description must be the id of an account: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points */
      readonly id?: string | null;
      /** @description must be a unit, such as TOKENS, or BRL/2 with the number of its decimals */
      readonly unit: string;
      /** @description must be an integer from 0 to 2^53 - 1 */
      readonly credit_limit?: number | null;
      /** @description must be a text of 1 to 100 characters, without U+0000 and lone surrogates */
      readonly name?: string | null;
      /** @description must be a flat object of at most 20 texts, with names of 1 to 40 and texts of up to 200 characters, 1024 bytes in all */
      readonly metadata?: {
        readonly [key: string]: string | null;
      } | null;
    };
    readonly AccountChange: {
      /** @description must be an integer from 0 to 2^53 - 1 */
      readonly credit_limit?: number;
      /** @description must be a text of 1 to 100 characters, without U+0000 and lone surrogates */
      readonly name?: string | null;
      /** @description must be a flat object of at most 20 texts, with names of 1 to 40 and texts of up to 200 characters, 1024 bytes in all */
      readonly metadata?: {
        readonly [key: string]: string | null;
      };
      /**
       * @description must be "open", "frozen" or "closed"
       * @enum {string}
       */
      readonly state?: "open" | "frozen" | "closed";
    };
    readonly NewTransaction: {
      /** @description must be a list of 1 to 20 */
      readonly postings: readonly components["schemas"]["Posting"][];
      /** @description must be a list of 1 to 10 */
      readonly conditions?: readonly components["schemas"]["Condition"][] | null;
      /** @description must be true or false */
      readonly dry_run?: boolean | null;
      /** @description must be a text of up to 140 characters, without U+0000 and lone surrogates */
      readonly description?: string | null;
      /** @description must be a text of up to 64 visible ASCII characters */
      readonly reference?: string | null;
      /** @description must be a flat object of at most 20 texts, with names of 1 to 40 and texts of up to 200 characters, 1024 bytes in all */
      readonly metadata?: {
        readonly [key: string]: string | null;
      } | null;
    };
    /** @description must have two different sides, from and to */
    readonly Posting: {
      /** @description must be @world or the id of an account: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points */
      readonly from: string;
      /** @description must be @world or the id of an account: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points */
      readonly to: string;
      /** @description must be an integer from 1 to 2^53 - 1 */
      readonly amount: number;
    };
    /** @description must have one of "balance", "available" and "seq" */
    readonly Condition: {
      /** @description must be the id of an account: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points */
      readonly account: string;
      readonly balance?: components["schemas"]["Comparison"] | null;
      readonly available?: components["schemas"]["Comparison"] | null;
      readonly seq?: components["schemas"]["Comparison"] | null;
    } & (
      | {
          readonly balance: unknown;
        }
      | {
          readonly available: unknown;
        }
      | {
          readonly seq: unknown;
        }
    );
    /** @description must have one of "eq", "gte" and "lte" */
    readonly Comparison: {
      /** @description must be an integer from -(2^53 - 1) to 2^53 - 1 */
      readonly eq?: number | null;
      /** @description must be an integer from -(2^53 - 1) to 2^53 - 1 */
      readonly gte?: number | null;
      /** @description must be an integer from -(2^53 - 1) to 2^53 - 1 */
      readonly lte?: number | null;
    } & (
      | {
          readonly eq: unknown;
        }
      | {
          readonly gte: unknown;
        }
      | {
          readonly lte: unknown;
        }
    );
    readonly Reversal: {
      /** @description must be a text of up to 140 characters, without U+0000 and lone surrogates */
      readonly description?: string | null;
      /** @description must be a text of up to 64 visible ASCII characters */
      readonly reference?: string | null;
      /** @description must be a flat object of at most 20 texts, with names of 1 to 40 and texts of up to 200 characters, 1024 bytes in all */
      readonly metadata?: {
        readonly [key: string]: string | null;
      } | null;
    };
    /** @description must have two different sides, from and to */
    readonly NewHold: {
      /** @description must be the id of an account: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points */
      readonly from: string;
      /** @description must be an integer from 1 to 2^53 - 1 */
      readonly amount: number;
      /** @description must be @world or the id of an account: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points */
      readonly to?: string | null;
      /** @description must be an integer from 1 to 2592000 */
      readonly expires_in?: number | null;
      /** @description must be a text of up to 140 characters, without U+0000 and lone surrogates */
      readonly description?: string | null;
      /** @description must be a text of up to 64 visible ASCII characters */
      readonly reference?: string | null;
      /** @description must be a flat object of at most 20 texts, with names of 1 to 40 and texts of up to 200 characters, 1024 bytes in all */
      readonly metadata?: {
        readonly [key: string]: string | null;
      } | null;
    };
    /** @description must have either postings, or amount and to */
    readonly Capture:
      | {
          /** @description must be an integer from 0 to 2^53 - 1 */
          readonly amount?: number | null;
          /** @description must be @world or the id of an account: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points */
          readonly to?: string | null;
          /** @description must be a list of 1 to 20 */
          readonly postings?:
            | readonly {
                /** @description must be the id of an account: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points */
                readonly from?: string | null;
                /** @description must be @world or the id of an account: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points */
                readonly to: string;
                /** @description must be an integer from 1 to 2^53 - 1 */
                readonly amount: number;
              }[]
            | null;
        }
      | {
          readonly postings?: null;
        }
      | {
          readonly amount?: null;
          readonly to?: null;
        };
    readonly Release: Record<string, never>;
    readonly Batch: {
      /** @description must be true or false */
      readonly atomic: boolean;
      /** @description must be a list of 1 to 500 */
      readonly commands: readonly (
        | {
            /** @constant */
            readonly op: "transaction";
            /** @description must be a key of 1 to 255 visible ASCII characters */
            readonly key?: string | null;
            readonly id?: null;
            readonly body: components["schemas"]["NewTransaction"];
          }
        | {
            /** @constant */
            readonly op: "hold";
            /** @description must be a key of 1 to 255 visible ASCII characters */
            readonly key?: string | null;
            readonly id?: null;
            readonly body: components["schemas"]["NewHold"];
          }
        | {
            /** @constant */
            readonly op: "capture";
            /** @description must be a key of 1 to 255 visible ASCII characters */
            readonly key?: string | null;
            /** @description must be an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points */
            readonly id: string;
            readonly body?: components["schemas"]["Capture"] | null;
          }
        | {
            /** @constant */
            readonly op: "release";
            /** @description must be a key of 1 to 255 visible ASCII characters */
            readonly key?: string | null;
            /** @description must be an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points */
            readonly id: string;
            readonly body?: components["schemas"]["Release"] | null;
          }
        | {
            /** @constant */
            readonly op: "reversal";
            /** @description must be a key of 1 to 255 visible ASCII characters */
            readonly key?: string | null;
            /** @description must be an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points */
            readonly id: string;
            readonly body?: components["schemas"]["Reversal"] | null;
          }
        | {
            /** @constant */
            readonly op: "account";
            /** @description must be a key of 1 to 255 visible ASCII characters */
            readonly key?: string | null;
            readonly id?: null;
            readonly body: components["schemas"]["NewAccount"];
          }
      )[];
    };
    readonly NewWebhook: {
      /**
       * Format: uri
       * @description must be a URL of up to 2000 characters, without blanks and control characters
       */
      readonly url: string;
      /** @description must be a list of 1 to 8 */
      readonly types?:
        | readonly (
            | "account.opened"
            | "account.changed"
            | "transaction.created"
            | "hold.created"
            | "hold.captured"
            | "hold.released"
            | "hold.expired"
            | "watch.crossed"
          )[]
        | null;
      /** @description must be a list of 1 to 100 */
      readonly accounts?: readonly string[] | null;
    };
    readonly WebhookChange: {
      /**
       * Format: uri
       * @description must be a URL of up to 2000 characters, without blanks and control characters
       */
      readonly url?: string;
      /** @description must be a list of 1 to 8 */
      readonly types?:
        | readonly (
            | "account.opened"
            | "account.changed"
            | "transaction.created"
            | "hold.created"
            | "hold.captured"
            | "hold.released"
            | "hold.expired"
            | "watch.crossed"
          )[]
        | null;
      /** @description must be a list of 1 to 100 */
      readonly accounts?: readonly string[] | null;
      /**
       * @description must be "active" or "paused"
       * @enum {string}
       */
      readonly state?: "active" | "paused";
    };
    readonly NoFields: Record<string, never>;
    readonly Replay: {
      /** @description must be a cursor */
      readonly after?: string;
      /**
       * Format: date-time
       * @description must be a time of RFC 3339 with up to six digits of the second, such as 2024-01-17T02:34:41.217753Z
       */
      readonly from?: string;
    };
    readonly NewWatch: {
      /** @description must be the id of an account: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points */
      readonly account?: string | null;
      /** @description must be the beginning of ids of accounts: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } - */
      readonly prefix?: string | null;
      /** @description must be an integer from -(2^53 - 1) to 2^53 - 1 */
      readonly available_lt: number;
    };
    readonly Account: {
      /** @description The id of an account. */
      readonly id: string;
      /** @description What is counted, and the number of decimals that people are shown, if any. */
      readonly unit: string;
      readonly name: string | null;
      readonly metadata: {
        readonly [key: string]: string;
      };
      /**
       * @description must be "open", "frozen" or "closed"
       * @enum {string}
       */
      readonly state: "open" | "frozen" | "closed";
      readonly credit_limit: number;
      readonly balance: number;
      /** @description The sum of its open holds. */
      readonly held: number;
      /** @description balance + credit_limit - held: what may still go out, told up to 2^53 - 1. */
      readonly available: number;
      /** @description Of its latest entry; 0 before the first. */
      readonly seq: number;
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly opened_at: string;
    };
    /** @description An account as others show it: without name and metadata. */
    readonly AccountState: {
      /** @description The id of an account. */
      readonly id: string;
      /** @description What is counted, and the number of decimals that people are shown, if any. */
      readonly unit: string;
      /**
       * @description must be "open", "frozen" or "closed"
       * @enum {string}
       */
      readonly state: "open" | "frozen" | "closed";
      readonly credit_limit: number;
      readonly balance: number;
      /** @description The sum of its open holds. */
      readonly held: number;
      /** @description balance + credit_limit - held: what may still go out, told up to 2^53 - 1. */
      readonly available: number;
      /** @description Of its latest entry; 0 before the first. */
      readonly seq: number;
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly opened_at: string;
    };
    readonly AccountList: {
      readonly data: readonly components["schemas"]["Account"][];
      /** @description The `cursor` of the next page; `null` after the last one. */
      readonly next: string | null;
    };
    readonly Transaction: {
      /** @description The id of a transaction. */
      readonly id: string;
      readonly postings: readonly {
        /** @description The id of an account, or `@world`, the outside. */
        readonly from: string;
        /** @description The id of an account, or `@world`, the outside. */
        readonly to: string;
        readonly amount: number;
      }[];
      readonly description: string | null;
      /** @description The client's own; it need not be unique. */
      readonly reference: string | null;
      readonly metadata: {
        readonly [key: string]: string;
      };
      /** @description The transaction that it takes back. */
      readonly reverses: string | null;
      /** @description The hold whose capture it is. */
      readonly hold: string | null;
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly created_at: string;
    };
    readonly CreatedTransaction: {
      /** @description The id of a transaction. */
      readonly id: string;
      readonly postings: readonly {
        /** @description The id of an account, or `@world`, the outside. */
        readonly from: string;
        /** @description The id of an account, or `@world`, the outside. */
        readonly to: string;
        readonly amount: number;
      }[];
      readonly description: string | null;
      /** @description The client's own; it need not be unique. */
      readonly reference: string | null;
      readonly metadata: {
        readonly [key: string]: string;
      };
      /** @description The transaction that it takes back. */
      readonly reverses: string | null;
      /** @description The hold whose capture it is. */
      readonly hold: string | null;
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly created_at: string;
      /** @description Each account that it names, but `@world`, as it stands after it. */
      readonly accounts: {
        readonly [key: string]: components["schemas"]["AccountState"];
      };
    };
    readonly TriedTransaction: {
      readonly id: null;
      readonly postings: readonly {
        /** @description The id of an account, or `@world`, the outside. */
        readonly from: string;
        /** @description The id of an account, or `@world`, the outside. */
        readonly to: string;
        readonly amount: number;
      }[];
      readonly description: string | null;
      /** @description The client's own; it need not be unique. */
      readonly reference: string | null;
      readonly metadata: {
        readonly [key: string]: string;
      };
      /** @description The transaction that it takes back. */
      readonly reverses: string | null;
      /** @description The hold whose capture it is. */
      readonly hold: string | null;
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly created_at: string;
      /** @description Each account that it names, but `@world`, as it stands after it. */
      readonly accounts: {
        readonly [key: string]: components["schemas"]["AccountState"];
      };
    };
    readonly KeptTransaction: {
      /** @description The id of a transaction. */
      readonly id: string;
      readonly postings: readonly {
        /** @description The id of an account, or `@world`, the outside. */
        readonly from: string;
        /** @description The id of an account, or `@world`, the outside. */
        readonly to: string;
        readonly amount: number;
      }[];
      readonly description: string | null;
      /** @description The client's own; it need not be unique. */
      readonly reference: string | null;
      readonly metadata: {
        readonly [key: string]: string;
      };
      /** @description The transaction that it takes back. */
      readonly reverses: string | null;
      /** @description The hold whose capture it is. */
      readonly hold: string | null;
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly created_at: string;
      /** @description The reversal that took it back. */
      readonly reversed_by: string | null;
    };
    readonly TransactionList: {
      readonly data: readonly components["schemas"]["Transaction"][];
      /** @description The `cursor` of the next page; `null` after the last one. */
      readonly next: string | null;
    };
    readonly Hold: {
      /** @description The id of a hold. */
      readonly id: string;
      /**
       * @description must be "open", "captured", "released" or "expired"
       * @enum {string}
       */
      readonly state: "open" | "captured" | "released" | "expired";
      /** @description The id of an account. */
      readonly from: string;
      /** @description The id of an account, or `@world`, the outside. */
      readonly to: string;
      readonly amount: number;
      /** @description What was moved in all. */
      readonly captured: number;
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly expires_at: string;
      readonly description: string | null;
      /** @description The client's own; it need not be unique. */
      readonly reference: string | null;
      readonly metadata: {
        readonly [key: string]: string;
      };
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly created_at: string;
      /** @description Its capture, where that moved anything. */
      readonly transaction: string | null;
    };
    readonly DecidedHold: {
      /** @description The id of a hold. */
      readonly id: string;
      /**
       * @description must be "open", "captured", "released" or "expired"
       * @enum {string}
       */
      readonly state: "open" | "captured" | "released" | "expired";
      /** @description The id of an account. */
      readonly from: string;
      /** @description The id of an account, or `@world`, the outside. */
      readonly to: string;
      readonly amount: number;
      /** @description What was moved in all. */
      readonly captured: number;
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly expires_at: string;
      readonly description: string | null;
      /** @description The client's own; it need not be unique. */
      readonly reference: string | null;
      readonly metadata: {
        readonly [key: string]: string;
      };
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly created_at: string;
      /** @description Its capture, where that moved anything. */
      readonly transaction: string | null;
      readonly account: components["schemas"]["AccountState"];
    };
    readonly HoldList: {
      readonly data: readonly components["schemas"]["Hold"][];
      /** @description The `cursor` of the next page; `null` after the last one. */
      readonly next: string | null;
    };
    readonly Entry: {
      readonly seq: number;
      /** @description Less than 0: it went out. */
      readonly amount: number;
      /** @description After it. */
      readonly balance: number;
      /** @description The other side. `null`: an account that the access key is not for. */
      readonly counterparty: string | null;
      /** @description The id of a transaction. */
      readonly transaction: string;
      readonly description: string | null;
      /** @description The client's own; it need not be unique. */
      readonly reference: string | null;
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly created_at: string;
    };
    readonly EntryList: {
      readonly data: readonly components["schemas"]["Entry"][];
      /** @description The `cursor` of the next page; `null` after the last one. */
      readonly next: string | null;
    };
    /** @description What was decided, with the accounts as they stand after it. */
    readonly Event:
      | {
          /** @description The id of the event: the same whenever it is told. */
          readonly id: string;
          /** @enum {string} */
          readonly type: "account.opened" | "account.changed";
          /**
           * Format: date-time
           * @description When it was decided.
           */
          readonly at: string;
          readonly data: components["schemas"]["Account"];
        }
      | {
          /** @description The id of the event: the same whenever it is told. */
          readonly id: string;
          /** @enum {string} */
          readonly type: "transaction.created";
          /**
           * Format: date-time
           * @description When it was decided.
           */
          readonly at: string;
          readonly data: {
            /** @description The id of a transaction. */
            readonly id: string;
            readonly postings: readonly {
              /** @description An account, or `@world`. `null`: an account that the access key is not for. */
              readonly from: string | null;
              /** @description An account, or `@world`. `null`: an account that the access key is not for. */
              readonly to: string | null;
              readonly amount: number;
            }[];
            readonly description: string | null;
            /** @description The client's own; it need not be unique. */
            readonly reference: string | null;
            readonly metadata: {
              readonly [key: string]: string;
            };
            /** @description The transaction that it takes back. */
            readonly reverses: string | null;
            /** @description The hold whose capture it is. */
            readonly hold: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, with microseconds.
             */
            readonly created_at: string;
            /** @description Each account that it names, but `@world`, as it stands after it. */
            readonly accounts: {
              readonly [key: string]: components["schemas"]["AccountState"];
            };
          };
        }
      | {
          /** @description The id of the event: the same whenever it is told. */
          readonly id: string;
          /** @enum {string} */
          readonly type: "hold.created" | "hold.released" | "hold.expired";
          /**
           * Format: date-time
           * @description When it was decided.
           */
          readonly at: string;
          readonly data: {
            /** @description The id of a hold. */
            readonly id: string;
            /**
             * @description must be "open", "captured", "released" or "expired"
             * @enum {string}
             */
            readonly state: "open" | "captured" | "released" | "expired";
            /** @description The id of an account. */
            readonly from: string;
            /** @description An account, or `@world`. `null`: an account that the access key is not for. */
            readonly to: string | null;
            readonly amount: number;
            /** @description What was moved in all. */
            readonly captured: number;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, with microseconds.
             */
            readonly expires_at: string;
            readonly description: string | null;
            /** @description The client's own; it need not be unique. */
            readonly reference: string | null;
            readonly metadata: {
              readonly [key: string]: string;
            };
            /**
             * Format: date-time
             * @description RFC 3339, UTC, with microseconds.
             */
            readonly created_at: string;
            /** @description Its capture, where that moved anything. */
            readonly transaction: string | null;
            /** @description Each account that it names, but `@world`, as it stands after it. */
            readonly accounts: {
              readonly [key: string]: components["schemas"]["AccountState"];
            };
          };
        }
      | {
          /** @description The id of the event: the same whenever it is told. */
          readonly id: string;
          /** @enum {string} */
          readonly type: "hold.captured";
          /**
           * Format: date-time
           * @description When it was decided.
           */
          readonly at: string;
          readonly data: {
            /** @description The id of a hold. */
            readonly id: string;
            /**
             * @description must be "open", "captured", "released" or "expired"
             * @enum {string}
             */
            readonly state: "open" | "captured" | "released" | "expired";
            /** @description The id of an account. */
            readonly from: string;
            /** @description An account, or `@world`. `null`: an account that the access key is not for. */
            readonly to: string | null;
            readonly amount: number;
            /** @description What was moved in all. */
            readonly captured: number;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, with microseconds.
             */
            readonly expires_at: string;
            readonly description: string | null;
            /** @description The client's own; it need not be unique. */
            readonly reference: string | null;
            readonly metadata: {
              readonly [key: string]: string;
            };
            /**
             * Format: date-time
             * @description RFC 3339, UTC, with microseconds.
             */
            readonly created_at: string;
            /** @description Its capture, where that moved anything. */
            readonly transaction: string | null;
            /** @description Each account that it names, but `@world`, as it stands after it. */
            readonly accounts: {
              readonly [key: string]: components["schemas"]["AccountState"];
            };
            /** @description What its capture moved. */
            readonly postings: readonly {
              /** @description An account, or `@world`. `null`: an account that the access key is not for. */
              readonly from: string | null;
              /** @description An account, or `@world`. `null`: an account that the access key is not for. */
              readonly to: string | null;
              readonly amount: number;
            }[];
          };
        };
    readonly EventPage: {
      readonly data: readonly components["schemas"]["Event"][];
      /** @description The `after` of the next page, also where there is nothing yet. */
      readonly next: string;
    };
    readonly Webhook: {
      /** @description The id of a webhook. */
      readonly id: string;
      readonly url: string;
      /** @description `null`: all. */
      readonly types: readonly string[] | null;
      /** @description Ids, and beginnings of ids with a `*` behind. `null`: all that the access key may see. */
      readonly accounts: readonly string[] | null;
      /** @enum {string} */
      readonly state: "active" | "paused" | "parked";
      /** @description Why it is not active. */
      readonly reason: ("asked" | "gone" | "key-revoked" | "history-changed" | "failed") | null;
      /**
       * Format: date-time
       * @description Since when its target takes nothing.
       */
      readonly failing_since: string | null;
      /** @description A cursor of `/v1/events`: everything before it was delivered, parked, or is not for it. */
      readonly delivered_until: string;
      /** @description How many deliveries wait that were read from the journal so far. */
      readonly backlog: number;
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly created_at: string;
    };
    readonly ToldWebhook: {
      /** @description The id of a webhook. */
      readonly id: string;
      readonly url: string;
      /** @description `null`: all. */
      readonly types: readonly string[] | null;
      /** @description Ids, and beginnings of ids with a `*` behind. `null`: all that the access key may see. */
      readonly accounts: readonly string[] | null;
      /** @enum {string} */
      readonly state: "active" | "paused" | "parked";
      /** @description Why it is not active. */
      readonly reason: ("asked" | "gone" | "key-revoked" | "history-changed" | "failed") | null;
      /**
       * Format: date-time
       * @description Since when its target takes nothing.
       */
      readonly failing_since: string | null;
      /** @description A cursor of `/v1/events`: everything before it was delivered, parked, or is not for it. */
      readonly delivered_until: string;
      /** @description How many deliveries wait that were read from the journal so far. */
      readonly backlog: number;
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly created_at: string;
      /** @description What deliveries are signed with. Told here and never again; `null` in a replayed or other answer. */
      readonly secret: string | null;
    };
    readonly WebhookList: {
      readonly data: readonly components["schemas"]["Webhook"][];
      /** @description The `cursor` of the next page; `null` after the last one. */
      readonly next: string | null;
    };
    readonly Delivery: {
      /** @description The id of the event, which is `webhook-id` of each attempt. */
      readonly event: string;
      readonly type: string;
      /** @enum {string} */
      readonly state: "waiting" | "delivered" | "parked";
      /** @description The last 20, the oldest first. */
      readonly attempts: readonly {
        /**
         * Format: date-time
         * @description RFC 3339, UTC, with microseconds.
         */
        readonly at: string;
        /** @description `null`: there was no answer. */
        readonly status: number | null;
        readonly error: string | null;
        readonly ms: number;
      }[];
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly next_attempt_at: string | null;
    };
    readonly DeliveryList: {
      readonly data: readonly components["schemas"]["Delivery"][];
      /** @description The `cursor` of the next page; `null` after the last one. */
      readonly next: string | null;
    };
    readonly Watch: {
      /** @description The id of a watch. */
      readonly id: string;
      /** @description The id of an account. */
      readonly account: string | null;
      /** @description What the ids of its accounts begin with. */
      readonly prefix: string | null;
      readonly available_lt: number;
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly created_at: string;
      /** @description From then on each crossing is told. What was below before is none. */
      readonly armed: boolean;
    };
    readonly WatchList: {
      readonly data: readonly components["schemas"]["Watch"][];
      /** @description The `cursor` of the next page; `null` after the last one. */
      readonly next: string | null;
    };
    readonly Crossing: {
      /** @description The event by which the account came below. */
      readonly event: string;
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly at: string;
      readonly account: components["schemas"]["AccountState"];
    };
    readonly CrossingList: {
      readonly data: readonly components["schemas"]["Crossing"][];
      /** @description The `cursor` of the next page; `null` after the last one. */
      readonly next: string | null;
    };
    readonly BalanceAt: {
      /** @description The id of an account. */
      readonly id: string;
      /** @description What is counted, and the number of decimals that people are shown, if any. */
      readonly unit: string;
      readonly balance: number;
      /** @description The number of an account's entry, from 1 without a gap; 0 before the first. */
      readonly seq: number;
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly at: string;
    };
    readonly Ledger: {
      readonly accounts: number;
      readonly transactions: number;
      readonly units: readonly {
        /** @description What is counted, and the number of decimals that people are shown, if any. */
        readonly unit: string;
        /** @description The sum of all balances. */
        readonly balances: string;
        /** @description What the outside holds: but for `in_transit` the same with the other sign. */
        readonly world: string;
        /** @description What transactions across shards have taken from accounts and not yet brought to others; the three are 0 together. */
        readonly in_transit: string;
      }[];
      readonly books: {
        /** @description How far the books are behind. */
        readonly lag_ms: number;
        /** @description Only where shards of a cluster do not answer: their numbers. What they have decided last may be missing, and does not count in `lag_ms`. */
        readonly shards_away?: readonly number[];
      };
    };
    readonly Key: {
      /** @description `null`: the server is open, and asks for none. */
      readonly name: string | null;
      readonly scopes: readonly (
        | "accounts:read"
        | "accounts:write"
        | "transactions:read"
        | "transactions:write"
        | "holds:write"
        | "events:read"
        | "webhooks:write"
        | "ledger:read"
        | "world:write"
        | "admin"
      )[];
      /** @description What the ids of its accounts begin with, and a `*`. */
      readonly accounts: string;
      /**
       * Format: date-time
       * @description RFC 3339, UTC, with microseconds.
       */
      readonly expires_at: string | null;
      /** @description Requests a second, where it has a rate of its own. */
      readonly rate: number | null;
    };
    readonly BatchResults: {
      readonly results: readonly {
        /** @description That the command by itself would have been answered with. */
        readonly status: number;
        /** @description The same. */
        readonly body:
          | components["schemas"]["Account"]
          | components["schemas"]["CreatedTransaction"]
          | components["schemas"]["TriedTransaction"]
          | components["schemas"]["DecidedHold"];
        /**
         * @description Its key was known.
         * @constant
         */
        readonly replayed?: true;
      }[];
    };
  };
  responses: never;
  parameters: never;
  requestBodies: never;
  headers: never;
  pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
  readonly listAccounts: {
    readonly parameters: {
      readonly query?: {
        /** @description must be an integer from 1 to 100; 50 if left out */
        readonly limit?: number;
        /** @description must be one that this list gave, with the same other parameters */
        readonly cursor?: string;
        /** @description must be the beginning of ids of accounts: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } - */
        readonly prefix?: string;
        /** @description must be a unit, such as TOKENS, or BRL/2 with the number of its decimals */
        readonly unit?: string;
        /** @description must be "open", "frozen" or "closed" */
        readonly state?: "open" | "frozen" | "closed";
        /** @description must be a text of 1 to 100 characters, without U+0000 and lone surrogates */
        readonly name?: string;
        /** @description Parameters of the names `metadata.<name>`, such as `metadata.plan=pro`: accounts that have each of these texts. Together they must be a flat object of at most 20 texts, with names of 1 to 40 and texts of up to 200 characters, 1024 bytes in all. */
        readonly metadata?: {
          readonly [key: string]: string;
        };
        /** @description must be an integer from -(2^53 - 1) to 2^53 - 1 */
        readonly balance_lt?: number;
        /** @description must be an integer from -(2^53 - 1) to 2^53 - 1 */
        readonly balance_gt?: number;
        /** @description must be "id", "name", "balance" or "-balance" */
        readonly order?: "id" | "name" | "balance" | "-balance";
      };
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description A page. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["AccountList"];
        };
      };
    };
  };
  readonly openAccount: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /** @description JSON in UTF-8, at most 8192 bytes. */
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["NewAccount"];
      };
    };
    readonly responses: {
      /** @description It was opened before. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["Account"];
        };
      };
      /** @description The account is open. */
      readonly 201: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["Account"];
        };
      };
    };
  };
  readonly readAccount: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path: {
        /** @description The id of the account, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description The account. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["Account"];
        };
      };
    };
  };
  readonly changeAccount: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path: {
        /** @description The id of the account, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    /** @description JSON in UTF-8, at most 8192 bytes. */
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["AccountChange"];
      };
    };
    readonly responses: {
      /** @description The account after it. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["Account"];
        };
      };
    };
  };
  readonly listEntries: {
    readonly parameters: {
      readonly query?: {
        /** @description must be an integer from 1 to 100; 50 if left out */
        readonly limit?: number;
        /** @description must be one that this list gave, with the same other parameters */
        readonly cursor?: string;
        /** @description must be a time of RFC 3339 with up to six digits of the second, such as 2024-01-17T02:34:41.217753Z */
        readonly from?: string;
        /** @description must be a time of RFC 3339 with up to six digits of the second, such as 2024-01-17T02:34:41.217753Z */
        readonly to?: string;
        /** @description must be "asc" or "desc" */
        readonly order?: "asc" | "desc";
      };
      readonly header?: never;
      readonly path: {
        /** @description The id of the account, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description A page. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["EntryList"];
        };
      };
    };
  };
  readonly readBalance: {
    readonly parameters: {
      readonly query?: {
        /** @description must be a time of RFC 3339 with up to six digits of the second, such as 2024-01-17T02:34:41.217753Z */
        readonly at?: string;
      };
      readonly header?: never;
      readonly path: {
        /** @description The id of the account, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description The balance. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["BalanceAt"];
        };
      };
    };
  };
  readonly listTransactions: {
    readonly parameters: {
      readonly query?: {
        /** @description must be an integer from 1 to 100; 50 if left out */
        readonly limit?: number;
        /** @description must be one that this list gave, with the same other parameters */
        readonly cursor?: string;
        /** @description must be a text of up to 64 visible ASCII characters */
        readonly reference?: string;
        /** @description must be the id of an account: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points */
        readonly account?: string;
        /** @description must be a time of RFC 3339 with up to six digits of the second, such as 2024-01-17T02:34:41.217753Z */
        readonly from?: string;
        /** @description must be a time of RFC 3339 with up to six digits of the second, such as 2024-01-17T02:34:41.217753Z */
        readonly to?: string;
      };
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description A page. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["TransactionList"];
        };
      };
    };
  };
  readonly createTransaction: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /** @description JSON in UTF-8, at most 8192 bytes. */
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["NewTransaction"];
      };
    };
    readonly responses: {
      /** @description A dry run: all but the change. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["TriedTransaction"];
        };
      };
      /** @description It is done. */
      readonly 201: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["CreatedTransaction"];
        };
      };
    };
  };
  readonly readTransaction: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path: {
        /** @description The id of the transaction, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description The transaction. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["KeptTransaction"];
        };
      };
    };
  };
  readonly reverseTransaction: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path: {
        /** @description The id of the transaction, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    /** @description JSON in UTF-8, at most 8192 bytes. It may be empty. */
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["Reversal"];
      };
    };
    readonly responses: {
      /** @description The reversal. */
      readonly 201: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["CreatedTransaction"];
        };
      };
    };
  };
  readonly listHolds: {
    readonly parameters: {
      readonly query?: {
        /** @description must be an integer from 1 to 100; 50 if left out */
        readonly limit?: number;
        /** @description must be one that this list gave, with the same other parameters */
        readonly cursor?: string;
        /** @description must be the id of an account: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points */
        readonly account?: string;
        /** @description must be "open", "captured", "released" or "expired" */
        readonly state?: "open" | "captured" | "released" | "expired";
      };
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description A page. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["HoldList"];
        };
      };
    };
  };
  readonly createHold: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /** @description JSON in UTF-8, at most 8192 bytes. */
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["NewHold"];
      };
    };
    readonly responses: {
      /** @description The hold. */
      readonly 201: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["DecidedHold"];
        };
      };
    };
  };
  readonly readHold: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path: {
        /** @description The id of the hold, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description The hold. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["Hold"];
        };
      };
    };
  };
  readonly captureHold: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path: {
        /** @description The id of the hold, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    /** @description JSON in UTF-8, at most 8192 bytes. It may be empty. */
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["Capture"];
      };
    };
    readonly responses: {
      /** @description The hold after it. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["DecidedHold"];
        };
      };
    };
  };
  readonly releaseHold: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path: {
        /** @description The id of the hold, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    /** @description JSON in UTF-8, at most 8192 bytes. It may be empty. */
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["Release"];
      };
    };
    readonly responses: {
      /** @description The hold after it. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["DecidedHold"];
        };
      };
    };
  };
  readonly sendBatch: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /** @description JSON in UTF-8, at most 262144 bytes. */
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["Batch"];
      };
    };
    readonly responses: {
      /** @description The results, in order. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["BatchResults"];
        };
      };
    };
  };
  readonly readEvents: {
    readonly parameters: {
      readonly query?: {
        /** @description must be the id of an account: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points */
        readonly account?: string;
        /** @description Only these types: must be types of events with commas between them: account.opened, account.changed, transaction.created, hold.created, hold.captured, hold.released, hold.expired */
        readonly type?: string;
        /** @description What comes after this cursor, the `id` of an event of the stream or the `next` of a page; `latest`: only what comes from now on */
        readonly after?: string;
        /** @description Of a page: must be an integer from 1 to 100; 50 if left out */
        readonly limit?: number;
        /** @description Of a page: so many seconds it waits for the first event, where there is none. must be an integer from 0 to 20; 0 if left out */
        readonly wait?: number;
      };
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description A page, or the stream. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["EventPage"];
        };
      };
    };
  };
  readonly listWebhooks: {
    readonly parameters: {
      readonly query?: {
        /** @description must be an integer from 1 to 100; 50 if left out */
        readonly limit?: number;
        /** @description must be one that this list gave, with the same other parameters */
        readonly cursor?: string;
      };
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description A page. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["WebhookList"];
        };
      };
    };
  };
  readonly createWebhook: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /** @description JSON in UTF-8, at most 8192 bytes. */
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["NewWebhook"];
      };
    };
    readonly responses: {
      /** @description It is there. */
      readonly 201: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["ToldWebhook"];
        };
      };
    };
  };
  readonly readWebhook: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path: {
        /** @description The id of the webhook, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description The webhook. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["Webhook"];
        };
      };
    };
  };
  readonly deleteWebhook: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path: {
        /** @description The id of the webhook, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description It is gone. */
      readonly 204: {
        headers: {
          readonly [name: string]: unknown;
        };
        content?: never;
      };
    };
  };
  readonly changeWebhook: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path: {
        /** @description The id of the webhook, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    /** @description JSON in UTF-8, at most 8192 bytes. */
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["WebhookChange"];
      };
    };
    readonly responses: {
      /** @description The webhook after it. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["Webhook"];
        };
      };
    };
  };
  readonly rotateSecret: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path: {
        /** @description The id of the webhook, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    /** @description JSON in UTF-8, at most 8192 bytes. It may be empty. */
    readonly requestBody?: {
      readonly content: {
        readonly "application/json": components["schemas"]["NoFields"];
      };
    };
    readonly responses: {
      /** @description The webhook, with its new secret. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["ToldWebhook"];
        };
      };
    };
  };
  readonly replayWebhook: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path: {
        /** @description The id of the webhook, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    /** @description JSON in UTF-8, at most 8192 bytes. */
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["Replay"];
      };
    };
    readonly responses: {
      /** @description It begins. */
      readonly 202: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["Webhook"];
        };
      };
    };
  };
  readonly listDeliveries: {
    readonly parameters: {
      readonly query?: {
        /** @description must be an integer from 1 to 100; 50 if left out */
        readonly limit?: number;
        /** @description must be one that this list gave, with the same other parameters */
        readonly cursor?: string;
        /** @description must be "waiting", "delivered" or "parked" */
        readonly state?: "waiting" | "delivered" | "parked";
      };
      readonly header?: never;
      readonly path: {
        /** @description The id of the webhook, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description A page. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["DeliveryList"];
        };
      };
    };
  };
  readonly listWatches: {
    readonly parameters: {
      readonly query?: {
        /** @description must be an integer from 1 to 100; 50 if left out */
        readonly limit?: number;
        /** @description must be one that this list gave, with the same other parameters */
        readonly cursor?: string;
      };
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description A page. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["WatchList"];
        };
      };
    };
  };
  readonly createWatch: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    /** @description JSON in UTF-8, at most 8192 bytes. */
    readonly requestBody: {
      readonly content: {
        readonly "application/json": components["schemas"]["NewWatch"];
      };
    };
    readonly responses: {
      /** @description It is there. */
      readonly 201: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["Watch"];
        };
      };
    };
  };
  readonly readWatch: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path: {
        /** @description The id of the watch, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description The watch. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["Watch"];
        };
      };
    };
  };
  readonly deleteWatch: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path: {
        /** @description The id of the watch, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description It is gone. */
      readonly 204: {
        headers: {
          readonly [name: string]: unknown;
        };
        content?: never;
      };
    };
  };
  readonly listCrossings: {
    readonly parameters: {
      readonly query?: {
        /** @description must be an integer from 1 to 100; 50 if left out */
        readonly limit?: number;
        /** @description must be one that this list gave, with the same other parameters */
        readonly cursor?: string;
      };
      readonly header?: never;
      readonly path: {
        /** @description The id of the watch, percent-encoded. What an id: 1 to 64 characters of A-Z, a-z, 0-9 and . _ : { } -, but not one or two points. */
        readonly id: string;
      };
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description A page. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["CrossingList"];
        };
      };
    };
  };
  readonly readLedger: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description The trial balance. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["Ledger"];
        };
      };
    };
  };
  readonly readKey: {
    readonly parameters: {
      readonly query?: never;
      readonly header?: never;
      readonly path?: never;
      readonly cookie?: never;
    };
    readonly requestBody?: never;
    readonly responses: {
      /** @description What it may do. */
      readonly 200: {
        headers: {
          readonly [name: string]: unknown;
        };
        content: {
          readonly "application/json": components["schemas"]["Key"];
        };
      };
    };
  };
}
