import { MONEY_CENTS_MAX } from "../limits.ts";
import type { Account, Micros } from "./account.ts";
import type { ChangeLimit, Command, OpenAccount, Transact } from "./command.ts";
import type { Entry } from "./entry.ts";
import type { Refusal } from "./refusal.ts";

/** What the deciding ledger brings to a decision: its clock, and the number for an account that would be opened. */
export interface Moment {
  readonly now: Micros;
  readonly nextAccount: number;
}

export type Decision =
  | { readonly type: "accepted"; readonly account: Account; readonly entry: Entry | null }
  | { readonly type: "refused"; readonly refusal: Refusal };

/**
 * The rules of the ledger, without any I/O: what becomes of the account when the command is applied to it.
 * All checks come before the first change, in the order that refusal.ts documents. Whether the id was seen
 * before (`key-reused`) is for the caller, who has the memory of ids.
 *
 * @param account the account that the command names, as it stands; `null` where there is none
 */
export function decide(account: Account | null, command: Command, moment: Moment): Decision {
  if (command.type === "open") return open(command, moment);
  if (account === null) return refuse("account-unknown");
  return command.type === "transact" ? transact(account, command, moment) : changeLimit(account, command);
}

function transact(account: Account, command: Transact, moment: Moment): Decision {
  const isDebit = command.kind === "debit";
  // Both operands are within ±(2^53 - 1). Beyond it a sum may be rounded, but never back into the range.
  const balance = isDebit ? account.balance - command.value : account.balance + command.value;
  if (isDebit && balance < -account.creditLimit) return refuse("limit-exceeded");
  if (balance > MONEY_CENTS_MAX) return refuse("balance-out-of-range");

  const seq = account.seq + 1;
  // A clock may stand or step back; within an account the order by time is the order by seq all the same.
  const time = Math.max(moment.now, account.time + 1);
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

function open(command: OpenAccount, moment: Moment): Decision {
  const { name, creditLimit } = command;
  const account = { id: moment.nextAccount, name, creditLimit, balance: 0, seq: 0, time: moment.now };
  return { type: "accepted", account, entry: null };
}

function refuse(refusal: Refusal): Decision {
  return { type: "refused", refusal };
}
