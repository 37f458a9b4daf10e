import type { AccountDetails, AccountId, AccountState, Micros, Party } from "./account.ts";
import { type CommandId, INITIAL } from "./command.ts";
import { formatAccountDetails, formatDetails } from "./details-text.ts";
import type { Entry, NamedId } from "./entry.ts";
import { contentIn, Fields, NONE, notAnEvent } from "./event-fields.ts";
import { idIn } from "./named-id.ts";
import { formatPartEvent, parsePartEvent } from "./part-event.ts";
import { formatRefusal, parseRefusal, type Refused } from "./refused.ts";
import type { Details, EventId, PostingDone } from "./transaction.ts";
import type { Across, PartEvent } from "./transit.ts";

/**
 * What was decided, as one line of text. The Redis function writes events in this form to the outbox, the feed carries
 * them, the journal keeps them, and the rest of the books is made from them. Fields are separated by one space. The last
 * field is the rest of the text, and may contain anything. Integers are decimal.
 *
 *     c <account> <seq> <time> <value> <balance> <limit> <id> <description>    a credit; d: a debit
 *     o <account> <time> <limit> <id> <content> <unit> <details>               an opened account
 *     a <account> <time> <row> <id> <content> <details>                        a changed account
 *     t <time> <n> <m> <posting>... <account> <row>... <id> <content> <details>    a transaction
 *     h <time> <to> <amount> <expires> <account> <row> <id> <content> <details>    a hold
 *     p <time> <hold> <n> <m> <posting>... <account> <row>... <id> <content> <details>    its capture
 *     r <time> <hold> <account> <row> <id> <content>                           its release
 *     e <time> <hold> <account> <row>                                          its end, where nobody asked for one
 *     x <time> <refusal> <id> <content>                                        a refusal under a client's key
 *     m <time> <from> <to>                                                     batches that a restore found nowhere
 *     q, f, u                                                                  parts of transactions across shards
 *
 * `c` and `d` are transactions of one posting from or to the outside on an account that has no hold and is open. A row is
 * what an account is after it: limit, balance, held, seq, time, unit, state, time of opening. `n` postings: from, to,
 * amount, seq and balance of either side after it, 0 for the outside; then `m` accounts. The content is the hash of what
 * the command asked for, `-` where it has no key. Details are JSON. The id is behind the name of the access key that the
 * command came with, see `NamedId`. Of a transaction across shards `t` and `p` have the accounts of their own shard, 0 for
 * those of others, and in the details with which attempt it was decided; the form of `q`, `f` and `u` is told by
 * docs/decisions/0029-across-shards.md.
 */
export type LedgerEvent =
  | { readonly type: "entry"; readonly entry: Entry; readonly creditLimit: number }
  | (AccountDetails & {
      readonly type: "open";
      readonly account: AccountId;
      readonly time: Micros;
      readonly creditLimit: number;
      /** `initial` for the accounts of the start. */
      readonly id: NamedId | typeof INITIAL;
      readonly content: string | null;
      readonly unit: string;
    })
  | (AccountDetails & {
      readonly type: "change";
      readonly time: Micros;
      readonly account: AccountState;
      readonly id: NamedId;
      readonly content: string | null;
    })
  | (Details & {
      readonly type: "transaction";
      readonly time: Micros;
      readonly postings: readonly PostingDone[];
      readonly accounts: readonly AccountState[];
      readonly id: NamedId;
      readonly content: string | null;
      readonly reverses: EventId | null;
      /** Only where it has parts on other shards. */
      readonly across?: Across;
    })
  | (Details & {
      readonly type: "hold";
      readonly time: Micros;
      readonly to: Party;
      readonly amount: number;
      readonly expiresAt: Micros;
      readonly account: AccountState;
      readonly id: NamedId;
      readonly content: string | null;
    })
  | (Details & {
      readonly type: "capture";
      readonly time: Micros;
      readonly hold: EventId;
      readonly postings: readonly PostingDone[];
      /** The account whose hold it is comes first. */
      readonly accounts: readonly AccountState[];
      readonly id: NamedId;
      readonly content: string | null;
      /** As above. */
      readonly across?: Across;
    })
  | PartEvent
  | {
      readonly type: "release";
      readonly time: Micros;
      readonly hold: EventId;
      readonly account: AccountState;
      readonly id: NamedId;
      readonly content: string | null;
    }
  | {
      readonly type: "expiry";
      readonly time: Micros;
      readonly hold: EventId;
      readonly account: AccountState;
    }
  | {
      /** It changed nothing, but the key is remembered with it. */
      readonly type: "refusal";
      readonly time: Micros;
      /** With its place, see `formatRefusal`. */
      readonly refusal: Refused;
      readonly id: NamedId;
      /** The hash of what the command asked for. */
      readonly content: string;
    }
  | {
      /** In the journal only: these batches were answered and could not be brought back. */
      readonly type: "missing";
      readonly time: Micros;
      /** The first and the last of them. */
      readonly from: number;
      readonly to: number;
    };

