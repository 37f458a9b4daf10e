import type { RegisteredCommand, CommandOperation } from "./command-registry.ts";
import type { Answer } from "../clients/history.ts";
import type { EntryRow } from "./account-states.ts";

/** Commands, answers and rows as text, for the details of violations. */

export function operationText(operation: CommandOperation): string {
  switch (operation.type) {
    case "transact":
      return `the ${operation.kind} of ${operation.value} "${operation.description}" on account ${operation.account}`;
    case "open":
      return `the opening of "${operation.name}" with limit ${operation.creditLimit}`;
    case "change-limit":
      return `the change of account ${operation.account}'s limit to ${operation.creditLimit}`;
  }
}

export function commandText(command: RegisteredCommand): string {
  const key = command.key === null ? "without a key" : `key ${command.key}`;
  return `${operationText(command.operation)} (${key}, ${attemptNumbersText(command.numbers)})`;
}

export function attemptNumbersText(numbers: readonly number[]): string {
  return `${numbers.length === 1 ? "attempt" : "attempts"} ${numbers.join(", ")}`;
}

export function answerText(answer: Answer): string {
  switch (answer.type) {
    case "accepted":
      return `accepted with balance ${answer.balance} and limit ${answer.creditLimit} on account ${answer.account}`;
    case "refused":
      return `refused: ${answer.problem}`;
    case "statement":
      return `a statement with balance ${answer.statement.balance} and limit ${answer.statement.creditLimit}`;
    case "not-done":
      return "not done";
    case "unknown":
      return `not known (${answer.reason})`;
    case "odd":
      return answer.reason;
  }
}

export function entryText(entry: EntryRow): string {
  const { account, seq, kind, value, description, balance } = entry;
  return `entry ${seq} of account ${account} (${kind} of ${value} "${description}", balance ${balance})`;
}
