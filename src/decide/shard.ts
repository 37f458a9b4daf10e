import { z } from "zod";
import type { Batch } from "../carry/batch.ts";
import type { Account, Micros, AccountId } from "../ledger/account.ts";
import { shardOf } from "../ledger/account-id.ts";
import { newAccountId } from "../new-account-id.ts";
import type { Command } from "../ledger/command.ts";
import type { Entry } from "../ledger/entry.ts";
import { parseEvent } from "../ledger/event.ts";
import { LedgerUnavailable, type Outcome } from "../ledger/ledger.ts";
import { bounds } from "../bounds.ts";
import { CallQueue } from "./call-queue.ts";
import { accountOfRow, type Answer, argumentsOf, newEvent, parseAnswer } from "./function-codec.ts";
import type { BatchFeed } from "./ports.ts";
import { CallRefused, type RedisLink } from "./redis-link.ts";

/** An account and, if they were asked for, its latest entries, newest first, as of `readAt`. */
export interface AccountSnapshot {
  readonly account: Account;
  readonly entries: readonly Entry[];
  readonly readAt: Micros;
}

export interface ShardOptions {
  readonly feed: BatchFeed;
  /** When this many batches are not in the books yet, no more commands are accepted. */
  readonly outboxBatchesMax: number;
  /**
   * The balancer sends a request again if the process that had it died. Then a process cannot say "nothing was changed"
   * even of a command that it never sent: another process may have sent it.
   */
  readonly balancerResends: boolean;
}

interface ReadRequest {
  readonly what: "account" | "statement";
  readonly account: AccountId;
}

/** One shard of the ledger in Redis. Sends its commands in batches, and its reads likewise. */
export class Shard {
  readonly #number: number;
  readonly #link: RedisLink;
  readonly #feed: BatchFeed;
  readonly #outboxBatchesMax: number;
  readonly #commands: CallQueue<Command, Outcome>;
  readonly #reads: CallQueue<ReadRequest, AccountSnapshot | null>;

