import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { RoundVerdict } from "../../proof/torture/check/checker-types.ts";
import { createChecker } from "../../proof/torture/check/checker.ts";
import type { Attempt, Operation } from "../../proof/torture/clients/history.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { testSeed } from "../support/random.ts";
import { type Round, simulate } from "./support/simulated-clients.ts";
import { SimulatedLedger } from "./support/simulated-ledger.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const firstSeed = testSeed();
const seeds = Array.from({ length: 4 }, (_, index) => firstSeed + index);

function check(rounds: readonly Round[]): RoundVerdict[] {
  const checker = createChecker();
  return rounds.map(({ attempts, books, restores }) => checker.round(attempts, books, restores));
}

function namesIn(rounds: readonly Round[]): string[] {
  return check(rounds).flatMap(({ violations }) => violations.map(({ name }) => name));
}

/** What the restores of the rounds say is another. */
function telling(rounds: readonly Round[], missing: Round["restores"][number]["missing"]): Round[] {
  return rounds.map((round) => ({
    ...round,
    restores: round.restores.map((report) => ({ ...report, missing })),
  }));
}

test(`a ledger that loses what it answered last raises no alarm where the restore names it (seed ${firstSeed})`, async () => {
  let named = 0;
  let excused = 0;
  for (const seed of seeds) {
    // The loss comes in the second round, and another one follows.
    const rounds = await simulate({ seed, rounds: 3, attempts: 150, lossIn: 2, loss: "batches" });
    const verdicts = check(rounds);
    const violations = verdicts.flatMap((verdict) => verdict.violations);
    expect({ seed, violations }).toEqual({ seed, violations: [] });
    const lost = verdicts.reduce((sum, { counts }) => sum + counts.lostNamed, 0);
    named += lost;
    excused += verdicts.reduce((sum, { counts }) => sum + counts.excused, 0);
    if (lost === 0) continue;
    // The same history, of which the restore says nothing, or something else.
    expect(namesIn(telling(rounds, { batches: [], accounts: [] }))).toContain("lost");
    const other = { account: "another", seq: 0, balance: 0, knownSeq: 1, knownBalance: 1 };
    expect(namesIn(telling(rounds, { batches: [], accounts: [other] }))).toContain("lost");
  }
  expect(named).toBeGreaterThan(0);
  expect(excused).toBeGreaterThan(0);
});

describe("a refusal under a key that was forgotten", () => {
  const of = { type: "transact", account: "2" } as const;
  const debit: Operation = { ...of, kind: "debit", value: 90_000, description: "debit" };
  const credit: Operation = { ...of, kind: "credit", value: 50_000, description: "credit" };

  /** A debit that is refused, and perhaps forgotten; then there is room; then the key again. */
  async function history(
    forgets: boolean,
    tell: "batches" | "nothing",
  ): Promise<{ first: Round; second: Round; left: Round["books"] }> {
    await using ledger = new SimulatedLedger();
    let number = 0;
    const ask = async (operation: Operation, key: string | null): Promise<Attempt> => {
      number += 1;
      ledger.now = number * 10;
      const answer = await ledger.ask(operation, key, null);
      return { number, operation, key, by: null, sentAt: ledger.now, endedAt: ledger.now + 5, answer };
    };
    await ledger.save();
    const first = { attempts: [await ask(debit, "k")], books: ledger.books(), restores: [] };
    const restores = forgets ? [await ledger.forget(tell)] : [];
    const left = ledger.books();
    const attempts = [await ask(credit, null), await ask(debit, "k")];
    return { first, second: { attempts, books: ledger.books(), restores }, left };
  }

  const inOneRound = ({ first, second }: { readonly first: Round; readonly second: Round }): Round[] => [
    { ...second, attempts: [...first.attempts, ...second.attempts] },
  ];

  test("is none where it was not forgotten", async () => {
    expect(namesIn(inOneRound(await history(false, "nothing")))).toEqual([]);
  });

  test("is no violation where the restore says that batches are missing", async () => {
    expect(namesIn(inOneRound(await history(true, "batches")))).toEqual([]);
  });

  test("does not bind the next round, though it was asked for again before that in vain", async () => {
    const { first, second, left } = await history(true, "batches");
    const [asked] = first.attempts;
    if (asked === undefined) throw new Error("nothing was asked for");
    const inVain: Attempt = { ...asked, number: 100, sentAt: 16, endedAt: 17, answer: { type: "not-done" } };
    const { restores } = second;
    const rounds = [
      { attempts: [asked, inVain], books: left, restores },
      { ...second, restores: [] },
    ];
    expect(namesIn(rounds)).toEqual([]);
  });

  test("is one where the restore says that nothing is missing", async () => {
    expect(namesIn(inOneRound(await history(true, "nothing")))).toContain("other-outcome");
  });

  test("is one where an earlier round had it in the journal, whatever is missing", async () => {
    const { first, second } = await history(true, "batches");
    const names = namesIn([first, second]);
    expect(names).toContain("other-outcome");
    expect(names).toContain("chain-broken");
  });
});
