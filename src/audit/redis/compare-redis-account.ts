import { accountOfRow } from "../../decide/function-codec.ts";
import type { AccountId, AccountState } from "../../ledger/account.ts";
import { bounds } from "../../bounds.ts";
import { splitRow } from "../../keep/transits/in-transit.ts";
import { quote } from "../events.ts";
import { type ExpectedAccount, withTransit } from "../expected-accounts.ts";
import type { Findings } from "../findings.ts";
import type { ReadResult } from "./redis-reader.ts";

/** What was read of an account in Redis, and in the books before that. */
export interface AccountObservation {
  readonly account: AccountId;
  /** The seq in the books before Redis was read; `null`: they did not have the account. */
  readonly keptSeq: number | null;
  /** Whether it may have stood so when Redis was read, see `standingText`. */
  readonly stoodSo: (standing: string) => boolean;
  readonly found: FoundAccount;
}

export type FoundAccount =
  | "missing"
  | { readonly unreadable: string }
  | { readonly state: AccountState; readonly standing: string; readonly statement: readonly string[] };

export function parseFound(account: AccountId, result: ReadResult | undefined): FoundAccount {
  if (result === undefined || result === "missing") return "missing";
  if ("unreadable" in result) return result;
  const row = result.row.toString();
  try {
    const [own, inTransit] = splitRow(row);
    const state = accountOfRow(account, own, "");
    const standing = withTransit(
      `${state.state} ${state.creditLimit} ${state.held} ${result.details}`,
      inTransit,
    );
    return { state, standing, statement: result.statement.map(String) };
  } catch {
    return { unreadable: quote(row) };
  }
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
  const { state, statement } = found;
  const { seq } = state;
  if (keptSeq !== null && seq < keptSeq) {
    findings.add("redis-older", account, seq, `Redis has it at seq ${seq}, the books at ${keptSeq}`);
    return;
  }
  if (seq > expected.seq) {
    differs(`Redis has it at seq ${seq}, books and outbox end at ${expected.seq}`, seq);
    return;
  }
  const balance = fieldAt(expected, seq, BALANCE) ?? (seq === 0 ? "0" : null);
  if (String(state.balance) !== balance) {
    differs(
      `Redis has the balance ${state.balance}, books and outbox have ${balance ?? "no such entry"}`,
      seq,
    );
  }
  const { unit, openedAt } = expected;
  const time = seq === 0 ? String(openedAt) : fieldAt(expected, seq, TIME);
  const compared: [string, string, string][] = [
    ["unit", state.unit, unit],
    ["opening time", String(state.openedAt), String(openedAt)],
    ["latest time", String(state.time), time ?? String(state.time)],
  ];
  const other = compared.filter(([, has, wanted]) => has !== wanted);
  if (other.length > 0) {
    const which = other.map(([what, has, wanted]) => `the ${what} ${quote(has)}, the books ${quote(wanted)}`);
    differs(`Redis has ${which.join("; ")}`);
  }
  if (found.standing !== expected.standing && !observed.stoodSo(found.standing)) {
    if (BigInt(state.creditLimit) === expected.limit)
      differs(`Redis has ${quote(found.standing)}, books and outbox have ${quote(expected.standing)}`);
    else differs(`Redis has the limit ${state.creditLimit}, books and outbox have ${expected.limit}`, seq);
  }
  compareStatement(account, seq, statement, expected, findings);
}

/** Where these stand in the event of an entry. */
const TIME = 3;
const BALANCE = 5;

/** `null` if books and outbox have no entry with this seq. */
function fieldAt(expected: ExpectedAccount, seq: number, field: number): string | null {
  return expected.entries.get(seq)?.split(" ", field + 1)[field] ?? null;
}

function compareStatement(
  account: AccountId,
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