/** The inverse of {@link parseEvent}: the same text that the Redis function writes. */
export function formatEvent(event: LedgerEvent): string {
  switch (event.type) {
    case "entry": {
      const { account, seq, time, kind, value, balance, description } = event.entry;
      const letter = kind === "credit" ? "c" : "d";
      const { creditLimit } = event;
      // A template is slower, once the text is hashed and put into JSON.
      return [letter, account, seq, time, value, balance, creditLimit, event.entry.id, description].join(" ");
    }
    case "open": {
      const { account, time, creditLimit, id, content, unit } = event;
      return ["o", account, time, creditLimit, id, content ?? NONE, unit, formatAccountDetails(event)].join(
        " ",
      );
    }
    case "change": {
      const { account, time, id, content } = event;
      const row = formatRow(account);
      return ["a", account.id, time, row, id, content ?? NONE, formatAccountDetails(event)].join(" ");
    }
    case "transaction": {
      const fields = ["t", event.time];
      pushMoves(fields, event);
      fields.push(event.id, event.content ?? NONE, formatDetails(event, event.reverses, event.across));
      return fields.join(" ");
    }
    case "hold": {
      const { time, to, amount, expiresAt, account, id, content } = event;
      const fields = ["h", time, to, amount, expiresAt];
      pushAccount(fields, account);
      fields.push(id, content ?? NONE, formatDetails(event, null));
      return fields.join(" ");
    }
    case "capture": {
      const { time, hold, id, content } = event;
      const fields = ["p", time, hold];
      pushMoves(fields, event);
      fields.push(id, content ?? NONE, formatDetails(event, null, event.across));
      return fields.join(" ");
    }
    case "release": {
      const { time, hold, account, id, content } = event;
      return ["r", time, hold, account.id, formatRow(account), id, content ?? NONE].join(" ");
    }
    case "expiry":
      return ["e", event.time, event.hold, event.account.id, formatRow(event.account)].join(" ");
    case "refusal":
      return ["x", event.time, formatRefusal(event.refusal), event.id, event.content].join(" ");
    case "missing":
      return ["m", event.time, event.from, event.to].join(" ");
    case "part":
    case "finish":
    case "undo":
      return formatPartEvent(event, pushMoves);
  }
}

/** The text that an account is in Redis and in events. */
export function formatRow(account: Omit<AccountState, "id">): string {
  const { creditLimit, balance, held, seq, time, unit, state, openedAt } = account;
  return `${creditLimit} ${balance} ${held} ${seq} ${time} ${unit} ${state} ${openedAt}`;
}

/** One list of all fields: to join texts that were joined before costs more than all else here. */
type EventFields = (string | number)[];

function pushMoves(
  fields: EventFields,
  moves: { readonly postings: readonly PostingDone[]; readonly accounts: readonly AccountState[] },
): void {
  const { postings, accounts } = moves;
  fields.push(postings.length, accounts.length);
  for (const { from, to, amount, fromSeq, fromBalance, toSeq, toBalance } of postings)
    fields.push(from, to, amount, fromSeq, fromBalance, toSeq, toBalance);
  for (const account of accounts) pushAccount(fields, account);
}

/** Its id and its row. */
function pushAccount(fields: EventFields, account: AccountState): void {
  const { id, creditLimit, balance, held, seq, time, unit, state, openedAt } = account;
  fields.push(id, creditLimit, balance, held, seq, time, unit, state, openedAt);
}

