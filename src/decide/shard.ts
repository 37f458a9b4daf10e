import { z } from "zod";
import type { Batch } from "../carry/batch.ts";
import type { Account, AccountId, Micros } from "../ledger/account.ts";
import type { Entry } from "../ledger/entry.ts";
import { type LedgerEvent, parseEvent, timeOf } from "../ledger/event.ts";
import { LedgerUnavailable } from "../ledger/ledger.ts";
import type { EventId, Hold } from "../ledger/transaction.ts";
import type { Tracing } from "../traces/tracing.ts";
import { bounds } from "../bounds.ts";
import { DecideMeasures } from "../metrics/hot-histogram.ts";
import {
  argumentsOfCall,
  countOf,
  firstOf,
  type PreparedCommand,
  type Request,
  weightOf,
} from "./calls/call-arguments.ts";
import type { CallCycle } from "./calls/call-cycle.ts";
import { CallQueue } from "./calls/call-queue.ts";
import {
  accountOfRow,
  type Answer,
  argumentsOf,
  newEvent,
  parseAnswer,
  parseHold,
} from "./function-codec.ts";
import type { BatchFeed } from "./ports.ts";
import { CallRefused } from "./calls/call-errors.ts";
import type { RedisLink } from "./redis-link.ts";
import { parseTransitAnswer, type TransitAnswer } from "./transits/transit-answers.ts";
import { type TransitCommand, transitArguments } from "./transits/transit-arguments.ts";

/** An account and, if they were asked for, its latest entries, newest first, as of `readAt`. */
export interface AccountSnapshot {
  readonly account: Account;
  /** As they are in Redis, to be compared when they are changed. */
  readonly details: string;
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
  /** Default: nobody looks at them. */
  readonly measures?: DecideMeasures;
  /** Default: none. */
  readonly tracing?: Tracing | null;
}

interface ReadRequest {
  /** As razonete_read names it. */
  readonly what: "a" | "s" | "h" | "r" | "e" | "o" | "y";
  readonly id: string;
}

interface Reading {
  readonly row: readonly string[] | null;
  readonly readAt: Micros;
}

/** One shard of the ledger in Redis. Sends its commands in batches, and its reads likewise. */
export class Shard {
  readonly #number: number;
  readonly #link: RedisLink;
  readonly #feed: BatchFeed;
  readonly #outboxBatchesMax: number;
  readonly #measures: DecideMeasures;
  readonly #tracing: Tracing | null;
  readonly #commands: CallQueue<Request, readonly Answer[]>;
  /** They have calls of their own, sent together with those of commands, so that a batch of commands is what it is without them. */
  readonly #transits: CallQueue<TransitCommand, TransitAnswer>;
  readonly #reads: CallQueue<ReadRequest, Reading>;

