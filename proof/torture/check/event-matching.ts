import { type Command, type Posting, WORLD } from "../clients/history.ts";
import { oppositeOf, Trial } from "./command-model.ts";
import type { CommandRegistry, RegisteredCommand } from "./command-registry.ts";
import { type AccountRow, commandIn, type Event, type RefusalText } from "./journal-events.ts";
import type { PlacedEvent } from "./placed-event.ts";
import type { ReplayedLedger } from "./replayed-ledger.ts";
import type { LedgerView } from "./ledger-history.ts";
import { isSameRefusal, refusingPosition, refusingShard } from "./refusing-shard.ts";
import type { RoundFindings } from "./round-violations.ts";
import { ShardView } from "./shard-view.ts";
import { shownAfter } from "./shown-check.ts";
import { commandText, refusalText } from "./violation-text.ts";

export interface MatchContext {
  readonly commands: CommandRegistry;
  readonly replay: ReplayedLedger;
  readonly round: number;
  /** A restore of this round named something as missing. */
  readonly isLossNamed: boolean;
  readonly findings: RoundFindings;
}

/**
 * Matches a new event with the command that asked for it, and checks that it is what was asked for, and that the ledger
 * as it was had to decide it so.
 *
 * @returns the command; null if there is none, or if it was decided already
 */
export function matchEvent(placed: PlacedEvent, context: MatchContext): RegisteredCommand | null {
  const { event, text, position } = placed;
  const { commands, replay, round, findings } = context;
  if (event.type === "missing" || event.type === "expiry") return null;
  // How they end follows from what was prepared and decided.
  if (event.type === "finish" || event.type === "undo" || event.id === "initial") return null;
  const before = replay.history.at(position - 1);
  const limitChanged =
    event.type === "change" && before.account(event.account.id)?.creditLimit !== event.account.creditLimit;
  const command = commands.ofEvent(event, limitChanged);
  if (command === undefined) {
    findings.add("unasked", `Nobody asked for the event "${text}", which is in the journal.`);
    return null;
  }
  // It may be a try that was not decided.
  if (event.type === "part") return null;
  if (isDecidedTwice(command, placed, context)) return null;
  command.decision = { ...placed, round, after: shownAfter(placed, replay) };
  const id = event.type === "refusal" ? command.refusalId : command.id;
  const found = commandIn(event.id);
  const isItsId = id === null ? found.id.startsWith("req:") : found.id === id;
  if (!isItsId) {
    const detail = `${commandText(command)} is in the journal under the id ${found.id}, which is not its own.`;
    findings.add("unasked", detail, command.numbers);
  }
  // What was lost may have been decided again, by another attempt than the one that was answered first.
  const names = context.isLossNamed ? command.names : command.namesOfDecision;
  if (!names.has(found.by)) {
    const right = [...names].map(nameText).join(" or ") || "none that was let in";
    const detail = `${commandText(command)} is in the journal with ${nameText(found.by)}, and was decided with ${right}.`;
    findings.add("unasked", detail, command.numbers);
  }
  if (event.type === "refusal") checkRefusal(command, event.refusal, placed, context);
  else checkAcceptance(command, placed, context);
  return command;
}

function nameText(name: string | null): string {
  return name === null ? "no access key" : `the access key ${name}`;
}

function isDecidedTwice(command: RegisteredCommand, placed: PlacedEvent, context: MatchContext): boolean {
  const { decision } = command;
  if (decision === null) return false;
  const { findings, round, isLossNamed } = context;
  if (decision.event.type === "refusal") {
    // It may be what was lost, and then decided again.
    if (isLossNamed && decision.round === round) return false;
    const detail = `The journal has a refusal of ${commandText(command)}, and after it "${placed.text}".`;
    findings.add("other-outcome", detail, command.numbers);
  } else {
    findings.counts.doubled += 1;
    const detail = `${commandText(command)} is in the journal twice, the second time as "${placed.text}".`;
    findings.add("doubled", detail, command.numbers);
  }
  return true;
}

function checkRefusal(
  command: RegisteredCommand,
  refusal: RefusalText,
  { shard, position }: PlacedEvent,
  { replay, findings, isLossNamed }: MatchContext,
): void {
  const { group, operation } = command;
  const positions = new Map([[shard, position - 1]]);
  const refusing = refusingShard(replay, operation, refusal) ?? shard;
  if (refusing !== shard && group?.batch.atomic !== true) {
    const at = refusingPosition(replay, operation, refusal, refusing);
    // It may be what was lost.
    if (at === null && isLossNamed) return;
    if (at !== null) positions.set(refusing, at);
  }
  const trial = new Trial(new ShardView(replay, positions));
  // It was decided after those before it in its batch, which were then taken back.
  if (group?.batch.atomic === true)
    for (const { command: earlier } of group.batch.commands.slice(0, group.index)) trial.apply(earlier);
  const wanted = trial.apply(operation);
  if (wanted !== null && isSameRefusal(wanted, refusal)) return;
  const right = wanted === null ? "accepted" : refusalText(wanted);
  const detail = `${commandText(command)} is in the journal as refused: ${refusalText(refusal)}; right is: ${right}.`;
  findings.add("impossible-refusal", detail, command.numbers);
}

