import type { Rig } from "../run-context.ts";

/**
 * Beyond the official test: now that nothing is on its way any more, does every balance equal the sum of what was
 * answered, and did no two answers take the same step?
 */
export async function closingChecks(rig: Rig): Promise<void> {
  await Promise.all(
    rig.examiners.map(async (examiner) => {
      const { recorder, requests } = rig;
      const { book } = examiner;
      // Without a start there is nothing to compare with; that it could not be read is a failure already.
      if (!book.hasBegun) return;
      const askedAt = performance.now();
      const outcome = await rig.once(requests.statement(book.account));
      const { statement, findings } = examiner.statement(outcome, askedAt);
      for (const finding of findings) recorder.finding("check", finding);
      for (const finding of book.judgeSteps()) recorder.finding("check", finding);
      if (statement === null) return;
      const judgement = book.judgeBalance(statement.balance);
      if (judgement.type === "open") recorder.notes.push(judgement.note);
      if (judgement.type === "wrong") {
        const message =
          `account ${book.account}: at the end the statement shows ${statement.balance}; ` +
          `by what was answered with 200 it should be ${judgement.expected}`;
        recorder.finding("check", { check: "final-balance", message });
      }
    }),
  );
}
