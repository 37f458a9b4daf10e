import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { PendingTransaction } from "./expected-account.ts";
import { loadTestBounds } from "../load-test-bounds.ts";
import type { Outcome } from "../http/connection.ts";
import { AnswerChecker } from "./answer-checker.ts";
import type { Finding } from "./checks.ts";

const LIMIT = 300;
const DROPPED: Outcome = { type: "failed", reason: "dropped", detail: "the connection ended", sent: true };

/** One request of a history: when it is sent, takes effect and is answered, and how it ends. */
interface Step {
  readonly sentAt: number;
  readonly effectAfter: number;
  readonly answerAfter: number;
  readonly act: "debit" | "credit" | "statement";
  readonly value: number;
  readonly end: "answered" | "dropped before" | "dropped after";
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    sentAt: fc.integer({ min: 0, max: 300 }),
    effectAfter: fc.integer({ min: 1, max: 20 }),
    answerAfter: fc.integer({ min: 1, max: 20 }),
    act: fc.constantFrom("debit", "credit", "statement"),
    value: fc.integer({ min: 1, max: 200 }),
    end: fc.constantFrom("answered", "answered", "answered", "answered", "dropped before", "dropped after"),
  }),
  { maxLength: 80 },
);

interface Shown {
  readonly valor: number;
  readonly tipo: "d" | "c";
  readonly descricao: string;
  readonly realizada_em: string;
}

/** A correct account: each transaction takes effect at one moment, between the request and its answer. */
class Account {
  balance = 0;
  entries: Shown[] = [];

  transact(kind: "debit" | "credit", value: number, description: string, at: number): Outcome {
    const balance = kind === "debit" ? this.balance - value : this.balance + value;
    if (kind === "debit" && balance < -LIMIT) return { type: "answered", status: 422, head: "", body: "" };
    this.balance = balance;
    const tipo = kind === "debit" ? "d" : "c";
    const entry: Shown = {
      valor: value,
      tipo,
      descricao: description,
      realizada_em: new Date(at).toISOString(),
    };
    this.entries = [entry, ...this.entries].slice(0, 10);
    return {
      type: "answered",
      status: 200,
      head: "",
      body: JSON.stringify({ limite: LIMIT, saldo: balance }),
    };
  }

  statement(): Outcome {
    return statementOf(this.balance, this.entries);
  }
}

function statementOf(balance: number, entries: readonly Shown[], limite = LIMIT): Outcome {
  const saldo = { total: balance, data_extrato: "2024-01-17T02:34:41.217753Z", limite };
  return {
    type: "answered",
    status: 200,
    head: "",
    body: JSON.stringify({ saldo, ultimas_transacoes: entries }),
  };
}

/** Replays a history and returns the findings of the checker, except for dropped connections. */
function findingsOf(history: readonly Step[], account = new Account()): Finding[] {
  const checker = new AnswerChecker(1, LIMIT);
  checker.expected.reset(0);
  const events: { at: number; run: () => void }[] = [];
  const findings: Finding[] = [];
  for (const [index, step] of history.entries()) {
    const effectAt = step.sentAt + step.effectAfter;
    const endAt = effectAt + step.answerAfter;
    let outcome: Outcome = DROPPED;
    let pending: PendingTransaction | undefined;
    const { act, value } = step;
    const takesEffect = step.end !== "dropped before";
    if (act === "statement") {
      events.push({ at: effectAt, run: () => (outcome = account.statement()) });
      events.push({
        at: endAt,
        run: () => findings.push(...checker.statement(outcome, step.sentAt).findings),
      });
      continue;
    }
    const description = `t${index}`;
    events.push({
      at: step.sentAt,
      run: () => (pending = checker.expected.recordSent({ kind: act, value, description }, step.sentAt)),
    });
    events.push({
      at: effectAt,
      run: () => {
        const answer = takesEffect ? account.transact(act, value, description, effectAt) : DROPPED;
        if (step.end === "answered") outcome = answer;
      },
    });
    events.push({
      at: endAt,
      run: () => {
        if (pending !== undefined) findings.push(...checker.transaction(pending, outcome, endAt, true));
      },
    });
  }
  for (const event of events.toSorted((a, b) => a.at - b.at)) event.run();
  findings.push(...checker.expected.findLostUpdates());
  const balanceCheck = checker.expected.checkBalance(account.balance);
  if (balanceCheck.type === "wrong")
    findings.push({ check: "final-balance", message: balanceCheck.expected });
  return findings.filter((finding) => finding.check !== "connection-dropped");
}

