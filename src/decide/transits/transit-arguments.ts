import type { AccountId, AccountStatus } from "../../ledger/account.ts";
import type {
  CaptureHold,
  Command,
  CommandId,
  CreateHold,
  CreateTransaction,
  ReverseTransaction,
} from "../../ledger/command.ts";
import type { Refusal } from "../../ledger/refusal.ts";
import type { Condition, Posting } from "../../ledger/transaction.ts";
import type { AttemptId, Decided } from "../../ledger/transit.ts";
import { argumentsOf, type Prepared } from "../function-codec.ts";

/**
 * What is asked of shards for transactions across them, as arguments of the Redis function: see function/head.lua, and
 * docs/decisions/0029-across-shards.md for what it is all about.
 */
export type TransitCommand =
  /** Asked of each shard but home. */
  | {
      readonly type: "prepare";
      readonly attempt: AttemptId;
      /** The client's. */
      readonly command: CommandId;
      /** The name of the access key that it came with. */
      readonly by?: string | undefined;
      readonly isDryRun: boolean;
      /** All of the transaction. */
      readonly postings: readonly Posting[];
      /** Those on accounts of this shard, with their places among all, from 0. */
      readonly conditions: readonly { readonly place: number; readonly condition: Condition }[];
      /** Of this shard, each once. */
      readonly accounts: readonly AccountId[];
      /** As the event has them, see `formatDetails`. */
      readonly details: string;
    }
  | ({ readonly type: "finish"; readonly attempt: AttemptId } & Decided)
  | { readonly type: "undo"; readonly attempt: AttemptId }
  /** The rest is asked of home: what became of the attempt, which is abandoned if it was not decided; */
  | { readonly type: "ask"; readonly attempt: AttemptId }
  /** and that it forgets it, since no part of it is open any more. */
  | { readonly type: "forget"; readonly attempt: AttemptId; readonly shards: readonly number[] };

/** An account of another shard, as that has told it. The unit is empty where there is no such account. */
export interface AwayAccount {
  readonly id: AccountId;
  readonly state: AccountStatus | "unknown";
  readonly unit: string;
}

/** What the parts have told, for home. */
export interface Told {
  /** The shards of the parts. */
  readonly shards: readonly number[];
  readonly accounts: readonly AwayAccount[];
  /** Of limits and ranges the first refusal, by its posting. */
  readonly refused: { readonly refusal: Refusal; readonly posting: number } | null;
  /** The first condition that is not met. */
  readonly unmet: number | null;
}

/** The six arguments that the function takes. */
export function transitArguments(command: TransitCommand): string[] {
  const { attempt } = command;
  switch (command.type) {
    case "prepare": {
      const { postings, conditions, accounts, details, isDryRun } = command;
      const fields: (string | number)[] = [isDryRun ? 1 : 0, postings.length, conditions.length];
      fields.push(accounts.length);
      for (const { from, to, amount } of postings) fields.push(from, to, amount);
      for (const { place, condition } of conditions) {
        const { account, what, least, most } = condition;
        fields.push(place, account, what, least, most);
      }
      fields.push(...accounts, details);
      return ["q", `prt:${attempt}`, command.command, "", "", fields.join(" ")];
    }
    case "finish": {
      const { transaction, decidedAt, hold } = command;
      return ["f", `fin:${attempt}`, "", "", "", `${transaction} ${decidedAt} ${hold ?? NO_HOLD}`];
    }
    case "undo":
      return ["u", `und:${attempt}`, "", "", "", ""];
    case "ask":
      return ["w", `ask:${attempt}`, "", "", "", ""];
    case "forget":
      return ["z", `end:${attempt}`, command.shards.join(","), "", "", ""];
  }
}

/** The decision at home of a transaction, or a reversal, across shards. */
export function acrossArguments(
  command: Extract<Command, CreateTransaction | ReverseTransaction>,
  prepared: Prepared,
  attempt: AttemptId,
  told: Told,
): string[] {
  const [, id = "", , , content = "", text = ""] = argumentsOf(command, prepared);
  return ["s", id, attempt, "", content, `${toldText(told)} ${text}`];
}

/** The same of the capture of a hold. */
export function captureAcrossArguments(
  command: Extract<Command, CaptureHold>,
  attempt: AttemptId,
  told: Told,
): string[] {
  const [, id = "", hold = "", , content = "", text = ""] = argumentsOf(command, { type: "as-is" });
  return ["k", id, hold, "", content, `${attempt} ${toldText(told)} ${text}`];
}

/** A hold whose `to` is on another shard. Nothing is prepared there. */
export function holdAwayArguments(
  command: Extract<Command, CreateHold>,
  { state, unit }: Omit<AwayAccount, "id">,
): string[] {
  const [, id = "", account = "", amount = "", content = "", text = ""] = argumentsOf(command, {
    type: "as-is",
  });
  const { to, expiresInSeconds } = command;
  const head = `${to} ${expiresInSeconds} `;
  return ["v", id, account, amount, content, `${head}${state} ${unit || NONE} ${text.slice(head.length)}`];
}

function toldText({ shards, accounts, refused, unmet }: Told): string {
  const fields: (string | number)[] = [shards.join(",") || NONE, accounts.length];
  for (const { id, state, unit } of accounts) fields.push(id, state, unit || NONE);
  fields.push(refused?.refusal ?? NONE, refused?.posting ?? NONE, unmet ?? NONE);
  return fields.join(" ");
}

/** Where a field has no value. */
const NONE = "/";
const NO_HOLD = "-";
