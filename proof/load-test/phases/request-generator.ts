import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { ACCOUNTS, contest, type LoadKind } from "../contest-rules.ts";
import { schedule, type Shape } from "./schedule.ts";

export interface PlannedTransaction {
  readonly account: number;
  readonly kind: "debit" | "credit";
  /** In cents. */
  readonly value: number;
  readonly description: string;
}

export type PlannedRequest =
  | (PlannedTransaction & { readonly atMs: number })
  | { readonly account: number; readonly kind: "statement"; readonly atMs: number };

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** The requests of the ramp and the steady phase with all they say, in order of time: the same for the same seed. */
export function* plan(shape: Shape, seed: number): Generator<PlannedRequest, void> {
  const random = xoroshiro128plus(seed);
  for (const { kind, atMs } of schedule(shape)) {
    const account = uniformInt(random, 1, ACCOUNTS.length);
    if (kind === "statement") {
      yield { account, kind, atMs };
    } else {
      const value = uniformInt(random, contest.value_cents_min, contest.value_cents_max);
      let description = "";
      for (let index = 0; index < contest.description_characters; index++) {
        description += ALPHABET.charAt(uniformInt(random, 0, ALPHABET.length - 1));
      }
      yield { account, kind, value, description, atMs };
    }
  }
}

/** The value with the sign that it has on the balance, in cents. */
export function signedValue(transaction: { readonly kind: LoadKind; readonly value: number }): number {
  return transaction.kind === "debit" ? -transaction.value : transaction.value;
}
