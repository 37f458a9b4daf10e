import { WORLD } from "../../../src/ledger/account.ts";
import { type AccountRow, MONEY_CENTS_MAX } from "../../../src/ledger/rules.ts";
import type { Posting } from "../../../src/ledger/transaction.ts";
import type { Asked, ShardModel } from "./shard-model.ts";
import type { SystemModel } from "./system-model.ts";

/** What accounts are once all is done that was decided, and whether the shards agree with it at every moment. */
export class Expected {
  readonly #balances = new Map<string, number>();
  readonly #seqs = new Map<string, number>();
  /** By attempt. */
  readonly #decided = new Map<string, Asked>();
  readonly #commands = new Set<string>();
  readonly #system: SystemModel;

  constructor(system: SystemModel) {
    this.#system = system;
    for (const shard of system.shards)
      for (const [id, { balance, seq }] of shard.accounts) this.#set(id, balance, seq);
  }

  /** Something that was done inside a shard. */
  move(postings: readonly Posting[]): void {
    for (const { from, to, amount } of postings) {
      this.#add(from, -amount);
      this.#add(to, amount);
    }
  }

  /** To be called after each step, with all that was asked. */
  check(asked: ReadonlyMap<string, Asked>): void {
    for (const shard of this.#system.shards) {
      for (const attempt of shard.attempts.keys()) this.#learn(shard, attempt, asked);
      for (const [id, row] of shard.accounts) this.#checkAccount(shard, id, row);
      for (const [attempt, times] of shard.finished) {
        if (!this.#decided.has(attempt)) throw new Error(`${attempt} was finished, and not decided`);
        if (times !== 1) throw new Error(`${attempt} was finished ${times} times`);
        if (shard.undone.has(attempt)) throw new Error(`${attempt} was finished and undone`);
      }
    }
  }

  /** Once nothing is open any more. */
  checkEnd(): void {
    for (const shard of this.#system.shards) {
      if (shard.parts.size > 0) throw new Error("a part is open for ever");
      for (const [id, { parts, outgoing, incoming, locks }] of shard.accounts)
        if ([parts, outgoing, incoming, locks].some((field) => field !== undefined))
          throw new Error(`${id} still has something set aside`);
    }
    for (const attempt of this.#decided.keys())
      for (const shard of this.#system.shards) {
        const decision = shard.attempts.get(attempt);
        if (decision === undefined || decision === "abandoned") continue;
        for (const number of decision.shards)
          if (this.#system.shards[number]?.finished.get(attempt) !== 1)
            throw new Error(`${attempt} was decided, and is not finished on ${number}`);
      }
    for (const [id, answer] of this.#system.answers)
      if (this.#commands.has(id) !== (answer.type === "done"))
        throw new Error(`${id} was answered ${answer.type}, which is not what happened`);
  }

  #learn(home: ShardModel, attempt: string, asked: ReadonlyMap<string, Asked>): void {
    const decision = home.attempts.get(attempt);
    if (decision === undefined || decision === "abandoned" || this.#decided.has(attempt)) return;
    const id = [...home.outcomes].find(([, outcome]) => outcome === decision)?.[0] ?? "";
    const command = asked.get(id);
    if (command === undefined) throw new Error(`${attempt} decides what nobody has asked for`);
    if (this.#commands.has(id)) throw new Error(`${id} was decided twice`);
    // As if all happened at this moment, with all that was decided before.
    for (const condition of command.conditions) {
      const { account, what, least, most } = condition;
      const value = (what === "seq" ? this.#seqs : this.#balances).get(account) ?? 0;
      if (value < least || value > most)
        throw new Error(`${attempt} was decided where ${JSON.stringify(condition)} finds ${value}`);
    }
    this.#commands.add(id);
    this.#decided.set(attempt, command);
    this.move(command.postings);
  }

  /** It is as far behind what was decided as it has parts that were decided and are not finished. */
  #checkAccount(shard: ShardModel, id: string, row: AccountRow): void {
    // Summed up by itself: beyond 2^53 a sum would be rounded.
    let missing = 0;
    let seq = this.#seqs.get(id) ?? 0;
    let held = 0;
    for (const [attempt, { asked, part }] of shard.parts) {
      held += part.sides.find(({ account }) => account === row)?.outgoing ?? 0;
      if (!this.#decided.has(attempt)) continue;
      for (const { from, to, amount } of asked.postings) {
        if (from === id) missing -= amount;
        if (to === id) missing += amount;
        if (from === id || to === id) seq -= 1;
      }
    }
    const balance = (this.#balances.get(id) ?? 0) - missing;
    if (row.balance !== balance || row.seq !== seq)
      throw new Error(`${id} has ${row.balance} at seq ${row.seq}, not ${balance} at ${seq}`);
    if ((row.outgoing ?? 0) !== held) throw new Error(`${id} has ${row.outgoing} in transit, not ${held}`);
    if (row.balance - row.held < -row.creditLimit) throw new Error(`${id} is under its limit`);
    if (row.held < held) throw new Error(`${id} holds less than is in transit`);
    if (row.balance + (row.incoming ?? 0) > MONEY_CENTS_MAX) throw new Error(`${id} has no room`);
  }

  #add(account: string, amount: number): void {
    if (account === WORLD) return;
    this.#set(account, (this.#balances.get(account) ?? 0) + amount, (this.#seqs.get(account) ?? 0) + 1);
  }

  #set(account: string, balance: number, seq: number): void {
    this.#balances.set(account, balance);
    this.#seqs.set(account, seq);
  }
}
