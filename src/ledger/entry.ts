import type { AccountId, Micros, Party } from "./account.ts";
import type { EventId } from "./transaction.ts";

export type EntryKind = "credit" | "debit";

/**
 * The id of a command as its event has it: behind the name of the access key that it came with, if it came with one, as
 * in `shop/key:7`.
 */
export type NamedId = `${"" | `${string}/`}${"key" | "bat" | "req"}:${string}`;

/**
 * One side of a posting, on one account. The entries of one account form a chain:
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
  /** Up to 140 code points; those of the contest's route 1 to 10. Empty if there is none. */
  readonly description: string;
  /** Of the command that made it. */
  readonly id: NamedId;
  readonly time: Micros;
}

/** An entry with what it belongs to. */
export interface KeptEntry extends Entry {
  readonly counterparty: Party;
  readonly transaction: EventId;
  readonly reference: string | null;
}
