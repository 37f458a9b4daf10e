import type { Micros, AccountId } from "./account.ts";

export type EntryKind = "credit" | "debit";

/**
 * An accepted transaction. The entries of one account form a chain:
 * seq without gaps from 1, balance(n) = balance(n - 1) ± value(n), time strictly rising.
 */
export interface Entry {
  readonly account: AccountId;
  readonly seq: number;
  readonly kind: EntryKind;
  /** In the unit's smallest part, over 0. */
  readonly value: number;
  /** The balance after this entry. */
  readonly balance: number;
  /** 1 to 10 code points. */
  readonly description: string;
  /** The id of the command that made it. */
  readonly id: string;
  readonly time: Micros;
}
