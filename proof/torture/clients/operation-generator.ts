import { CommandGenerator } from "./command-generator.ts";
import { type KnownAccount, type KnownThings, HOT_ACCOUNTS } from "./known-things.ts";
import type { Batch, Command, Operation } from "./history.ts";
import type { Random } from "../plan/random.ts";

/** An operation that a client asks for, with its key. */
export interface ClientRequest {
  readonly operation: Operation;
  /** Null for none, as always for what only reads. */
  readonly key: string | null;
}

const KEYED_PERCENT = 50;
const HOT_STATEMENT_PERCENT = 75;
const ATOMIC_PERCENT = 50;
/** With several shards, of the batches that are not made for one. */
const APART_PERCENT = 10;
const OWN_KEY_PERCENT = 30;
const BATCH_MIN = 2;
const BATCH_MAX = 6;
/** Of so many first operations of a client every second one opens a cold account. */
const FIRST_OPERATIONS = 20;

/** How often each is asked for, of 100; else a batch. */
const SHARES = [
  ["transact", 26],
  ["statement", 7],
  ["read-account", 6],
  ["read-hold", 5],
  ["read-transaction", 3],
  ["open", 4],
  ["change-limit", 4],
  ["change-state", 3],
  ["transaction", 16],
  ["hold", 9],
  ["capture", 7],
  ["release", 3],
  ["reversal", 3],
] as const;
const COMMANDS_OF_BATCHES = [
  "transaction",
  "transaction",
  "hold",
  "capture",
  "release",
  "reversal",
  "open",
] as const;

/** Generates the operations of one client. Each is new: its mark and its key are unique in the whole run. */
export class OperationGenerator {
  readonly #client: number;
  readonly #run: number;
  readonly #random: Random;
  readonly #known: KnownThings;
  readonly #commands: CommandGenerator;
  #count = 0;

  /** @param run a number in all keys of a run, so that they differ from those of other runs; `client` counts from 0 */
  constructor(run: number, client: number, random: Random, known: KnownThings) {
    this.#run = run;
    this.#client = client;
    this.#random = random;
    this.#known = known;
    this.#commands = new CommandGenerator(random, known);
  }

  next(): ClientRequest {
    this.#count += 1;
    const key = `torture-${this.#run}-${this.#client}-${this.#count}`;
    const operation = this.#operation(key);
    return { operation, key: this.#isKeyed(operation) ? key : null };
  }

  /** @param key of which the keys of a batch's commands are made */
  #operation(key: string): Operation {
    if (this.#count <= FIRST_OPERATIONS && this.#count % 2 === 0) return this.#commands.open(this.#mark());
    let drawn = this.#random.integer(1, 100);
    for (const [type, share] of SHARES) {
      drawn -= share;
      if (drawn <= 0) return this.#operationOf(type);
    }
    return this.#batch(key);
  }

  #operationOf(type: (typeof SHARES)[number][0]): Operation {
    switch (type) {
      case "statement":
      case "read-account":
        return { type, account: this.#read().account };
      case "read-hold": {
        const { holds } = this.#known;
        return holds.length === 0 ? this.#reading() : { type, hold: this.#random.pick(holds).hold };
      }
      case "read-transaction": {
        const { transactions } = this.#known;
        return transactions.length === 0
          ? this.#reading()
          : { type, transaction: this.#random.pick(transactions) };
      }
      case "transact":
      case "open":
      case "change-limit":
      case "change-state":
      case "transaction":
      case "hold":
      case "capture":
      case "release":
      case "reversal":
        return this.#commands.command(type, this.#mark());
    }
  }

  #batch(key: string): Batch {
    const count = this.#random.integer(BATCH_MIN, BATCH_MAX);
    const { shards } = this.#known;
    // An atomic batch is decided in one piece, so by one shard; a few are not of one, and have to be refused.
    const isOfOne = shards > 1 && this.#random.chance(ATOMIC_PERCENT);
    const shard = isOfOne ? this.#random.integer(0, shards - 1) : null;
    const commands = Array.from({ length: count }, (_, index): Batch["commands"][number] => {
      const command = this.#commands.command(
        this.#random.pick(COMMANDS_OF_BATCHES),
        `${this.#mark()}.${index}`,
        shard,
      );
      // A command of a batch is a command of /v1, and each does something.
      const wanted: Command =
        command.type === "transact" || command.type === "change-limit"
          ? this.#commands.open(`${this.#mark()}.${index}`, shard)
          : command.type === "transaction"
            ? { ...command, dryRun: false }
            : command;
      return { command: wanted, key: this.#random.chance(OWN_KEY_PERCENT) ? `${key}-${index}` : null };
    });
    const atomic = isOfOne || this.#random.chance(shards === 1 ? ATOMIC_PERCENT : APART_PERCENT);
    return { type: "batch", atomic, commands };
  }

  #isKeyed(operation: Operation): boolean {
    switch (operation.type) {
      case "statement":
      case "read-account":
      case "read-hold":
      case "read-transaction":
        return false;
      // These have no mark of their own.
      case "batch":
      case "capture":
      case "release":
      case "change-state":
        return true;
      case "transaction":
        return !operation.dryRun && this.#random.chance(KEYED_PERCENT);
      case "transact":
      case "open":
      case "change-limit":
      case "hold":
      case "reversal":
        return this.#random.chance(KEYED_PERCENT);
    }
  }

  /** At most 10 characters, as many as a description of the contest's may have. */
  #mark(): string {
    return this.#commands.mark(this.#client, this.#count);
  }

  #reading(): Operation {
    return { type: "read-account", account: this.#read().account };
  }

  #read(): KnownAccount {
    const { cold } = this.#known;
    const isHot = cold.length === 0 || this.#random.chance(HOT_STATEMENT_PERCENT);
    return isHot ? this.#random.pick(HOT_ACCOUNTS) : this.#random.pick(cold);
  }
}
