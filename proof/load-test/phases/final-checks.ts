import type { RunContext } from "../run-context.ts";

/**
 * Beyond the official test: now that no request is in flight, does every balance equal the sum of what was answered,
 * and was no update lost?
 */
export async function runFinalChecks(context: RunContext): Promise<void> {
  await Promise.all(
    context.checkers.map(async (checker) => {
      const { recorder, requests } = context;
      const { expected } = checker;
      // Without a start balance there is nothing to compare with. That it could not be read is a failure already.
      if (!expected.isStartKnown) return;
      const askedAt = performance.now();
      const outcome = await context.once(requests.statement(expected.account));
      const { statement, findings } = checker.statement(outcome, askedAt);
      for (const finding of findings) recorder.addFinding("check", finding);
      for (const finding of expected.findLostUpdates()) recorder.addFinding("check", finding);
      if (statement === null) return;
      const balanceCheck = expected.checkBalance(statement.balance);
      if (balanceCheck.type === "inconclusive") recorder.notes.push(balanceCheck.note);
      if (balanceCheck.type === "wrong") {
        const message =
          `account ${expected.account}: at the end the statement shows ${statement.balance}; ` +
          `by what was answered with 200 it should be ${balanceCheck.expected}`;
        recorder.addFinding("check", { check: "final-balance", message });
      }
    }),
  );
}
