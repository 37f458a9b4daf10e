/** Microseconds since 1970-01-01T00:00:00Z. */
export type Micros = number;

/** The part of an account that commands change, as of its latest command. Immutable: each command makes a new one. */
export interface AccountState {
  /** The account's number: from 1, without gaps in the order of opening. */
  readonly id: number;
  /** How far below zero the balance may go, in cents: 0 to 2^53 - 1. */
  readonly creditLimit: number;
  /** In cents: never under -creditLimit, never over 2^53 - 1. */
  readonly balance: number;
  /** The seq of the latest entry: 0 before the first. */
  readonly seq: number;
}

export interface Account extends AccountState {
  /** The time of the latest entry; the time of opening before the first. */
  readonly time: Micros;
  readonly name: string | null;
}

/** The credit limits, in cents, of the accounts 1 to 5 that the contract wants at the start. */
export const INITIAL_CREDIT_LIMITS: readonly number[] = [100_000, 80_000, 1_000_000, 10_000_000, 500_000];
