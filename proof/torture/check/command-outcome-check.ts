import type { Accepted, RegisteredCommand, Refused, KnownOutcome } from "./command-registry.ts";
import type { RoundFindings } from "./round-violations.ts";
import type { ExcusedLosses } from "./excused-losses.ts";
import type { Attempt } from "../clients/history.ts";
import type { AccountStates } from "./account-states.ts";
import { answerText, commandText } from "./violation-text.ts";

/** What the outcomes of a round are held against. */
export interface OutcomeContext {
  readonly round: number;
  readonly statesByAccount: ReadonlyMap<number, AccountStates>;
  readonly losses: ExcusedLosses;
  /** The latest round in which refusals may have been forgotten; 0 for none. */
  readonly forgottenIn: number;
  readonly findings: RoundFindings;
}

type Decided = Attempt & { readonly answer: Accepted | Refused };

/** One command's answers against each other, and against its change in the books. */
export function checkOutcome(registered: RegisteredCommand, context: OutcomeContext): void {
  const decided = registered.attempts.filter(isDecided);
  const knownOutcome = standing(registered, context);
  checkSameOutcome(registered, decided, knownOutcome, context);
  checkDecidedOnce(registered, decided, knownOutcome, context);
  const answers = [
    ...(knownOutcome === null ? [] : [knownOutcome.answer]),
    ...decided.map(({ answer }) => answer),
  ];
  if (answers.some(({ type }) => type === "accepted")) accepted(registered, decided, context);
  else if (registered.position !== null) checkNotAccepted(registered, answers.length > 0, context);
}

/** What an earlier round told, if the ledger has to know it still. */
export function standing(
  { knownOutcome, lost }: RegisteredCommand,
  { forgottenIn }: Pick<OutcomeContext, "forgottenIn">,
): KnownOutcome | null {
  if (knownOutcome === null || lost !== "no") return null;
  return knownOutcome.answer.type === "refused" && knownOutcome.round <= forgottenIn ? null : knownOutcome;
}

function checkSameOutcome(
  registered: RegisteredCommand,
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
  if (outcomes.size < 2 || context.losses.excusesCommand(registered)) return;
  const acceptances = [...outcomes.keys()].filter((text) => text.startsWith("accepted")).length;
  // A refusal may be forgotten; then the command is decided anew, and that outcome is the one that stays.
  if (context.forgottenIn === context.round && acceptances < 2) return;
  const each = [...outcomes].map(([text, number]) => `${text} (attempt ${number})`).join("; ");
  context.findings.add("other-outcome", `${commandText(registered)} has several outcomes: ${each}.`, [
    ...outcomes.values(),
  ]);
}

/** An answer that is not replayed says that the command was decided there and then: only one can say so. */
function checkDecidedOnce(
  registered: RegisteredCommand,
  decided: readonly Decided[],
  knownOutcome: KnownOutcome | null,
  { losses, forgottenIn, round, findings }: OutcomeContext,
): void {
  const first = decided.find(({ answer }) => !answer.replayed);
  if (first === undefined || losses.excusesCommand(registered)) return;
  const forgets = forgottenIn === round && decided.some(({ answer }) => answer.type === "refused");
  const other =
    knownOutcome?.attempt ??
    decided.find(
      (attempt) => attempt !== first && (!attempt.answer.replayed || attempt.endedAt < first.sentAt),
    )?.number;
  if (other === undefined || forgets) return;
  const detail = `${commandText(registered)}: the answer to attempt ${first.number} says that it was decided anew, though attempt ${other} has its outcome, too.`;
  findings.add("other-outcome", detail, [other, first.number]);
}

function accepted(registered: RegisteredCommand, decided: readonly Decided[], context: OutcomeContext): void {
  const { losses, findings } = context;
  if (registered.position === null) {
    if (losses.covers(registered.account)) {
      findings.counts.lostNamed += 1;
      registered.lost = "named";
      return;
    }
    findings.counts.lost += 1;
    registered.lost = "silently";
    findings.add(
      "lost",
      `${commandText(registered)} was accepted and is not in the books.`,
      registered.numbers,
    );
    return;
  }
  for (const attempt of decided) {
    if (attempt.answer.type !== "accepted") continue;
    if (losses.excusesCommand(registered)) findings.counts.excused += 1;
    else checkAgainstBooks(registered, attempt, attempt.answer, context);
  }
}

function checkAgainstBooks(
  registered: RegisteredCommand,
  attempt: Attempt,
  answer: Accepted,
  { statesByAccount, findings }: OutcomeContext,
): void {
  const { position } = registered;
  const states = position === null ? undefined : statesByAccount.get(position.account);
  // The chain's own break is told already, and its states mean nothing.
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
  const stands = `balance ${state?.balance} and limit ${state?.creditLimit} on account ${position.account}`;
  const detail = `${commandText(registered)} was ${answerText(answer)}; the books have ${stands} after it.`;
  findings.add("wrong-answer", detail, [attempt.number]);
}

/** It stands in the books, and nobody was told that it was accepted. */
function checkNotAccepted(registered: RegisteredCommand, isRefused: boolean, context: OutcomeContext): void {
  const { round, forgottenIn, findings } = context;
  const isNew = registered.position?.round === round;
  const mayBeApplied = registered.causes.length > 0 || registered.open;
  if (isNew && !mayBeApplied) {
    if (registered.lost !== "no") {
      const detail = `${commandText(registered)} was lost, and stands in the books now without having been asked for again.`;
      findings.add("unasked", detail, registered.numbers);
      return;
    }
    const said =
      registered.attempts.length === 0 && registered.knownOutcome === null
        ? "not done"
        : answersOf(registered);
    findings.add(
      "refused-and-applied",
      `${commandText(registered)} was answered: ${said}; and it stands in the books.`,
      registered.numbers,
    );
    return;
  }
  if (isNew) findings.counts.unknownApplied += 1;
  if (!isRefused || (isNew && forgottenIn === round)) return;
  const detail = `${commandText(registered)} was answered: ${answersOf(registered)}; and it stands in the books.`;
  findings.add("refused-and-applied", detail, registered.numbers);
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
