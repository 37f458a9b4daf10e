import type { RegisteredCommand, Command, CommandRegistry, RowPosition } from "./command-registry.ts";
import { type NewRow, isInitial } from "./kept-rows-check.ts";
import type { RoundFindings } from "./round-violations.ts";
import type { TimedChange } from "./linearizability.ts";
import { commandText, entryText } from "./violation-text.ts";

/** Brings commands and their changes in the books together. */

/** @returns the command whose change it is, if it was not found before */
export function matchChange(
  newRow: NewRow,
  commands: CommandRegistry,
  round: number,
  findings: RoundFindings,
): RegisteredCommand | null {
  const registered = askedFor(newRow, commands);
  if (registered === undefined) {
    const isExpected = newRow.type === "opening" && isInitial(newRow.row);
    if (!isExpected)
      findings.add("unasked", `Nobody asked for ${newRowText(newRow)}, which is in the books.`);
    return null;
  }
  if (registered.position !== null) {
    findings.counts.doubled += 1;
    findings.add(
      "doubled",
      `${commandText(registered)} is in the books twice, the second time as ${newRowText(newRow)}.`,
      registered.numbers,
    );
    return null;
  }
  registered.position = { account: newRow.row.account, round: round, ...changeOf(newRow) };
  const { command } = newRow.row;
  const isItsId = registered.key === null ? !command.startsWith("key:") : command === `key:${registered.key}`;
  if (!isItsId) {
    const detail = `${commandText(registered)} is in the books under the id ${command}, which is not its own.`;
    findings.add("unasked", detail, registered.numbers);
  }
  if (!isAsAsked(registered.operation, newRow)) {
    const detail = `${commandText(registered)} is in the books as ${newRowText(newRow)}.`;
    findings.add("wrong-answer", detail, registered.numbers);
  }
  return registered;
}

function askedFor(newRow: NewRow, commands: CommandRegistry): RegisteredCommand | undefined {
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

function isAsAsked(operation: Command, newRow: NewRow): boolean {
  const { row } = newRow;
  switch (newRow.type) {
    case "opening": {
      const { states } = newRow;
      // Without a limit it is told as broken.
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

/** @returns when it was made, as far as the answers of this round tell anything of that */
export function timedChange(
  registered: RegisteredCommand,
  position: RowPosition,
  round: number,
): TimedChange | null {
  const accepted = registered.attempts.filter(({ answer }) => answer.type === "accepted");
  // An answer that is not replayed says that it was made during its own attempt.
  const own = accepted.filter(({ answer }) => answer.type === "accepted" && !answer.replayed);
  if (position.round !== round && own.length === 0) return null;
  const sent = (own.length > 0 ? own : registered.causes).map(({ sentAt }) => sentAt);
  const isEarlier = own.length === 0 && (registered.open || sent.length === 0);
  return {
    type: "change",
    begin: isEarlier ? -Infinity : Math.min(...sent),
    end: Math.min(...accepted.map(({ endedAt }) => endedAt)),
    attempts: registered.numbers,
    text: commandText(registered),
    change: position.change,
  };
}
