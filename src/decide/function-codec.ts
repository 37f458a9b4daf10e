import type { Account, AccountId, AccountState, AccountStatus } from "../ledger/account.ts";
import { type Command, type CreateTransaction, isClientKey } from "../ledger/command.ts";
import { contentHash, openingHash } from "../ledger/content-hash.ts";
import { type CommandEvent, formatEvent, type LedgerEvent, parseEvent } from "../ledger/event.ts";
import { accountDetailsIn, detailsIn, formatAccountDetails, formatDetails } from "../ledger/details-text.ts";
import { holdOf, type Place, transactionOf } from "../ledger/event-results.ts";
import type { Outcome, Result } from "../ledger/ledger.ts";
import { formatRefusal, parseRefusal, type Refused } from "../ledger/refused.ts";
import type { EventId, Hold, HoldStatus } from "../ledger/transaction.ts";
import type { Across, Decided } from "../ledger/transit.ts";
import { isUnit } from "../ledger/unit.ts";

/** Encodes the arguments of the Redis function and decodes its answers; both are specified in function/head.lua. */

/**
 * What a command becomes for the function, where the command alone does not say it: the id of an account that is opened,
 * the details of an account as they were and as they shall be, the postings that take a transaction back, or why it
 * cannot be.
 */
export type Prepared =
  | { readonly type: "as-is" }
  | { readonly type: "open"; readonly account: AccountId }
  /** `after` is null if that would be too large. */
  | { readonly type: "details"; readonly before: string; readonly after: string | null }
  | { readonly type: "reversal"; readonly postings: CreateTransaction["postings"] }
  /** Across shards: the six arguments, see transits/transit-arguments.ts. */
  | { readonly type: "across"; readonly arguments: readonly string[] }
  | { readonly type: "refused"; readonly refused: Refused };

/** The six arguments that the function takes for a command. */
export function argumentsOf(command: Command, prepared: Prepared): readonly string[] {
  if (prepared.type === "across") return prepared.arguments;
  // A dry run is not remembered, whatever its id: it has none that anything is remembered under.
  const id = command.type === "transaction" && command.isDryRun ? "req:/" : command.id;
  const content = isClientKey(id) ? contentHash(command) : "";
  if (prepared.type === "refused") return ["x", id, "", "", content, formatRefusal(prepared.refused)];
  switch (command.type) {
    case "transact": {
      const kind = command.kind === "credit" ? "c" : "d";
      const { account, value, description } = command;
      return [kind, id, account, String(value), content, description];
    }
    case "open": {
      const { creditLimit, unit } = command;
      const account = prepared.type === "open" ? prepared.account : (command.account ?? "");
      const body = { unit, opening: openingHash(command), details: formatAccountDetails(command) };
      return ["o", id, account, String(creditLimit), content, JSON.stringify(body)];
    }
    case "change": {
      const { account, creditLimit, state } = command;
      const body = { limit: creditLimit, state, ...(prepared.type === "details" ? changesOf(prepared) : {}) };
      return ["a", id, account, "", content, JSON.stringify(body)];
    }
    case "transaction": {
      const { postings, conditions, isDryRun } = command;
      const fields = [postings.length, conditions.length, NONE, isDryRun ? 1 : 0];
      return [
        "t",
        id,
        "",
        "",
        content,
        transactionText(fields, postings, conditions, formatDetails(command, null)),
      ];
    }
    case "reversal": {
      const { transaction: reverses } = command;
      const postings = prepared.type === "reversal" ? prepared.postings : [];
      const details = formatDetails(command, reverses);
      return [
        "t",
        id,
        "",
        "",
        content,
        transactionText([postings.length, 0, reverses, 0], postings, [], details),
      ];
    }
    case "hold": {
      const { from, to, amount, expiresInSeconds } = command;
      return [
        "h",
        id,
        from,
        String(amount),
        content,
        `${to} ${expiresInSeconds} ${formatDetails(command, null)}`,
      ];
    }
    case "capture": {
      const { hold, amount, to, parts } = command;
      const fields = [amount ?? NONE, to ?? NONE, parts?.length ?? NONE];
      for (const part of parts ?? []) fields.push(part.to, part.amount);
      return ["p", id, hold, "", content, fields.join(" ")];
    }
    case "release":
      return ["r", id, command.hold, "", content, ""];
  }
}

function changesOf({ before, after }: Extract<Prepared, { readonly type: "details" }>) {
  return after === null ? { before, unfit: true } : { before, details: after };
}

/** Where a field of an argument has no value. */
const NONE = "/";

function transactionText(
  fields: (string | number)[],
  postings: CreateTransaction["postings"],
  conditions: CreateTransaction["conditions"],
  details: string,
): string {
  for (const { from, to, amount } of postings) fields.push(from, to, amount);
  for (const { account, what, least, most } of conditions) fields.push(account, what, least, most);
  fields.push(details);
  return fields.join(" ");
}

