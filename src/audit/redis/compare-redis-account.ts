import { bounds } from "../../bounds.ts";
import { quote } from "../events.ts";
import type { ExpectedAccount } from "../expected-accounts.ts";
import type { Findings } from "../findings.ts";
import type { ReadResult } from "./redis-reader.ts";

/** What was read of an account in Redis, and in the books before that. */
export interface AccountObservation {
  readonly account: number;
  /** The seq in the books before Redis was read; `null`: they did not have the account. */
  readonly keptSeq: number | null;
  readonly found: ReadResult;
  /** The account in Redis, read again after books and outbox. */
  readonly again: ReadResult;
}

/**
 * Compares an account as read from Redis with its expected state, which was read later. The account may have changed in
 * between, so the expected state at the seq that Redis showed is used.
 *
 * @param expected `undefined`: neither the books nor the outbox have the account
 */
export function compareAccount(
  observed: AccountObservation,
  expected: ExpectedAccount | undefined,
  findings: Findings,
): void {
  const { account, found, keptSeq } = observed;
  const differs = (detail: string, seq: number | null = null): void =>
    findings.add("redis-differs", account, seq, detail);
  if (found === "missing") {
    if (keptSeq !== null) differs("Redis does not have the account, the books do");
    else if (expected !== undefined) differs("Redis does not have the account, which the outbox opens");
    return;
  }
  if ("unreadable" in found) {
    findings.add(
      "unreadable",
      account,
      null,
      `Redis has something else in place of the account: ${found.unreadable}`,
    );
    return;
  }
  if (expected === undefined) {
    differs("Redis has the account, neither the books nor the outbox do");
    return;
  }
  const seq = /^\d{1,15}$/.test(found.seq) ? Number(found.seq) : null;
  if (seq === null) {
    differs(`in Redis its seq is ${quote(found.seq)}`);
    return;
  }
  if (keptSeq !== null && seq < keptSeq) {
    findings.add("redis-older", account, seq, `Redis has it at seq ${seq}, the books at ${keptSeq}`);
    return;
  }
  if (seq > expected.seq) {
    differs(`Redis has it at seq ${seq}, books and outbox end at ${expected.seq}`, seq);
    return;
  }
  const balance = balanceAt(expected, seq);
  if (found.balance !== balance) {
    differs(
      `Redis has the balance ${found.balance}, books and outbox have ${balance ?? "no such entry"}`,
      seq,
    );
  }
  compareLimit(observed, expected, seq, findings);
  if (found.name !== expected.name)
    differs(`Redis has the name ${quote(found.name)}, the books ${quote(expected.name)}`);
  compareStatement(account, seq, found.statement, expected, findings);
}

function balanceAt(expected: ExpectedAccount, seq: number): string | null {
  if (seq === 0) return "0";
  return expected.entries.get(seq)?.split(" ", 6)[5] ?? null;
}

/** A limit changes without a new seq, so several limits may have been in force at one seq. */
function compareLimit(
  { account, found, again }: AccountObservation,
  expected: ExpectedAccount,
  seq: number,
  findings: Findings,
): void {
  if (typeof found === "string" || "unreadable" in found) return;
  const possible = expected.limitsAt(seq).map(String);
  const isUnchanged =
    typeof again !== "string" &&
    !("unreadable" in again) &&
    again.seq === found.seq &&
    again.limit === found.limit &&
    expected.seq === seq;
  // If nothing changed between the two reads, only the latest limit is right; unless it was changed there and back.
  const wanted = isUnchanged && possible.length <= 2 ? [String(expected.limit)] : possible;
  if (wanted.includes(found.limit)) return;
  const detail = `Redis has the limit ${found.limit}, books and outbox have ${wanted.join(" or ") || "none"}`;
  findings.add("redis-differs", account, seq, detail);
}

function compareStatement(
  account: number,
  seq: number,
  statement: readonly string[],
  expected: ExpectedAccount,
  findings: Findings,
): void {
  const length = Math.min(seq, bounds.statement_entries_max);
  for (let index = 0; index < Math.max(length, statement.length); index += 1) {
    const at = seq - index;
    const wanted = index < length ? expected.entries.get(at) : undefined;
    const shown = statement[index];
    if (shown === wanted) continue;
    const detail =
      shown === undefined
        ? "it is not in the statement"
        : `the statement has ${quote(shown)}, books and outbox have ${wanted === undefined ? "nothing more" : quote(wanted)}`;
    findings.add("statement-differs", account, Math.max(at, 1), detail);
    // After a missing entry all others are at the wrong index.
    return;
  }
}
