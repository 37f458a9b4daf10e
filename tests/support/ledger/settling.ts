import { expect } from "bun:test";
import type { AccountId } from "../../../src/ledger/account.ts";
import { type Command, type CommandId, isClientKey } from "../../../src/ledger/command.ts";
import { isCommandEvent, type LedgerEvent, parseEvent } from "../../../src/ledger/event.ts";
import { type Ledger, LedgerUnavailable, type Outcome } from "../../../src/ledger/ledger.ts";

/** What clients do about a ledger that fails now and then, and whether it kept what it told them. */

export interface Answered {
  readonly command: Command;
  readonly outcome: Outcome;
}

const ATTEMPTS_MAX = 15;
let count = 0;

export function requestId(): CommandId {
  count += 1;
  return `req:${process.pid}-${count}`;
}

export function debit(account: AccountId, value = 1, id = requestId()): Command {
  return { type: "transact", id, account, kind: "debit", value, description: "debit" };
}

export function credit(account: AccountId, value = 1, id = requestId()): Command {
  return { type: "transact", id, account, kind: "credit", value, description: "credit" };
}

/** Sends a command, again and again with the same id, until it is answered. */
export async function settle(ledger: Ledger, command: Command): Promise<Answered> {
  for (let attempt = 1; ; attempt += 1) {
    const result = await submitted(ledger, command);
    if (!(result instanceof LedgerUnavailable)) return { command, outcome: result };
    if (attempt === ATTEMPTS_MAX)
      throw new Error(`never answered: ${JSON.stringify(command)}`, { cause: result });
    await Bun.sleep(20);
  }
}

/** The outcome, or why there is none. */
export async function submitted(ledger: Ledger, command: Command): Promise<Outcome | LedgerUnavailable> {
  try {
    return await ledger.submit(command);
  } catch (error) {
    if (error instanceof LedgerUnavailable) return error;
    throw error;
  }
}

/**
 * Every command that was accepted, or refused under a client's key, stands in the outbox once, as it was answered, and
 * nothing else does; the entries of each account form a chain that never passes its limit.
 */
export function expectAppliedOnce(answers: readonly Answered[], events: readonly string[]): void {
  const parsed = events.map((text) => parseEvent(text));
  const decided = parsed.map(idOf);
  const kept = answers.filter(
    ({ command, outcome }) =>
      outcome.type === "accepted" || (isClientKey(command.id) && outcome.refusal !== "key-reused"),
  );
  expect(decided.toSorted()).toEqual(kept.map(({ command }) => command.id).toSorted());

  const outcomes = new Map<string, Outcome>(answers.map(({ command, outcome }) => [command.id, outcome]));
  const chains = new Map<AccountId, { seq: number; balance: number; time: number }>();
  for (const event of parsed) {
    if (event.type === "refusal")
      expect(outcomes.get(event.id)).toMatchObject({ type: "refused", ...event.refusal });
    if (event.type !== "entry") continue;
    const { entry, creditLimit } = event;
    const before = chains.get(entry.account) ?? { seq: 0, balance: 0, time: 0 };
    expect(entry.seq).toBe(before.seq + 1);
    expect(entry.balance).toBe(before.balance + (entry.kind === "credit" ? entry.value : -entry.value));
    expect(entry.balance).toBeGreaterThanOrEqual(-creditLimit);
    expect(entry.time).toBeGreaterThan(before.time);
    expect(outcomes.get(entry.id)).toMatchObject({
      result: { account: { id: entry.account, seq: entry.seq, balance: entry.balance, creditLimit } },
    });
    chains.set(entry.account, entry);
  }
}

function idOf(event: LedgerEvent): string {
  if (!isCommandEvent(event)) throw new Error("nobody has asked for such an event");
  return event.type === "entry" ? event.entry.id : event.id;
}