/** The function's answer to one command. */
export type Answer =
  | Outcome
  /** Of a transaction across shards also with which attempt it was decided, now or before. */
  | (Extract<Outcome, { readonly type: "accepted" }> & { readonly decided: Across & Decided })
  /** This attempt was decided before, and how it was answered is forgotten. */
  | ({ readonly type: "decided" } & Decided)
  /** Not decided: the hold is to be captured across shards, since its `to` is on another one. */
  | { readonly type: "across" }
  /** Not decided, because the outbox is full. */
  | { readonly type: "full" }
  /** Not decided; it is to be sent again. */
  | { readonly type: "again" }
  /** Not done, because another command of its group was refused. */
  | { readonly type: "undone" };

/** @throws Error if the text is not an answer of the function */
export function parseAnswer(text: string, command: Command, shard: number): Answer {
  const mark = text.charAt(0);
  const rest = text.slice(1);
  switch (mark) {
    case "=":
    case "+": {
      const parts = partsOf(rest);
      const event = parseEvent(parts.event);
      const result = resultOf(parts, event, command, shard);
      const outcome = { type: "accepted", result, replayed: mark === "+" } as const;
      const decided = decidedAcross(event, { shard, g: parts.g ?? 0, index: parts.index });
      return decided === null ? outcome : { ...outcome, decided };
    }
    case "^": {
      const decided = parseDecided(rest);
      if (decided !== null) return { type: "decided", ...decided };
      break;
    }
    case ">":
      return { type: "across" };
    case "!":
    case "?": {
      const refused = refusedIn(rest);
      if (refused !== null) return { type: "refused", ...refused, replayed: mark === "?" };
      break;
    }
    case "*": {
      const account = existingAccount(rest, command);
      return { type: "accepted", result: { type: "account", account, opened: false }, replayed: false };
    }
    case "#":
      return { type: "full" };
    case "~":
      return { type: "again" };
    case "-":
      return { type: "undone" };
    default:
  }
  throw notAnAnswer(text);
}

function notAnAnswer(text: string): Error {
  return new Error(`not an answer of the ledger's function: ${JSON.stringify(text.slice(0, 100))}`);
}

/** The event in the answer, if this call made one: the command was accepted, or refused under a client's key. */
export function newEvent(answer: string): string | null {
  if (answer.startsWith("!x ")) return answer.slice(1);
  if (!answer.startsWith("=")) return null;
  // Of an entry of the contest's route it is all that follows.
  if (answer.charCodeAt(1) > NINE) return answer.slice(1);
  const { g, event } = partsOf(answer.slice(1));
  // A dry run makes none.
  return g === 0 ? null : event;
}

interface Parts {
  /** `null` for an entry of the contest's route. */
  readonly g: number | null;
  readonly index: number;
  readonly event: string;
  /** Of a capture or a release. */
  readonly hold: string | null;
}

/** The parts of an outcome. Every answer passes through here, some twice: expressions were several times as slow. */
function partsOf(text: string): Parts {
  if (text.charCodeAt(0) > NINE) return { g: null, index: 0, event: text, hold: null };
  const endOfG = text.indexOf(" ");
  const endOfIndex = text.indexOf(" ", endOfG + 1);
  const g = Number(text.slice(0, endOfG));
  const index = Number(text.slice(endOfG + 1, endOfIndex));
  const rest = text.slice(endOfIndex + 1);
  const feed = rest.startsWith("p ") || rest.startsWith("r ") ? rest.indexOf("\n") : -1;
  if (feed === -1) return { g, index, event: rest, hold: null };
  return { g, index, event: rest.slice(0, feed), hold: rest.slice(feed + 1) };
}

const NINE = 0x39;

function refusedIn(text: string): Refused | null {
  if (!text.startsWith("x ")) return parseRefusal(text);
  const event = parseEvent(text);
  return event.type === "refusal" ? event.refusal : null;
}

/** With which attempt it was decided, and what is known of that; `null` for what is of one shard alone. */
function decidedAcross(event: LedgerEvent, place: Place): (Across & Decided) | null {
  if ((event.type !== "transaction" && event.type !== "capture") || event.across === undefined) return null;
  const transaction = transactionOf(event, place);
  if (transaction === null) return null;
  return { ...event.across, transaction: transaction.id, decidedAt: event.time, hold: transaction.hold };
}

