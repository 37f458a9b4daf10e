import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import type { Accepted, Attempt, Batch, Command, Reading, Refused } from "../clients/history.ts";
import type { BooksSnapshot } from "../system/system-under-test.ts";
import { BooksCheck } from "./books-check.ts";
import type { Checker, RoundVerdict } from "./checker-types.ts";
import { bindingOutcome, checkOutcome, type OutcomeContext } from "./command-outcome-check.ts";
import { CommandRegistry, isCommand, type RegisteredCommand } from "./command-registry.ts";
import { matchEvent } from "./event-matching.ts";
import { JournalCheck } from "./journal-check.ts";
import { JournalReplay } from "./journal-replay.ts";
import { checkLinearizability, type Observation, type TimedChange } from "./linearizability.ts";
import { NamedLosses } from "./named-losses.ts";
import { attemptObservations, decisionObservations, readingObservation } from "./observations.ts";
import { isKnownRefusal } from "./known-refusals.ts";
import { APART, type ApartBatch, checkApart, isApartBatch } from "./apart-batches.ts";
import type { ReplayedLedger } from "./replayed-ledger.ts";
import { RoundFindings } from "./round-violations.ts";
import { isEventShown } from "./shown-check.ts";
import { answerText, commandText } from "./violation-text.ts";

/**
 * The checker of a torture.
 *
 * The model: the ledger is a sequence of events, in the order of the journal. Each event has to follow from those before
 * it (journal-replay.ts), and the tables of the books from the events (books-check.ts). Each command leaves the id of its
 * key, or a mark of its own, in its event, so each answer can be compared with it, and each event with what was asked for
 * and with what the ledger as it then was had to decide (event-matching.ts). What was accepted is in the journal once, as
 * it was answered; what was refused or not done is not; what is unknown is there once or not at all. Whatever was read,
 * and each refusal without a key, saw the ledger after one of the events, and everything must fit the order in which the
 * clients saw it happen (linearizability.ts).
 *
 * Shards have no order among each other. So that is done shard by shard, and what a command across shards found is looked
 * for on each of them by itself (shard-view.ts). How its decision and its parts fit, transits.ts tells.
 */
export function createChecker(): Checker {
  return new BooksChecker();
}

type ReadAttempt = Attempt & { readonly operation: Reading };

class BooksChecker implements Checker {
  readonly #commands = new CommandRegistry();
  readonly #journal = new JournalCheck();
  readonly #replay = new JournalReplay();
  readonly #books = new BooksCheck();
  /** Of transactions across shards those of which a side is lost for good, by all restores. */
  readonly #lostAttempts = new Set<string>();
  #round = 0;

