import {
  excerpt,
  parseStatementAnswer,
  parseTransactionAnswer,
  type StatementAnswer,
} from "../http/answers.ts";
import { ExpectedAccount, type PendingTransaction } from "./expected-account.ts";
import type { Outcome, TransportFailure } from "../http/connection.ts";
import type { CheckName, Finding } from "./checks.ts";
import { StatementChecker } from "./statement-checker.ts";

const TRANSPORT_CHECKS: Readonly<Record<TransportFailure, CheckName>> = {
  refused: "connection-refused",
  "no-socket": "no-socket",
  dropped: "connection-dropped",
  timeout: "timed-out",
  garbled: "answer-garbled",
  cancelled: "connection-dropped",
};

/** Turns the outcomes of one account's requests into findings, and updates its expected account with them. */
export class AnswerChecker {
  readonly expected: ExpectedAccount;
  readonly #statements: StatementChecker;

  constructor(account: number, limit: number) {
    this.expected = new ExpectedAccount(account, limit);
    this.#statements = new StatementChecker(this.expected);
  }

  /** @param mayRefuse whether a debit may be refused with 422 */
  transaction(pending: PendingTransaction, outcome: Outcome, endedAt: number, mayRefuse: boolean): Finding[] {
    if (outcome.type === "answered" && outcome.status === 200)
      return this.#accepted(pending, outcome.body, endedAt);
    if (pending.description !== null) this.#statements.forget(pending.description);
    const what = `a ${pending.kind} of ${pending.value}`;
    if (outcome.type === "failed") {
      if (outcome.sent) this.expected.recordUnanswered(pending);
      else this.expected.recordNotApplied(pending);
      return [this.transportFinding(what, outcome)];
    }
    if (outcome.status === 422 && pending.kind === "debit" && mayRefuse) {
      const finding = this.expected.recordRefused(pending);
      return finding === null ? [] : [finding];
    }
    // A 4xx means that the request had no effect. After any other status it may have had one.
    if (outcome.status >= 400 && outcome.status < 500) this.expected.recordNotApplied(pending);
    else this.expected.recordUnanswered(pending);
    return [this.statusFinding(what, outcome, pending.kind === "debit" && mayRefuse ? "200 or 422" : "200")];
  }

  /**
   * @param askedAt when it was sent, in milliseconds on the clock of `performance.now()`
   * @returns the statement, if the answer holds one
   */
  statement(outcome: Outcome, askedAt: number): { statement: StatementAnswer | null; findings: Finding[] } {
    const read = this.readStatement(outcome);
    if (read.statement === null) return read;
    const finding = this.#statements.check(read.statement, askedAt);
    return { statement: read.statement, findings: finding === null ? [] : [finding] };
  }

  /** Like `statement`, but checks only the format of the answer. */
  readStatement(outcome: Outcome): { statement: StatementAnswer | null; findings: Finding[] } {
    const what = "a statement";
    if (outcome.type === "failed")
      return { statement: null, findings: [this.transportFinding(what, outcome)] };
    if (outcome.status !== 200)
      return { statement: null, findings: [this.statusFinding(what, outcome, "200")] };
    const parsed = parseStatementAnswer(outcome.body);
    if (parsed.ok) return { statement: parsed.value, findings: [] };
    return {
      statement: null,
      findings: [this.#finding("answer-malformed", `the statement: ${parsed.reason}`)],
    };
  }

  transportFinding(what: string, outcome: Outcome & { readonly type: "failed" }): Finding {
    return this.#finding(TRANSPORT_CHECKS[outcome.reason], `${what} was not answered: ${outcome.detail}`);
  }

  statusFinding(what: string, outcome: Outcome & { readonly type: "answered" }, expected: string): Finding {
    return this.#finding(
      "status-unexpected",
      `${what} was answered with ${outcome.status}, should be ${expected}: ${excerpt(outcome.body)}`,
    );
  }

  #accepted(pending: PendingTransaction, body: string, endedAt: number): Finding[] {
    const parsed = parseTransactionAnswer(body);
    const { description } = pending;
    if (!parsed.ok) {
      this.expected.recordAcceptedWithoutBalance(pending);
      if (description !== null) this.#statements.forget(description);
      return [this.#finding("answer-malformed", `the answer to a ${pending.kind}: ${parsed.reason}`)];
    }
    const limit = this.expected.recordAccepted(pending, parsed.value, endedAt);
    const torn =
      description === null ? null : this.#statements.checkAnswer(description, parsed.value.balance);
    return [limit, torn].filter((finding) => finding !== null);
  }

  #finding(check: CheckName, text: string): Finding {
    return { check, message: `account ${this.expected.account}: ${text}` };
  }
}

/** The name under which an outcome is counted. */
export function outcomeName(outcome: Outcome): string {
  return outcome.type === "answered" ? String(outcome.status) : outcome.reason;
}
