import type { AccountId } from "./account.ts";
import type { EntryKind } from "./entry.ts";

/** A credit or a debit. */
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

/** The ledger makes the account's id. */
export interface OpenAccount {
  readonly type: "open";
  readonly id: CommandId;
  /** See `Account`. */
  readonly unit: string;
  /** In the unit's smallest part: 0 to 2^53 - 1. */
  readonly creditLimit: number;
  /** 1 to 100 code points, well-formed, without U+0000. */
  readonly name: string | null;
}

export interface ChangeLimit {
  readonly type: "change-limit";
  readonly id: CommandId;
  readonly account: AccountId;
  /** In the unit's smallest part: 0 to 2^53 - 1. */
  readonly creditLimit: number;
}

export type Command = Transact | OpenAccount | ChangeLimit;

/** What a command asks for. */
export type CommandContent = Omit<Transact, "id"> | Omit<OpenAccount, "id"> | Omit<ChangeLimit, "id">;

/**
 * Every command gets its id before its first attempt. An id from a client (`key:` and the Idempotency-Key) is
 * remembered with its outcome for a day. An id that was made for one request (`req:`) mainly names the entry.
 */
export type CommandId = `key:${string}` | `req:${string}`;

export function isClientKey(id: CommandId): boolean {
  return id.startsWith("key:");
}

/**
 * What a command asks for as one text. Two commands with the same id and the same content are
 * the same command, sent twice.
 */
export function contentOf(command: CommandContent): string {
  switch (command.type) {
    case "transact":
      return JSON.stringify(["transact", command.account, command.kind, command.value, command.description]);
    case "open":
      return JSON.stringify(["open", command.unit, command.creditLimit, command.name]);
    case "change-limit":
      return JSON.stringify(["change-limit", command.account, command.creditLimit]);
  }
}
