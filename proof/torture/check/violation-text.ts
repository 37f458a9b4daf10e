import type { RegisteredCommand, Command } from "./command-registry.ts";
import type { Answer } from "../clients/history.ts";
import type { EntryRow } from "./account-states.ts";

/** How violations speak of commands, answers and rows. */

export function operationText(command: Command): string {
  switch (command.type) {
    case "transact":
      return `the ${command.kind} of ${command.value} "${command.description}" on account ${command.account}`;
    case "open":
      return `the opening of "${command.name}" with limit ${command.creditLimit}`;
    case "change-limit":
      return `the change of account ${command.account}'s limit to ${command.creditLimit}`;
  }
}

export function commandText(registered: RegisteredCommand): string {
  const key = registered.key === null ? "without a key" : `key ${registered.key}`;
  return `${operationText(registered.operation)} (${key}, ${attemptNumbersText(registered.numbers)})`;
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
