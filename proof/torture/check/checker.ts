import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import { type Asked, Commands } from "./command-registry.ts";
import { BooksMemory } from "./kept-rows-check.ts";
import type { Checker, RoundHarm, RoundVerdict } from "./checker-types.ts";
import { Findings } from "./round-violations.ts";
import { Gap } from "./excused-losses.ts";
import type { Attempt } from "../clients/history.ts";
import { type ChangeMade, judgeMoments, type Reading } from "./linearizability.ts";
import { changeMade, placeChange } from "./row-matching.ts";
import { judgeOutcome, type OutcomeContext, standing } from "./command-outcome-check.ts";
import {
  isKnownRefusal,
  nothing,
  refusalReadings,
  statementReading,
  unknownAccountReading,
} from "./observed-states.ts";
import type { BooksSeen } from "../system/system-under-test.ts";
import type { Timeline } from "./account-states.ts";
import { answerWords } from "./violation-text.ts";

/**
 * The checker of a torture.
 *
 * The model: an account is a row of changes, in the order of the books (entries by seq, new limits where `afterSeq`
 * puts them), and its states are what the first n changes make of it. Every command leaves a mark of its own in its
 * change, so each answer can be held against it: what was accepted stands there once and as it was answered, what was
 * refused or not done does not, what is not known once or not at all. Statements and refusals saw one of the states,
 * and all of it must have been possible in the order in which the clients saw it happen (linearizability.ts).
 *
 * The work of a round grows with its attempts; of the books only a hash of each row is looked at again.
 */
export function createChecker(): Checker {
  return new BooksChecker();
}

class BooksChecker implements Checker {
  readonly #commands = new Commands();
  readonly #memory = new BooksMemory();
  /** Commands that an earlier round left open, and that are not in the books. */
  readonly #open = new Set<Asked>();
  #round = 0;
  #forgottenIn = 0;

