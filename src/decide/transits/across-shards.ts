import { randomBytes } from "node:crypto";
import { bounds } from "../../bounds.ts";
import type { AccountState } from "../../ledger/account.ts";
import { shardOf } from "../../ledger/account-id.ts";
import type { Command } from "../../ledger/command.ts";
import { formatDetails } from "../../ledger/details-text.ts";
import { LedgerUnavailable, type Outcome } from "../../ledger/ledger.ts";
import type { Hold, Posting } from "../../ledger/transaction.ts";
import type { AttemptId } from "../../ledger/transit.ts";
import type { Answer, Prepared } from "../function-codec.ts";
import type { Shards } from "../kept-transactions.ts";
import { shardsOf } from "../prepare.ts";
import { completeParts, finishParts, undoParts } from "./end-parts.ts";
import { type Moves, type Part, partsOf, toldBy } from "./parts-of.ts";
import type { TransitAnswer } from "./transit-answers.ts";
import {
  acrossArguments,
  captureAcrossArguments,
  holdAwayArguments,
  type Told,
} from "./transit-arguments.ts";

type Accepted = Extract<Outcome, { readonly type: "accepted" }>;
type Decision = Extract<Answer, { readonly decided: unknown }>;

/** A command that is decided at its home, after the other shards have prepared their parts. */
type AcrossCommand = Extract<Command, { readonly type: "transaction" | "reversal" | "capture" }>;

/**
 * Decides transactions across shards: all others prepare, home decides, the others finish. See
 * docs/decisions/0029-across-shards.md.
 */
export class AcrossShards {
  readonly #shards: Shards;
  /** What is known of a command that no shard was asked to decide. */
  readonly #undecided: LedgerUnavailable["outcome"];

  /** @param balancerResends see `ShardOptions` */
  constructor(shards: Shards, balancerResends: boolean) {
    this.#shards = shards;
    this.#undecided = balancerResends ? "unknown" : "none";
  }

  /**
   * Whether a command, with what was looked up for it, has accounts on several shards. Of a capture that does not say
   * where to, only home knows.
   */
  isAcross(command: Command, prepared: Prepared | null): boolean {
    const count = this.#shards.count();
    if (count === 1 || command.type === "transact") return false;
    const [home = 0, ...others] = shardsOf(command, count);
    if (others.some((shard) => shard !== home)) return true;
    if (prepared?.type !== "reversal") return false;
    return partsOf({ postings: prepared.postings, conditions: [] }, home, count).length > 0;
  }

