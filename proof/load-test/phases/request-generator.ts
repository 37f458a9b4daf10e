import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { ACCOUNTS, contestRules, type LoadKind } from "../contest-rules.ts";
import { schedule, type LoadShape } from "./schedule.ts";

export interface GeneratedTransaction {
  readonly account: number;
  readonly kind: "debit" | "credit";
  /** In cents. */
  readonly value: number;
  readonly description: string;
}

export type GeneratedRequest =
  | (GeneratedTransaction & { readonly atMs: number })
  | { readonly account: number; readonly kind: "statement"; readonly atMs: number };

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/**
 * All requests of the ramp and the steady phase with their contents, in order of time. The same seed gives the same.
 */
export function* generateRequests(shape: LoadShape, seed: number): Generator<GeneratedRequest, void> {
  const random = xoroshiro128plus(seed);
  for (const { kind, atMs } of schedule(shape)) {
    const account = uniformInt(random, 1, ACCOUNTS.length);
    if (kind === "statement") {
      yield { account, kind, atMs };
    } else {
      const value = uniformInt(random, contestRules.value_cents_min, contestRules.value_cents_max);
      let description = "";
      for (let index = 0; index < contestRules.description_characters; index++) {
        description += ALPHABET.charAt(uniformInt(random, 0, ALPHABET.length - 1));
      }
      yield { account, kind, value, description, atMs };
    }
  }
}

/** The change of the balance, in cents: negative for a debit. */
export function signedValue(transaction: { readonly kind: LoadKind; readonly value: number }): number {
  return transaction.kind === "debit" ? -transaction.value : transaction.value;
}
