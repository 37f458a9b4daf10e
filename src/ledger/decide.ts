import { MONEY_CENTS_MAX } from "../bounds.ts";
import type { Account, Micros } from "./account.ts";
import type { ChangeLimit, OpenAccount, Transact } from "./command.ts";
import type { Entry } from "./entry.ts";
import type { Refusal } from "./refusal.ts";

export type Decision =
  | { readonly type: "accepted"; readonly account: Account; readonly entry: Entry | null }
  | { readonly type: "refused"; readonly refusal: Refusal };

/**
 * The rules of the ledger, without any I/O: applies the command to the account, or refuses it.
 * All checks come before the first change, in the order that refusal.ts documents. `key-reused` is checked by the
 * caller, since only the caller remembers ids.
 *
 * @param account the current state of the account that the command names; `null` if there is no such account
 * @param now the clock of the ledger that decides
 */
export function decide(account: Account | null, command: Transact | ChangeLimit, now: Micros): Decision {
  if (account === null) return refuse("account-unknown");
  return command.type === "transact" ? transact(account, command, now) : changeLimit(account, command);
}

/**
 * The account that the command opens. Opening is never refused.
 *
 * @param id the number that the ledger gives it
 */
export function open(command: OpenAccount, id: number, now: Micros): Account {
  return { id, name: command.name, creditLimit: command.creditLimit, balance: 0, seq: 0, time: now };
}

function transact(account: Account, command: Transact, now: Micros): Decision {
  const isDebit = command.kind === "debit";
  // Both operands are within ±(2^53 - 1). A sum beyond that may be rounded, but never back into the range.
  const balance = isDebit ? account.balance - command.value : account.balance + command.value;
  if (isDebit && balance < -account.creditLimit) return refuse("limit-exceeded");
  if (balance > MONEY_CENTS_MAX) return refuse("balance-out-of-range");

  const seq = account.seq + 1;
  // The clock may stand still or step back. Even so, the order by time is the order by seq within an account.
  const time = Math.max(now, account.time + 1);
  const { id, name, creditLimit } = account;
  return {
    type: "accepted",
    account: { id, name, creditLimit, balance, seq, time },
    entry: {
      account: id,
      seq,
      kind: command.kind,
      value: command.value,
      balance,
      description: command.description,
      id: command.id,
      time,
    },
  };
}

function changeLimit(account: Account, command: ChangeLimit): Decision {
  if (account.balance < -command.creditLimit) return refuse("limit-too-low");
  return { type: "accepted", account: { ...account, creditLimit: command.creditLimit }, entry: null };
}

function refuse(refusal: Refusal): Decision {
  return { type: "refused", refusal };
}
