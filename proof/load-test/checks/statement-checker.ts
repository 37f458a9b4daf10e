import type { StatementAnswer, StatementEntry } from "../http/answers.ts";
import type { Accepted, Book } from "./expected-account.ts";
import { contest } from "../contest-rules.ts";
import type { Finding } from "./checks.ts";
import { signedValue } from "../phases/request-generator.ts";

/**
 * Judges statements by what the transactions in them were answered with. A transaction is recognized by its
 * description, which the plan makes unique; one that is not recognized is taken as it is: no false alarms.
 */
export class StatementJudge {
  readonly #book: Book;
  /** Balances that statements showed after transactions whose answers had not come yet. */
  readonly #foreseen = new Map<string, number>();

  constructor(book: Book) {
    this.#book = book;
  }

  /**
   * The first thing that is wrong with a statement.
   *
   * @param askedAt when its request was sent, in milliseconds on the clock of `performance.now()`
   */
  judge(statement: StatementAnswer, askedAt: number): Finding | null {
    const known = statement.entries.map((entry) => this.#book.latest.get(entry.description));
    return (
      this.#book.judgeLimit(statement.balance, statement.limit, "the statement") ??
      this.#entries(statement, known) ??
      this.#order(statement, known) ??
      this.#freshness(statement, known, askedAt) ??
      this.#moment(statement, known)
    );
  }

  /** To be told of each accepted transaction: statements may have shown it before its answer came. */
  answered(description: string, balance: number): Finding | null {
    const foreseen = this.#foreseen.get(description);
    if (foreseen === undefined) return null;
    this.#foreseen.delete(description);
    if (foreseen === balance) return null;
    return this.#finding(
      "statement-torn",
      `a statement shows ${foreseen} after "${description}", which was then answered with ${balance}`,
    );
  }

  /** To be told of each transaction that ends without a balance. */
  unanswered(description: string): void {
    this.#foreseen.delete(description);
  }

  #entries({ entries }: StatementAnswer, known: readonly (Accepted | undefined)[]): Finding | null {
    for (const [index, entry] of entries.entries()) {
      const accepted = known[index];
      if (accepted !== undefined && (accepted.kind !== entry.kind || accepted.value !== entry.value)) {
        return this.#finding(
          "statement-entry",
          `the statement shows ${words(entry)}, which was ${words(accepted)}`,
        );
      }
    }
    return null;
  }

  #order({ entries }: StatementAnswer, known: readonly (Accepted | undefined)[]): Finding | null {
    for (const [index, entry] of entries.entries()) {
      const newer = entries[index - 1];
      if (newer !== undefined && newer.time < entry.time) {
        return this.#finding(
          "statement-order",
          `the statement shows ${words(newer)} before ${words(entry)}, though it is the older one by its time`,
        );
      }
    }
    // Whoever was answered before another was sent came first, whatever the times say.
    let earliestAnswer: Accepted | undefined;
    for (const accepted of known) {
      if (accepted === undefined) continue;
      if (earliestAnswer !== undefined && earliestAnswer.answeredAt < accepted.sentAt) {
        return this.#finding(
          "statement-order",
          `the statement shows ${words(earliestAnswer)} before ${words(accepted)}, which was sent after the answer to it`,
        );
      }
      if (accepted.answeredAt < (earliestAnswer?.answeredAt ?? Infinity)) earliestAnswer = accepted;
    }
    return null;
  }

  /**
   * What was answered before the statement was asked for is in it, unless ten newer ones are. Of a statement that
   * shows something older, or fewer than ten, nothing newer may be missing.
   */
  #freshness(
    { entries }: StatementAnswer,
    known: readonly (Accepted | undefined)[],
    askedAt: number,
  ): Finding | null {
    let showsAllSince = Infinity;
    for (const accepted of known) {
      if (accepted !== undefined) showsAllSince = Math.min(showsAllSince, accepted.answeredAt);
    }
    if (entries.length < contest.statement_entries_max) showsAllSince = -Infinity;
    const shown = new Set(entries.map((entry) => entry.description));
    let missing: Accepted | undefined;
    for (const accepted of this.#book.latest.values()) {
      if (accepted.answeredAt >= askedAt) break;
      if (accepted.sentAt > showsAllSince && !shown.has(accepted.description)) missing = accepted;
    }
    if (missing === undefined) return null;
    const before = (askedAt - missing.answeredAt).toFixed(1);
    return this.#finding(
      "statement-stale",
      `the statement does not show ${words(missing)}, which was answered ${before} ms before it was asked for`,
    );
  }

  /** The balance, taken back entry by entry, is what each of them was answered with. */
  #moment(statement: StatementAnswer, known: readonly (Accepted | undefined)[]): Finding | null {
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
      if (accepted === undefined && this.#book.isPending(entry.description)) {
        this.#foreseen.set(entry.description, balance);
      }
      balance -= signedValue(entry);
    }
    return null;
  }

  #finding(check: Finding["check"], text: string): Finding {
    return { check, message: `account ${this.#book.account}: ${text}` };
  }
}

function words(entry: StatementEntry | Accepted): string {
  return `the ${entry.kind} of ${entry.value} "${entry.description}"`;
}
