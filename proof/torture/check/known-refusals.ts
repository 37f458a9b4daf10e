import type { Operation } from "../clients/history.ts";

const SIDES = ["account-not-found", "account-closed", "account-frozen", "limit-exceeded"] as const;
const MOVES = [...SIDES, "unit-mismatch", "balance-out-of-range"] as const;

/** The refusals that the contract has for each kind of request. */
const REFUSALS: Readonly<Record<Exclude<Operation["type"], "batch">, readonly string[]>> = {
  transact: [...SIDES, "balance-out-of-range"],
  open: ["account-exists"],
  "change-limit": ["account-not-found", "account-closed", "limit-too-low"],
  "change-state": ["account-not-found", "account-closed", "account-not-empty"],
  transaction: [...MOVES, "condition-failed"],
  hold: MOVES,
  capture: [...MOVES, "hold-not-found", "hold-not-open"],
  release: ["hold-not-found", "hold-not-open"],
  reversal: [...MOVES, "transaction-not-found", "not-reversible", "already-reversed"],
  statement: ["account-not-found"],
  "read-account": ["account-not-found"],
  "read-hold": ["hold-not-found"],
  "read-transaction": ["transaction-not-found"],
};

export function isKnownRefusal(problem: string, type: Operation["type"]): boolean {
  return type !== "batch" && REFUSALS[type].includes(problem);
}
