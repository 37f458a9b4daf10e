import { type AccountId, WORLD } from "../../ledger/account.ts";
import { shardOf } from "../../ledger/account-id.ts";
import type { Condition, Posting } from "../../ledger/transaction.ts";
import type { TransitAnswer } from "./transit-answers.ts";
import type { AwayAccount, Told } from "./transit-arguments.ts";

/** What a transaction across shards moves, and what it asks for. */
export interface Moves {
  readonly postings: readonly Posting[];
  readonly conditions: readonly Condition[];
  /** As events have them, see `formatDetails`. */
  readonly details: string;
  readonly isDryRun: boolean;
}

/** What of a transaction is on another shard than its home. */
export interface Part {
  readonly shard: number;
  /** Each once, in the order of postings, then of conditions. */
  readonly accounts: readonly AccountId[];
  /** With their places among all of the transaction, from 0. */
  readonly conditions: readonly { readonly place: number; readonly condition: Condition }[];
}

/** In the order of their shards; empty where all is at home. */
export function partsOf(
  { postings, conditions }: Pick<Moves, "postings" | "conditions">,
  home: number,
  shards: number,
): Part[] {
  const accounts = new Map<number, Set<AccountId>>();
  const named = [
    ...postings.flatMap(({ from, to }) => [from, to]),
    ...conditions.map(({ account }) => account),
  ];
  for (const account of named) {
    const shard = account === WORLD ? home : shardOf(account, shards);
    if (shard === home) continue;
    const own = accounts.get(shard) ?? new Set();
    accounts.set(shard, own.add(account));
  }
  const placed = conditions.map((condition, place) => ({ place, condition }));
  return [...accounts]
    .toSorted(([one], [other]) => one - other)
    .map(([shard, own]) => ({
      shard,
      accounts: [...own],
      conditions: placed.filter(({ condition }) => own.has(condition.account)),
    }));
}

/**
 * What home is told of the answers of the parts, each in the place of its part.
 *
 * @returns null if a part has neither been prepared nor refused
 */
export function toldBy(parts: readonly Part[], answers: readonly TransitAnswer[]): Told | null {
  const accounts: AwayAccount[] = [];
  let refused: Told["refused"] = null;
  let unmet: Told["unmet"] = null;
  for (const [index, { accounts: ids }] of parts.entries()) {
    const answer = answers[index];
    if (answer?.type === "prepared" || answer?.type === "dry") {
      for (const { id, state, unit } of answer.event.accounts) accounts.push({ id, state, unit });
    } else if (answer?.type === "unprepared") {
      for (const [at, account] of answer.accounts.entries()) accounts.push({ id: ids[at] ?? "", ...account });
      if (answer.refused !== null && (refused === null || answer.refused.posting < refused.posting))
        refused = answer.refused;
      if (answer.unmet !== null && (unmet === null || answer.unmet < unmet)) unmet = answer.unmet;
    } else {
      return null;
    }
  }
  return { shards: parts.map(({ shard }) => shard), accounts, refused, unmet };
}
