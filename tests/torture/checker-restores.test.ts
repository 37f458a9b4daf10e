import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { RoundVerdict } from "../../proof/torture/check/checker-types.ts";
import { createChecker } from "../../proof/torture/check/checker.ts";
import type { Answer, Attempt, Operation } from "../../proof/torture/clients/history.ts";
import { testSeed } from "../support/random.ts";
import { type Round, Simulation } from "./support/simulated-clients.ts";
import { withJournals } from "./support/simulated-journal.ts";
import { SimulatedLedger } from "./support/simulated-ledger.ts";

setDefaultTimeout(60_000);

const firstSeed = testSeed();
/** Seeds that raised false alarms once: the loss hit what no client knew of, or a command that was then applied again. */
const ONCE_WRONG = [1_000_182, 1_002_604, 1_004_963, 1_006_552, 1_006_818, 1_007_028];
const seeds = [...ONCE_WRONG, ...Array.from({ length: 60 }, (_, index) => firstSeed + index)];

function check(rounds: readonly Round[]): RoundVerdict[] {
  const checker = createChecker();
  return withJournals(rounds).map(({ attempts, books, restores }) =>
    checker.round(attempts, books, restores),
  );
}

/** The loss comes in the second round, and another one follows. */
function withLoss(seed: number, loss: "batches" | "accounts" | "nothing"): Round[] {
  return new Simulation({ seed, rounds: 3, attempts: 200, lossIn: 2, loss }).run();
}

describe(`a ledger that loses what it answered last (seed ${firstSeed})`, () => {
  for (const loss of ["batches", "accounts"] as const) {
    test(`raises no alarm where the restore names the ${loss}, and is counted`, () => {
      let named = 0;
      let excused = 0;
      for (const seed of seeds) {
        const verdicts = check(withLoss(seed, loss));
        const violations = verdicts.flatMap((verdict) => verdict.violations);
        expect({ seed, violations }).toEqual({ seed, violations: [] });
        for (const { counts } of verdicts) {
          named += counts.lostNamed;
          excused += counts.excused;
          expect(counts.lost).toBe(0);
        }
      }
      expect(named).toBeGreaterThan(seeds.length);
      expect(excused).toBeGreaterThan(0);
    });
  }

  test("is found where the restore says that nothing is missing", () => {
    let silent = 0;
    for (const seed of seeds) {
      // The same history: only what the restore says is another.
      const [, named] = check(withLoss(seed, "batches"));
      if (named === undefined || named.counts.lostNamed === 0) continue;
      silent += 1;
      const verdicts = check(withLoss(seed, "nothing"));
      const names = verdicts.flatMap(({ violations }) => violations.map(({ name }) => name));
      expect({ seed, isFound: names.includes("lost") }).toEqual({ seed, isFound: true });
    }
    expect(silent).toBeGreaterThan(seeds.length / 2);
  });

  test("is found where the restore names other accounts only", () => {
    const rounds = withLoss(7, "batches").map((round) => ({
      ...round,
      restores: round.restores.map((report) => {
        const account = { account: "another", seq: 0, balance: 0, knownSeq: 1, knownBalance: 1 };
        return { ...report, missing: { batches: [], accounts: [account] } };
      }),
    }));
    const verdicts = check(rounds);
    expect(verdicts[1]?.counts.lostNamed).toBe(0);
    expect(verdicts[1]?.counts.lost).toBeGreaterThan(0);
  });
});

describe("a refusal under a key that was forgotten", () => {
  const debit: Operation = {
    type: "transact",
    account: "2",
    kind: "debit",
    value: 90_000,
    description: "debit",
  };
  const credit: Operation = { ...debit, kind: "credit", value: 50_000, description: "credit" };

  /**
   * Credits, of which the restore loses the last; then a debit that is refused; then there is room; then the key again.
   *
   * @param forgotten how many of the latest decisions Redis has lost when the key comes again
   */
  function history(forgotten: number, tell: "batches" | "nothing"): { first: Attempt[]; second: Round } {
    const ledger = new SimulatedLedger();
    let number = 0;
    const ask = (operation: Operation, key: string | null): Attempt => {
      number += 1;
      const at = number * 10;
      const answer: Answer =
        operation.type === "statement"
          ? ledger.statement(operation.account, at)
          : ledger.apply(operation, key, at);
      return { number, operation, key, sentAt: at, endedAt: at + 5, answer };
    };
    const first = [ask(debit, "k")];
    const report = ledger.forget(forgotten, tell);
    const second = [ask(credit, null), ask(debit, "k")];
    expect([...first, ...second].map(({ answer }) => answer.type)).toEqual([
      "refused",
      "accepted",
      forgotten > 0 ? "accepted" : "refused",
    ]);
    return { first, second: { attempts: second, books: ledger.books(), restores: [report] } };
  }

  const inOneRound = ({ first, second }: ReturnType<typeof history>): Round[] => [
    { ...second, attempts: [...first, ...second.attempts] },
  ];
  const named = (rounds: readonly Round[]) =>
    check(rounds).flatMap(({ violations }) => violations.map(({ name }) => name));

  test("is none where it was not forgotten", () => {
    expect(named(inOneRound(history(0, "nothing")))).toEqual([]);
  });

  test("is no violation where the restore says that batches are missing", () => {
    expect(named(inOneRound(history(1, "batches")))).toEqual([]);
  });

  test("is one where the restore says that nothing is missing", () => {
    expect(named(inOneRound(history(1, "nothing")))).toContain("other-outcome");
  });

  test.each([false, true])(
    "is one where an earlier round had it in the journal, whatever is missing; the new outcome replayed: %p",
    (replayed) => {
      const { first, second } = history(1, "batches");
      const ledger = new SimulatedLedger();
      ledger.apply(debit, "k", 10);
      const before = { attempts: first, books: ledger.books(), restores: [] };
      const attempts = second.attempts.map((attempt): Attempt => {
        const { key, answer } = attempt;
        return key === null || answer.type !== "accepted"
          ? attempt
          : { ...attempt, answer: { ...answer, replayed } };
      });
      const violations = check([before, { ...second, attempts }]).flatMap((verdict) => verdict.violations);
      // By the answers, and by the journal, which names no attempts.
      const all = violations.filter(({ name }) => name === "other-outcome").map((one) => one.attempts);
      expect(all).toContainEqual([1, 3]);
      expect(all).toContainEqual([]);
    },
  );

  test("is one that no client was told of, where the journal has it", () => {
    const { first, second } = history(1, "nothing");
    const ledger = new SimulatedLedger();
    ledger.apply(debit, "k", 10);
    const unknown = first.map((attempt) => ({
      ...attempt,
      answer: { type: "unknown", reason: "the connection broke" } as const,
    }));
    const before = { attempts: unknown, books: ledger.books(), restores: [] };
    expect(named([before, second])).toEqual(["other-outcome"]);
  });
});
