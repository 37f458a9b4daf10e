import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import { type RegisteredCommand, CommandRegistry } from "./command-registry.ts";
import { KeptRowsCheck } from "./kept-rows-check.ts";
import type { Checker, RoundFaults, RoundVerdict } from "./checker-types.ts";
import { RoundFindings } from "./round-violations.ts";
import { ExcusedLosses } from "./excused-losses.ts";
import type { Attempt } from "../clients/history.ts";
import { type TimedChange, checkLinearizability, type Observation } from "./linearizability.ts";
import { timedChange, matchChange } from "./row-matching.ts";
import { checkOutcome, type OutcomeContext, standing } from "./command-outcome-check.ts";
import {
  isKnownRefusal,
  nothing,
  refusalObservations,
  statementObservation,
  unknownAccountObservation,
} from "./observed-states.ts";
import type { BooksSnapshot } from "../system/system-under-test.ts";
import type { AccountStates } from "./account-states.ts";
import { answerText } from "./violation-text.ts";

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
  readonly #commands = new CommandRegistry();
  readonly #memory = new KeptRowsCheck();
  /** Commands that an earlier round left open, and that are not in the books. */
  readonly #open = new Set<RegisteredCommand>();
  #round = 0;
  #forgottenIn = 0;

  round(
    attempts: readonly Attempt[],
    books: BooksSnapshot,
    restores: readonly RestoreReport[],
    harm: RoundFaults = { redisData: false },
  ): RoundVerdict {
    this.#round += 1;
    const findings = new RoundFindings();
    if (harm.redisData || restores.some(({ type }) => type === "restored")) this.#forgottenIn = this.#round;

    const statements: Attempt[] = [];
    const touched = this.#registerAttempts(attempts, statements, findings);
    const { statesByAccount, newRow } = this.#memory.look(books, findings);
    for (const change of newRow) {
      const registered = matchChange(change, this.#commands, this.#round, findings);
      if (registered !== null) touched.add(registered);
    }

    const losses = new ExcusedLosses(restores, statesByAccount);
    if (!losses.isEmpty)
      for (const registered of new Set([...touched, ...this.#open])) losses.consider(registered);
    const context = { round: this.#round, forgottenIn: this.#forgottenIn, statesByAccount, losses, findings };
    for (const registered of touched) checkOutcome(registered, context);
    this.#moments(touched, statements, context);
    for (const registered of touched) this.#settle(registered, losses);
    return { counts: findings.counts, violations: findings.violations };
  }

  /** @returns the commands that were asked for */
  #registerAttempts(
    attempts: readonly Attempt[],
    statements: Attempt[],
    findings: RoundFindings,
  ): Set<RegisteredCommand> {
    const touched = new Set<RegisteredCommand>();
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

  #moments(
    touched: ReadonlySet<RegisteredCommand>,
    statements: readonly Attempt[],
    context: OutcomeContext,
  ): void {
    const { losses, findings } = context;
    const accounts = new Map<
      number,
      { changes: TimedChange[]; observations: Observation[]; states: AccountStates }
    >();
    const of = (account: number) => {
      const known = accounts.get(account);
      if (known !== undefined) return known;
      const states = context.statesByAccount.get(account) ?? nothing(account);
      const fresh = { changes: [], observations: [], states };
      accounts.set(account, fresh);
      return fresh;
    };

    for (const registered of touched) {
      const refusals = registered.attempts.filter(({ answer }) => answer.type === "refused").length;
      if (losses.excusesCommand(registered)) findings.counts.excused += refusals;
      else this.#ofCommand(registered, refusals > 0, of);
    }
    for (const attempt of statements) {
      const { account } = attempt.operation.type === "statement" ? attempt.operation : { account: 0 };
      const { answer } = attempt;
      if (answer.type !== "statement" && answer.type !== "refused") continue;
      if (losses.excuses(account)) {
        findings.counts.excused += 1;
        continue;
      }
      const { observations, states } = of(account);
      if (!states.isWhole) continue;
      const observation =
        answer.type === "statement"
          ? statementObservation(attempt, answer.statement, states, this.#commands)
          : unknownAccountObservation(attempt, answer.problem, states);
      if (typeof observation !== "string") observations.push(observation);
      else {
        const detail = `The statement of account ${account} (attempt ${attempt.number}) is of no moment: ${observation}.`;
        findings.add("impossible-statement", detail, [attempt.number]);
      }
    }
    for (const { changes, observations, states } of accounts.values()) {
      if (states.isWhole) checkLinearizability(states, changes, observations, findings);
    }
  }

  #ofCommand(
    registered: RegisteredCommand,
    isRefused: boolean,
    of: (account: number) => { changes: TimedChange[]; observations: Observation[]; states: AccountStates },
  ): void {
    if (registered.position !== null) {
      const change = timedChange(registered, registered.position, this.#round);
      if (change !== null) of(registered.position.account).changes.push(change);
    }
    if (isRefused && registered.operation.type !== "open") {
      const { observations, states } = of(registered.operation.account);
      const isKnown = registered.knownOutcome?.answer.type === "refused";
      observations.push(...refusalObservations(registered, isKnown, states));
    }
  }

  /** Keeps of the round what later ones need. */
  #settle(registered: RegisteredCommand, losses: ExcusedLosses): void {
    const isBack = registered.position !== null && registered.lost === "named";
    // Of several acceptances it is not known which one was lost. What stands in the books is what later ones must say.
    const isExcused = losses.excusesCommand(registered);
    if (isBack) [registered.lost, registered.knownOutcome] = ["no", null];
    // A refusal that may have been forgotten may be remembered all the same: it is kept until another outcome is told.
    let isBinding = standing(registered, { forgottenIn: this.#forgottenIn }) !== null;
    for (const { answer, number } of registered.attempts) {
      if (answer.type === "unknown") registered.open = true;
      if (answer.type !== "accepted" && answer.type !== "refused") continue;
      // An acceptance is what stays beside a refusal that was forgotten.
      if (isBinding && (registered.knownOutcome?.answer.type !== "refused" || answer.type === "refused"))
        continue;
      registered.knownOutcome = { answer, attempt: number, round: this.#round };
      isBinding = true;
    }
    if (isExcused && registered.knownOutcome?.answer.type === "accepted") registered.knownOutcome = null;
    registered.attempts = [];
    if (registered.open && registered.position === null) this.#open.add(registered);
    else this.#open.delete(registered);
  }
}

function count({ answer }: Attempt, { counts }: RoundFindings): void {
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
      return `asked for ${operation.type}, it was answered: ${answerText(answer)}`;
    case "refused":
      if (isKnownRefusal(answer.problem, operation.type)) return null;
      return `a request to ${operation.type} was refused with "${answer.problem}", which cannot be`;
    case "not-done":
    case "unknown":
      return null;
  }
}