  round(
    attempts: readonly Attempt[],
    books: BooksSeen,
    restores: readonly RestoreReport[],
    harm: RoundHarm = { redisData: false },
  ): RoundVerdict {
    this.#round += 1;
    const findings = new Findings();
    if (harm.redisData || restores.some(({ type }) => type === "restored")) this.#forgottenIn = this.#round;

    const statements: Attempt[] = [];
    const touched = this.#takeIn(attempts, statements, findings);
    const { timelines, appeared } = this.#memory.look(books, findings);
    for (const change of appeared) {
      const asked = placeChange(change, this.#commands, this.#round, findings);
      if (asked !== null) touched.add(asked);
    }

    const gap = new Gap(restores, timelines);
    if (!gap.isEmpty) for (const asked of new Set([...touched, ...this.#open])) gap.consider(asked);
    const context = { round: this.#round, forgottenIn: this.#forgottenIn, timelines, gap, findings };
    for (const asked of touched) judgeOutcome(asked, context);
    this.#moments(touched, statements, context);
    for (const asked of touched) this.#settle(asked, gap);
    return { counts: findings.counts, violations: findings.violations };
  }

  /** @returns the commands that were asked for */
  #takeIn(attempts: readonly Attempt[], statements: Attempt[], findings: Findings): Set<Asked> {
    const touched = new Set<Asked>();
    findings.counts.requests = attempts.length;
    for (const seen of attempts) {
      count(seen, findings);
      const oddity = oddityOf(seen);
      if (oddity !== null) findings.add("odd-answer", `Attempt ${seen.number}: ${oddity}.`, [seen.number]);
      // It may have been applied or not: what the contract does not know says nothing.
      const attempt: Attempt =
        oddity === null ? seen : { ...seen, answer: { type: "unknown", reason: "an odd answer" } };
      const { operation } = attempt;
      if (operation.type === "statement") statements.push(attempt);
      else
        touched.add(this.#commands.attempt(attempt, operation, (account) => this.#memory.floorOf(account)));
    }
    return touched;
  }

  #moments(touched: ReadonlySet<Asked>, statements: readonly Attempt[], context: OutcomeContext): void {
    const { gap, findings } = context;
    const accounts = new Map<number, { changes: ChangeMade[]; readings: Reading[]; timeline: Timeline }>();
    const of = (account: number) => {
      const known = accounts.get(account);
      if (known !== undefined) return known;
      const timeline = context.timelines.get(account) ?? nothing(account);
      const fresh = { changes: [], readings: [], timeline };
      accounts.set(account, fresh);
      return fresh;
    };

    for (const asked of touched) {
      const refusals = asked.attempts.filter(({ answer }) => answer.type === "refused").length;
      if (gap.excusesCommand(asked)) findings.counts.excused += refusals;
      else this.#ofCommand(asked, refusals > 0, of);
    }
    for (const attempt of statements) {
      const { account } = attempt.operation.type === "statement" ? attempt.operation : { account: 0 };
      const { answer } = attempt;
      if (answer.type !== "statement" && answer.type !== "refused") continue;
      if (gap.excuses(account)) {
        findings.counts.excused += 1;
        continue;
      }
      const { readings, timeline } = of(account);
      if (!timeline.isWhole) continue;
      const reading =
        answer.type === "statement"
          ? statementReading(attempt, answer.statement, timeline, this.#commands)
          : unknownAccountReading(attempt, answer.problem, timeline);
      if (typeof reading !== "string") readings.push(reading);
      else {
        const detail = `The statement of account ${account} (attempt ${attempt.number}) is of no moment: ${reading}.`;
        findings.add("impossible-statement", detail, [attempt.number]);
      }
    }
    for (const { changes, readings, timeline } of accounts.values()) {
      if (timeline.isWhole) judgeMoments(timeline, changes, readings, findings);
    }
  }

  #ofCommand(
    asked: Asked,
    isRefused: boolean,
    of: (account: number) => { changes: ChangeMade[]; readings: Reading[]; timeline: Timeline },
  ): void {
    if (asked.place !== null) {
      const change = changeMade(asked, asked.place, this.#round);
      if (change !== null) of(asked.place.account).changes.push(change);
    }
    if (isRefused && asked.operation.type !== "open") {
      const { readings, timeline } = of(asked.operation.account);
      const isTold = asked.told?.answer.type === "refused";
      readings.push(...refusalReadings(asked, isTold, timeline));
    }
  }

  /** Keeps of the round what later ones need. */
  #settle(asked: Asked, gap: Gap): void {
    const isBack = asked.place !== null && asked.lost === "named";
    // Of several acceptances it is not known which one was lost. What stands in the books is what later ones must say.
    const isExcused = gap.excusesCommand(asked);
    if (isBack) [asked.lost, asked.told] = ["no", null];
    // A refusal that may have been forgotten may be remembered all the same: it is kept until another outcome is told.
    let isBinding = standing(asked, { forgottenIn: this.#forgottenIn }) !== null;
    for (const { answer, number } of asked.attempts) {
      if (answer.type === "unknown") asked.open = true;
      if (answer.type !== "accepted" && answer.type !== "refused") continue;
      // An acceptance is what stays beside a refusal that was forgotten.
      if (isBinding && (asked.told?.answer.type !== "refused" || answer.type === "refused")) continue;
      asked.told = { answer, attempt: number, round: this.#round };
      isBinding = true;
    }
    if (isExcused && asked.told?.answer.type === "accepted") asked.told = null;
    asked.attempts = [];
    if (asked.open && asked.place === null) this.#open.add(asked);
    else this.#open.delete(asked);
  }
}

function count({ answer }: Attempt, { counts }: Findings): void {
  switch (answer.type) {
    case "accepted":
      counts.accepted += 1;
      return;
    case "refused":
      counts.refused += 1;
      return;
    case "statement":
      counts.statements += 1;
      return;
    case "not-done":
      counts.notDone += 1;
      return;
    case "unknown":
      counts.unknown += 1;
      return;
    case "odd":
      return;
  }
}

/** @returns why the answer is none that the contract has for the request */
function oddityOf({ operation, answer }: Attempt): string | null {
  switch (answer.type) {
    case "odd":
      return answer.reason;
    case "accepted":
    case "statement":
      if ((operation.type === "statement") === (answer.type === "statement")) return null;
      return `asked for ${operation.type}, it was answered: ${answerWords(answer)}`;
    case "refused":
      if (isKnownRefusal(answer.problem, operation.type)) return null;
      return `a request to ${operation.type} was refused with "${answer.problem}", which cannot be`;
    case "not-done":
    case "unknown":
      return null;
  }
}
