/**
 * What the contest's rules fix: accounts, rates, phase lengths, fines. Source: the rules and the official simulation of
 * "Rinha de Backend 2024/Q1". The last word of a name is its unit.
 */
import { INITIAL_CREDIT_LIMITS } from "../../src/ledger/account.ts";

/** The account that must not exist. */
export const UNKNOWN_ACCOUNT = 6;

export const ACCOUNTS: readonly { readonly id: number; readonly limit: number }[] = INITIAL_CREDIT_LIMITS.map(
  (limit, index) => ({ id: index + 1, limit }),
);

/** Each phase lasts 120 s × scale. The rates below are requests a second at rate 1. */
export const RAMP_SECONDS = 120;
export const STEADY_SECONDS = 120;

export type LoadKind = "debit" | "credit" | "statement";

export interface LoadStream {
  readonly kind: LoadKind;
  /** Requests a second at the start of the ramp, and from its end on. */
  readonly from: number;
  readonly to: number;
}

export const LOAD_STREAMS: readonly LoadStream[] = [
  { kind: "debit", from: 1, to: 220 },
  { kind: "credit", from: 1, to: 110 },
  { kind: "statement", from: 1, to: 10 },
];

export const contestRules = {
  /** Concurrent requests in each of the two preflight checks for lost updates. */
  concurrent_requests: 25,
  /** Statements that the official test reads concurrently after "danada". Its comment says five, but it sends four. */
  statements_at_once: 4,
  value_cents_min: 1,
  value_cents_max: 10_000,
  description_characters: 10,
  statement_entries_max: 10,
  answered_within_milliseconds: 250,
  answered_within_percent: 98,
  fine_percent_usd: 1000,
  fine_inconsistency_usd: 803.01,
  payment_usd: 100_000,
} as const;