test("finds nothing in a correct history, however its requests overlap and whatever is dropped", () => {
  fc.assert(
    fc.property(steps, (history) => {
      expect(findingsOf(history)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test("finds every lost update if each request is answered", () => {
  /** Every seventh time, writes back the balance from before the transaction. */
  class Loses extends Account {
    #count = 0;

    override transact(kind: "debit" | "credit", value: number, description: string, at: number): Outcome {
      this.#count += 1;
      const before = this.balance;
      const outcome = super.transact(kind, value, description, at);
      if (this.#count % 7 === 0) this.balance = before;
      return outcome;
    }
  }
  const history = Array.from({ length: 20 }, (_, index): Step => ({
    sentAt: index * 3,
    effectAfter: 1,
    answerAfter: 20,
    act: "credit",
    value: 10 + index,
    end: "answered",
  }));
  const checks = findingsOf(history, new Loses()).map((finding) => finding.check);
  expect(checks.filter((check) => check === "step-claimed-twice")).toHaveLength(2);
  expect(checks).toContain("final-balance");
});

/** A checker after credits of 1, 2, 3, ..., each answered before the next was sent. */
function afterCredits(count: number): { checker: AnswerChecker; account: Account } {
  const checker = new AnswerChecker(3, LIMIT);
  const account = new Account();
  checker.expected.reset(0);
  for (let value = 1; value <= count; value++) {
    const pending = checker.expected.recordSent(
      { kind: "credit", value, description: `t${value}` },
      value * 10,
    );
    const outcome = account.transact("credit", value, `t${value}`, value * 10 + 1);
    expect(checker.transaction(pending, outcome, value * 10 + 2, true)).toEqual([]);
  }
  return { checker, account };
}

/** The first finding in a statement that is requested after all credits. */
function findingIn(checker: AnswerChecker, outcome: Outcome): Finding | undefined {
  return checker.statement(outcome, 1000).findings[0];
}

test("each wrong statement is found by the right check, with its message", () => {
  const { checker, account } = afterCredits(12);
  const { balance, entries } = account;
  expect(findingIn(checker, account.statement())).toBeUndefined();
  expect(findingIn(checker, statementOf(balance + 1, entries))).toEqual({
    check: "statement-torn",
    message:
      'account 3: the statement shows 79 after its newest transaction "t12", the answer to which said 78',
  });
  expect(findingIn(checker, statementOf(balance, entries.toReversed()))?.check).toBe("statement-order");
  expect(findingIn(checker, statementOf(balance - 12, entries.slice(1)))).toEqual({
    check: "statement-stale",
    message:
      'account 3: the statement does not show the credit of 12 "t12", which was answered 878.0 ms before it was asked for',
  });
  expect(findingIn(checker, statementOf(balance, entries, LIMIT + 1))?.check).toBe("limit-wrong");
  expect(findingIn(checker, statementOf(-LIMIT - 1, entries))?.check).toBe("limit-passed");
  const [newest, ...older] = entries;
  if (newest === undefined) throw new Error("there are entries");
  expect(findingIn(checker, statementOf(balance, [{ ...newest, valor: 13 }, ...older]))?.check).toBe(
    "statement-entry",
  );
  const swapped = [newest, ...older].map(({ realizada_em }, index) => ({
    ...(entries[index ^ 1] ?? newest),
    realizada_em,
  }));
  expect(findingIn(checker, statementOf(balance, swapped))?.check).toBe("statement-order");
});

test("a statement that shows a transaction before its answer is checked against the answer", () => {
  const { checker, account } = afterCredits(3);
  const pending = checker.expected.recordSent({ kind: "debit", value: 4, description: "late" }, 100);
  const outcome = account.transact("debit", 4, "late", 101);
  expect(findingIn(checker, statementOf(account.balance + 1, account.entries))?.check).toBe("statement-torn");
  expect(checker.transaction(pending, outcome, 2000, true)).toEqual([
    {
      check: "statement-torn",
      message: 'account 3: a statement shows 3 after "late", which was then answered with 2',
    },
  ]);
});

test("an answer is malformed if it is not JSON, misses a field or has a fraction", () => {
  const bodies = [
    "",
    "[]",
    '{"limite": 300}',
    '{"limite": 300, "saldo": 1.5}',
    '{"limite": 300, "saldo": "1"}',
  ];
  for (const body of bodies) {
    const checker = new AnswerChecker(1, LIMIT);
    const pending = checker.expected.recordSent({ kind: "credit", value: 1, description: "x" }, 0);
    const findings = checker.transaction(pending, { type: "answered", status: 200, head: "", body }, 1, true);
    expect(findings.map((finding) => finding.check)).toEqual(["answer-malformed"]);
  }
});

test("a status that is not in the contract is unexpected, and leaves the outcome unknown unless it is a 4xx", () => {
  for (const [status, open] of [
    [400, false],
    [404, false],
    [500, true],
    [503, true],
    [302, true],
  ] as const) {
    const checker = new AnswerChecker(1, LIMIT);
    checker.expected.reset(0);
    const pending = checker.expected.recordSent({ kind: "credit", value: 5, description: "x" }, 0);
    const findings = checker.transaction(pending, { type: "answered", status, head: "", body: "" }, 1, true);
    expect(findings.map((finding) => finding.check)).toEqual(["status-unexpected"]);
    expect(checker.expected.checkBalance(5).type).toBe(open ? "inconclusive" : "wrong");
    expect(checker.expected.checkBalance(4).type).toBe("wrong");
  }
});

test("a debit may be refused only if the balance can have been too low", () => {
  const refused: Outcome = { type: "answered", status: 422, head: "", body: "" };
  const checker = new AnswerChecker(1, LIMIT);
  checker.expected.reset(0);
  const debit = (value: number) =>
    checker.expected.recordSent({ kind: "debit", value, description: null }, 0);
  expect(checker.transaction(debit(LIMIT + 1), refused, 1, true)).toEqual([]);
  expect(checker.transaction(debit(LIMIT), refused, 1, true)).toEqual([
    {
      check: "refused-without-reason",
      message: `account 1: a debit of ${LIMIT} was refused, though the balance was at least 0, with a limit of ${LIMIT}`,
    },
  ]);
  // Another pending debit may have taken effect first, whether it was sent earlier or later.
  const before = debit(1);
  expect(checker.transaction(debit(LIMIT), refused, 1, true)).toEqual([]);
  expect(checker.transaction(before, refused, 1, true)).toEqual([]);
  const early = debit(LIMIT);
  const after = debit(1);
  expect(checker.transaction(early, refused, 1, true)).toEqual([]);
  expect(checker.transaction(after, refused, 1, true)).toEqual([]);
});

test("a balance is inconclusive if transactions without an answer can explain it, and wrong if they cannot", () => {
  const checker = new AnswerChecker(1, LIMIT);
  checker.expected.reset(10);
  for (const [kind, value] of [
    ["credit", 100],
    ["debit", 30],
  ] as const) {
    const pending = checker.expected.recordSent({ kind, value, description: null }, 0);
    checker.transaction(pending, DROPPED, 1, true);
  }
  const types = [10, 110, -20, 80, 81, 111].map((balance) => checker.expected.checkBalance(balance).type);
  expect(types).toEqual(["inconclusive", "inconclusive", "inconclusive", "inconclusive", "wrong", "wrong"]);
});

test("with many transactions without an answer, only a balance that none of them can explain is wrong", () => {
  const checker = new AnswerChecker(1, LIMIT);
  checker.expected.reset(0);
  for (let index = 0; index <= loadTestBounds.unknown_transactions_searched_max; index++) {
    const pending = checker.expected.recordSent({ kind: "credit", value: 10, description: null }, 0);
    checker.transaction(pending, DROPPED, 1, true);
  }
  const most = 10 * (loadTestBounds.unknown_transactions_searched_max + 1);
  const types = [0, 15, most, -1, most + 1].map((balance) => checker.expected.checkBalance(balance).type);
  expect(types).toEqual(["inconclusive", "inconclusive", "inconclusive", "wrong", "wrong"]);
});

test("each unknown balance change excuses one answer that seems to lose an update, and no more", () => {
  const checker = new AnswerChecker(1, LIMIT);
  checker.expected.reset(0);
  const credit = () => checker.expected.recordSent({ kind: "credit", value: 1, description: null }, 0);
  // Three answers that all claim the step from 0 to 1.
  for (let index = 0; index < 3; index++) {
    checker.expected.recordAccepted(credit(), { balance: 1, limit: LIMIT }, 1);
  }
  expect(checker.expected.findLostUpdates()).toHaveLength(2);
  checker.expected.recordUnanswered(credit());
  expect(checker.expected.findLostUpdates()).toHaveLength(1);
  checker.expected.recordAcceptedWithoutBalance(credit());
  expect(checker.expected.findLostUpdates()).toEqual([]);
});
