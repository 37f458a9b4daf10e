import { loadTestBounds } from "../load-test-bounds.ts";
import type { Finding } from "./checks.ts";
import { signedValue } from "../phases/request-generator.ts";
import { LostUpdateCheck } from "./lost-update-check.ts";
import { isSubsetSum } from "./subset-sum.ts";
import type { TransactionAnswer } from "../http/answers.ts";

export interface Transaction {
  readonly kind: "debit" | "credit";
  /** In cents. */
  readonly value: number;
  /** Identifies the transaction in statements; null if other transactions of the account have the same description. */
  readonly description: string | null;
}

/**
 * A transaction that was sent and not answered yet. The amounts show later how low the balance can have been
 * meanwhile.
 */
export interface PendingTransaction extends Transaction {
  /** In milliseconds on the clock of `performance.now()`, like all times here. */
  readonly sentAt: number;
  /** The lowest possible balance when it is sent, in cents. */
  readonly leastBalance: number;
  /** Sum of all debits sent until then, including this one, in cents. */
  readonly debitsSent: number;
}

/** A transaction that was answered 200. */
export interface AcceptedTransaction extends Transaction {
  readonly description: string;
  readonly balance: number;
  readonly sentAt: number;
  readonly answeredAt: number;
}

export type BalanceCheck =
  | { readonly type: "right" }
  /** What is known does not decide it; the note says why. */
  | { readonly type: "inconclusive"; readonly note: string }
  | { readonly type: "wrong"; readonly expected: string };

/**
 * What one account should look like by its answers so far: its balance, its balance changes, its latest transactions.
 */
export class ExpectedAccount {
  readonly account: number;
  readonly limit: number;
  /** The balance before the run; null if it could not be read. */
  #start: number | null = null;
  /** Sum of the signed values that were answered 200, in cents. */
  #accepted = 0;
  #debitsSent = 0;
  #debitsUnanswered = 0;
  #unknownDebits = 0;
  /** Signed values of transactions that may or may not have taken effect. */
  readonly #unknown: number[] = [];
  #answersWithoutBalance = 0;
  readonly #lostUpdates = new LostUpdateCheck();
  readonly #latest = new Map<string, AcceptedTransaction>();
  /** Descriptions of transactions that were sent and not answered yet. */
  readonly #pending = new Set<string>();

  constructor(account: number, limit: number) {
    this.account = account;
    this.limit = limit;
  }

  /** The balance before the run, in cents; 0 if it could not be read. */
  get start(): number {
    return this.#start ?? 0;
  }

  /**
   * Starts again from a given balance: at the start, or after a request that may have changed the balance in a way that
   * its answer does not show. Only while no transaction is pending.
   *
   * @param balance in cents; null if it is not known
   */
  reset(balance: number | null): void {
    this.#start = balance;
    this.#accepted = 0;
    this.#unknown.length = 0;
    this.#unknownDebits = 0;
    this.#answersWithoutBalance = 0;
    this.#lostUpdates.clear();
    this.#latest.clear();
  }

  /** Whether the balance at the start is known, so that answers can be checked against it. */
  get isStartKnown(): boolean {
    return this.#start !== null;
  }

  /** The latest accepted transactions, oldest answer first. */
  get latest(): ReadonlyMap<string, AcceptedTransaction> {
    return this.#latest;
  }

  /** Whether a transaction with this description was sent and not answered yet. */
  isPending(description: string): boolean {
    return this.#pending.has(description);
  }

