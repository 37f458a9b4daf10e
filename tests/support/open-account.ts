import { type AccountId, CONTEST_UNIT } from "../../src/ledger/account.ts";
import type { OpenAccount } from "../../src/ledger/command.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";

/** @returns the account's id, which the ledger made */
export async function openAccount(ledger: Ledger, id: OpenAccount["id"], name: string): Promise<AccountId> {
  const opening = { account: null, creditLimit: 500, unit: CONTEST_UNIT, name, metadata: {} };
  const outcome = await ledger.submit({ type: "open", id, ...opening });
  if (outcome.type === "accepted" && outcome.result.type === "account") return outcome.result.account.id;
  throw new Error(`no account was opened: ${JSON.stringify(outcome)}`);
}
