import type { RegisteredCommand } from "./command-registry.ts";
import type { Answer, Command } from "../clients/history.ts";

/** Commands and answers as text, for the details of violations. */

export function operationText(command: Command): string {
  switch (command.type) {
    case "transact":
      return `the ${command.kind} of ${command.value} "${command.description}" on account ${command.account}`;
    case "open":
      return `the opening of "${command.name}" with limit ${command.creditLimit}`;
    case "change-limit":
      return `the change of account ${command.account}'s limit to ${command.creditLimit}`;
    case "change-state":
      return `the change of account ${command.account} to ${command.state}`;
    case "transaction": {
      const { postings, conditions, reference } = command;
      return `the transaction "${reference}" of ${JSON.stringify(postings)} if ${JSON.stringify(conditions)}`;
    }
    case "hold":
      return `the hold "${command.reference}" of ${command.amount} from ${command.from} to ${command.to}`;
    case "capture": {
      const { hold, amount, to, parts } = command;
      return `the capture of ${hold} (${JSON.stringify(parts ?? { amount, to })})`;
    }
    case "release":
      return `the release of ${command.hold}`;
    case "reversal":
      return `the reversal "${command.reference}" of ${command.transaction}`;
  }
}

export function commandText(command: RegisteredCommand): string {
  const key = command.id ?? "without a key";
  return `${operationText(command.operation)} (${key}, ${attemptNumbersText(command.numbers)})`;
}

export function attemptNumbersText(numbers: readonly number[]): string {
  return `${numbers.length === 1 ? "attempt" : "attempts"} ${numbers.join(", ")}`;
}

/** Without what only an answer that repeats another one says. */
export function answerText(answer: Answer): string {
  switch (answer.type) {
    case "accepted": {
      const { type, replayed: _, ...shown } = answer;
      return `${type} with ${JSON.stringify(shown)}`;
    }
    case "refused":
      return `refused: ${refusalText(answer)}`;
    case "not-done":
      return "not done";
    case "unknown":
      return `not known (${answer.reason})`;
    case "odd":
      return answer.reason;
    case "account":
    case "batch":
    case "dry-run":
    case "hold":
    case "statement":
    case "transaction":
      return JSON.stringify(answer);
  }
}

export function refusalText(refused: {
  readonly problem: string;
  readonly account: string | null;
  readonly index: number | null;
  readonly other: string | null;
}): string {
  const { problem, account, index, other } = refused;
  const place = [account, index === null ? null : `at ${index}`, other].filter((one) => one !== null);
  return place.length === 0 ? problem : `${problem} (${place.join(", ")})`;
}
