import { type AccountId, WORLD } from "../../ledger/account.ts";
import type { Command } from "../../ledger/command.ts";
import type { Posting } from "../../ledger/transaction.ts";
import type { Answer, Prepared } from "../function-codec.ts";

/** One of several commands that are to take effect one after the other. */
export interface Step<T> {
  /** What it may change or look at; `null`: it could be any. */
  readonly accounts: readonly AccountId[] | null;
  /** It takes several calls. Others that are begun one after the other are decided in that order. */
  readonly isAcross: boolean;
  /** How it was decided before: then it changes nothing any more, and waits for nobody. */
  readonly before: Answer | null;
  readonly begin: () => Promise<T>;
}

/**
 * Begins each command once it finds what those before it have done: where one of two on an account is across shards, or has
 * to wait itself, the later one waits for the end of the other. All else is begun at once.
 */
export function inOrder<T>(steps: readonly Step<T>[]): Promise<PromiseSettledResult<T>[]> {
  const begun: { readonly step: Step<T>; readonly isLate: boolean; readonly outcome: Promise<T> }[] = [];
  for (const step of steps) {
    const before = begun
      .filter((other) => step.before === null && (step.isAcross || other.isLate) && meet(step, other.step))
      .map(({ outcome }) => outcome);
    const outcome = before.length === 0 ? step.begin() : Promise.allSettled(before).then(step.begin);
    begun.push({ step, isLate: step.isAcross || before.length > 0, outcome });
  }
  return Promise.allSettled(begun.map(({ outcome }) => outcome));
}

function meet(one: Step<unknown>, other: Step<unknown>): boolean {
  if (one.accounts === null || other.accounts === null) return true;
  return one.accounts.some((account) => other.accounts?.includes(account));
}

/** The accounts that a command may change, or looks at; `null` if it does not say so. */
export function accountsOf(command: Command, prepared: Prepared | null): readonly AccountId[] | null {
  switch (command.type) {
    case "transact":
    case "change":
      return [command.account];
    case "open":
      return command.account === null ? [] : [command.account];
    case "hold":
      return partiesOf([command]);
    case "transaction":
      return [...partiesOf(command.postings), ...command.conditions.map(({ account }) => account)];
    case "reversal":
      return prepared?.type === "reversal" ? partiesOf(prepared.postings) : [];
    case "capture":
    case "release":
      return null;
  }
}

function partiesOf(postings: readonly Pick<Posting, "from" | "to">[]): AccountId[] {
  return postings.flatMap(({ from, to }) => [from, to]).filter((party) => party !== WORLD);
}
