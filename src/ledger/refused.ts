import type { AccountId } from "./account.ts";
import { isRefusal, type Refusal } from "./refusal.ts";

/** A refusal, and where it comes from, as far as it has a place. */
export interface Refused {
  readonly refusal: Refusal;
  /** Because of this account. */
  readonly account: AccountId | null;
  /** The posting, or the condition, of the transaction: from 0. */
  readonly index: number | null;
  /** Of `hold-not-open` the hold's state, of `already-reversed` the reversal. */
  readonly other: string | null;
}

/** As one word: the refusal, and behind slashes account, index and what else there is; empty for what is not there. */
export function formatRefusal({ refusal, account, index, other }: Refused): string {
  return `${refusal}/${account ?? ""}/${index ?? ""}/${other ?? ""}`.replace(/\/+$/, "");
}

/** `null` if the text is none. */
export function parseRefusal(text: string): Refused | null {
  const [refusal = "", account = "", index = "", other = ""] = text.split("/");
  if (!isRefusal(refusal)) return null;
  return {
    refusal,
    account: account || null,
    index: index === "" ? null : Number(index),
    other: other || null,
  };
}
