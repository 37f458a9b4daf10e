import type { StatementAnswer } from "../http/answers.ts";
import type { Transaction } from "../checks/expected-account.ts";
import type { Outcome } from "../http/connection.ts";
import { ACCOUNTS, contest, UNKNOWN_ACCOUNT } from "../contest-rules.ts";
import { Examiner } from "../checks/answer-checker.ts";
import type { CheckName, Finding } from "../checks/checks.ts";
import type { Rig } from "../run-context.ts";

/** The five requests of each account that break the rules, and the check that one fails by being accepted. */
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

/** The one that the concurrent requests are for. */
const CONCURRENT_ACCOUNT = 1;

/** The checks before the load, in the official test's order: concurrency, consistency, the unknown account. */
export class Opening {
  readonly #rig: Rig;
  /** Accounts whose statement was empty at the start: only in them a description of ours names one transaction. */
  readonly #fresh = new Set<number>();

  constructor(rig: Rig) {
    this.#rig = rig;
  }

  /**
   * Ends early, with what was found so far, where the run is interrupted.
   *
   * @returns false where no account answered anything: a load would only find the same again, more slowly
   */
  async run(): Promise<boolean> {
    const answered = await this.#readStarts();
    if (!answered) return false;
    for (const kind of ["debit", "credit"] as const) {
      if (!this.#rig.interrupted) await this.#concurrently(kind);
    }
    if (!this.#rig.interrupted) {
      await Promise.all(this.#rig.examiners.map((examiner) => this.#consistency(examiner)));
    }
    if (!this.#rig.interrupted) await this.#unknownAccount();
    return true;
  }

  /**
   * Beyond the official test, and not counted: where do the balances begin?
   *
   * @returns false where no account answered anything
   */
  async #readStarts(): Promise<boolean> {
    const answered = await Promise.all(
      this.#rig.examiners.map(async (examiner) => {
        const { book } = examiner;
        const outcome = await this.#rig.once(this.#rig.requests.statement(book.account));
        if (outcome.type === "answered" && outcome.status === 404) {
          const message = `account ${book.account}: there is no such account, should be there from the start`;
          this.#found("account-missing", message);
          return true;
        }
        const { statement, findings } = examiner.readStatement(outcome);
        for (const finding of findings) this.#rig.recorder.finding("check", finding);
        if (statement === null) return outcome.type === "answered";
        book.begin(statement.balance);
        if (statement.entries.length === 0) this.#fresh.add(book.account);
        if (statement.balance !== 0) {
          this.#found(
            "not-fresh",
            `account ${book.account}: the balance at the start is ${statement.balance}, should be 0: ` +
              "the test needs a fresh system",
          );
        }
        return true;
      }),
    );
    return answered.includes(true);
  }

  async #concurrently(kind: "debit" | "credit"): Promise<void> {
    const examiner = this.#examiner(CONCURRENT_ACCOUNT);
    const transaction: Transaction = { kind, value: 1, description: null };
    const many = Array.from({ length: contest.concurrent_requests }, () =>
      this.#transact(examiner, transaction, "validacao", (request) => this.#rig.once(request)),
    );
    await Promise.all(many);
    const what = `${contest.concurrent_requests} ${kind}s of 1 at once`;
    await this.#readStatement(
      examiner,
      (request) => this.#rig.once(request),
      (statement) => this.#balanceFinding(examiner, statement.balance, "concurrent-balance", `after ${what}`),
    );
  }

  async #consistency(examiner: Examiner): Promise<void> {
    const { account } = examiner.book;
    const session = this.#rig.client.session();
    const onSession = (request: Uint8Array) => session(request);
    const started = await this.#readStatement(examiner, onSession, (statement) =>
      this.#balanceFinding(
        examiner,
        statement.balance,
        account === CONCURRENT_ACCOUNT ? "concurrent-balance" : "not-fresh",
        "before its credits and debits one by one",
      ),
    );
    // A connection that does not answer would hold each further step up for as long again.
    if (!started || this.#rig.interrupted) return;
    if ((await this.#transact(examiner, credit("toma"), "toma", onSession)) === null) return;
    if ((await this.#transact(examiner, debit("devolve"), "devolve", onSession)) === null) return;
    const read = await this.#readStatement(examiner, onSession, (statement) =>
      newestFinding(account, statement, [debit("devolve"), credit("toma")]),
    );
    if (!read || this.#rig.interrupted) return;
    const outcome = await this.#transact(examiner, credit("danada"), "danada", onSession);
    if (outcome === null) return;
    const newest = (statement: StatementAnswer) => newestFinding(account, statement, [credit("danada")]);
    const asked = Array.from({ length: contest.statements_at_once }, () =>
      this.#readStatement(examiner, (request) => this.#rig.once(request), newest),
    );
    asked.push(this.#readStatement(examiner, (request) => this.#rig.once(request), newest, false));
    await Promise.all(asked);
    for (const { check, what, json } of INVALID) {
      if (this.#rig.interrupted || !(await this.#refusal(examiner, onSession, check, what, json))) return;
    }
  }

  /** @returns false where there was no answer */
  async #refusal(
    examiner: Examiner,
    send: Send,
    check: CheckName,
    what: string,
    json: string,
  ): Promise<boolean> {
    const { account } = examiner.book;
    const sentAt = performance.now();
    const outcome = await send(this.#rig.requests.post(account, json));
    const milliseconds = performance.now() - sentAt;
    if (outcome.type === "failed") {
      this.#rig.recorder.checked(milliseconds, outcome, [examiner.transportFinding(what, outcome)]);
    } else if (outcome.status === 422 || outcome.status === 400) {
      this.#rig.recorder.checked(milliseconds, outcome, []);
      return true;
    } else if (outcome.status === 200) {
      const message = `account ${account}: ${what} was accepted with 200, should be refused with 422 or 400`;
      this.#rig.recorder.checked(milliseconds, outcome, [{ check, message }]);
    } else {
      this.#rig.recorder.checked(milliseconds, outcome, [
        examiner.statusFinding(what, outcome, "422 or 400"),
      ]);
    }
    // What it did to the balance is not known: the account's book begins anew.
    const read = await this.#rig.once(this.#rig.requests.statement(account));
    examiner.book.begin(examiner.readStatement(read).statement?.balance ?? null);
    return outcome.type === "answered";
  }

  async #unknownAccount(): Promise<void> {
    const sentAt = performance.now();
    const outcome = await this.#rig.once(this.#rig.requests.statement(UNKNOWN_ACCOUNT));
    const findings: Finding[] = [];
    const examiner = new Examiner(UNKNOWN_ACCOUNT, 0);
    if (outcome.type === "failed") {
      findings.push(examiner.transportFinding("a statement", outcome));
    } else if (outcome.status === 200) {
      const message = `account ${UNKNOWN_ACCOUNT}: its statement was answered with 200, should be 404: there is no such account`;
      findings.push({ check: "unknown-account-found", message });
    } else if (outcome.status !== 404) {
      findings.push(examiner.statusFinding("a statement", outcome, "404"));
    }
    this.#rig.recorder.checked(performance.now() - sentAt, outcome, findings);
  }

  /** @returns the outcome; null where there was no answer, or the run was interrupted */
  async #transact(
    examiner: Examiner,
    transaction: Transaction,
    text: string,
    send: Send,
  ): Promise<Outcome | null> {
    const { book } = examiner;
    const { kind, value } = transaction;
    const description = this.#fresh.has(book.account) ? transaction.description : null;
    const sentAt = performance.now();
    const pending = book.sending({ kind, value, description }, sentAt);
    const outcome = await send(this.#rig.requests.transaction(book.account, kind, value, text));
    const endedAt = performance.now();
    this.#rig.recorder.checked(
      endedAt - sentAt,
      outcome,
      examiner.transaction(pending, outcome, endedAt, false),
    );
    return outcome.type === "failed" || this.#rig.interrupted ? null : outcome;
  }

  /**
   * @param judge what is expected of this statement above all
   * @param counted the official test has this request too
   * @returns false where there was no answer
   */
  async #readStatement(
    examiner: Examiner,
    send: Send,
    judge: (statement: StatementAnswer) => Finding | null,
    counted = true,
  ): Promise<boolean> {
    const askedAt = performance.now();
    const outcome = await send(this.#rig.requests.statement(examiner.book.account));
    const milliseconds = performance.now() - askedAt;
    const { statement, findings } = examiner.statement(outcome, askedAt);
    const finding = statement === null ? null : judge(statement);
    const all = finding === null ? findings : [finding];
    if (counted) this.#rig.recorder.checked(milliseconds, outcome, all);
    else for (const one of all) this.#rig.recorder.finding("check", one);
    return outcome.type === "answered";
  }

  #balanceFinding(examiner: Examiner, balance: number, check: CheckName, when: string): Finding | null {
    const judgement = examiner.book.judgeBalance(balance);
    if (judgement.type !== "wrong") return null;
    const message = `account ${examiner.book.account}: ${when} the statement shows ${balance}, should be ${judgement.expected}`;
    return { check, message };
  }

  #found(check: CheckName, message: string): void {
    this.#rig.recorder.finding("check", { check, message });
  }

  #examiner(account: number): Examiner {
    const examiner = this.#rig.examiners[account - 1];
    if (examiner === undefined) throw new Error(`account ${account} is none of the ${ACCOUNTS.length}`);
    return examiner;
  }
}

type Send = (request: Uint8Array) => Promise<Outcome>;

/** Whether a statement begins with these transactions, newest first. */
function newestFinding(
  account: number,
  { entries }: StatementAnswer,
  expected: readonly Transaction[],
): Finding | null {
  const should = words(expected).join(", ");
  const seen = words(entries.slice(0, expected.length));
  if (seen.join(", ") === should) return null;
  // All there, only elsewhere: the order is wrong. Else the statement is one of an earlier moment.
  const shown = words(entries);
  const check = words(expected).every((one) => shown.includes(one)) ? "statement-order" : "statement-stale";
  const first = seen.length === 0 ? "nothing" : seen.join(", ");
  return { check, message: `account ${account}: the statement shows first ${first}, should be ${should}` };
}

function words(transactions: readonly Transaction[]): string[] {
  return transactions.map(({ kind, value, description }) => `${kind} of ${value} "${description ?? ""}"`);
}

function credit(description: string): Transaction {
  return { kind: "credit", value: 1, description };
}

function debit(description: string): Transaction {
  return { kind: "debit", value: 1, description };
}
