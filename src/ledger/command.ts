import type { AccountDetails, AccountId, AccountStatus, Party } from "./account.ts";
import type { EntryKind } from "./entry.ts";
import type { Condition, Details, EventId, Posting } from "./transaction.ts";

/** A credit or a debit on the contest's route: one posting from or to the outside. */
export interface Transact {
  readonly type: "transact";
  readonly id: CommandId;
  readonly account: AccountId;
  readonly kind: EntryKind;
  /** In the unit's smallest part: 1 to 2^53 - 1. */
  readonly value: number;
  /** 1 to 10 code points, well-formed, without U+0000. */
  readonly description: string;
}

export interface OpenAccount extends AccountDetails {
  readonly type: "open";
  readonly id: CommandId;
  /** `null`: the ledger makes one. */
  readonly account: AccountId | null;
  /** See `AccountState`. */
  readonly unit: string;
  /** In the unit's smallest part: 0 to 2^53 - 1. */
  readonly creditLimit: number;
}

/** What is left out stays as it is. */
export interface ChangeAccount {
  readonly type: "change";
  readonly id: CommandId;
  readonly account: AccountId;
  readonly creditLimit?: number;
  readonly state?: AccountStatus;
  /** `null` takes it away. */
  readonly name?: string | null;
  /** What each of these members becomes; `null` takes it away. The others stay. */
  readonly metadata?: Readonly<Record<string, string | null>>;
}

export interface CreateTransaction extends Details {
  readonly type: "transaction";
  readonly id: CommandId;
  /** 1 to 20. */
  readonly postings: readonly Posting[];
  /** Up to 10. */
  readonly conditions: readonly Condition[];
  /** Decided like any other, but nothing is changed, and nothing remembered. */
  readonly isDryRun: boolean;
}

export interface CreateHold extends Details {
  readonly type: "hold";
  readonly id: CommandId;
  readonly from: AccountId;
  readonly to: Party;
  readonly amount: number;
  /** 1 to 2,592,000. */
  readonly expiresInSeconds: number;
}

export interface CaptureHold {
  readonly type: "capture";
  readonly id: CommandId;
  readonly hold: EventId;
  /** `null`: all of it; 0 frees it. */
  readonly amount: number | null;
  /** `null`: to where the hold says. */
  readonly to: Party | null;
  /** In place of both: where the parts of it go. `null`: one posting. */
  readonly parts: readonly { readonly to: Party; readonly amount: number }[] | null;
}

export interface ReleaseHold {
  readonly type: "release";
  readonly id: CommandId;
  readonly hold: EventId;
}

export interface ReverseTransaction extends Details {
  readonly type: "reversal";
  readonly id: CommandId;
  readonly transaction: EventId;
}

export type Command = (
  | Transact
  | OpenAccount
  | ChangeAccount
  | CreateTransaction
  | CreateHold
  | CaptureHold
  | ReleaseHold
  | ReverseTransaction
) & {
  /** What the batch asks for under whose key it is, as a hash. The same command in another batch is another one. */
  readonly batch?: string;
  /** The name of the access key that it came with. It is kept with the event, and is no part of what is asked for. */
  readonly by?: string;
};

/**
 * Every command gets its id before its first attempt. An id from a client is remembered with its outcome for a day:
 * `key:` and its Idempotency-Key, or that of the batch whose first command it is; `bat:`, the place and the key for the
 * others of such a batch. An id that was made for one request (`req:`) mainly names the entry.
 */
export type CommandId = `key:${string}` | `bat:${string}` | `req:${string}`;

export function isClientKey(id: CommandId): boolean {
  return !id.startsWith("req:");
}

type WithoutId<Of> = Of extends unknown ? Omit<Of, "id"> : never;

/** What a command asks for. */
export type CommandContent = WithoutId<Command>;

/**
 * What a command asks for as one text. Two commands with the same id and the same content are the same command, sent
 * twice.
 */
export function contentOf(command: CommandContent): string {
  const content = JSON.stringify(partsOf(command));
  return command.batch === undefined ? content : `${command.batch} ${content}`;
}

function partsOf(command: CommandContent): unknown[] {
  switch (command.type) {
    case "transact":
      return ["transact", command.account, command.kind, command.value, command.description];
    case "open": {
      const { account, unit, creditLimit, name, metadata } = command;
      return ["open", account, unit, creditLimit, name, sorted(metadata)];
    }
    case "change": {
      const { account, creditLimit = null, state = null, name, metadata = {} } = command;
      const newName = name === undefined ? [] : [name];
      return ["change", account, creditLimit, state, newName, sorted(metadata)];
    }
    case "transaction": {
      const postings = command.postings.map(({ from, to, amount }) => [from, to, amount]);
      const conditions = command.conditions.map(({ account, what, least, most }) => [
        account,
        what,
        least,
        most,
      ]);
      return ["transaction", postings, conditions, ...detailsOf(command)];
    }
    case "hold": {
      const { from, to, amount, expiresInSeconds } = command;
      return ["hold", from, to, amount, expiresInSeconds, ...detailsOf(command)];
    }
    case "capture": {
      const { hold, amount, to, parts } = command;
      const split = parts?.map((part) => [part.to, part.amount]) ?? null;
      return ["capture", hold, amount, to, split];
    }
    case "release":
      return ["release", command.hold];
    case "reversal":
      return ["reversal", command.transaction, ...detailsOf(command)];
  }
}

function detailsOf({ description, reference, metadata }: Details): unknown[] {
  return [description, reference, sorted(metadata)];
}

/** The order of members has no meaning. */
function sorted(members: Readonly<Record<string, string | null>>): (readonly [string, string | null])[] {
  return Object.entries(members).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** In place of a command's id, for the accounts that are there from the start. */
export const INITIAL = "initial";

/** Of the commands of one batch the one whose key stands for all of it; `null` if there is none. */
export function bearerOf(commands: readonly Command[]): Command | null {
  return commands.find(({ batch, id }) => batch !== undefined && id.startsWith("key:")) ?? null;
}
