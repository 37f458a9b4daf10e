import type { Accepted, RegisteredCommand, Refused, KnownOutcome } from "./command-registry.ts";
import type { RoundFindings } from "./round-violations.ts";
import type { ExcusedLosses } from "./excused-losses.ts";
import type { Attempt } from "../clients/history.ts";
import type { AccountStates } from "./account-states.ts";
import { answerText, commandText } from "./violation-text.ts";

/** What the outcomes of a round are checked against. */
export interface OutcomeContext {
  readonly round: number;
  readonly statesByAccount: ReadonlyMap<string, AccountStates>;
  readonly losses: ExcusedLosses;
  readonly findings: RoundFindings;
}

type Decided = Attempt & { readonly answer: Accepted | Refused };

/** Checks a command's answers against each other, and against its row in the books. */
export function checkOutcome(command: RegisteredCommand, context: OutcomeContext): void {
  const decided = command.attempts.filter(isDecided);
  const knownOutcome = bindingOutcome(command);
  checkSameOutcome(command, decided, knownOutcome, context);
  checkDecidedOnce(command, decided, knownOutcome, context);
  const answers = [
    ...(knownOutcome === null ? [] : [knownOutcome.answer]),
    ...decided.map(({ answer }) => answer),
  ];
  if (answers.some(({ type }) => type === "accepted")) checkAccepted(command, decided, context);
  else if (command.position !== null) checkNotAccepted(command, answers.length > 0, context);
}

/** The outcome that an earlier round answered, if the ledger still has to know it. */
export function bindingOutcome({ knownOutcome, lost }: RegisteredCommand): KnownOutcome | null {
  return knownOutcome === null || lost !== "no" || knownOutcome.mayBeForgotten ? null : knownOutcome;
}

/**
 * Whether a refusal of this round may have been forgotten: it is in the journal as any outcome, and only lost with its
 * batch, which a restore then names. What an earlier round answered was in the journal by its end.
 */
function mayForget(command: RegisteredCommand, { losses }: OutcomeContext): boolean {
  return !losses.isEmpty && bindingOutcome(command) === null;
}

function checkSameOutcome(
  command: RegisteredCommand,
  decided: readonly Decided[],
  knownOutcome: KnownOutcome | null,
  context: OutcomeContext,
): void {
  const outcomes = new Map<string, number>();
  if (knownOutcome !== null) outcomes.set(answerText(knownOutcome.answer), knownOutcome.attempt);
  for (const { answer, number } of decided) {
    const text = answerText(answer);
    if (!outcomes.has(text)) outcomes.set(text, number);
  }
  if (outcomes.size < 2 || context.losses.excusesCommand(command)) return;
  const acceptances = [...outcomes.keys()].filter((text) => text.startsWith("accepted")).length;
  // The command was decided again, and the new outcome stays.
  if (mayForget(command, context) && acceptances < 2) return;
  const each = [...outcomes].map(([text, number]) => `${text} (attempt ${number})`).join("; ");
  context.findings.add("other-outcome", `${commandText(command)} has several outcomes: ${each}.`, [
    ...outcomes.values(),
  ]);
}

/** An answer that is not a replay says that this attempt decided the command: only one answer may say so. */
function checkDecidedOnce(
  command: RegisteredCommand,
  decided: readonly Decided[],
  knownOutcome: KnownOutcome | null,
  context: OutcomeContext,
): void {
  const first = decided.find(({ answer }) => !answer.replayed);
  if (first === undefined || context.losses.excusesCommand(command)) return;
  const forgets = mayForget(command, context) && decided.some(({ answer }) => answer.type === "refused");
  const other =
    knownOutcome?.attempt ??
    decided.find(
      (attempt) => attempt !== first && (!attempt.answer.replayed || attempt.endedAt < first.sentAt),
    )?.number;
  if (other === undefined || forgets) return;
  const detail = `${commandText(command)}: the answer to attempt ${first.number} says that it was decided anew, though attempt ${other} has its outcome, too.`;
  context.findings.add("other-outcome", detail, [other, first.number]);
}

function checkAccepted(
  command: RegisteredCommand,
  decided: readonly Decided[],
  context: OutcomeContext,
): void {
  const { losses, findings } = context;
  if (command.position === null) {
    if (losses.covers(command.account)) {
      findings.counts.lostNamed += 1;
      command.lost = "named";
      return;
    }
    findings.counts.lost += 1;
    command.lost = "silently";
    findings.add("lost", `${commandText(command)} was accepted and is not in the books.`, command.numbers);
    return;
  }
  for (const attempt of decided) {
    if (attempt.answer.type !== "accepted") continue;
    if (losses.excusesCommand(command)) findings.counts.excused += 1;
    else checkAgainstBooks(command, attempt, attempt.answer, context);
  }
}

function checkAgainstBooks(
  command: RegisteredCommand,
  attempt: Attempt,
  answer: Accepted,
  { statesByAccount, findings }: OutcomeContext,
): void {
  const { position } = command;
  const states = position === null ? undefined : statesByAccount.get(position.account);
  // A broken chain is reported elsewhere, and its states mean nothing.
  if (position === null || states?.isWhole !== true) return;
  const state = states.stateAt(position.change);
  if (
    answer.account === position.account &&
    state !== null &&
    answer.balance === state.balance &&
    answer.creditLimit === state.creditLimit
  ) {
    return;
  }
  const expected = `balance ${state?.balance} and limit ${state?.creditLimit} on account ${position.account}`;
  const detail = `${commandText(command)} was ${answerText(answer)}; the books have ${expected} after it.`;
  findings.add("wrong-answer", detail, [attempt.number]);
}

/** It is in the books, and no client was told that it was accepted. */
function checkNotAccepted(command: RegisteredCommand, isRefused: boolean, context: OutcomeContext): void {
  const { round, findings } = context;
  const isNew = command.position?.round === round;
  const mayBeApplied = command.causes.length > 0 || command.open;
  if (isNew && !mayBeApplied) {
    if (command.lost !== "no") {
      const detail = `${commandText(command)} was lost, and stands in the books now without having been asked for again.`;
      findings.add("unasked", detail, command.numbers);
      return;
    }
    const said =
      command.attempts.length === 0 && command.knownOutcome === null ? "not done" : answersOf(command);
    findings.add(
      "refused-and-applied",
      `${commandText(command)} was answered: ${said}; and it stands in the books.`,
      command.numbers,
    );
    return;
  }
  if (isNew) findings.counts.unknownApplied += 1;
  if (!isRefused || (isNew && mayForget(command, context))) return;
  const detail = `${commandText(command)} was answered: ${answersOf(command)}; and it stands in the books.`;
  findings.add("refused-and-applied", detail, command.numbers);
}

function answersOf({ attempts, knownOutcome }: RegisteredCommand): string {
  const answers = [
    ...(knownOutcome === null ? [] : [knownOutcome.answer]),
    ...attempts.map(({ answer }) => answer),
  ];
  return [...new Set(answers.map(answerText))].join("; ");
}

function isDecided(attempt: Attempt): attempt is Decided {
  return attempt.answer.type === "accepted" || attempt.answer.type === "refused";
}
