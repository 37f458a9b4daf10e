import type { Refusal } from "../../../src/ledger/refusal.ts";
import type { Random } from "../../support/random.ts";
import { type Asked, type Decision, type Prepared, ShardModel, type Told } from "./shard-model.ts";

/** What a process does: it goes on from one call to the next, and may die at each. */
type Work = Generator<undefined, void>;

/** What a client was told at last. */
export type Answer =
  | { readonly type: "done"; readonly attempt: string }
  | { readonly type: "refused"; readonly refusal: Refusal };

export interface Faults {
  /** In percent, at each step: that a process dies, that a call is lost or late, that an answer is. */
  readonly deaths: number;
  readonly losses: number;
}

/**
 * Some shards, and the processes that bring transactions across them to their end. Whose turn it is, what is lost and who
 * dies is chosen at random: so the order in which calls reach the shards may be any.
 */
export class SystemModel {
  readonly shards: readonly ShardModel[];
  readonly answers = new Map<string, Answer>();
  readonly #random: Random;
  readonly #faults: Faults;
  /** Each with what it works for, to begin again when it has died. */
  #processes: { readonly asked: Asked | null; readonly work: Work }[] = [];
  /** Copies of calls that are still on their way. */
  #late: (() => unknown)[] = [];
  #attempts = 0;

  constructor(shards: number, random: Random, faults: Faults) {
    this.shards = Array.from({ length: shards }, (_, number) => new ShardModel(number));
    this.#random = random;
    this.#faults = faults;
  }

  submit(asked: Asked): void {
    this.#processes.push({ asked, work: this.#coordinate(asked) });
  }

  /** Looks for what is open, on a shard, and brings it to its end. */
  complete(shard: ShardModel): void {
    this.#processes.push({ asked: null, work: this.#completeAll(shard) });
  }

  /** One step of one process, or the arrival of a late copy. @returns false if there was nothing to do */
  step(): boolean {
    const random = this.#random;
    if (this.#late.length > 0 && (this.#processes.length === 0 || random.chance(10))) {
      this.#late.splice(random.integer(0, this.#late.length - 1), 1)[0]?.();
      return true;
    }
    if (this.#processes.length === 0) return false;
    const at = random.integer(0, this.#processes.length - 1);
    const process = this.#processes[at];
    if (process === undefined) return false;
    if (random.chance(this.#faults.deaths)) {
      this.#processes.splice(at, 1);
      // Most clients ask again, under the same id.
      if (process.asked !== null && random.chance(80)) this.submit(process.asked);
    } else if (process.work.next().done === true) {
      this.#processes.splice(at, 1);
    }
    return true;
  }

  shardOf(account: string): ShardModel {
    const shard = this.shards[Number(account.split(":")[0])];
    if (shard === undefined) throw new Error(`${account} is on no shard`);
    return shard;
  }

  homeOf({ postings }: Asked): ShardModel {
    const [first] = postings;
    if (first === undefined) throw new Error("there is no posting");
    return this.shardOf(first.from === "@world" ? first.to : first.from);
  }

  /** As the API does it. */
  *#coordinate(asked: Asked): Work {
    const home = this.homeOf(asked);
    const others = this.shards.filter(
      (shard) =>
        shard !== home &&
        [
          ...asked.postings.flatMap(({ from, to }) => [from, to]),
          ...asked.conditions.map(({ account }) => account),
        ].some((account) => shard.owns(account)),
    );
    for (let tries = 0; tries < 20; tries += 1) {
      this.#attempts += 1;
      const attempt = `${home.number}-${this.#attempts}`;
      const told = new Map<number, Told>();
      let isAgain = false;
      for (const shard of others) {
        const prepared: Prepared = yield* this.#call(() => shard.prepare(attempt, asked));
        if (prepared.type === "prepared" || prepared.type === "unprepared")
          told.set(shard.number, prepared.told);
        else isAgain = true;
      }
      let decision: Decision = { type: "again" };
      if (!isAgain) decision = yield* this.#call(() => home.decide(attempt, asked, told));
      if (decision.type === "decided") {
        const decided = decision;
        for (const number of decided.shards)
          yield* this.#call(() => this.shards[number]?.finish(decided.attempt));
      }
      if (decision.type !== "decided" || decision.attempt !== attempt)
        for (const shard of others) yield* this.#call(() => shard.undo(attempt));
      if (decision.type === "again") continue;
      this.#answer(
        asked.id,
        decision.type === "decided" ? { type: "done", attempt: decision.attempt } : decision,
      );
      return;
    }
  }

  #answer(id: string, answer: Answer): void {
    const before = this.answers.get(id);
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(answer))
      throw new Error(`${id} was answered ${JSON.stringify(before)}, and then ${JSON.stringify(answer)}`);
    this.answers.set(id, answer);
  }

  /** As any API does it, for what it finds; here also for what has just begun. */
  *#completeAll(shard: ShardModel): Work {
    const open = [...shard.parts.keys()];
    for (const attempt of open) {
      const home = this.shardOf(attempt.replace("-", ":"));
      const verdict = yield* this.#call(() => home.ask(attempt));
      if (verdict === "decided") yield* this.#call(() => shard.finish(attempt));
      else yield* this.#call(() => shard.undo(attempt));
    }
  }

  /** A call that is sent again until it is answered. Any of its copies may arrive late, or never. */
  *#call<T>(call: () => T): Generator<undefined, T> {
    for (;;) {
      yield undefined;
      if (this.#random.chance(this.#faults.losses)) {
        if (this.#random.chance(50)) this.#late.push(call);
        continue;
      }
      const answer = call();
      if (this.#random.chance(this.#faults.losses)) continue;
      return answer;
    }
  }
}
