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
  /** Where a batch was refused as a whole under its key: the command, from 0. */
  readonly command?: number;
}

/**
 * As one word: the refusal, and behind slashes account, index, what else there is, and the command; empty for what is not
 * there.
 */
export function formatRefusal({ refusal, account, index, other, command }: Refused): string {
  return `${refusal}/${account ?? ""}/${index ?? ""}/${other ?? ""}/${command ?? ""}`.replace(/\/+$/, "");
}

/** `null` if the text is none. */
export function parseRefusal(text: string): Refused | null {
  const [refusal = "", account = "", index = "", other = "", command = ""] = text.split("/");
  if (!isRefusal(refusal)) return null;
  return {
    refusal,
    account: account || null,
    index: index === "" ? null : Number(index),
    other: other || null,
    ...(command === "" ? {} : { command: Number(command) }),
  };
}
