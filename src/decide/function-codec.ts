import type { AccountState } from "../ledger/account.ts";
import { type Command, contentOf, isClientKey } from "../ledger/command.ts";
import { parseEvent } from "../ledger/event.ts";
import type { Outcome } from "../ledger/ledger.ts";
import { isRefusal, type Refusal } from "../ledger/refusal.ts";

/** Encodes the arguments of the Redis function and decodes its answers; both are specified at the top of ledger.lua. */

/** The function's answer to one command: its outcome, or that it was not decided because the outbox is full. */
export type Answer = Outcome | { readonly type: "full" };

/** The six arguments that the function takes for a command. */
export function argumentsOf(command: Command): string[] {
  const content = isClientKey(command.id) ? contentOf(command) : "";
  switch (command.type) {
    case "transact": {
      const kind = command.kind === "credit" ? "c" : "d";
      const { id, account, value, description } = command;
      return [kind, id, String(account), String(value), content, description];
    }
    case "open":
      return ["o", command.id, "", String(command.creditLimit), content, command.name ?? ""];
    case "change-limit":
      return ["l", command.id, String(command.account), String(command.creditLimit), content, ""];
  }
}

/** @throws Error if the text is not an answer of the function */
export function parseAnswer(text: string): Answer {
  const mark = text.charAt(0);
  const rest = text.slice(1);
  switch (mark) {
    case "=":
    case "+":
      return { type: "accepted", account: stateAfter(rest), replayed: mark === "+" };
    case "!":
    case "?": {
      const refusal = refusalIn(rest);
      if (refusal !== null) return { type: "refused", refusal, replayed: mark === "?" };
      break;
    }
    case "#":
      return { type: "full" };
    default:
  }
  throw new Error(`not an answer of the ledger's function: ${JSON.stringify(text.slice(0, 100))}`);
}

/** The event in the answer, if this call made one: the command was accepted, or refused under a client's key. */
export function newEvent(answer: string): string | null {
  return answer.startsWith("=") || answer.startsWith("!x ") ? answer.slice(1) : null;
}

function refusalIn(text: string): Refusal | null {
  if (isRefusal(text)) return text;
  const event = text.startsWith("x ") ? parseEvent(text) : null;
  return event?.type === "refusal" ? event.refusal : null;
}

function stateAfter(text: string): AccountState {
  const event = parseEvent(text);
  switch (event.type) {
    case "entry": {
      const { account, balance, seq } = event.entry;
      return { id: account, creditLimit: event.creditLimit, balance, seq };
    }
    case "open":
      return { id: event.account, creditLimit: event.creditLimit, balance: 0, seq: 0 };
    case "limit": {
      const { account, creditLimit, balance, seq } = event;
      return { id: account, creditLimit, balance, seq };
    }
    case "refusal":
    case "missing":
      throw new Error(`nothing was accepted by ${JSON.stringify(text.slice(0, 100))}`);
  }
}
