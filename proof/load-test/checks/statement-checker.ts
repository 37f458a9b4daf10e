import type { StatementAnswer, StatementEntry } from "../http/answers.ts";
import type { AcceptedTransaction, ExpectedAccount } from "./expected-account.ts";
import { contestRules } from "../contest-rules.ts";
import type { Finding } from "./checks.ts";
import { signedValue } from "../phases/request-generator.ts";

/**
 * Checks statements against the answers to the transactions in them. A transaction is recognized by its description,
 * which the request generator makes unique. One that is not recognized is not checked, so there are no false alarms.
 */
export class StatementChecker {
  readonly #expected: ExpectedAccount;
  /** Balances that statements showed after transactions that were not answered yet, by description. */
  readonly #shownBeforeAnswer = new Map<string, number>();

  constructor(expected: ExpectedAccount) {
    this.#expected = expected;
  }

  /**
   * Returns the first thing that is wrong with a statement.
   *
   * @param askedAt when its request was sent, in milliseconds on the clock of `performance.now()`
   */
  check(statement: StatementAnswer, askedAt: number): Finding | null {
    const known = statement.entries.map((entry) => this.#expected.latest.get(entry.description));
    return (
      this.#expected.checkLimit(statement.balance, statement.limit, "the statement") ??
      this.#checkEntries(statement, known) ??
      this.#checkOrder(statement, known) ??
      this.#checkFreshness(statement, known, askedAt) ??
      this.#checkBalances(statement, known)
    );
  }

  /** Call for each accepted transaction: a statement may have shown it before its answer came. */
  checkAnswer(description: string, balance: number): Finding | null {
    const shown = this.#shownBeforeAnswer.get(description);
    if (shown === undefined) return null;
    this.#shownBeforeAnswer.delete(description);
    if (shown === balance) return null;
    return this.#finding(
      "statement-torn",
      `a statement shows ${shown} after "${description}", which was then answered with ${balance}`,
    );
  }

  /** Call for each transaction that ends without a balance. */
  forget(description: string): void {
    this.#shownBeforeAnswer.delete(description);
  }

  #checkEntries(
    { entries }: StatementAnswer,
    known: readonly (AcceptedTransaction | undefined)[],
  ): Finding | null {
    for (const [index, entry] of entries.entries()) {
      const accepted = known[index];
      if (accepted !== undefined && (accepted.kind !== entry.kind || accepted.value !== entry.value)) {
        return this.#finding(
          "statement-entry",
          `the statement shows ${describe(entry)}, which was ${describe(accepted)}`,
        );
      }
    }
    return null;
  }

  #checkOrder(
    { entries }: StatementAnswer,
    known: readonly (AcceptedTransaction | undefined)[],
  ): Finding | null {
    for (const [index, entry] of entries.entries()) {
      const newer = entries[index - 1];
      if (newer !== undefined && newer.time < entry.time) {
        return this.#finding(
          "statement-order",
          `the statement shows ${describe(newer)} before ${describe(entry)}, though it is the older one by its time`,
        );
      }
    }
    // A transaction that was answered before another one was sent came first, whatever the times say.
    let earliestAnswer: AcceptedTransaction | undefined;
    for (const accepted of known) {
      if (accepted === undefined) continue;
      if (earliestAnswer !== undefined && earliestAnswer.answeredAt < accepted.sentAt) {
        return this.#finding(
          "statement-order",
          `the statement shows ${describe(earliestAnswer)} before ${describe(accepted)}, which was sent after the answer to it`,
        );
      }
      if (accepted.answeredAt < (earliestAnswer?.answeredAt ?? Infinity)) earliestAnswer = accepted;
    }
    return null;
  }

  /**
   * A transaction that was answered before the statement was requested must be in it, unless ten newer ones are. If the
   * statement shows an older one, or fewer than ten, nothing newer may be missing.
   */
  #checkFreshness(
    { entries }: StatementAnswer,
    known: readonly (AcceptedTransaction | undefined)[],
    askedAt: number,
  ): Finding | null {
    let showsAllSince = Infinity;
    for (const accepted of known) {
      if (accepted !== undefined) showsAllSince = Math.min(showsAllSince, accepted.answeredAt);
    }
    if (entries.length < contestRules.statement_entries_max) showsAllSince = -Infinity;
    const shown = new Set(entries.map((entry) => entry.description));
    let missing: AcceptedTransaction | undefined;
    for (const accepted of this.#expected.latest.values()) {
      if (accepted.answeredAt >= askedAt) break;
      if (accepted.sentAt > showsAllSince && !shown.has(accepted.description)) missing = accepted;
    }
    if (missing === undefined) return null;
    const before = (askedAt - missing.answeredAt).toFixed(1);
    return this.#finding(
      "statement-stale",
      `the statement does not show ${describe(missing)}, which was answered ${before} ms before it was asked for`,
    );
  }

  /** Undoing the entries one by one, newest first, must give the balance that each of them was answered with. */
  #checkBalances(
    statement: StatementAnswer,
    known: readonly (AcceptedTransaction | undefined)[],
  ): Finding | null {
    let balance = statement.balance;
    for (const [index, entry] of statement.entries.entries()) {
      const accepted = known[index];
      if (accepted !== undefined && accepted.balance !== balance) {
        const after = index === 0 ? "its newest transaction" : `${index} newer ones, its transaction`;
        return this.#finding(
          "statement-torn",
          `the statement shows ${balance} after ${after} "${entry.description}", the answer to which said ${accepted.balance}`,
        );
      }
      if (accepted === undefined && this.#expected.isPending(entry.description)) {
        this.#shownBeforeAnswer.set(entry.description, balance);
      }
      balance -= signedValue(entry);
    }
    return null;
  }

  #finding(check: Finding["check"], text: string): Finding {
    return { check, message: `account ${this.#expected.account}: ${text}` };
  }
}

function describe(entry: StatementEntry | AcceptedTransaction): string {
  return `the ${entry.kind} of ${entry.value} "${entry.description}"`;
}