function checkAcceptance(command: RegisteredCommand, placed: PlacedEvent, context: MatchContext): void {
  const { event, text, position, shard } = placed;
  const { replay, findings, isLossNamed } = context;
  const positions = new Map([[shard, position - 1]]);
  // Each of the other shards has looked at it when it prepared its part.
  for (const { prepared } of replay.transits.finishedParts(command.across?.attempt ?? ""))
    positions.set(prepared.shard, prepared.position - 1);
  const before = new ShardView(replay, positions);
  const differs = differenceOf(command.operation, event, before);
  if (differs !== null) {
    const name = differs === "parts" ? "partly-applied" : "wrong-answer";
    findings.add(name, `${commandText(command)} is in the journal as "${text}".`, command.numbers);
    return;
  }
  const trial = new Trial(before);
  const refusal = trial.apply(command.operation);
  // A part that was lost is prepared anew, on what its accounts are by then.
  if (refusal !== null && isLossNamed && command.across !== null) return;
  if (refusal !== null) {
    const detail = `${commandText(command)} was accepted, which had to be refused: ${refusalText(refusal)}.`;
    findings.add("impossible-acceptance", detail, command.numbers);
    return;
  }
  const after = replay.history.at(position);
  for (const [id, row] of trial.changed) {
    if (replay.placeOf(id)?.shard !== shard) continue;
    const found = after.account(id);
    if (found !== null && standingText(found) === standingText(row)) continue;
    const detail = `${commandText(command)} left account ${id} as ${found && standingText(found)}, not as ${standingText(row)}.`;
    findings.add("wrong-answer", detail, command.numbers);
  }
}

function standingText({ creditLimit, balance, held, seq, unit, state }: AccountRow): string {
  return [creditLimit, balance, held, seq, unit, state].join(" ");
}

/** @returns `parts` if some of the postings are not there */
function differenceOf(command: Command, event: Event, before: LedgerView): "parts" | "all" | null {
  switch (command.type) {
    case "transact": {
      const { account, kind, value } = command;
      if (event.type === "entry")
        return isAll(event.account === account && event.kind === kind && event.value === value);
      const [from, to] = kind === "credit" ? [WORLD, account] : [account, WORLD];
      return event.type === "transaction"
        ? postingsDiffer([{ from, to, amount: value }], event.moves)
        : "all";
    }
    case "open": {
      if (event.type !== "open") return "all";
      const { account, details } = event;
      const isItsAccount = command.account === null || command.account === account.id;
      const isAsAsked = account.unit === command.unit && account.creditLimit === command.creditLimit;
      return isAll(isItsAccount && isAsAsked && details.name === command.name);
    }
    case "change-limit":
      return isAll(
        event.type === "change" &&
          event.account.id === command.account &&
          event.account.creditLimit === command.creditLimit,
      );
    case "change-state":
      return isAll(
        event.type === "change" &&
          event.account.id === command.account &&
          event.account.state === command.state &&
          event.details.name === command.name,
      );
    case "transaction":
      if (command.dryRun || event.type !== "transaction" || event.details.reverses !== null) return "all";
      return postingsDiffer(command.postings, event.moves);
    case "hold": {
      if (event.type !== "hold") return "all";
      const { account, to, amount, expiresAt, time } = event;
      const isSame = account.id === command.from && to === command.to && amount === command.amount;
      return isAll(isSame && expiresAt - time === command.seconds * 1_000_000);
    }
    case "capture": {
      if (event.type !== "capture" || event.hold !== command.hold) return "all";
      const hold = before.hold(command.hold);
      const { from = "", amount = 0, to = "" } = hold ?? {};
      const all = command.amount ?? amount;
      const parts = command.parts ?? (all === 0 ? [] : [{ to: command.to ?? to, amount: all }]);
      return postingsDiffer(
        parts.map((part) => ({ from, ...part })),
        event.moves,
      );
    }
    case "release":
      return isAll(event.type === "release" && event.hold === command.hold);
    case "reversal": {
      if (event.type !== "transaction" || event.details.reverses !== command.transaction) return "all";
      return postingsDiffer(oppositeOf(before.transaction(command.transaction)?.postings ?? []), event.moves);
    }
  }
}

function isAll(isSame: boolean): "all" | null {
  return isSame ? null : "all";
}

function postingsDiffer(wanted: readonly Posting[], done: readonly Posting[]): "parts" | "all" | null {
  if (done.length < wanted.length) return "parts";
  return isAll(textOf(wanted) === textOf(done));
}

function textOf(postings: readonly Posting[]): string {
  return JSON.stringify(postings.map(({ from, to, amount }) => [from, to, amount]));
}
