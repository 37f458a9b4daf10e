import { z } from "zod";
import type { Command, CommandId, CreateTransaction } from "../../../src/ledger/command.ts";
import { type Answer, argumentsOf, parseAnswer } from "../../../src/decide/function-codec.ts";
import {
  acrossArguments,
  type Told as ToldArguments,
  type TransitCommand,
  transitArguments,
} from "../../../src/decide/transits/transit-arguments.ts";
import { parseTransitAnswer, type TransitAnswer } from "../../../src/decide/transits/transit-answers.ts";

const applyReply = z.array(z.string());

/** Where the shards are, such as a RedisStand. */
export interface ShardsStand {
  readonly books: { readonly epoch: string };
  call(name: string, args: readonly string[], shard: number): Promise<unknown>;
  command(args: readonly string[]): Promise<unknown>;
}

/** Commands to shards in a real Redis, one a call, encoded and decoded as the program does it. */
export class ShardCalls {
  readonly #stand: ShardsStand;
  /** Where the outbox counts as full. */
  outboxMax = 100_000;

  constructor(stand: ShardsStand) {
    this.#stand = stand;
  }

  async ask(shard: number, command: TransitCommand): Promise<TransitAnswer> {
    return parseTransitAnswer(await this.raw(shard, transitArguments(command)), command);
  }

  async submit(shard: number, command: Command): Promise<Answer> {
    return parseAnswer(await this.raw(shard, argumentsOf(command, { type: "as-is" })), command, shard);
  }

  async decide(
    home: number,
    command: Extract<Command, CreateTransaction>,
    attempt: string,
    told: ToldArguments,
  ): Promise<Answer> {
    const args = acrossArguments(command, { type: "as-is" }, attempt, told);
    return parseAnswer(await this.raw(home, args), command, home);
  }

  /** @returns the answer to the one command */
  async raw(shard: number, args: readonly string[]): Promise<string> {
    const head = [this.#stand.books.epoch, "0", String(this.outboxMax)];
    const reply = applyReply.parse(await this.#stand.call("razonete_apply", [...head, ...args], shard));
    return reply.slice(2 + Number(reply[1]))[0] ?? "";
  }

  /** An account as its key has it, and what is in its key beyond that of events. */
  async row(shard: number, account: string): Promise<{ readonly row: string; readonly more: string }> {
    const text = z
      .string()
      .parse(await this.#stand.command(["GET", `razonete:{${shard}}:account:${account}`]));
    const fields = text.split(" ");
    return { row: fields.slice(0, 8).join(" "), more: fields.slice(8).join(" ") };
  }
}

export function transactionFrom(
  id: CommandId,
  { postings, conditions }: Pick<CreateTransaction, "postings" | "conditions">,
  isDryRun = false,
): Extract<Command, CreateTransaction> {
  const details = { description: null, reference: null, metadata: {} };
  return { type: "transaction", id, postings, conditions, isDryRun, ...details };
}
