/** What the clients of a torture asked for, and what they were answered. */

/** In place of an account: where money comes from and goes to. */
export const WORLD = "@world";

/** Amounts are in the smallest part of a unit. */
export interface Posting {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

export interface Condition {
  readonly account: string;
  readonly what: "balance" | "available" | "seq";
  readonly is: "eq" | "gte" | "lte";
  readonly value: number;
}

export type AccountStatus = "open" | "frozen" | "closed";
export type HoldStatus = "open" | "captured" | "released" | "expired";

/**
 * What changes something. Most bear a mark of their own, by which their event is found in the journal: a description, a
 * name, a reference, or a limit. A change of a state, a capture and a release bear none: they always have a key.
 */
export type Command =
  /** A transaction of the contest's route. `description` is unique in the whole run. */
  | {
      readonly type: "transact";
      readonly account: string;
      readonly kind: "credit" | "debit";
      readonly value: number;
      readonly description: string;
    }
  /** `account`: null lets the ledger make the id. `name` is unique, but where an account is opened again just so. */
  | {
      readonly type: "open";
      readonly account: string | null;
      readonly unit: string;
      readonly creditLimit: number;
      readonly name: string;
    }
  /** No other command gives this account this `creditLimit`. */
  | { readonly type: "change-limit"; readonly account: string; readonly creditLimit: number }
  | {
      readonly type: "change-state";
      readonly account: string;
      readonly state: AccountStatus;
      readonly name: string;
    }
  /** `reference` is unique; so it is of holds and reversals. */
  | {
      readonly type: "transaction";
      readonly postings: readonly Posting[];
      readonly conditions: readonly Condition[];
      readonly dryRun: boolean;
      readonly reference: string;
    }
  | {
      readonly type: "hold";
      readonly from: string;
      readonly to: string;
      readonly amount: number;
      readonly seconds: number;
      readonly reference: string;
    }
  /** `amount`: null for all of it. `to`: null for where the hold says. `parts`: in place of both. */
  | {
      readonly type: "capture";
      readonly hold: string;
      readonly amount: number | null;
      readonly to: string | null;
      readonly parts: readonly Omit<Posting, "from">[] | null;
    }
  | { readonly type: "release"; readonly hold: string }
  | { readonly type: "reversal"; readonly transaction: string; readonly reference: string };

/** Several commands in one request, which always has a key. `key`: the command's own; null for none. */
export interface Batch {
  readonly type: "batch";
  readonly atomic: boolean;
  readonly commands: readonly { readonly command: Command; readonly key: string | null }[];
}

export type Reading =
  | { readonly type: "statement" | "read-account"; readonly account: string }
  | { readonly type: "read-hold"; readonly hold: string }
  | { readonly type: "read-transaction"; readonly transaction: string };

export type Operation = Command | Batch | Reading;

/** One request. A client that sends a command again makes several attempts, all with the same key. */
export interface Attempt {
  /** Numbers the attempts of a run from 1. */
  readonly number: number;
  readonly operation: Operation;
  /** The Idempotency-Key, null for none. Without one, only an opening under an id of the client's is sent again. */
  readonly key: string | null;
  /** The name of the access key that it came with; null for none. It may be another one with each attempt. */
  readonly by: string | null;
  /** performance.now() of the clients' process, before the first byte was sent. */
  readonly sentAt: number;
  /** The same, after the last byte of the answer came or the request was given up. */
  readonly endedAt: number;
  readonly answer: Answer;
}

/** 4xx that says that nothing was changed. `problem` is its name, such as limit-exceeded. */
export interface Refused {
  readonly type: "refused";
  readonly problem: string;
  readonly account: string | null;
  readonly index: number | null;
  /** The hold's state, or the reversal. */
  readonly other: string | null;
  readonly replayed: boolean;
}

/** 200 or 201 of a command, with what it shows. */
export interface Accepted {
  readonly type: "accepted";
  readonly accounts: readonly ShownAccount[];
  readonly transaction: ShownTransaction | null;
  readonly hold: ShownHold | null;
  readonly replayed: boolean;
}

export type Answer =
  | Accepted
  | Refused
  /** What the commands of a batch came to. Of a refused batch, `refused` is the command that was. */
  | { readonly type: "batch"; readonly results: readonly Answer[]; readonly refused: number | null }
  | { readonly type: "statement"; readonly statement: ShownStatement }
  /** Also of an account that is opened again just so. */
  | { readonly type: "account"; readonly account: ShownAccount }
  | { readonly type: "hold"; readonly hold: ShownHold }
  | {
      readonly type: "transaction";
      readonly transaction: ShownTransaction;
      readonly reversedBy: string | null;
    }
  /** What a transaction would lead to. */
  | { readonly type: "dry-run"; readonly accounts: readonly ShownAccount[] }
  /** 503 with the outcome `none`; or another command of the same batch was refused. */
  | { readonly type: "not-done" }
  /** 503 with the outcome `unknown`, a broken connection, or no answer in time. */
  | { readonly type: "unknown"; readonly reason: string }
  /** Any answer that the contract does not have: always a violation. */
  | { readonly type: "odd"; readonly reason: string };

export interface ShownAccount {
  readonly id: string;
  readonly creditLimit: number;
  readonly balance: number;
  /** What the contest's routes do not show; null there. */
  readonly rest: {
    readonly unit: string;
    readonly state: AccountStatus;
    readonly held: number;
    readonly available: number;
    readonly seq: number;
  } | null;
}

export interface ShownTransaction {
  readonly id: string;
  readonly postings: readonly Posting[];
  readonly reference: string | null;
  readonly reverses: string | null;
  readonly hold: string | null;
}

export interface ShownHold {
  readonly id: string;
  readonly state: HoldStatus;
  readonly from: string;
  readonly to: string;
  readonly amount: number;
  readonly captured: number;
  readonly transaction: string | null;
}

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