  /** @param cycle when what changes it is sent */
  constructor(number: number, link: RedisLink, cycle: CallCycle, options: ShardOptions) {
    this.#number = number;
    this.#link = link;
    this.#feed = options.feed;
    this.#outboxBatchesMax = options.outboxBatchesMax;
    this.#measures = options.measures ?? new DecideMeasures();
    this.#tracing = options.tracing ?? null;
    const mayCall = () => link.admission !== null;
    this.#commands = new CallQueue(
      options.balancerResends ? "all" : "sent",
      mayCall,
      (requests) => this.#decide(requests),
      weightOf,
      cycle,
    );
    this.#transits = new CallQueue(
      "sent",
      mayCall,
      (requests) => this.#askAll(requests),
      (command) => (command.type === "prepare" ? 1 + command.postings.length : 2),
      cycle,
    );
    this.#reads = new CallQueue("none", mayCall, (requests) => this.#read(requests));
  }

  /** @throws LedgerUnavailable (as a rejection) */
  async submit(command: PreparedCommand): Promise<Answer> {
    const [answer] = await this.#commands.submit({ commands: [command], isGroup: false });
    if (answer === undefined) throw new LedgerUnavailable("the answer was too short", "unknown");
    return answer;
  }

  /**
   * All of them or none.
   *
   * @throws LedgerUnavailable (as a rejection)
   */
  submitAll(commands: readonly PreparedCommand[]): Promise<readonly Answer[]> {
    return this.#commands.submit({ commands, isGroup: true });
  }

  /** How commands were answered before, `null` of one that is not known. @throws LedgerUnavailable (as a rejection) */
  async recall(commands: readonly PreparedCommand[]): Promise<readonly (Answer | null)[]> {
    const own = commands.flatMap(({ command, prepared }) => argumentsOf(command, prepared));
    try {
      const [, , ...texts] = await this.#recalled([...this.#head(), ...own]);
      return commands.map(({ command }, index) =>
        texts[index] === "#" ? null : parseAnswer(texts[index] ?? "", command, this.#number),
      );
    } catch (error) {
      throw new LedgerUnavailable("Redis does not tell what became of it", "none", { cause: error });
    }
  }

  /** Waits while it cannot be called, but not for long. @throws LedgerUnavailable (as a rejection) */
  async reachable(): Promise<void> {
    if (this.#link.admission === null) await this.oldestOpen("o", 1);
  }

  /** What is asked for transactions across shards. @throws LedgerUnavailable (as a rejection) */
  ask(command: TransitCommand): Promise<TransitAnswer> {
    return this.#transits.submit(command);
  }

  /**
   * Attempts whose parts here are open (`o`), or those that were decided here and are not known to be completed (`y`), each
   * with the shards of its parts. The oldest first.
   *
   * @throws LedgerUnavailable (as a rejection)
   */
  async oldestOpen(what: "o" | "y", count: number): Promise<readonly string[]> {
    const { row } = await this.#reads.submit({ what, id: String(count) });
    return row ?? [];
  }

  /** `null` if there is no such account. @throws LedgerUnavailable (as a rejection) */
  async account(id: AccountId, isStatement: boolean): Promise<AccountSnapshot | null> {
    const { row, readAt } = await this.#reads.submit({ what: isStatement ? "s" : "a", id });
    if (row === null) return null;
    const [text = "", details = "", ...events] = row;
    const account = readable(() => accountOfRow(id, text, details));
    const entries = readable(() => events.map(entryOf));
    return { account, details, entries, readAt: Math.max(readAt, account.time) };
  }

  /** @throws LedgerUnavailable (as a rejection) */
  async hold(id: EventId): Promise<Hold | null> {
    const { row } = await this.#reads.submit({ what: "h", id });
    return row === null ? null : readable(() => parseHold(id, row[0] ?? ""));
  }

  /** The reversal of a transaction, as far as Redis knows. @throws LedgerUnavailable (as a rejection) */
  async reversalOf(id: EventId): Promise<EventId | null> {
    return (await this.#reads.submit({ what: "r", id })).row?.[0] ?? null;
  }

  /**
   * An event of a batch that is in the outbox, undefined if the batch has none there; `null` if the batch is not.
   *
   * @throws LedgerUnavailable (as a rejection)
   */
  async event(g: number, index: number): Promise<LedgerEvent | undefined | null> {
    const { row } = await this.#reads.submit({ what: "e", id: `${g} ${index}` });
    if (row === null) return null;
    const [text] = row;
    return text === undefined ? undefined : readable(() => parseEvent(text));
  }

  get idle(): boolean {
    return this.#commands.idle && this.#transits.idle && this.#reads.idle;
  }

  /**
   * To be called when calls become possible again.
   *
   * @param newEpoch Redis does not remember commands of the epoch before: sending one again would apply it twice
   */
  wake(newEpoch: boolean): void {
    if (newEpoch)
      for (const queue of [this.#commands, this.#transits])
        queue.abandonUnknown("Redis has begun a new epoch");
    this.#commands.wake();
    this.#transits.wake();
    this.#reads.wake();
  }

  /** To be called regularly; rejects requests whose deadline has passed. */
  expire(now: number): void {
    const reason = this.#link.trouble;
    this.#commands.expire(now, reason);
    this.#transits.expire(now, reason);
    this.#reads.expire(now, reason);
  }

  abandon(reason: string): void {
    this.#commands.abandon(reason);
    this.#transits.abandon(reason);
    this.#reads.abandon(reason);
  }

  /** All batches in the outbox, in order: at most `outboxBatchesMax`. */
  async outbox(): Promise<readonly { readonly g: number; readonly events: readonly LedgerEvent[] }[]> {
    const all: { g: number; events: LedgerEvent[] }[] = [];
    for (let g = 0; ;) {
      const batches = await this.#link.outbox(this.#number, g, bounds.outbox_read_batches_max);
      for (const batch of batches) all.push({ g: batch.g, events: batch.events.map(parseEvent) });
      if (batches.length < bounds.outbox_read_batches_max) return all;
      g = (batches.at(-1)?.g ?? g) + 1;
    }
  }

  /**
   * When the first batch of the outbox from `g` on was decided; null if there is none.
   *
   * @throws LedgerUnavailable (as a rejection)
   */
  async waitingSince(g: number): Promise<Micros | null> {
    const [batch] = await this.#link.outbox(this.#number, g, 1);
    const [text] = batch?.events ?? [];
    return text === undefined ? null : readable(() => timeOf(parseEvent(text)));
  }

  async #decide(requests: readonly Request[]): Promise<readonly (readonly Answer[] | LedgerUnavailable)[]> {
    const commandArgs = argumentsOfCall(requests);
    this.#measures.commands.observe(countOf(requests));
    for (;;) {
      const epoch = this.#link.admission?.epoch ?? "";
      const g = String(this.#link.latestG(this.#number));
      const args = [epoch, g, String(this.#outboxBatchesMax), ...commandArgs];
      const span = this.#tracing?.batch("redis razonete_apply", firstOf(requests), {
        "razonete.shard": this.#number,
      });
      const calledAt = performance.now();
      let reply: unknown;
      try {
        reply = await this.#link.call("FCALL", "razonete_apply", this.#number, args);
        this.#measures.seconds.observe((performance.now() - calledAt) / 1000);
      } catch (error) {
        span?.fail(error);
        if (!(error instanceof CallRefused) || error.code !== "OOM") throw error;
        return this.#recall(requests, args, error.message);
      }
      const told = applyReply.parse(reply);
      span?.end({ "razonete.g": Number(told[0]) });
      const { answers, ended } = this.#applied(epoch, told);
      // Where more holds were due than one call ends, that is all that it did. Each such call leaves fewer of them.
      if (ended > 0 && answers.length > 0 && answers.every((answer) => answer === "~")) continue;
      return this.#answersOf(requests, answers, "the books are too far behind");
    }
  }

  /** Notes the batch that a call has made, if it made one, and publishes it. */
  #applied(epoch: string, [g = "", due = "", ...rest]: readonly string[]) {
    const events = rest.slice(0, Number(due));
    const ended = events.length;
    const answers = ended === 0 ? rest : rest.slice(ended);
    for (const answer of answers) {
      const event = newEvent(answer);
      if (event !== null) events.push(event);
    }
    const [event] = events;
    if (event !== undefined) {
      this.#link.sawBatch(this.#number, Number(g), event);
      // After the answers, which are resolved in this turn of the event loop.
      setImmediate(() => this.#publish({ epoch, shard: this.#number, g: Number(g), events }));
    }
    return { answers, ended };
  }

  async #askAll(
    commands: readonly TransitCommand[],
  ): Promise<readonly (TransitAnswer | LedgerUnavailable)[]> {
    const own = commands.flatMap(transitArguments);
    const names = commands.map((command) => (command.type === "prepare" ? (command.by ?? "-") : "-"));
    if (names.some((name) => name !== "-")) own.push(names.join(" "));
    for (;;) {
      const head = this.#head();
      let reply: unknown;
      try {
        reply = await this.#link.call("FCALL", "razonete_apply", this.#number, [...head, ...own]);
      } catch (error) {
        if (!(error instanceof CallRefused) || error.code !== "OOM") throw error;
        return commands.map(() => new LedgerUnavailable(`Redis refuses it: ${error.message}`, "none"));
      }
      const { answers, ended } = this.#applied(head[0], applyReply.parse(reply));
      // As in #decide.
      if (ended > 0 && answers.length > 0 && answers.every((answer) => answer === "~")) continue;
      return commands.map((command, index) => {
        try {
          return parseTransitAnswer(answers[index] ?? "", command);
        } catch (error) {
          return new LedgerUnavailable("Redis gave an answer that is none", "unknown", { cause: error });
        }
      });
    }
  }

  /** What calls of razonete_apply begin with: epoch, what was seen, and when the outbox is full. */
  #head(): [epoch: string, g: string, outboxMax: string] {
    const g = this.#link.latestG(this.#number);
    return [this.#link.admission?.epoch ?? "", String(g), String(this.#outboxBatchesMax)];
  }

  /** Where Redis's memory is full: the outcomes of commands that were decided before; of the others, that none was. */
  async #recall(
    requests: readonly Request[],
    args: readonly string[],
    refusal: string,
  ): Promise<readonly (readonly Answer[] | LedgerUnavailable)[]> {
    const [, , ...answers] = await this.#recalled(args);
    return this.#answersOf(requests, answers, `Redis refuses it: ${refusal}`);
  }

  async #recalled(args: readonly string[]): Promise<readonly string[]> {
    return applyReply.parse(await this.#link.call("FCALL_RO", "razonete_recall", this.#number, args));
  }

  /** @param reason why a command was not decided, for a person */
  #answersOf(
    requests: readonly Request[],
    texts: readonly string[],
    reason: string,
  ): (readonly Answer[] | LedgerUnavailable)[] {
    let at = 0;
    return requests.map(({ commands }) => {
      const own = texts.slice(at, at + commands.length);
      at += commands.length;
      if (own.length < commands.length) return new LedgerUnavailable("the answer was too short", "unknown");
      // `none` is right even if it was sent before: what was applied would have been answered with its outcome.
      if (own.includes("#")) return new LedgerUnavailable(reason, "none");
      try {
        return commands.map(({ command }, index) => parseAnswer(own[index] ?? "", command, this.#number));
      } catch (error) {
        // Only this one request fails: the others of the call were decided and have their answers.
        return new LedgerUnavailable("Redis gave an answer that is none", "unknown", { cause: error });
      }
    });
  }

  #publish(batch: Batch): void {
    try {
      this.#feed.publish(batch);
    } catch {
      // It should not throw. If it does, the writer reads the batch from the outbox.
    }
  }

  async #read(requests: readonly ReadRequest[]): Promise<readonly Reading[]> {
    const args = [this.#link.admission?.epoch ?? "", String(this.#link.latestG(this.#number))];
    for (const { what, id } of requests) args.push(what, id);
    const reply = readReply.parse(await this.#link.call("FCALL_RO", "razonete_read", this.#number, args));
    const [time, ...rows] = reply;
    return requests.map((_, index) => ({ row: rows[index] ?? null, readAt: Number(time) }));
  }
}

const applyReply = z.array(z.string());
const readReply = z.tuple([z.string()]).rest(z.array(z.string()).nullable());

/** @throws LedgerUnavailable if what is in Redis was damaged */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new LedgerUnavailable("Redis holds what cannot be read", "none", { cause: error });
  }
}

/** @throws Error if the text is not the event of an entry */
export function entryOf(text: string): Entry {
  const event = parseEvent(text);
  if (event.type !== "entry") throw new Error(`not an entry: ${JSON.stringify(text.slice(0, 100))}`);
  return event.entry;
}
