/** What the clients of a torture asked for and what they were told. */

/** A request that changes something bears a mark of its own, by which its effect is found again in the books. */
export type Operation =
  | {
      readonly type: "transact";
      readonly account: number;
      readonly kind: "credit" | "debit";
      /** In cents. */
      readonly value: number;
      /** Of this command alone, over the whole run. */
      readonly description: string;
    }
  /** `name` is of this command alone. */
  | { readonly type: "open"; readonly name: string; readonly creditLimit: number }
  /** `creditLimit` is one that no other command gives this account. */
  | { readonly type: "change-limit"; readonly account: number; readonly creditLimit: number }
  | { readonly type: "statement"; readonly account: number };

/** One try at a command. A client that resends makes several of one command, all with the same key. */
export interface Attempt {
  /** Numbers the attempts of a run from 1. */
  readonly number: number;
  readonly operation: Operation;
  /** The Idempotency-Key, null for none. One without a key is never sent again by the client. */
  readonly key: string | null;
  /** performance.now() of the process of the clients, before the first byte was sent. */
  readonly sentAt: number;
  /** The same, after the last byte of the answer came or the request was given up. */
  readonly endedAt: number;
  readonly answer: Answer;
}

export type Answer =
  /** 200 or 201 of a command. */
  | {
      readonly type: "accepted";
      readonly account: number;
      readonly creditLimit: number;
      readonly balance: number;
      readonly replayed: boolean;
    }
  /** 4xx that says that nothing was changed: the name of its problem, such as limit-exceeded. */
  | { readonly type: "refused"; readonly problem: string; readonly replayed: boolean }
  | { readonly type: "statement"; readonly statement: ShownStatement }
  /** 503 with the outcome `none`. */
  | { readonly type: "not-done" }
  /** 503 with the outcome `unknown`, a broken connection, or no answer in time. */
  | { readonly type: "unknown"; readonly reason: string }
  /** Whatever the contract does not know: always a violation. */
  | { readonly type: "odd"; readonly reason: string };

export interface ShownStatement {
  readonly balance: number;
  readonly creditLimit: number;
  /** `data_extrato` and `realizada_em`, as they came. */
  readonly readAt: string;
  /** Newest first, at most ten. */
  readonly entries: readonly {
    readonly kind: "credit" | "debit";
    readonly value: number;
    readonly description: string;
    readonly time: string;
  }[];
}
