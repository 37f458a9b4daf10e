import { StartError } from "../../../src/errors.ts";
import type { StatementAnswer } from "../http/answers.ts";
import type { Transaction } from "../checks/expected-account.ts";
import type { Outcome } from "../http/connection.ts";
import { ACCOUNTS, contestRules, UNKNOWN_ACCOUNT } from "../contest-rules.ts";
import { AnswerChecker } from "../checks/answer-checker.ts";
import type { CheckName, Finding } from "../checks/checks.ts";
import type { RunContext } from "../run-context.ts";

/** The five invalid requests of each account, and the check that fails if one is accepted. */
const INVALID: readonly { readonly check: CheckName; readonly what: string; readonly json: string }[] = [
  {
    check: "accepts-fractional-value",
    what: `a "valor" of 1.2`,
    json: `{"valor": 1.2, "tipo": "d", "descricao": "devolve"}`,
  },
  {
    check: "accepts-unknown-type",
    what: `a "tipo" of "x"`,
    json: `{"valor": 1, "tipo": "x", "descricao": "devolve"}`,
  },
  {
    check: "accepts-long-description",
    what: `a "descricao" of over 10 characters`,
    json: `{"valor": 1, "tipo": "c", "descricao": "uma descricao longa demais"}`,
  },
  {
    check: "accepts-empty-description",
    what: `an empty "descricao"`,
    json: `{"valor": 1, "tipo": "c", "descricao": ""}`,
  },
  {
    check: "accepts-null-description",
    what: `a "descricao" of null`,
    json: `{"valor": 1, "tipo": "c", "descricao": null}`,
  },
];

/** The account that the concurrent requests use. */
const CONCURRENT_ACCOUNT = 1;

/** The checks before the load, in the order of the official test: concurrency, consistency, the unknown account. */
export class PreflightChecks {
  readonly #context: RunContext;
  /** Accounts whose statement was empty at the start: only in these does a description identify one transaction. */
  readonly #fresh = new Set<number>();

  constructor(context: RunContext) {
    this.#context = context;
  }

  /**
   * Ends early, with what was found so far, if the run is interrupted.
   *
   * @returns false if no account answered anything: the load would only find the same again, more slowly
   * @throws {StartError} (exit code 2) if the system is not fresh; then nothing was sent that changes it
   */
  async run(): Promise<boolean> {
    const answered = await this.#readStartBalances();
    if (!answered) return false;
    for (const kind of ["debit", "credit"] as const) {
      if (!this.#context.interrupted) await this.#checkConcurrency(kind);
    }
    if (!this.#context.interrupted) {
      await Promise.all(this.#context.checkers.map((checker) => this.#checkConsistency(checker)));
    }
    if (!this.#context.interrupted) await this.#checkUnknownAccount();
    return true;
  }

  /**
   * Beyond the official test, and not counted as requests: reads the balances at the start.
   *
   * @returns false if no account answered anything
   * @throws {StartError} (exit code 2) if the system was used before: its balances are somebody's, and the checks would
   *   fail for that alone
   */
  async #readStartBalances(): Promise<boolean> {
    const used: string[] = [];
    const answered = await Promise.all(
      this.#context.checkers.map(async (checker) => {
        const { expected } = checker;
        const outcome = await this.#context.once(this.#context.requests.statement(expected.account));
        if (outcome.type === "answered" && outcome.status === 404) {
          const message = `account ${expected.account}: there is no such account, should be there from the start`;
          this.#addFinding("account-missing", message);
          return true;
        }
        const { statement, findings } = checker.readStatement(outcome);
        for (const finding of findings) this.#context.recorder.addFinding("check", finding);
        if (statement === null) return outcome.type === "answered";
        expected.reset(statement.balance);
        if (statement.entries.length === 0) this.#fresh.add(expected.account);
        if (statement.balance !== 0) used.push(`account ${expected.account} has ${statement.balance}`);
        return true;
      }),
    );
    if (used.length > 0) {
      throw new StartError(
        `the load test needs a fresh system, with a balance of 0 in each account, but ${used.join(", ")}: ` +
          "nothing was sent; start it with an empty data folder (see docs/performance.md).",
        2,
      );
    }
    return answered.includes(true);
  }