/** @throws Error if it is not the event of such a command */
function resultOf(
  { g, index, event: text, hold: holdText }: Parts,
  event: LedgerEvent,
  command: Command,
  shard: number,
): Result {
  const place = { shard, g: g ?? 0, index };
  switch (event.type) {
    case "entry": {
      const { account, balance, seq } = event.entry;
      return { type: "entry", account: { id: account, creditLimit: event.creditLimit, balance, seq } };
    }
    case "open": {
      const { account: id, creditLimit, unit, time, name, metadata } = event;
      const row = { balance: 0, held: 0, seq: 0, time, state: "open", openedAt: time } as const;
      return { type: "account", account: { id, creditLimit, unit, name, metadata, ...row }, opened: true };
    }
    case "change": {
      const { account, name, metadata } = event;
      return { type: "account", account: { ...account, name, metadata }, opened: command.type !== "open" };
    }
    case "transaction": {
      const { accounts } = event;
      const [account] = accounts;
      if (command.type === "transact" && account !== undefined) {
        const { id, creditLimit, balance, seq } = account;
        return { type: "entry", account: { id, creditLimit, balance, seq } };
      }
      const transaction = transactionOf(event, place);
      if (transaction === null) throw notAnAnswer(text);
      // A dry run has no place, and so no id.
      if (place.g === 0) return { type: "transaction", transaction: { ...transaction, id: "" }, accounts };
      return { type: "transaction", transaction, accounts };
    }
    case "hold":
      return { type: "hold", hold: holdOf(event, place), account: event.account };
    case "capture":
    case "release": {
      const account = event.type === "capture" ? event.accounts[0] : event.account;
      if (account === undefined || holdText === null) throw notAnAnswer(text);
      return { type: "hold", hold: parseHold(event.hold, holdText), account };
    }
    case "expiry":
    case "refusal":
    case "missing":
    case "part":
    case "finish":
    case "undo":
      throw notAnAnswer(text);
  }
}

function existingAccount(text: string, command: Command): Account {
  const fields = text.split(" ", 8).join(" ");
  if (command.type !== "open" || command.account === null) throw notAnAnswer(text);
  return accountOfRow(command.account, fields, text.slice(fields.length + 1));
}

/** What home remembers of a decided attempt, from its text; `null` if it is none. */
export function parseDecided(text: string): Decided | null {
  const [transaction = "", decidedAt = "", hold, ...rest] = text.split(" ");
  if (transaction === "" || !/^\d{1,16}$/.test(decidedAt) || hold === undefined || rest.length > 0)
    return null;
  return { transaction, decidedAt: Number(decidedAt), hold: hold === "-" ? null : hold };
}

/** What is remembered of an event under the id of its command. */
export function rememberedOf(
  event: CommandEvent,
  place: { readonly g: number; readonly index: number },
  hold: Hold | null,
): string {
  if (event.type === "refusal") return `!${formatRefusal(event.refusal)}`;
  const text = formatEvent(event);
  if (event.type === "entry") return `=${text.split(" ", 7).join(" ")}`;
  return `=${place.g} ${place.index} ${text}${hold === null ? "" : `\n${formatHold(hold)}`}`;
}

/**
 * The account of a row, see `formatRow`.
 *
 * @param details JSON, see `formatAccountDetails`
 * @throws Error if the text is not a row
 */
export function accountOfRow(id: AccountId, row: string, details: string): Account {
  return { ...accountState(id, row), ...accountDetailsIn(details) };
}

function accountState(id: AccountId, row: string): AccountState {
  const match = ROW.exec(row);
  const [, limit, balance, held, seq, time, unit = "", status = "", openedAt] = match ?? [];
  const state = STATES[status];
  if (state === undefined || !isUnit(unit)) {
    throw new Error(`not the row of an account: ${JSON.stringify(row.slice(0, 100))}`);
  }
  const numbers = [limit, balance, held, seq, time, openedAt].map(Number);
  if (!numbers.every(Number.isSafeInteger)) {
    throw new Error(`not the row of an account: ${JSON.stringify(row.slice(0, 100))}`);
  }
  return {
    id,
    creditLimit: Number(limit),
    balance: Number(balance),
    held: Number(held),
    seq: Number(seq),
    time: Number(time),
    unit,
    state,
    openedAt: Number(openedAt),
  };
}

const STATES: Readonly<Record<string, AccountStatus>> = { open: "open", frozen: "frozen", closed: "closed" };
const ROW = /^(\d+) (-?\d+) (\d+) (\d+) (\d+) (\S+) ([a-z]+) (\d+)$/;

/** The text that a hold is in Redis. */
export function formatHold(hold: Hold): string {
  const { state, from, to, amount, captured, expiresAt, time, transaction } = hold;
  const head = [state, from, to, amount, captured, expiresAt, time, transaction ?? "-"];
  return [...head, formatDetails(hold, null)].join(" ");
}

/** @throws Error if the text is none */
export function parseHold(id: EventId, text: string): Hold {
  const fields = text.split(" ", 8);
  const [status = "", from = "", to = "", amount, captured, expiresAt, time, transaction = ""] = fields;
  const state = HOLD_STATES[status];
  const numbers = [amount, captured, expiresAt, time].map(Number);
  if (state === undefined || transaction === "" || !numbers.every(Number.isSafeInteger))
    throw new Error(`not a hold: ${JSON.stringify(text.slice(0, 100))}`);
  const end = fields.reduce((length, field) => length + field.length + 1, 0);
  const { description, reference, metadata } = detailsIn(text.slice(end));
  return {
    id,
    state,
    from,
    to,
    amount: Number(amount),
    captured: Number(captured),
    expiresAt: Number(expiresAt),
    time: Number(time),
    transaction: transaction === "-" ? null : transaction,
    description,
    reference,
    metadata,
  };
}

const HOLD_STATES: Readonly<Record<string, HoldStatus>> = {
  open: "open",
  captured: "captured",
  released: "released",
  expired: "expired",
};
