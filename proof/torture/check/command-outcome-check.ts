import type { Accepted, Asked, Refused, Told } from "./command-registry.ts";
import type { Findings } from "./round-violations.ts";
import type { Gap } from "./excused-losses.ts";
import type { Attempt } from "../clients/history.ts";
import type { Timeline } from "./account-states.ts";
import { answerWords, askedWords } from "./violation-text.ts";

/** What the outcomes of a round are held against. */
export interface OutcomeContext {
  readonly round: number;
  readonly timelines: ReadonlyMap<number, Timeline>;
  readonly gap: Gap;
  /** The latest round in which refusals may have been forgotten; 0 for none. */
  readonly forgottenIn: number;
  readonly findings: Findings;
}

type Decided = Attempt & { readonly answer: Accepted | Refused };

/** One command's answers against each other, and against its change in the books. */
export function judgeOutcome(asked: Asked, context: OutcomeContext): void {
  const decided = asked.attempts.filter(isDecided);
  const told = standing(asked, context);
  sameOutcome(asked, decided, told, context);
  decidedOnce(asked, decided, told, context);
  const answers = [...(told === null ? [] : [told.answer]), ...decided.map(({ answer }) => answer)];
  if (answers.some(({ type }) => type === "accepted")) accepted(asked, decided, context);
  else if (asked.place !== null) notAccepted(asked, answers.length > 0, context);
}

/** What an earlier round told, if the ledger has to know it still. */
export function standing(
  { told, lost }: Asked,
  { forgottenIn }: Pick<OutcomeContext, "forgottenIn">,
): Told | null {
  if (told === null || lost !== "no") return null;
  return told.answer.type === "refused" && told.round <= forgottenIn ? null : told;
}

function sameOutcome(
  asked: Asked,
  decided: readonly Decided[],
  told: Told | null,
  context: OutcomeContext,
): void {
  const outcomes = new Map<string, number>();
  if (told !== null) outcomes.set(answerWords(told.answer), told.attempt);
  for (const { answer, number } of decided) {
    const words = answerWords(answer);
    if (!outcomes.has(words)) outcomes.set(words, number);
  }
  if (outcomes.size < 2 || context.gap.excusesCommand(asked)) return;
  const acceptances = [...outcomes.keys()].filter((words) => words.startsWith("accepted")).length;
  // A refusal may be forgotten; then the command is decided anew, and that outcome is the one that stays.
  if (context.forgottenIn === context.round && acceptances < 2) return;
  const each = [...outcomes].map(([words, number]) => `${words} (attempt ${number})`).join("; ");
  context.findings.add("other-outcome", `${askedWords(asked)} has several outcomes: ${each}.`, [
    ...outcomes.values(),
  ]);
}

/** An answer that is not replayed says that the command was decided there and then: only one can say so. */
function decidedOnce(
  asked: Asked,
  decided: readonly Decided[],
  told: Told | null,
  { gap, forgottenIn, round, findings }: OutcomeContext,
): void {
  const first = decided.find(({ answer }) => !answer.replayed);
  if (first === undefined || gap.excusesCommand(asked)) return;
  const forgets = forgottenIn === round && decided.some(({ answer }) => answer.type === "refused");
  const other =
    told?.attempt ??
    decided.find(
      (attempt) => attempt !== first && (!attempt.answer.replayed || attempt.endedAt < first.sentAt),
    )?.number;
  if (other === undefined || forgets) return;
  const detail = `${askedWords(asked)}: the answer to attempt ${first.number} says that it was decided anew, though attempt ${other} has its outcome, too.`;
  findings.add("other-outcome", detail, [other, first.number]);
}

function accepted(asked: Asked, decided: readonly Decided[], context: OutcomeContext): void {
  const { gap, findings } = context;
  if (asked.place === null) {
    if (gap.covers(asked.account)) {
      findings.counts.lostNamed += 1;
      asked.lost = "named";
      return;
    }
    findings.counts.lost += 1;
    asked.lost = "silently";
    findings.add("lost", `${askedWords(asked)} was accepted and is not in the books.`, asked.numbers);
    return;
  }
  for (const attempt of decided) {
    if (attempt.answer.type !== "accepted") continue;
    if (gap.excusesCommand(asked)) findings.counts.excused += 1;
    else accordingToBooks(asked, attempt, attempt.answer, context);
  }
}

function accordingToBooks(
  asked: Asked,
  attempt: Attempt,
  answer: Accepted,
  { timelines, findings }: OutcomeContext,
): void {
  const { place } = asked;
  const timeline = place === null ? undefined : timelines.get(place.account);
  // The chain's own break is told already, and its states mean nothing.
  if (place === null || timeline?.isWhole !== true) return;
  const state = timeline.stateAt(place.change);
  if (
    answer.account === place.account &&
    state !== null &&
    answer.balance === state.balance &&
    answer.creditLimit === state.creditLimit
  ) {
    return;
  }
  const stands = `balance ${state?.balance} and limit ${state?.creditLimit} on account ${place.account}`;
  const detail = `${askedWords(asked)} was ${answerWords(answer)}; the books have ${stands} after it.`;
  findings.add("wrong-answer", detail, [attempt.number]);
}

/** It stands in the books, and nobody was told that it was accepted. */
function notAccepted(asked: Asked, isRefused: boolean, context: OutcomeContext): void {
  const { round, forgottenIn, findings } = context;
  const isNew = asked.place?.round === round;
  const mayBeApplied = asked.causes.length > 0 || asked.open;
  if (isNew && !mayBeApplied) {
    if (asked.lost !== "no") {
      const detail = `${askedWords(asked)} was lost, and stands in the books now without having been asked for again.`;
      findings.add("unasked", detail, asked.numbers);
      return;
    }
    const said = asked.attempts.length === 0 && asked.told === null ? "not done" : answersOf(asked);
    findings.add(
      "refused-and-applied",
      `${askedWords(asked)} was answered: ${said}; and it stands in the books.`,
      asked.numbers,
    );
    return;
  }
  if (isNew) findings.counts.unknownApplied += 1;
  if (!isRefused || (isNew && forgottenIn === round)) return;
  const detail = `${askedWords(asked)} was answered: ${answersOf(asked)}; and it stands in the books.`;
  findings.add("refused-and-applied", detail, asked.numbers);
}

function answersOf({ attempts, told }: Asked): string {
  const answers = [...(told === null ? [] : [told.answer]), ...attempts.map(({ answer }) => answer)];
  return [...new Set(answers.map(answerWords))].join("; ");
}

function isDecided(attempt: Attempt): attempt is Decided {
  return attempt.answer.type === "accepted" || attempt.answer.type === "refused";
}