  /**
   * The answer of home, and `again` where nothing was decided for now. The answer to what was decided comes after its
   * parts are finished.
   *
   * @throws LedgerUnavailable (as a rejection)
   */
  async decide(command: Command, prepared: Prepared): Promise<Answer> {
    const [home = 0] = shardsOf(command, this.#shards.count());
    if (command.type === "hold") {
      const to = (await this.#shards.of(shardOf(command.to, this.#shards.count())).account(command.to, false))
        ?.account;
      const args = holdAwayArguments(command, to ?? { state: "unknown", unit: "" });
      return this.#shards.of(home).submit({ command, prepared: { type: "across", arguments: args } });
    }
    if (command.type === "capture") {
      const hold = await this.#shards.of(home).hold(command.hold);
      const postings = hold?.state === "open" ? postingsOf(command, hold) : [];
      // Of a hold that is not open home knows how it ended, and whether by this very command.
      if (hold === null || postings.length === 0)
        return this.#shards.of(home).submit({ command, prepared: { type: "as-is" } });
      const details = formatDetails(hold, null);
      return this.#attempt(home, command, prepared, { postings, conditions: [], details, isDryRun: false });
    }
    if (command.type === "transaction") {
      const details = formatDetails(command, null);
      return this.#attempt(home, command, prepared, { ...command, details });
    }
    if (command.type === "reversal" && prepared.type === "reversal") {
      const details = formatDetails(command, command.transaction);
      const { postings } = prepared;
      return this.#attempt(home, command, prepared, { postings, conditions: [], details, isDryRun: false });
    }
    throw new Error(`a command of type ${command.type} is of one shard`);
  }

  /** What was decided, now or before, when its parts are finished. @throws LedgerUnavailable (as a rejection) */
  async finished({ decided, ...outcome }: Decision): Promise<Accepted> {
    const ended = await this.#unknownOutcome(
      finishParts(this.#shards, decided.attempt, decided.shards, decided),
    );
    const { result } = outcome;
    if (result.type !== "transaction") return outcome;
    const others = await Promise.all(
      ended.map(
        async (accounts, index) => accounts ?? this.#now(result.transaction.postings, decided.shards[index]),
      ),
    );
    return withAccounts(outcome, others.flat());
  }

  async #attempt(home: number, command: AcrossCommand, prepared: Prepared, moves: Moves): Promise<Answer> {
    const attempt: AttemptId = `${home}-${randomBytes(16).toString("base64url")}`;
    const parts = partsOf(moves, home, this.#shards.count());
    const answers = await this.#prepare(attempt, command, parts, moves);
    const undo = () =>
      moves.isDryRun ? Promise.resolve() : undoParts(this.#shards, attempt, withPart(parts, answers));
    const told = toldBy(parts, answers);
    if (told === null) {
      await undo();
      if (answers.some(({ type }) => type === "full"))
        throw new LedgerUnavailable("the books are too far behind", this.#undecided);
      return { type: "again" };
    }
    const answer = await this.#decideAtHome(home, command, prepared, attempt, told);
    if (moves.isDryRun) return dryAnswer(answer, answers);
    if (answer.type === "accepted" && "decided" in answer) {
      if (answer.decided.attempt !== attempt) await undo();
      return this.finished(answer);
    }
    if (answer.type === "decided") {
      await this.#unknownOutcome(finishParts(this.#shards, attempt, told.shards, answer));
      throw new LedgerUnavailable("it was decided, and how it was answered is forgotten", "unknown");
    }
    await undo();
    return answer;
  }

  /** Where one of them cannot be reached, the others are undone. */
  async #prepare(
    attempt: AttemptId,
    { id: command }: AcrossCommand,
    parts: readonly Part[],
    { postings, details, isDryRun }: Moves,
  ): Promise<readonly TransitAnswer[]> {
    const settled = await Promise.allSettled(
      parts.map(async ({ shard, accounts, conditions }) =>
        this.#shards.of(shard).ask({
          type: "prepare",
          attempt,
          command,
          isDryRun,
          postings,
          conditions,
          accounts,
          details,
        }),
      ),
    );
    const answers = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const failed = settled.find((one) => one.status === "rejected");
    if (failed === undefined) return answers;
    // Nobody waits for it: one of the shards is away.
    if (!isDryRun)
      undoParts(
        this.#shards,
        attempt,
        parts.map(({ shard }) => shard),
      ).catch(() => {});
    const reason = failed.reason instanceof Error ? failed.reason.message : "a shard cannot be reached";
    throw new LedgerUnavailable(reason, this.#undecided, { cause: failed.reason });
  }

  async #decideAtHome(
    home: number,
    command: AcrossCommand,
    prepared: Prepared,
    attempt: AttemptId,
    told: Told,
  ): Promise<Answer> {
    const args =
      command.type === "capture"
        ? captureAcrossArguments(command, attempt, told)
        : acrossArguments(command, prepared, attempt, told);
    try {
      return await this.#shards.of(home).submit({ command, prepared: { type: "across", arguments: args } });
    } catch (error) {
      // A copy of the call may still be on its way, so only home can tell. Nobody waits for it.
      if (command.type !== "transaction" || !command.isDryRun)
        completeParts(this.#shards, attempt, told.shards, true).catch(() => {});
      throw unknown(error);
    }
  }

  async #unknownOutcome<T>(done: Promise<T>): Promise<T> {
    try {
      return await done;
    } catch (error) {
      throw unknown(error);
    }
  }

  /** The accounts of a part that ended a while ago, as they stand now. */
  async #now(postings: readonly Posting[], shard = 0): Promise<readonly AccountState[]> {
    const [part] = partsOf({ postings, conditions: [] }, -1, this.#shards.count()).filter(
      (one) => one.shard === shard,
    );
    const found = await this.#unknownOutcome(
      Promise.all((part?.accounts ?? []).map((id) => this.#shards.of(shard).account(id, false))),
    );
    return found.flatMap((one) => {
      if (one === null) return [];
      const { name: _, metadata: __, ...state } = one.account;
      return [state];
    });
  }
}

/** The postings of a capture, as home makes them. */
function postingsOf(
  { amount, to, parts }: Extract<Command, { readonly type: "capture" }>,
  hold: Hold,
): Posting[] {
  const { from } = hold;
  if (parts !== null) return parts.map((part) => ({ from, ...part }));
  return amount === 0 ? [] : [{ from, to: to ?? hold.to, amount: amount ?? hold.amount }];
}

/** The shards that have prepared. */
function withPart(parts: readonly Part[], answers: readonly TransitAnswer[]): number[] {
  return parts.filter((_, index) => answers[index]?.type === "prepared").map(({ shard }) => shard);
}

/** With the accounts of all shards, as they would be. */
function dryAnswer(answer: Answer, answers: readonly TransitAnswer[]): Answer {
  if (answer.type !== "accepted") return answer;
  const { type, result, replayed } = answer;
  const others = answers.flatMap((one) => (one.type === "dry" ? one.event.accounts : []));
  return withAccounts({ type, result, replayed }, others);
}

/** All accounts in the order of the postings, as in answers of one shard. */
function withAccounts(outcome: Accepted, others: readonly AccountState[]): Accepted {
  const { result } = outcome;
  if (result.type !== "transaction") return outcome;
  const byId = new Map([...result.accounts, ...others].map((account) => [account.id, account]));
  const ids = new Set(result.transaction.postings.flatMap(({ from, to }) => [from, to]));
  const accounts = [...ids].flatMap((id) => byId.get(id) ?? []);
  return { ...outcome, result: { ...result, accounts } };
}

function unknown(error: unknown): LedgerUnavailable {
  const reason = error instanceof Error ? error.message : "a shard cannot be reached";
  return new LedgerUnavailable(reason, "unknown", { cause: error });
}

/** Before it is tried again: so two that wait for each other do not do it for ever. */
export function pause(): Promise<void> {
  return Bun.sleep(Math.random() * bounds.transit_pause_milliseconds_max);
}