  round(
    attempts: readonly Attempt[],
    books: BooksSnapshot,
    restores: readonly RestoreReport[],
  ): RoundVerdict {
    this.#round += 1;
    const findings = new RoundFindings();
    const reads: ReadAttempt[] = [];
    const apart: ApartBatch[] = [];
    const touched = this.#registerAttempts(attempts, reads, apart, findings);

    const losses = new NamedLosses(restores);
    for (const attempt of losses.attempts) this.#lostAttempts.add(attempt);
    const rows = this.#journal.check(books.journal, findings);
    const events = this.#replay.play(rows, findings);
    this.#replay.transits.check(this.#lostAttempts, findings);
    this.#books.check(books, this.#replay, findings);
    for (const batch of apart) checkApart(batch, this.#replay, findings);
    const [round, replay] = [this.#round, this.#replay];
    const matching = { commands: this.#commands, replay, round, isLossNamed: !losses.isEmpty, findings };
    for (const placed of events) {
      if (placed.event.type === "expiry") findings.count("expiry", "accepted");
      if (placed.event.type === "undo") findings.count("part undone", "accepted");
      const command = matchEvent(placed, matching);
      if (command !== null && command.across !== null) findings.count("across shards", "accepted");
      if (command !== null) touched.add(command);
    }
    const context = { round, losses, findings };
    for (const command of touched) checkOutcome(command, context);
    checkGroups(touched, findings);
    this.#checkOrder(touched, reads, context);
    for (const command of touched) rememberOutcome(command);
    return { counts: findings.counts, violations: findings.violations };
  }

  /** @returns the commands of this round */
  #registerAttempts(
    attempts: readonly Attempt[],
    reads: ReadAttempt[],
    apart: ApartBatch[],
    findings: RoundFindings,
  ): Set<RegisteredCommand> {
    const touched = new Set<RegisteredCommand>();
    findings.counts.requests = attempts.length;
    for (const seen of attempts) {
      count(seen, findings);
      const oddity = oddityOf(seen);
      if (oddity !== null) findings.add("odd-answer", `Attempt ${seen.number}: ${oddity}.`, [seen.number]);
      if (oddity === null && isApartBatch(seen)) apart.push(seen);
      const attempt: Attempt = { ...seen, answer: meaningOf(seen, oddity) };
      const { operation } = attempt;
      if (isCommand(operation)) {
        for (const command of this.#commands.attempt(attempt, operation)) touched.add(command);
      } else reads.push({ ...attempt, operation });
    }
    return touched;
  }

  #checkOrder(
    touched: ReadonlySet<RegisteredCommand>,
    reads: readonly ReadAttempt[],
    { losses, findings, round }: OutcomeContext,
  ): void {
    const replay = this.#replay;
    const changes: TimedChange[] = [];
    const seen: Observation[] = [];
    for (const attempt of reads) {
      const one = readingObservation(attempt, replay);
      if (one !== null) seen.push(one);
    }
    for (const command of touched) {
      const change = timedChange(command, round);
      if (change !== null) {
        changes.push(change, ...changesOfParts(command, change, replay));
        seen.push(...decisionObservations(command, change, replay));
      }
      for (const one of command.attempts) seen.push(...attemptObservations(command, one, replay));
    }
    if (!losses.isEmpty) {
      findings.counts.excused += seen.length;
      return;
    }
    // Where each shard's can have happened in order, all together can.
    for (const [shard, span] of replay.spans) {
      const isOfIt = (one: { readonly shard: number }): boolean => one.shard === shard;
      checkLinearizability(span, changes.filter(isOfIt), seen.filter(isOfIt), findings);
    }
  }
}

/** @returns the event's position with the times between which it happened; null if this round's answers say nothing of them */
function timedChange(command: RegisteredCommand, round: number): TimedChange | null {
  const { decision, isApplied } = command;
  if (decision?.round !== round) return null;
  const wanted = isApplied ? "accepted" : "refused";
  const told = command.attempts.filter(({ answer }) => answer.type === wanted);
  // An answer that is not a replay says that it happened during that attempt.
  const own = told.filter(({ answer }) => "replayed" in answer && !answer.replayed);
  const causes = command.attempts.filter(({ answer }) => answer.type === wanted || answer.type === "unknown");
  const sent = (own.length > 0 ? own : causes).map(({ sentAt }) => sentAt);
  const isEarlier = own.length === 0 && (command.open || sent.length === 0);
  return {
    type: "change",
    begin: isEarlier ? -Infinity : Math.min(...sent),
    end: Math.min(...told.map(({ endedAt }) => endedAt)),
    attempts: command.numbers,
    text: commandText(command),
    shard: decision.shard,
    position: decision.position,
  };
}

/** What parts have done on other shards, after the request and before the answer. */
function changesOfParts(
  command: RegisteredCommand,
  decided: TimedChange,
  { transits }: ReplayedLedger,
): TimedChange[] {
  const parts = transits.finishedParts(command.across?.attempt ?? "");
  return parts.flatMap(({ prepared, end }) =>
    [prepared, end].map(({ shard, position }) => ({ ...decided, shard, position })),
  );
}

/** All commands of an atomic batch happen in one decision, or none. */
function checkGroups(touched: ReadonlySet<RegisteredCommand>, findings: RoundFindings): void {
  for (const { group } of touched) {
    if (group?.index !== 0 || !group.batch.atomic) continue;
    const { members } = group;
    const decisions = members.flatMap((member) => (member.isApplied ? [member.decision] : []));
    const isWhole = decisions.length === 0 || decisions.length === members.length;
    if (isWhole && new Set(decisions.map((decision) => `${decision?.shard} ${decision?.g}`)).size <= 1)
      continue;
    const detail =
      `Of an atomic batch of ${members.length} commands ${decisions.length} are in the journal, in the batches ` +
      `${decisions.map((decision) => decision?.g).join(", ")}: ${members.map(commandText).join("; ")}.`;
    findings.add("partly-applied", detail, members[0]?.numbers ?? []);
  }
}

/** Stores what later rounds need to know of this one. */
function rememberOutcome(command: RegisteredCommand): void {
  if (command.decision !== null && command.lost === "named")
    [command.lost, command.knownOutcome] = ["no", null];
  const isBinding = bindingOutcome(command) !== null;
  for (const { answer, number } of command.attempts) {
    if (answer.type === "unknown") command.open = true;
    if (isBinding || (answer.type !== "accepted" && answer.type !== "refused")) continue;
    if (isOutcomeOf(command, answer)) command.knownOutcome = { answer, attempt: number };
  }
  command.attempts = [];
}

/**
 * Whether it is what the journal has. Where answers tell of several outcomes, the others were lost: of a command that was
 * applied, lost and applied again, too.
 */
function isOutcomeOf({ decision, isApplied }: RegisteredCommand, answer: Accepted | Refused): boolean {
  if (decision === null) return true;
  if (answer.type === "refused") return !isApplied;
  return isApplied && isEventShown(answer, decision, decision.after);
}

/** Of a batch each command counts for its kind. */
function count({ operation, answer }: Attempt, findings: RoundFindings): void {
  const { counts } = findings;
  switch (answer.type) {
    case "accepted":
      counts.accepted += 1;
      break;
    case "refused":
      counts.refused += 1;
      break;
    case "batch":
      counts[answer.refused === null ? "accepted" : "refused"] += 1;
      findings.count(nameOf(operation), answer.refused === null ? "accepted" : "refused");
      break;
    case "not-done":
      counts.notDone += 1;
      break;
    case "unknown":
    case "odd":
      counts.unknown += 1;
      break;
    case "statement":
    case "account":
    case "hold":
    case "transaction":
    case "dry-run":
      counts.statements += 1;
  }
  for (const [type, one] of answersOf(operation, answer)) {
    if (one.type === "refused") findings.count(type, "refused");
    else if (!["not-done", "unknown", "odd", "batch"].includes(one.type)) findings.count(type, "accepted");
  }
}

function nameOf(operation: Attempt["operation"]): string {
  if (operation.type !== "batch") return operation.type;
  return operation.atomic ? "atomic batch" : "batch";
}

function oddityOf({ operation, answer }: Attempt): string | null {
  for (const [type, one] of answersOf(operation, answer)) {
    if (one.type === "odd") return one.reason;
    if (one.type === "refused" && one.problem === APART && operation.type === "batch" && operation.atomic)
      continue;
    if (one.type === "refused" && !isKnownRefusal(one.problem, type)) return `${type}: ${answerText(one)}`;
  }
  return null;
}

/** What an answer says of what was done. */
function meaningOf(attempt: Attempt, oddity: string | null): Attempt["answer"] {
  // It may have been applied or not: an answer outside the contract says nothing.
  if (oddity !== null) return { type: "unknown", reason: "an odd answer" };
  // No shard was asked, or none has kept anything of it: what it comes to next time is open.
  return isApartBatch(attempt) ? { type: "not-done" } : attempt.answer;
}

/** Of a batch the answer to each of its commands. */
function answersOf(
  operation: Command | Batch | Reading,
  answer: Attempt["answer"],
): [type: Attempt["operation"]["type"], answer: Attempt["answer"]][] {
  if (operation.type !== "batch" || answer.type !== "batch") return [[operation.type, answer]];
  return operation.commands.flatMap(({ command }, index) => {
    const result = answer.results[index];
    return result === undefined ? [] : [[command.type, result]];
  });
}