  recordSent(transaction: Transaction, sentAt: number): PendingTransaction {
    const { kind, value, description } = transaction;
    if (kind === "debit") {
      this.#debitsSent += value;
      this.#debitsUnanswered += value;
    }
    if (description !== null) this.#pending.add(description);
    const leastBalance = this.start + this.#accepted - this.#debitsUnanswered - this.#unknownDebits;
    return { kind, value, description, sentAt, leastBalance, debitsSent: this.#debitsSent };
  }

  recordAccepted(pending: PendingTransaction, answer: TransactionAnswer, answeredAt: number): Finding | null {
    this.#noLongerPending(pending);
    this.#accepted += signedValue(pending);
    const { kind, value, description, sentAt } = pending;
    const { balance, limit } = answer;
    this.#lostUpdates.add(balance - signedValue(pending), balance);
    if (description !== null) {
      this.#latest.set(description, { kind, value, description, balance, sentAt, answeredAt });
      if (this.#latest.size > loadTestBounds.remembered_transactions) this.#forgetOldest();
    }
    return this.checkLimit(balance, limit, `the answer to a ${kind} of ${value}`);
  }

  /** Answered 200, but without a readable balance. */
  recordAcceptedWithoutBalance(pending: PendingTransaction): void {
    this.#noLongerPending(pending);
    this.#accepted += signedValue(pending);
    this.#answersWithoutBalance += 1;
  }

  /** Refused with 422: nothing was changed. A debit may be refused only if the balance can have been too low. */
  recordRefused(pending: PendingTransaction): Finding | null {
    this.#noLongerPending(pending);
    if (pending.kind !== "debit" || this.#start === null) return null;
    // Its own value counts once, as the amount to be debited. Debits sent later may have taken effect before it.
    const least = pending.leastBalance - (this.#debitsSent - pending.debitsSent);
    if (least < -this.limit) return null;
    return this.#finding(
      "refused-without-reason",
      `a debit of ${pending.value} was refused, though the balance was at least ${least + pending.value}, ` +
        `with a limit of ${this.limit}`,
    );
  }

  /** It never reached the server, or its answer says that nothing was changed. */
  recordNotApplied(pending: PendingTransaction): void {
    this.#noLongerPending(pending);
  }

  /** No answer, or an answer that does not say whether it took effect. */
  recordUnanswered(pending: PendingTransaction): void {
    this.#noLongerPending(pending);
    this.#unknown.push(signedValue(pending));
    if (pending.kind === "debit") this.#unknownDebits += pending.value;
  }

  /** @param what what shows the balance; the start of a sentence */
  checkLimit(balance: number, limit: number, what: string): Finding | null {
    if (balance < -this.limit) {
      return this.#finding(
        "limit-passed",
        `${what} shows a balance of ${balance}, under its limit of -${this.limit}`,
      );
    }
    if (limit !== this.limit) {
      return this.#finding("limit-wrong", `${what} shows a limit of ${limit}, should be ${this.limit}`);
    }
    return null;
  }

  /** Whether a balance that was read while nothing was pending matches the answers. */
  checkBalance(balance: number): BalanceCheck {
    if (this.#start === null) {
      return {
        type: "inconclusive",
        note: this.#sentence("its balance at the start is not known, so its end proves nothing"),
      };
    }
    const expected = this.#start + this.#accepted;
    const unknown = this.#unknown.length;
    if (unknown === 0) {
      return balance === expected ? { type: "right" } : { type: "wrong", expected: `${expected}` };
    }
    const noAnswer = this.#sentence(`${unknown} transactions had no answer that says what became of them`);
    const least = expected + this.#unknown.reduce((sum, value) => sum + Math.min(0, value), 0);
    const most = expected + this.#unknown.reduce((sum, value) => sum + Math.max(0, value), 0);
    if (unknown > loadTestBounds.unknown_transactions_searched_max) {
      if (balance >= least && balance <= most) {
        return {
          type: "inconclusive",
          note: `${noAnswer}; the balance of ${balance} is between the bounds ${least} and ${most}`,
        };
      }
      return {
        type: "wrong",
        expected: `between ${least} and ${most}, whatever became of the ${unknown} transactions without an answer`,
      };
    }
    if (isSubsetSum(this.#unknown, balance - expected)) {
      return {
        type: "inconclusive",
        note: `${noAnswer}; the balance of ${balance} is one that some of them lead to`,
      };
    }
    return {
      type: "wrong",
      expected: `${expected}, or what some of the ${unknown} transactions without an answer make of it`,
    };
  }

  /**
   * Finds answers that start from a balance which another answer has already used up: lost updates. Each transaction
   * whose balance change is not known can explain one of them, so only those beyond that number are failures.
   */
  findLostUpdates(): Finding[] {
    if (this.#start === null) return [];
    const balances = this.#lostUpdates.unmatchedStarts(this.#start);
    const excused = this.#unknown.length + this.#answersWithoutBalance;
    return balances
      .slice(excused)
      .map((balance) =>
        this.#finding(
          "step-claimed-twice",
          excused === 0
            ? `one answer too many starts from a balance of ${balance}: concurrent transactions took the same step`
            : "more answers take the same step than the transactions without an answer can explain",
        ),
      );
  }

  #noLongerPending(pending: PendingTransaction): void {
    if (pending.kind === "debit") this.#debitsUnanswered -= pending.value;
    if (pending.description !== null) this.#pending.delete(pending.description);
  }

  #forgetOldest(): void {
    for (const oldest of this.#latest.keys()) {
      this.#latest.delete(oldest);
      return;
    }
  }

  #finding(check: Finding["check"], text: string): Finding {
    return { check, message: this.#sentence(text) };
  }

  #sentence(text: string): string {
    return `account ${this.account}: ${text}`;
  }
}
