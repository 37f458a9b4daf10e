import { type AccountId, type Party, WORLD } from "../ledger/account.ts";
import type { CommandContent } from "../ledger/command.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { isOwnHold, isOwnParty, isOwnTransaction } from "../ledger/own-accounts.ts";
import type { Refused } from "../ledger/refused.ts";
import type { Hold } from "../ledger/transaction.ts";
import { type AccessKey, hasScope, mayUse } from "./access-key.ts";
import type { Scope } from "./scope.ts";

/** Why a command is not for the key that it came with. */
export type Denial =
  | { readonly type: "scope"; readonly scope: Scope }
  /** It would open an account that the key could not use. */
  | { readonly type: "opening"; readonly accounts: string }
  /** It names what is not for the key, and is answered as if that did not exist. */
  | { readonly type: "not-there"; readonly refused: Refused };

/** What is looked at. */
type Looked = Pick<Ledger, "hold" | "transaction">;

/** What a key needs for a command, beside what it needs because of `@world`. */
export function scopeOf({ type }: CommandContent): Scope {
  switch (type) {
    case "open":
    case "change":
      return "accounts:write";
    case "transact":
    case "transaction":
    case "reversal":
      return "transactions:write";
    case "hold":
    case "capture":
    case "release":
      return "holds:write";
  }
}

/**
 * Looks at all that a command names or moves before the ledger is asked to decide it. So the outcome of a command that
 * passes is about the key's own accounts only, also where it is one of long ago, under an Idempotency-Key that came with
 * another access key.
 *
 * What is not the key's own is treated as what does not exist, by one path: of both nobody is asked, or the same is.
 *
 * @returns `null` if the key may do it
 */
export async function denialOf(
  key: AccessKey,
  ledger: Looked,
  command: CommandContent,
): Promise<Denial | null> {
  const scope = scopeOf(command);
  if (!hasScope(key, scope)) return { type: "scope", scope };
  if (key.accounts === "" && hasScope(key, "world:write")) return null;
  switch (command.type) {
    case "open": {
      const isOwn = key.accounts === "" || (command.account !== null && mayUse(key, command.account));
      return isOwn ? null : { type: "opening", accounts: key.accounts };
    }
    case "change":
      return denialOfParties(key, [[command.account, null]]);
    case "transact":
      return denialOfParties(key, [
        [WORLD, null],
        [command.account, null],
      ]);
    case "transaction": {
      const { postings, conditions } = command;
      return denialOfParties(key, [
        ...postings.flatMap(({ from, to }, index) => [[from, index] as const, [to, index] as const]),
        ...conditions.map(({ account }, index) => [account, index] as const),
      ]);
    }
    case "hold":
      return denialOfParties(key, [
        [command.from, null],
        [command.to, null],
      ]);
    case "capture":
      return denialOfCapture(key, ledger, command);
    case "release":
      if (key.accounts === "") return null;
      return (await ownHold(key, ledger, command.hold)) === null ? notThere("hold-unknown") : null;
    case "reversal": {
      const kept = await ledger.transaction(command.transaction);
      if (kept === null || !isOwnTransaction(key.accounts, kept.transaction))
        return notThere("transaction-unknown");
      return denialOfParties(
        key,
        kept.transaction.postings.flatMap(({ from, to }) => [[from, null] as const, [to, null] as const]),
      );
    }
  }
}

/** Each with the place where it is named. The outside comes first: what a key may not do at all needs no look at accounts. */
function denialOfParties(
  key: AccessKey,
  parties: readonly (readonly [Party, number | null])[],
): Denial | null {
  if (parties.some(([party]) => party === WORLD) && !hasScope(key, "world:write"))
    return { type: "scope", scope: "world:write" };
  for (const [party, index] of parties)
    if (!isOwnParty(key.accounts, party)) return notThere("account-unknown", party, index);
  return null;
}

/** What a capture says nothing of goes to where the hold says: only the hold tells whether that is the outside. */
async function denialOfCapture(
  key: AccessKey,
  ledger: Looked,
  command: Extract<CommandContent, { readonly type: "capture" }>,
): Promise<Denial | null> {
  const { amount, to, parts } = command;
  const hold = await ownHold(key, ledger, command.hold);
  if (hold === null) return notThere("hold-unknown");
  if (parts !== null)
    return denialOfParties(
      key,
      parts.map((part, index) => [part.to, index]),
    );
  // Of nothing nothing moves: that only frees the hold.
  if (amount === 0 && to === null) return null;
  return denialOfParties(key, [[to ?? hold.to, null]]);
}

/**
 * One that is not there now may be there when the ledger decides, since ids can be told before: so nobody may go on with
 * one that could not be looked at.
 */
async function ownHold(key: AccessKey, ledger: Looked, id: string): Promise<Hold | null> {
  const hold = await ledger.hold(id);
  return hold !== null && isOwnHold(key.accounts, hold) ? hold : null;
}

function notThere(
  refusal: Refused["refusal"],
  account: AccountId | null = null,
  index: number | null = null,
): Denial {
  return { type: "not-there", refused: { refusal, account, index, other: null } };
}