  async #checkConcurrency(kind: "debit" | "credit"): Promise<void> {
    const checker = this.#checkerOf(CONCURRENT_ACCOUNT);
    const transaction: Transaction = { kind, value: 1, description: null };
    const many = Array.from({ length: contestRules.concurrent_requests }, () =>
      this.#transact(checker, transaction, "validacao", (request) => this.#context.once(request)),
    );
    await Promise.all(many);
    const what = `${contestRules.concurrent_requests} ${kind}s of 1 at once`;
    await this.#readStatement(
      checker,
      (request) => this.#context.once(request),
      (statement) => this.#balanceFinding(checker, statement.balance, "concurrent-balance", `after ${what}`),
    );
  }

  async #checkConsistency(checker: AnswerChecker): Promise<void> {
    const { account } = checker.expected;
    const session = this.#context.client.session();
    const onSession = (request: Uint8Array) => session(request);
    const started = await this.#readStatement(checker, onSession, (statement) =>
      this.#balanceFinding(
        checker,
        statement.balance,
        account === CONCURRENT_ACCOUNT ? "concurrent-balance" : "not-fresh",
        "before its credits and debits one by one",
      ),
    );
    // On a connection that does not answer, each further request would wait for the full time-out again.
    if (!started || this.#context.interrupted) return;
    if ((await this.#transact(checker, credit("toma"), "toma", onSession)) === null) return;
    if ((await this.#transact(checker, debit("devolve"), "devolve", onSession)) === null) return;
    const read = await this.#readStatement(checker, onSession, (statement) =>
      newestFinding(account, statement, [debit("devolve"), credit("toma")]),
    );
    if (!read || this.#context.interrupted) return;
    const outcome = await this.#transact(checker, credit("danada"), "danada", onSession);
    if (outcome === null) return;
    const newest = (statement: StatementAnswer) => newestFinding(account, statement, [credit("danada")]);
    const asked = Array.from({ length: contestRules.statements_at_once }, () =>
      this.#readStatement(checker, (request) => this.#context.once(request), newest),
    );
    asked.push(this.#readStatement(checker, (request) => this.#context.once(request), newest, false));
    await Promise.all(asked);
    for (const { check, what, json } of INVALID) {
      if (this.#context.interrupted || !(await this.#checkRefusal(checker, onSession, check, what, json)))
        return;
    }
  }

  /** @returns false if there was no answer */
  async #checkRefusal(
    checker: AnswerChecker,
    send: Send,
    check: CheckName,
    what: string,
    json: string,
  ): Promise<boolean> {
    const { account } = checker.expected;
    const sentAt = performance.now();
    const outcome = await send(this.#context.requests.post(account, json));
    const milliseconds = performance.now() - sentAt;
    if (outcome.type === "failed") {
      this.#context.recorder.addCheck(milliseconds, outcome, [checker.transportFinding(what, outcome)]);
    } else if (outcome.status === 422 || outcome.status === 400) {
      this.#context.recorder.addCheck(milliseconds, outcome, []);
      return true;
    } else if (outcome.status === 200) {
      const message = `account ${account}: ${what} was accepted with 200, should be refused with 422 or 400`;
      this.#context.recorder.addCheck(milliseconds, outcome, [{ check, message }]);
    } else {
      this.#context.recorder.addCheck(milliseconds, outcome, [
        checker.statusFinding(what, outcome, "422 or 400"),
      ]);
    }
    // Its effect on the balance is not known, so the expected account starts again from what the statement shows.
    const read = await this.#context.once(this.#context.requests.statement(account));
    checker.expected.reset(checker.readStatement(read).statement?.balance ?? null);
    return outcome.type === "answered";
  }

  async #checkUnknownAccount(): Promise<void> {
    const sentAt = performance.now();
    const outcome = await this.#context.once(this.#context.requests.statement(UNKNOWN_ACCOUNT));
    const findings: Finding[] = [];
    const checker = new AnswerChecker(UNKNOWN_ACCOUNT, 0);
    if (outcome.type === "failed") {
      findings.push(checker.transportFinding("a statement", outcome));
    } else if (outcome.status === 200) {
      const message = `account ${UNKNOWN_ACCOUNT}: its statement was answered with 200, should be 404: there is no such account`;
      findings.push({ check: "unknown-account-found", message });
    } else if (outcome.status !== 404) {
      findings.push(checker.statusFinding("a statement", outcome, "404"));
    }
    this.#context.recorder.addCheck(performance.now() - sentAt, outcome, findings);
  }

  /** @returns the outcome; null if there was no answer, or the run was interrupted */
  async #transact(
    checker: AnswerChecker,
    transaction: Transaction,
    text: string,
    send: Send,
  ): Promise<Outcome | null> {
    const { expected } = checker;
    const { kind, value } = transaction;
    const description = this.#fresh.has(expected.account) ? transaction.description : null;
    const sentAt = performance.now();
    const pending = expected.recordSent({ kind, value, description }, sentAt);
    const outcome = await send(this.#context.requests.transaction(expected.account, kind, value, text));
    const endedAt = performance.now();
    this.#context.recorder.addCheck(
      endedAt - sentAt,
      outcome,
      checker.transaction(pending, outcome, endedAt, false),
    );
    return outcome.type === "failed" || this.#context.interrupted ? null : outcome;
  }

  /**
   * @param judge a check of this statement whose finding replaces all others
   * @param counted whether the official test has this request too
   * @returns false if there was no answer
   */
  async #readStatement(
    checker: AnswerChecker,
    send: Send,
    judge: (statement: StatementAnswer) => Finding | null,
    counted = true,
  ): Promise<boolean> {
    const askedAt = performance.now();
    const outcome = await send(this.#context.requests.statement(checker.expected.account));
    const milliseconds = performance.now() - askedAt;
    const { statement, findings } = checker.statement(outcome, askedAt);
    const finding = statement === null ? null : judge(statement);
    const all = finding === null ? findings : [finding];
    if (counted) this.#context.recorder.addCheck(milliseconds, outcome, all);
    else for (const one of all) this.#context.recorder.addFinding("check", one);
    return outcome.type === "answered";
  }

  #balanceFinding(checker: AnswerChecker, balance: number, check: CheckName, when: string): Finding | null {
    const balanceCheck = checker.expected.checkBalance(balance);
    if (balanceCheck.type !== "wrong") return null;
    const message = `account ${checker.expected.account}: ${when} the statement shows ${balance}, should be ${balanceCheck.expected}`;
    return { check, message };
  }

  #addFinding(check: CheckName, message: string): void {
    this.#context.recorder.addFinding("check", { check, message });
  }

  #checkerOf(account: number): AnswerChecker {
    const checker = this.#context.checkers[account - 1];
    if (checker === undefined) throw new Error(`account ${account} is none of the ${ACCOUNTS.length}`);
    return checker;
  }
}

type Send = (request: Uint8Array) => Promise<Outcome>;

/** Whether a statement begins with these transactions, newest first. */
function newestFinding(
  account: number,
  { entries }: StatementAnswer,
  expected: readonly Transaction[],
): Finding | null {
  const should = describe(expected).join(", ");
  const seen = describe(entries.slice(0, expected.length));
  if (seen.join(", ") === should) return null;
  // If all are there, but elsewhere, the order is wrong. Otherwise the statement is from an earlier moment.
  const shown = describe(entries);
  const check = describe(expected).every((one) => shown.includes(one))
    ? "statement-order"
    : "statement-stale";
  const first = seen.length === 0 ? "nothing" : seen.join(", ");
  return { check, message: `account ${account}: the statement shows first ${first}, should be ${should}` };
}

function describe(transactions: readonly Transaction[]): string[] {
  return transactions.map(({ kind, value, description }) => `${kind} of ${value} "${description ?? ""}"`);
}

function credit(description: string): Transaction {
  return { kind: "credit", value: 1, description };
}

function debit(description: string): Transaction {
  return { kind: "debit", value: 1, description };
}
