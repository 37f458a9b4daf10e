import type { AccountId } from "../../../src/ledger/account.ts";
import type { OpenAccount } from "../../../src/ledger/command.ts";
import type { Ledger } from "../../../src/ledger/ledger.ts";
import { accepted, type LedgerUnderTest, open, resultOf, type Skips, transaction } from "./commands.ts";

/** What the sections of the suite use. */
export interface Moves {
  readonly ledger: Ledger;
  readonly skips: Skips;
  readonly events: () => Promise<readonly string[]>;
  readonly advanceClock: (seconds: number) => void;
  /** Lets so many seconds pass, in whichever way. */
  readonly pass: (seconds: number) => Promise<void>;
  /** Opens an account, on the same shard as the others unless they are apart, and brings it to a balance. */
  readonly account: (
    creditLimit: number,
    balance?: number,
    changes?: Partial<OpenAccount>,
  ) => Promise<AccountId>;
}

/** Accounts with the same tag are on one shard. */
const TAG = "{moves}";

export function movesOf(subject: LedgerUnderTest, skips: Skips): Moves {
  const { ledger } = subject;
  let count = 0;
  return {
    ledger,
    skips,
    events: () => subject.events(),
    advanceClock: (seconds) => subject.advanceClock(seconds),
    pass: async (seconds) => {
      if (skips.clock === undefined) subject.advanceClock(seconds);
      else await Bun.sleep(seconds * 1000 + 100);
    },
    account: async (creditLimit, balance = 0, changes = {}) => {
      count += 1;
      const number = String(count).padStart(3, "0");
      const id = changes.account ?? (skips.together === undefined ? `${TAG}${number}` : `apart-${number}`);
      accepted(await ledger.submit(open(creditLimit, { ...changes, account: id })));
      if (balance > 0) resultOf(await ledger.submit(transaction([["@world", id, balance]])));
      if (balance < 0) resultOf(await ledger.submit(transaction([[id, "@world", -balance]])));
      return id;
    },
  };
}

/** An account of the same shard that nobody opens. */
export const NOBODY: AccountId = `${TAG}nobody`;
