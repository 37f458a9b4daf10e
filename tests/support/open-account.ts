import { type AccountId, CONTEST_UNIT } from "../../src/ledger/account.ts";
import type { OpenAccount } from "../../src/ledger/command.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";

/** @returns the account's id, which the ledger made */
export async function openAccount(ledger: Ledger, id: OpenAccount["id"], name: string): Promise<AccountId> {
  const outcome = await ledger.submit({ type: "open", id, creditLimit: 500, unit: CONTEST_UNIT, name });
  if (outcome.type !== "accepted") throw new Error(`no account was opened: ${outcome.refusal}`);
  return outcome.account.id;
}
