import type { Micros } from "./account.ts";
import type { CommandId } from "./command.ts";
import type { Entry } from "./entry.ts";

/**
 * What an accepted command did, as one text: how the deciding Redis function writes it to the outbox, how it
 * travels and how the books read it. Fields are separated by one space; the last one is the rest of the text,
 * whatever is in it. Integers are decimal.
 *
 *     c <account> <seq> <time> <value> <balance> <limit> <id> <description>    a credit; d: a debit
 *     o <account> <time> <limit> <id> <name>                                   an opened account; no name: empty
 *     l <account> <seq> <time> <balance> <limit> <id>                          a changed limit, for entries after seq
 */
export type LedgerEvent =
  | { readonly type: "entry"; readonly entry: Entry; readonly creditLimit: number }
  | {
      readonly type: "open";
      readonly account: number;
      readonly time: Micros;
      readonly creditLimit: number;
      readonly id: CommandId;
      readonly name: string | null;
    }
  | {
      readonly type: "limit";
      readonly account: number;
      /** The latest entry's when the limit was changed. */
      readonly seq: number;
      readonly time: Micros;
      readonly balance: number;
      readonly creditLimit: number;
      readonly id: CommandId;
    };

/** The text of which {@link parseEvent} makes the event: as the deciding function wrote it. */
export function formatEvent(event: LedgerEvent): string {
  switch (event.type) {
    case "entry": {
      const { account, seq, time, kind, value, balance, description } = event.entry;
      const letter = kind === "credit" ? "c" : "d";
      const { creditLimit } = event;
      return [letter, account, seq, time, value, balance, creditLimit, event.entry.id, description].join(" ");
    }
    case "open":
      return ["o", event.account, event.time, event.creditLimit, event.id, event.name ?? ""].join(" ");
    case "limit": {
      const { account, seq, time, balance, creditLimit } = event;
      return ["l", account, seq, time, balance, creditLimit, event.id].join(" ");
    }
  }
}

const FIELDS_BEFORE_REST: Readonly<Record<string, number>> = { c: 8, d: 8, o: 5, l: 6 };

/** @throws Error where the text is not an event: it was damaged, or written by another version */
export function parseEvent(text: string): LedgerEvent {
  const letter = text.charAt(0);
  const { fields, rest } = split(text, FIELDS_BEFORE_REST[letter] ?? 0);
  const [, second, third, fourth, fifth, sixth] = fields.map((field) => Number(field));
  const account = integer(second, text);
  switch (letter) {
    case "c":
    case "d":
      return {
        type: "entry",
        entry: {
          account,
          seq: integer(third, text),
          time: integer(fourth, text),
          kind: letter === "c" ? "credit" : "debit",
          value: integer(fifth, text),
          balance: integer(sixth, text),
          description: rest,
          id: id(fields[7], text),
        },
        creditLimit: integer(Number(fields[6]), text),
      };
    case "o":
      return {
        type: "open",
        account,
        time: integer(third, text),
        creditLimit: integer(fourth, text),
        id: id(fields[4], text),
        name: rest === "" ? null : rest,
      };
    case "l":
      return {
        type: "limit",
        account,
        seq: integer(third, text),
        time: integer(fourth, text),
        balance: integer(fifth, text),
        creditLimit: integer(sixth, text),
        id: id(rest, text),
      };
    default:
      throw notAnEvent(text);
  }
}

/** The first `count` fields, and what comes behind them. */
function split(text: string, count: number): { readonly fields: readonly string[]; readonly rest: string } {
  const fields: string[] = [];
  let start = 0;
  for (let field = 0; field < count; field += 1) {
    const end = text.indexOf(" ", start);
    if (end === -1) throw notAnEvent(text);
    fields.push(text.slice(start, end));
    start = end + 1;
  }
  return { fields, rest: text.slice(start) };
}

function integer(value: number | undefined, text: string): number {
  if (value === undefined || !Number.isSafeInteger(value)) throw notAnEvent(text);
  return value;
}

function id(field: string | undefined, text: string): CommandId {
  if (field === undefined || !/^(key|req):[\x21-\x7e]+$/.test(field)) throw notAnEvent(text);
  return field.startsWith("key:") ? `key:${field.slice(4)}` : `req:${field.slice(4)}`;
}

function notAnEvent(text: string): Error {
  return new Error(`not an event of the ledger: ${JSON.stringify(text.slice(0, 100))}`);
}
