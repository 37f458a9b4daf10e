/** Microseconds since 1970-01-01T00:00:00Z. */
export type Micros = number;

/**
 * The id of an account: 1 to 64 characters of `A-Za-z0-9._:{}-`, but not `.` or `..`. Clients choose ids or let the ledger
 * make them. Accounts whose ids have the same `{tag}` are on one shard.
 */
export type AccountId = string;

/** Where money comes from when it enters the ledger, and goes to when it leaves. It has no limit and takes any unit. */
export const WORLD = "@world";

/** The side of a posting: an account or {@link WORLD}. */
export type Party = string;

/** `frozen`: nothing goes out, and no hold is made. `closed`: for good, and empty. */
export type AccountStatus = "open" | "frozen" | "closed";

/** What commands change of an account, and what they need of it, as of its latest command. Immutable. */
export interface AccountState {
  readonly id: AccountId;
  /** What is counted, with the number of decimals that people are shown, such as `BRL/2`. */
  readonly unit: string;
  readonly state: AccountStatus;
  /** How far below zero the balance may go, in the unit's smallest part: 0 to 2^53 - 1. */
  readonly creditLimit: number;
  /** In the unit's smallest part, up to 2^53 - 1; less what is held never under -creditLimit. */
  readonly balance: number;
  /** The sum of its open holds. */
  readonly held: number;
  /** The seq of the latest entry: 0 before the first. */
  readonly seq: number;
  /** The time of the latest entry; the time of opening before the first. */
  readonly time: Micros;
  readonly openedAt: Micros;
}

/** What is kept for people. */
export interface AccountDetails {
  /** 1 to 100 code points. */
  readonly name: string | null;
  readonly metadata: Metadata;
}

export interface Account extends AccountState, AccountDetails {}

/** At most 20 members, with names of up to 40 and texts of up to 200 characters, 1 KiB in all. */
export type Metadata = Readonly<Record<string, string>>;

/** The unit of the contest's accounts: centavos of Brazilian reais. */
export const CONTEST_UNIT = "BRL/2";

/** The credit limits, in cents, of the accounts `1` to `5` that the contest wants at the start. */
export const INITIAL_CREDIT_LIMITS: readonly number[] = [100_000, 80_000, 1_000_000, 10_000_000, 500_000];
