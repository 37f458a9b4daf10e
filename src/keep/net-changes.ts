import type { Batch } from "../carry/batch.ts";
import type { AccountId } from "../ledger/account.ts";
import { type LedgerEvent, parseEvent, timeOf } from "../ledger/event.ts";
import { Divergence } from "./divergence.ts";
import { messageOf } from "../errors.ts";

/** The state that an account must have before the batches, and its state after them. */
export interface AccountChange {
  readonly account: AccountId;
  readonly seqBefore: number;
  readonly balanceBefore: number;
  /** `null`: the events do not say. */
  readonly limitBefore: number | null;
  readonly seq: number;
  readonly balance: number;
  readonly creditLimit: number;
}

/** Named as keep_batches reads it. */
export interface Opened {
  readonly account: AccountId;
  readonly unit: string;
  readonly name: string | null;
  readonly credit_limit: number;
  readonly opened_at: number;
  readonly command: string;
}

/** Named as keep_batches reads it. */
export interface NewLimit {
  readonly account: AccountId;
  readonly credit_limit: number;
  readonly after_seq: number;
  readonly command: string;
  readonly changed_at: number;
}

/** The effect of some consecutive batches on the books. */
export interface NetChanges {
  readonly opened: readonly Opened[];
  readonly newLimits: readonly NewLimit[];
  /** Each account once. */
  readonly changes: readonly AccountChange[];
  /** How many there are. */
  readonly entries: number;
  /** For each batch, the latest time among its events; 0 if it has none. */
  readonly times: readonly number[];
}

/** An event that changes an account. */
export type ChangingEvent = Extract<LedgerEvent, { type: "entry" | "open" | "limit" }>;

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/**
 * Reads the events of the batches into one net change for each account, and checks that the events of each account
 * follow from each other. Whether the first one follows from what the books have is checked by the books.
 *
 * @throws Divergence if a text is not an event, or an event does not follow from the one before it
 */
export function netChanges(batches: readonly Batch[]): NetChanges {
  const opened: Opened[] = [];
  const newLimits: NewLimit[] = [];
  let entries = 0;
  const changes = new Map<AccountId, Writable<AccountChange>>();
  const times: number[] = [];

  for (const { shard, g, events } of batches) {
    let latest = 0;
    for (const text of events) {
      const event = parse(text, shard, g);
      latest = Math.max(latest, timeOf(event));
      // They stand in the journal alone.
      if (event.type === "refusal" || event.type === "missing") continue;
      const { account, seqBefore, balanceBefore, limitBefore } = stateBefore(event);
      let change = changes.get(account);
      if (change === undefined) {
        change = {
          account,
          seqBefore,
          balanceBefore,
          limitBefore,
          seq: seqBefore,
          balance: balanceBefore,
          creditLimit: limitBefore ?? 0,
        };
        changes.set(account, change);
      } else if (
        event.type === "open" ||
        change.seq !== seqBefore ||
        change.balance !== balanceBefore ||
        (limitBefore !== null && change.creditLimit !== limitBefore)
      ) {
        const before = `seq ${change.seq} with balance ${change.balance} and limit ${change.creditLimit}`;
        throw new Divergence(
          { shard, g, account, seq: change.seq + 1 },
          `in the outbox ${JSON.stringify(text)} follows ${before}`,
        );
      }
      switch (event.type) {
        case "entry":
          change.seq = event.entry.seq;
          change.balance = event.entry.balance;
          change.creditLimit = event.creditLimit;
          entries += 1;
          break;
        case "open":
          opened.push({
            account,
            unit: event.unit,
            name: event.name,
            credit_limit: event.creditLimit,
            opened_at: event.time,
            command: event.id,
          });
          newLimits.push(newLimit(event, 0));
          break;
        case "limit":
          change.creditLimit = event.creditLimit;
          newLimits.push(newLimit(event, event.seq));
          break;
      }
    }
    times.push(latest);
  }
  return { opened, newLimits, changes: [...changes.values()], entries, times };
}

function parse(text: string, shard: number, g: number): LedgerEvent {
  try {
    return parseEvent(text);
  } catch (error) {
    throw new Divergence({ shard, g }, messageOf(error));
  }
}

/** The state of the event's account before the event. */
function stateBefore(
  event: ChangingEvent,
): Pick<AccountChange, "account" | "seqBefore" | "balanceBefore" | "limitBefore"> {
  switch (event.type) {
    case "entry": {
      const { account, seq, kind, value, balance } = event.entry;
      const balanceBefore = kind === "credit" ? balance - value : balance + value;
      return { account, seqBefore: seq - 1, balanceBefore, limitBefore: event.creditLimit };
    }
    case "open":
      return { account: event.account, seqBefore: 0, balanceBefore: 0, limitBefore: event.creditLimit };
    case "limit":
      return {
        account: event.account,
        seqBefore: event.seq,
        balanceBefore: event.balance,
        limitBefore: null,
      };
  }
}

function newLimit(
  event: { account: AccountId; creditLimit: number; id: string; time: number },
  afterSeq: number,
): NewLimit {
  return {
    account: event.account,
    credit_limit: event.creditLimit,
    after_seq: afterSeq,
    command: event.id,
    changed_at: event.time,
  };
}
