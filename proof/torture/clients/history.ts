/** What the clients of a torture asked for, and what they were answered. */

/** An operation that changes something has a mark of its own, by which its row is found in the books. */
export type Operation =
  | {
      readonly type: "transact";
      readonly account: string;
      readonly kind: "credit" | "debit";
      /** In cents. */
      readonly value: number;
      /** Unique in the whole run. */
      readonly description: string;
    }
  /** `name` is unique in the whole run. */
  | { readonly type: "open"; readonly name: string; readonly creditLimit: number }
  /** No other command gives this account this `creditLimit`. */
  | { readonly type: "change-limit"; readonly account: string; readonly creditLimit: number }
  | { readonly type: "statement"; readonly account: string };

/** One request. A client that sends a command again makes several attempts, all with the same key. */
export interface Attempt {
  /** Numbers the attempts of a run from 1. */
  readonly number: number;
  readonly operation: Operation;
  /** The Idempotency-Key, null for none. The client never sends an operation without a key again. */
  readonly key: string | null;
  /** performance.now() of the clients' process, before the first byte was sent. */
  readonly sentAt: number;
  /** The same, after the last byte of the answer came or the request was given up. */
  readonly endedAt: number;
  readonly answer: Answer;
}

export type Answer =
  /** 200 or 201 of a command. */
  | {
      readonly type: "accepted";
      readonly account: string;
      readonly creditLimit: number;
      readonly balance: number;
      readonly replayed: boolean;
    }
  /** 4xx that says that nothing was changed. `problem` is its name, such as limit-exceeded. */
  | { readonly type: "refused"; readonly problem: string; readonly replayed: boolean }
  | { readonly type: "statement"; readonly statement: ShownStatement }
  /** 503 with the outcome `none`. */
  | { readonly type: "not-done" }
  /** 503 with the outcome `unknown`, a broken connection, or no answer in time. */
  | { readonly type: "unknown"; readonly reason: string }
  /** Any answer that the contract does not have: always a violation. */
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