/** @throws Error if the text is not an event: it was damaged, or another version wrote it */
export function parseEvent(text: string): LedgerEvent {
  const fields = new Fields(text);
  const letter = fields.text();
  switch (letter) {
    case "c":
    case "d": {
      const account = fields.account();
      const seq = fields.integer();
      const time = fields.integer();
      const value = fields.integer();
      const balance = fields.integer();
      const creditLimit = fields.integer();
      const id = fields.id();
      const kind = letter === "c" ? "credit" : "debit";
      return {
        type: "entry",
        entry: { account, seq, time, kind, value, balance, description: fields.rest(), id },
        creditLimit,
      };
    }
    case "o": {
      const account = fields.account();
      const time = fields.integer();
      const creditLimit = fields.integer();
      const id = fields.idOfOpening();
      const content = fields.content();
      const unit = fields.unit();
      return { type: "open", account, time, creditLimit, id, content, unit, ...fields.accountDetails() };
    }
    case "a": {
      const id = fields.account();
      const time = fields.integer();
      const account = fields.row(id);
      const command = fields.id();
      const content = fields.content();
      return { type: "change", time, account, id: command, content, ...fields.accountDetails() };
    }
    case "t": {
      const time = fields.integer();
      const { postings, accounts } = fields.moves();
      const id = fields.id();
      const content = fields.content();
      const { reverses, description, reference, metadata, across } = fields.details();
      const event = {
        type: "transaction",
        time,
        postings,
        accounts,
        id,
        content,
        reverses,
        description,
        reference,
        metadata,
      } as const;
      return across === undefined ? event : { ...event, across };
    }
    case "h": {
      const time = fields.integer();
      const to = fields.party();
      const amount = fields.integer();
      const expiresAt = fields.integer();
      const account = fields.row(fields.account());
      const id = fields.id();
      const content = fields.content();
      const { description, reference, metadata } = fields.details();
      return {
        type: "hold",
        time,
        to,
        amount,
        expiresAt,
        account,
        id,
        content,
        description,
        reference,
        metadata,
      };
    }
    case "p": {
      const time = fields.integer();
      const hold = fields.text();
      const { postings, accounts } = fields.moves();
      const id = fields.id();
      const content = fields.content();
      const { description, reference, metadata, across } = fields.details();
      const event = {
        type: "capture",
        time,
        hold,
        postings,
        accounts,
        id,
        content,
        description,
        reference,
        metadata,
      } as const;
      return across === undefined ? event : { ...event, across };
    }
    case "r": {
      const time = fields.integer();
      const hold = fields.text();
      const account = fields.row(fields.account());
      const id = fields.id();
      return { type: "release", time, hold, account, id, content: contentIn(fields.rest()) };
    }
    case "e": {
      const time = fields.integer();
      const hold = fields.text();
      return { type: "expiry", time, hold, account: fields.lastRow(fields.account()) };
    }
    case "x": {
      const time = fields.integer();
      const refusal = parseRefusal(fields.text());
      if (refusal === null) throw notAnEvent(text);
      const id = fields.id();
      return { type: "refusal", time, refusal, id, content: fields.rest() };
    }
    case "m": {
      const time = fields.integer();
      const from = fields.integer();
      return { type: "missing", time, from, to: fields.lastInteger() };
    }
    case "q":
    case "f":
    case "u":
      return parsePartEvent(letter, fields, text);
    default:
      throw notAnEvent(text);
  }
}

/** The event, or `null` if the text is not an event. */
export function parseEventOrNull(text: string): LedgerEvent | null {
  try {
    return parseEvent(text);
  } catch {
    return null;
  }
}

/** The id of the command that is remembered with it; `null` if there is none. That of a part is remembered at home. */
export function commandIdOf(event: LedgerEvent): CommandId | null {
  if (!isCommandEvent(event)) return null;
  const id = event.type === "entry" ? event.entry.id : event.id;
  return id === INITIAL ? null : idIn(id);
}

/** The events that commands make, and that are remembered with them. */
export type CommandEvent = Exclude<LedgerEvent, PartEvent | { readonly type: "missing" | "expiry" }>;

export function isCommandEvent(event: LedgerEvent): event is CommandEvent {
  return event.type !== "missing" && event.type !== "expiry" && !isPartEvent(event);
}

/** Whether it is of a part of a transaction across shards, on a shard that is not its home. */
export function isPartEvent(event: LedgerEvent): event is PartEvent {
  return event.type === "part" || event.type === "finish" || event.type === "undo";
}

/** When it was decided. */
export function timeOf(event: LedgerEvent): Micros {
  return event.type === "entry" ? event.entry.time : event.time;
}
