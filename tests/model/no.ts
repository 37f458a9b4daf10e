import type { AccountId } from "../../src/ledger/account.ts";
import type { Outcome } from "../../src/ledger/ledger.ts";
import type { Refusal } from "../../src/ledger/refusal.ts";

/** Thrown where a command is refused. */
export class No extends Error {
  readonly refused: Extract<Outcome, { readonly type: "refused" }>;

  constructor(
    refusal: Refusal,
    account: AccountId | null,
    index: number | null = null,
    other: string | null = null,
  ) {
    super(refusal);
    this.refused = { type: "refused", refusal, account, index, other, replayed: false };
  }
}
