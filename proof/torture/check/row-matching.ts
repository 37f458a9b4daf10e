import type {
  RegisteredCommand,
  CommandOperation,
  CommandRegistry,
  RowPosition,
} from "./command-registry.ts";
import { type NewRow, isInitial } from "./kept-rows-check.ts";
import type { RoundFindings } from "./round-violations.ts";
import type { TimedChange } from "./linearizability.ts";
import { commandText, entryText } from "./violation-text.ts";

/** Matches new rows in the books with the commands that asked for them. */

/** @returns the command that asked for the row; null if there is none, or if it has a row already */
export function matchChange(
  newRow: NewRow,
  commands: CommandRegistry,
  round: number,
  findings: RoundFindings,
): RegisteredCommand | null {
  const command = commandOf(newRow, commands);
  if (command === undefined) {
    const isExpected = newRow.type === "opening" && isInitial(newRow.row);
    if (!isExpected)
      findings.add("unasked", `Nobody asked for ${newRowText(newRow)}, which is in the books.`);
    return null;
  }
  if (command.position !== null) {
    findings.counts.doubled += 1;
    findings.add(
      "doubled",
      `${commandText(command)} is in the books twice, the second time as ${newRowText(newRow)}.`,
      command.numbers,
    );
    return null;
  }
  command.position = { account: newRow.row.account, round: round, ...changeOf(newRow) };
  const { command: commandId } = newRow.row;
  const isItsId = command.key === null ? !commandId.startsWith("key:") : commandId === `key:${command.key}`;
  if (!isItsId) {
    const detail = `${commandText(command)} is in the books under the id ${commandId}, which is not its own.`;
    findings.add("unasked", detail, command.numbers);
  }
  if (!isAsRequested(command.operation, newRow)) {
    const detail = `${commandText(command)} is in the books as ${newRowText(newRow)}.`;
    findings.add("wrong-answer", detail, command.numbers);
  }
  return command;
}

function commandOf(newRow: NewRow, commands: CommandRegistry): RegisteredCommand | undefined {
  switch (newRow.type) {
    case "opening":
      return newRow.row.name === null ? undefined : commands.byName(newRow.row.name);
    case "entry":
      return commands.byDescription(newRow.row.description);
    case "limit":
      return commands.byLimit(newRow.row.account, newRow.row.creditLimit);
  }
}

function changeOf(newRow: NewRow): Pick<RowPosition, "entry" | "change"> {
  switch (newRow.type) {
    case "opening":
      return { entry: null, change: 1 };
    case "entry":
      return { entry: newRow.entry, change: newRow.states.changeOfEntry(newRow.entry) };
    case "limit":
      return { entry: null, change: newRow.row.afterSeq + newRow.row.version };
  }
}

function isAsRequested(operation: CommandOperation, newRow: NewRow): boolean {
  const { row } = newRow;
  switch (newRow.type) {
    case "opening": {
      const { states } = newRow;
      // An account without a limit is reported as a broken chain.
      return (
        operation.type === "open" &&
        (states.limits === 0 || states.limit(1).creditLimit === operation.creditLimit)
      );
    }
    case "entry":
      return (
        operation.type === "transact" &&
        operation.account === row.account &&
        operation.kind === newRow.row.kind &&
        operation.value === newRow.row.value
      );
    case "limit":
      return operation.type === "change-limit";
  }
}

function newRowText(newRow: NewRow): string {
  switch (newRow.type) {
    case "opening":
      return `the opening of account ${newRow.row.account}, "${newRow.row.name}"`;
    case "entry":
      return entryText(newRow.row);
    case "limit":
      return `the limit ${newRow.row.creditLimit} of account ${newRow.row.account}, version ${newRow.row.version}`;
  }
}

/** @returns the change with the times between which it was made; null if this round's answers say nothing of them */
export function timedChange(
  command: RegisteredCommand,
  position: RowPosition,
  round: number,
): TimedChange | null {
  const accepted = command.attempts.filter(({ answer }) => answer.type === "accepted");
  // An answer that is not a replay says that the change was made during that attempt.
  const own = accepted.filter(({ answer }) => answer.type === "accepted" && !answer.replayed);
  if (position.round !== round && own.length === 0) return null;
  const sent = (own.length > 0 ? own : command.causes).map(({ sentAt }) => sentAt);
  const isEarlier = own.length === 0 && (command.open || sent.length === 0);
  return {
    type: "change",
    begin: isEarlier ? -Infinity : Math.min(...sent),
    end: Math.min(...accepted.map(({ endedAt }) => endedAt)),
    attempts: command.numbers,
    text: commandText(command),
    change: position.change,
  };
}
