import type { Accepted, Refused } from "../clients/history.ts";
import type { KnownOutcome, RegisteredCommand, Try } from "./command-registry.ts";
import { isSameRefusal } from "./refusing-shard.ts";
import type { NamedLosses } from "./named-losses.ts";
import type { RoundFindings } from "./round-violations.ts";
import { isEventShown } from "./shown-check.ts";
import { answerText, commandText, refusalText } from "./violation-text.ts";

/** What the outcomes of a round are checked against. */
export interface OutcomeContext {
  readonly round: number;
  readonly losses: NamedLosses;
  readonly findings: RoundFindings;
}

type Decided = Try & { readonly answer: Accepted | Refused };

/** Checks a command's answers against each other, and against its event in the journal. */
export function checkOutcome(command: RegisteredCommand, context: OutcomeContext): void {
  const decided = command.attempts.filter(isDecided);
  const knownOutcome = bindingOutcome(command);
  // Without a key each attempt is decided by itself.
  if (command.id !== null && !context.losses.excusesCommand(command)) {
    checkSameOutcome(command, decided, knownOutcome, context);
    checkDecidedOnce(command, decided, knownOutcome, context);
  }
  const answers = [
    ...(knownOutcome === null ? [] : [knownOutcome.answer]),
    ...decided.map(({ answer }) => answer),
  ];
  if (answers.some(({ type }) => type === "accepted")) checkAccepted(command, decided, context);
  else if (command.isApplied) checkNotAccepted(command, answers.length > 0, context);
  else if (command.id !== null) checkRefused(command, decided, context);
}

/** The outcome that an earlier round answered, if the ledger still has to know it. */
export function bindingOutcome({ knownOutcome, lost }: RegisteredCommand): KnownOutcome | null {
  return lost === "no" ? knownOutcome : null;
}

function checkSameOutcome(
  command: RegisteredCommand,
  decided: readonly Decided[],
  knownOutcome: KnownOutcome | null,
  { findings }: OutcomeContext,
): void {
  const outcomes = new Map<string, number>();
  if (knownOutcome !== null) outcomes.set(answerText(knownOutcome.answer), knownOutcome.attempt);
  for (const { answer, number } of decided) {
    const text = answerText(answer);
    if (!outcomes.has(text)) outcomes.set(text, number);
  }
  if (outcomes.size < 2) return;
  const each = [...outcomes].map(([text, number]) => `${text} (attempt ${number})`).join("; ");
  findings.add("other-outcome", `${commandText(command)} has several outcomes: ${each}.`, [
    ...outcomes.values(),
  ]);
}

/** An answer that is not a replay says that this attempt decided the command: only one answer may say so. */
function checkDecidedOnce(
  command: RegisteredCommand,
  decided: readonly Decided[],
  knownOutcome: KnownOutcome | null,
  { findings }: OutcomeContext,
): void {
  const first = decided.find(({ answer }) => !answer.replayed);
  if (first === undefined) return;
  const other =
    knownOutcome?.attempt ??
    decided.find(
      (attempt) => attempt !== first && (!attempt.answer.replayed || attempt.endedAt < first.sentAt),
    )?.number;
  if (other === undefined) return;
  const detail = `${commandText(command)}: the answer to attempt ${first.number} says that it was decided anew, though attempt ${other} has its outcome, too.`;
  findings.add("other-outcome", detail, [other, first.number]);
}

function checkAccepted(
  command: RegisteredCommand,
  decided: readonly Decided[],
  context: OutcomeContext,
): void {
  const { losses, findings } = context;
  const { decision } = command;
  if (decision === null || !command.isApplied) {
    if (decision !== null) {
      const detail = `${commandText(command)} was answered: ${answersOf(command)}; and the journal has it as refused.`;
      if (!losses.excusesCommand(command)) findings.add("other-outcome", detail, command.numbers);
    } else addLost(command, context);
    return;
  }
  for (const { answer, number } of decided) {
    if (answer.type !== "accepted") continue;
    if (losses.excusesCommand(command)) findings.counts.excused += 1;
    else if (!isEventShown(answer, decision, decision.after)) {
      const detail = `${commandText(command)} was ${answerText(answer)}; the journal has "${decision.text}".`;
      findings.add("wrong-answer", detail, [number]);
    }
  }
}

/** A refusal under a key is in the journal, too. */
function checkRefused(
  command: RegisteredCommand,
  decided: readonly Decided[],
  context: OutcomeContext,
): void {
  const { decision } = command;
  for (const { answer, number } of decided) {
    if (answer.type !== "refused") continue;
    const isExcused = context.losses.excusesCommand(command);
    // Also one that is excused does not bind later rounds where it is gone.
    if (decision === null && (!isExcused || context.losses.covers(command))) return addLost(command, context);
    if (decision === null || isExcused) continue;
    if (decision.event.type !== "refusal" || isSameRefusal(decision.event.refusal, answer)) continue;
    const detail = `${commandText(command)} was refused: ${refusalText(answer)}; the journal has "${decision.text}".`;
    context.findings.add("wrong-answer", detail, [number]);
  }
}

function addLost(command: RegisteredCommand, { losses, findings }: OutcomeContext): void {
  if (losses.covers(command)) {
    findings.counts.lostNamed += 1;
    command.lost = "named";
    return;
  }
  findings.counts.lost += 1;
  command.lost = "silently";
  const detail = `${commandText(command)} was answered: ${answersOf(command)}; and it is not in the journal.`;
  findings.add("lost", detail, command.numbers);
}

/** It is in the journal, and no client was told that it was accepted. */
function checkNotAccepted(command: RegisteredCommand, isRefused: boolean, context: OutcomeContext): void {
  const { round, findings, losses } = context;
  const isNew = command.decision?.round === round;
  const mayBeApplied = command.causes.length > 0 || command.open;
  if (isNew && !mayBeApplied) {
    if (command.lost !== "no") {
      const detail = `${commandText(command)} was lost, and is in the journal now without having been asked for again.`;
      findings.add("unasked", detail, command.numbers);
      return;
    }
    const answered = command.attempts.length > 0 || command.knownOutcome !== null;
    const said = answered ? answersOf(command) : "not done";
    const detail = `${commandText(command)} was answered: ${said}; and it is in the journal.`;
    findings.add("refused-and-applied", detail, command.numbers);
    return;
  }
  if (isNew) findings.counts.unknownApplied += 1;
  if (!isRefused || losses.excusesCommand(command)) return;
  // Opened just so by one attempt, and refused to another one before or after that: each is its own.
  if (command.id === null && command.attempts.length > 1) return;
  const detail = `${commandText(command)} was answered: ${answersOf(command)}; and it is in the journal.`;
  findings.add("refused-and-applied", detail, command.numbers);
}

function answersOf({ attempts, knownOutcome }: RegisteredCommand): string {
  const answers = [
    ...(knownOutcome === null ? [] : [knownOutcome.answer]),
    ...attempts.map(({ answer }) => answer),
  ];
  return [...new Set(answers.map(answerText))].join("; ");
}

function isDecided(attempt: Try): attempt is Decided {
  return attempt.answer.type === "accepted" || attempt.answer.type === "refused";
}
