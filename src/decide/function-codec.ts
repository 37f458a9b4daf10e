import type { Account, AccountState, AccountStatus, AccountId } from "../ledger/account.ts";
import { type Command, contentOf, isClientKey } from "../ledger/command.ts";
import { formatEvent, type LedgerEvent, parseEvent } from "../ledger/event.ts";
import type { Outcome } from "../ledger/ledger.ts";
import { isRefusal, type Refusal } from "../ledger/refusal.ts";
import { isUnit } from "../ledger/unit.ts";

/** Encodes the arguments of the Redis function and decodes its answers; both are specified at the top of ledger.lua. */

/** The function's answer to one command: its outcome, or that it was not decided because the outbox is full. */
export type Answer = Outcome | { readonly type: "full" };

/**
 * The six arguments that the function takes for a command.
 *
 * @param newId makes the id of an account that is opened
 */
export function argumentsOf(command: Command, newId: () => AccountId): string[] {
  const content = isClientKey(command.id) ? contentOf(command) : "";
  switch (command.type) {
    case "transact": {
      const kind = command.kind === "credit" ? "c" : "d";
      const { id, account, value, description } = command;
      return [kind, id, account, String(value), content, description];
    }
    case "open": {
      const { id, creditLimit, unit, name } = command;
      return ["o", id, newId(), String(creditLimit), content, `${unit} ${name ?? ""}`];
    }
    case "change-limit":
      return ["l", command.id, command.account, String(command.creditLimit), content, ""];
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

/** What is remembered of an event under the id of its command: that the command was accepted, and what follows. */
export function rememberedOf(event: Exclude<LedgerEvent, { readonly type: "missing" }>): string {
  if (event.type === "refusal") return `!${event.refusal}`;
  return `=${formatEvent(event).split(" ", FIELDS_BEFORE_ID[event.type]).join(" ")}`;
}

const FIELDS_BEFORE_ID = { entry: 7, open: 4, limit: 6 } as const;

/** The text that an account is in Redis. */
export function rowOf(account: Omit<Account, "id" | "name">): string {
  const { creditLimit, balance, held, seq, time, unit, state, openedAt } = account;
  return [creditLimit, balance, held, seq, time, unit, state, openedAt].join(" ");
}

/**
 * The inverse of {@link rowOf}, with what the row does not have.
 *
 * @throws Error if the text is not a row
 */
export function accountOfRow(id: AccountId, row: string, name: string): Account {
  const [, limit, balance, held, seq, time, unit = "", text, openedAt] = ROW.exec(row) ?? [];
  const numbers = {
    creditLimit: Number(limit),
    balance: Number(balance),
    held: Number(held),
    seq: Number(seq),
    time: Number(time),
    openedAt: Number(openedAt),
  };
  const state = STATES.find((one) => one === text);
  if (state === undefined || !isUnit(unit) || !Object.values(numbers).every(Number.isSafeInteger))
    throw new Error(`not the row of an account: ${JSON.stringify(row.slice(0, 100))}`);
  return { id, name: name === "" ? null : name, unit, state, ...numbers };
}

const STATES: readonly AccountStatus[] = ["open", "frozen", "closed"];
const ROW = /^(\d+) (-?\d+) (\d+) (\d+) (\d+) (\S+) (\S+) (\d+)$/;

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
