import type { AccountId, Party } from "../ledger/account.ts";
import { WORLD } from "../ledger/account.ts";
import { shardOf } from "../ledger/account-id.ts";
import type { ChangeAccount, Command } from "../ledger/command.ts";
import { accountDetailsIn, formatAccountDetails } from "../ledger/details-text.ts";
import { mergedMetadata } from "../ledger/metadata.ts";
import type { AllOrNone, Outcome } from "../ledger/ledger.ts";
import type { Refusal } from "../ledger/refusal.ts";
import type { Refused } from "../ledger/refused.ts";
import { placeOfEvent } from "../ledger/event-id.ts";
import type { EventId, Posting } from "../ledger/transaction.ts";

export function refusedFor(
  refusal: Refusal,
  account: AccountId | null = null,
  other: string | null = null,
): Refused {
  return { refusal, account, index: null, other };
}

/** The answer to a group, of which this command was refused. */
export function refusedAll(index: number, outcome: Outcome): AllOrNone {
  if (outcome.type === "accepted") throw new Error("it was accepted");
  const { type: _, replayed, ...refused } = outcome;
  return { type: "refused", index, refused, replayed };
}

/**
 * The shard that decides a command, by what it names. An account that is yet to be opened may have no id: then its
 * command's id chooses the shard, so that the same command sent again goes to the same shard.
 *
 * @returns null if it names several
 */
export function shardOfCommand(command: Command, shards: number): number | null {
  const [first = 0, ...rest] = new Set(shardsOf(command, shards));
  return rest.length === 0 ? first : null;
}

/** The first one is where a refusal is remembered. */
export function shardsOf(command: Command, shards: number): readonly number[] {
  if (shards === 1) return ONLY_SHARD;
  const of = (parties: readonly Party[]): number[] =>
    parties.filter((party) => party !== WORLD).map((party) => shardOf(party, shards));
  switch (command.type) {
    case "transact":
    case "change":
      return of([command.account]);
    case "open":
      return of([command.account ?? command.id]);
    case "transaction": {
      const accounts = command.conditions.map(({ account }) => account);
      return of([...command.postings.flatMap(({ from, to }) => [from, to]), ...accounts]);
    }
    case "hold":
      return of([command.from, command.to]);
    case "capture": {
      const to = command.parts?.map((part) => part.to) ?? (command.to === null ? [] : [command.to]);
      return [shardOfEvent("h", command.hold, shards), ...of(to)];
    }
    case "release":
      return [shardOfEvent("h", command.hold, shards)];
    case "reversal":
      return [shardOfEvent("t", command.transaction, shards)];
  }
}

const ONLY_SHARD = [0];

/** Whether they are not all the same. */
export function areApart(shards: readonly number[]): boolean {
  for (const shard of shards) if (shard !== shards[0]) return true;
  return false;
}

/** Whether a command alone does not say what it becomes for the function. */
export function isLookedUp(command: Command): boolean {
  return (
    command.type === "reversal" ||
    (command.type === "change" && (command.name !== undefined || command.metadata !== undefined))
  );
}

/** Where there is no such event, any shard will say so. */
export function shardOfEvent(letter: "t" | "h", id: EventId, shards: number): number {
  const shard = placeOfEvent(letter, id)?.shard ?? 0;
  return shard < shards ? shard : 0;
}

/** The details of an account after a change, from those that it has; `null` if they would be too large. */
export function changedDetails(before: string, { name, metadata = {} }: ChangeAccount): string | null {
  const old = accountDetailsIn(before);
  const merged = mergedMetadata(old.metadata, metadata);
  if (merged === null) return null;
  return formatAccountDetails({ name: name === undefined ? old.name : name, metadata: merged });
}

/** What takes postings back: the opposite ones, in the opposite order. */
export function oppositeOf(postings: readonly Posting[]): Posting[] {
  return postings.map(({ from, to, amount }) => ({ from: to, to: from, amount })).toReversed();
}
