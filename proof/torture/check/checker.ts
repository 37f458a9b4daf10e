import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import { type RegisteredCommand, CommandRegistry } from "./command-registry.ts";
import { KeptRowsCheck } from "./kept-rows-check.ts";
import { JournalCheck } from "./journal-check.ts";
import type { Checker, RoundVerdict } from "./checker-types.ts";
import { RoundFindings } from "./round-violations.ts";
import { ExcusedLosses } from "./excused-losses.ts";
import type { Attempt } from "../clients/history.ts";
import { type TimedChange, checkLinearizability, type Observation } from "./linearizability.ts";
import { timedChange, matchChange } from "./row-matching.ts";
import { checkOutcome, type OutcomeContext, bindingOutcome } from "./command-outcome-check.ts";
import {
  isKnownRefusal,
  emptyAccountStates,
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
 * The model: an account is a sequence of changes, in the order of the books (entries by seq, new limits where
 * `afterSeq` puts them). State n is the account after its first n changes. Every command leaves a mark of its own in
 * its change, so each answer can be compared with its row. What was accepted is in the books once, as it was answered;
 * what was refused or not done is not; what is unknown is there once or not at all. Each statement and each refusal saw
 * one of the states, and everything must fit the order in which the clients saw it happen (linearizability.ts).
 *
 * Beside that the journal is checked by itself: it must have the same entries, and each refusal under a key
 * (journal-check.ts).
 *
 * The work of a round grows with its attempts; of the rows of earlier rounds only a hash is compared.
 */
export function createChecker(): Checker {
  return new BooksChecker();
}

class BooksChecker implements Checker {
  readonly #commands = new CommandRegistry();
  readonly #keptRows = new KeptRowsCheck();
  readonly #journal = new JournalCheck();
  /** Commands whose outcome an earlier round left unknown, and that are not in the books. */
  readonly #open = new Set<RegisteredCommand>();
  #round = 0;

  round(
    attempts: readonly Attempt[],
    books: BooksSnapshot,
    restores: readonly RestoreReport[],
  ): RoundVerdict {
    this.#round += 1;
    const findings = new RoundFindings();

    const statements: Attempt[] = [];
    const touched = this.#registerAttempts(attempts, statements, findings);
    const { statesByAccount, newRows } = this.#keptRows.check(books, findings);
    const losses = new ExcusedLosses(restores, statesByAccount);
    const entries = newRows.flatMap((change) => (change.type === "entry" ? [change.row] : []));
    this.#journal.check(books.journal, entries, { attempts, isLossNamed: !losses.isEmpty }, findings);
    for (const change of newRows) {
      const command = matchChange(change, this.#commands, this.#round, findings);
      if (command !== null) touched.add(command);
    }

    if (!losses.isEmpty) for (const command of new Set([...touched, ...this.#open])) losses.consider(command);
    const context = { round: this.#round, statesByAccount, losses, findings };
    for (const command of touched) checkOutcome(command, context);
    this.#checkLinearizability(touched, statements, context);
    for (const command of touched) this.#rememberOutcome(command, losses);
    return { counts: findings.counts, violations: findings.violations };
  }

  /** @returns the commands of this round */
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
      // It may have been applied or not: an answer outside the contract says nothing.
      const attempt: Attempt =
        oddity === null ? seen : { ...seen, answer: { type: "unknown", reason: "an odd answer" } };
      const { operation } = attempt;
      if (operation.type === "statement") statements.push(attempt);
      else
        touched.add(
          this.#commands.attempt(attempt, operation, (account) => this.#keptRows.changesBefore(account)),
        );
    }
    return touched;
  }

  #checkLinearizability(
    touched: ReadonlySet<RegisteredCommand>,
    statements: readonly Attempt[],
    context: OutcomeContext,
  ): void {
    const { losses, findings } = context;
    const accounts = new Map<
      string,
      { changes: TimedChange[]; observations: Observation[]; states: AccountStates }
    >();
    const of = (account: string) => {
      const known = accounts.get(account);
      if (known !== undefined) return known;
      const states = context.statesByAccount.get(account) ?? emptyAccountStates(account);
      const fresh = { changes: [], observations: [], states };
      accounts.set(account, fresh);
      return fresh;
    };

    for (const command of touched) {
      const refusals = command.attempts.filter(({ answer }) => answer.type === "refused").length;
      if (losses.excusesCommand(command)) findings.counts.excused += refusals;
      else this.#addCommand(command, refusals > 0, of);
    }
    for (const attempt of statements) {
      const { operation, answer } = attempt;
      if (operation.type !== "statement") continue;
      const { account } = operation;
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
        const detail = `The statement of account ${account} (attempt ${attempt.number}) shows no state of it: ${observation}.`;
        findings.add("impossible-statement", detail, [attempt.number]);
      }
    }
    for (const { changes, observations, states } of accounts.values()) {
      if (states.isWhole) checkLinearizability(states, changes, observations, findings);
    }
  }

  #addCommand(
    command: RegisteredCommand,
    isRefused: boolean,
    of: (account: string) => { changes: TimedChange[]; observations: Observation[]; states: AccountStates },
  ): void {
    if (command.position !== null) {
      const change = timedChange(command, command.position, this.#round);
      if (change !== null) of(command.position.account).changes.push(change);
    }
    if (isRefused && command.operation.type !== "open") {
      const { observations, states } = of(command.operation.account);
      const isKnown = command.knownOutcome?.answer.type === "refused";
      observations.push(...refusalObservations(command, isKnown, states));
    }
  }

  /** Stores what later rounds need to know of this one. */
  #rememberOutcome(command: RegisteredCommand, losses: ExcusedLosses): void {
    const isBack = command.position !== null && command.lost === "named";
    // Of several acceptances it is unknown which one was lost. Later answers must agree with what is in the books.
    const isExcused = losses.excusesCommand(command);
    if (isBack) [command.lost, command.knownOutcome] = ["no", null];
    // A refusal that may be forgotten may also still be there: it is kept until an answer gives another outcome.
    let isBinding = bindingOutcome(command) !== null;
    for (const { answer, number } of command.attempts) {
      if (answer.type === "unknown") command.open = true;
      if (answer.type !== "accepted" && answer.type !== "refused") continue;
      // Where a refusal was forgotten and the command then accepted, the acceptance is what stays.
      if (isBinding && (command.knownOutcome?.answer.type !== "refused" || answer.type === "refused"))
        continue;
      const mayBeForgotten = answer.type === "refused" && !losses.isEmpty;
      command.knownOutcome = { answer, attempt: number, mayBeForgotten };
      isBinding = true;
    }
    if (isExcused && command.knownOutcome?.answer.type === "accepted") command.knownOutcome = null;
    command.attempts = [];
    if (command.open && command.position === null) this.#open.add(command);
    else this.#open.delete(command);
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

/** @returns why the contract does not allow this answer to this request; null if it does */
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