  constructor(number: number, link: RedisLink, options: ShardOptions) {
    this.#number = number;
    this.#link = link;
    this.#feed = options.feed;
    this.#outboxBatchesMax = options.outboxBatchesMax;
    const mayCall = () => link.admission !== null;
    this.#commands = new CallQueue(options.balancerResends ? "all" : "sent", mayCall, (commands) =>
      this.#decide(commands),
    );
    this.#reads = new CallQueue("none", mayCall, (requests) => this.#read(requests));
  }

  /** @throws LedgerUnavailable (as a rejection) */
  submit(command: Command): Promise<Outcome> {
    return this.#commands.submit(command);
  }

  /** @throws LedgerUnavailable (as a rejection) */
  read(what: "account" | "statement", account: AccountId): Promise<AccountSnapshot | null> {
    return this.#reads.submit({ what, account });
  }

  get idle(): boolean {
    return this.#commands.idle && this.#reads.idle;
  }

  /**
   * To be called when calls become possible again.
   *
   * @param newEpoch Redis does not remember commands of the epoch before: sending one again would apply it twice
   */
  wake(newEpoch: boolean): void {
    if (newEpoch) this.#commands.abandonUnknown("Redis has begun a new epoch");
    this.#commands.wake();
    this.#reads.wake();
  }

  /** To be called regularly; rejects requests whose deadline has passed. */
  expire(now: number): void {
    const reason = this.#link.trouble;
    this.#commands.expire(now, reason);
    this.#reads.expire(now, reason);
  }

  abandon(reason: string): void {
    this.#commands.abandon(reason);
    this.#reads.abandon(reason);
  }

  /** All entries in the outbox, in order. The outbox has at most `outboxBatchesMax` batches. */
  async outboxEntries(): Promise<readonly Entry[]> {
    const entries: Entry[] = [];
    let g = 0;
    for (;;) {
      const batches = await this.#link.outbox(this.#number, g, bounds.outbox_read_batches_max);
      for (const event of batches.flatMap((batch) => batch.events)) {
        const parsed = parseEvent(event);
        if (parsed.type === "entry") entries.push(parsed.entry);
      }
      if (batches.length < bounds.outbox_read_batches_max) return entries;
      g = (batches.at(-1)?.g ?? g) + 1;
    }
  }

  async #decide(commands: readonly Command[]): Promise<readonly (Outcome | LedgerUnavailable)[]> {
    const epoch = this.#link.admission?.epoch ?? "";
    const args = [epoch, String(this.#link.latestG(this.#number)), String(this.#outboxBatchesMax)];
    for (const command of commands) args.push(...argumentsOf(command, this.#newAccountId));
    let reply: unknown;
    try {
      reply = await this.#link.call("FCALL", "razonete_apply", this.#number, args);
    } catch (error) {
      if (!(error instanceof CallRefused) || error.code !== "OOM") throw error;
      return this.#recall(args, error.message);
    }
    const [g, ...answers] = applyReply.parse(reply);
    const events = answers.flatMap((answer) => newEvent(answer) ?? []);
    const [event] = events;
    if (event !== undefined) {
      this.#link.sawBatch(this.#number, Number(g), event);
      // After the answers, which are resolved in this turn of the event loop.
      setImmediate(() => this.#publish({ epoch, shard: this.#number, g: Number(g), events }));
    }
    return answers.map((answer) => outcomeOf(answer));
  }

  /** Where Redis's memory is full: the outcomes of commands that were decided before; of the others, that none was. */
  async #recall(args: readonly string[], refusal: string): Promise<readonly (Outcome | LedgerUnavailable)[]> {
    const reply = await this.#link.call("FCALL_RO", "razonete_recall", this.#number, args);
    const [, ...answers] = applyReply.parse(reply);
    return answers.map((answer) => outcomeOf(answer, `Redis refuses it: ${refusal}`));
  }

  /** An account that is opened here is on this shard. */
  readonly #newAccountId = (): AccountId => {
    const shards = this.#link.admission?.shards ?? 1;
    for (;;) {
      const id = newAccountId();
      if (shardOf(id, shards) === this.#number) return id;
    }
  };

  #publish(batch: Batch): void {
    try {
      this.#feed.publish(batch);
    } catch {
      // It should not throw. If it does, the writer reads the batch from the outbox.
    }
  }

  async #read(requests: readonly ReadRequest[]): Promise<readonly (AccountSnapshot | null)[]> {
    const args = [this.#link.admission?.epoch ?? "", String(this.#link.latestG(this.#number))];
    for (const { what, account } of requests) args.push(what === "account" ? "a" : "s", account);
    const reply = readReply.parse(await this.#link.call("FCALL_RO", "razonete_read", this.#number, args));
    const [time, ...rows] = reply;
    return requests.map(({ account }, index) => snapshotOf(account, rows[index] ?? null, Number(time)));
  }
}

/** @param reason why a command was not decided, for a person */
function outcomeOf(text: string, reason = "the books are too far behind"): Outcome | LedgerUnavailable {
  let answer: Answer;
  try {
    answer = parseAnswer(text);
  } catch (error) {
    // Only this one command fails: the others of the call were decided and have their answers.
    return new LedgerUnavailable("Redis gave an answer that is none", "unknown", { cause: error });
  }
  // `none` is right even if the command was sent before: if its id had been applied, it would have been answered with
  // its outcome, also where nothing more is decided.
  return answer.type === "full" ? new LedgerUnavailable(reason, "none") : answer;
}

const applyReply = z.array(z.string());
const readReply = z.tuple([z.string()]).rest(z.array(z.string()).nullable());

function snapshotOf(id: AccountId, row: readonly string[] | null, now: Micros): AccountSnapshot | null {
  if (row === null) return null;
  const [text = "", name = "", ...events] = row;
  const account = accountOfRow(id, text, name);
  return { account, entries: events.map(entryOf), readAt: Math.max(now, account.time) };
}

/** @throws Error if the text is not the event of an entry */
export function entryOf(text: string): Entry {
  const event = parseEvent(text);
  if (event.type !== "entry") throw new Error(`not an entry: ${JSON.stringify(text.slice(0, 100))}`);
  return event.entry;
}
