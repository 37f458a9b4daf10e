/** Microseconds since 1970-01-01T00:00:00Z. */
export type Micros = number;

/**
 * The id of an account: 1 to 64 characters of `A-Za-z0-9._:{}-`, but not `.` or `..`. Clients choose ids or let the ledger
 * make them. Accounts whose ids have the same `{tag}` are on one shard.
 */
export type AccountId = string;

/** The part of an account that commands change, as of its latest command. Immutable: each command makes a new one. */
export interface AccountState {
  readonly id: AccountId;
  /** How far below zero the balance may go, in the unit's smallest part: 0 to 2^53 - 1. */
  readonly creditLimit: number;
  /** In the unit's smallest part: never under -creditLimit, never over 2^53 - 1. */
  readonly balance: number;
  /** The seq of the latest entry: 0 before the first. */
  readonly seq: number;
}

export interface Account extends AccountState {
  /** What is counted, with the number of decimals that people are shown, such as `BRL/2`. */
  readonly unit: string;
  readonly state: AccountStatus;
  /** The part of the balance that holds have set aside: from 0. */
  readonly held: number;
  /** The time of the latest entry; the time of opening before the first. */
  readonly time: Micros;
  readonly openedAt: Micros;
  readonly name: string | null;
}

export type AccountStatus = "open" | "frozen" | "closed";

/** The unit of the contest's accounts: centavos of Brazilian reais. */
export const CONTEST_UNIT = "BRL/2";

/** The credit limits, in cents, of the accounts `1` to `5` that the contest wants at the start. */
export const INITIAL_CREDIT_LIMITS: readonly number[] = [100_000, 80_000, 1_000_000, 10_000_000, 500_000];
