import { randomBytes } from "node:crypto";
import { bounds } from "../../bounds.ts";
import { type AccountState, WORLD } from "../../ledger/account.ts";
import { shardOf } from "../../ledger/account-id.ts";
import type { CaptureHold, Command } from "../../ledger/command.ts";
import { formatDetails } from "../../ledger/details-text.ts";
import { LedgerUnavailable, type Outcome } from "../../ledger/ledger.ts";
import type { Hold, Posting } from "../../ledger/transaction.ts";
import type { AttemptId } from "../../ledger/transit.ts";
import { NotSent } from "../calls/call-queue.ts";
import type { Answer, Prepared } from "../function-codec.ts";
import type { BooksReader } from "../ports.ts";
import type { Shards } from "../shards.ts";
import { areApart, shardsOf } from "../prepare.ts";
import { decidedBefore } from "./decided-before.ts";
import { completeParts, finishParts, undoParts } from "./end-parts.ts";
import { EndedParts } from "./ended-parts.ts";
import { accountsOf, type Step } from "./in-order.ts";
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

/** A command while it is tried. */
interface Request<Of = AcrossCommand> {
  readonly command: Of;
  readonly prepared: Prepared;
  readonly home: number;
  /** In milliseconds of `performance.now`: home is not asked to decide after that. */
  readonly until: number;
}

/**
 * Decides transactions across shards: all others prepare, home decides, the others finish. See
 * docs/decisions/0029-across-shards.md.
 */
export class AcrossShards {
  readonly #shards: Shards;
  readonly #ended: EndedParts;
  /** What is known of a command that no shard was asked to decide. */
  readonly #undecided: LedgerUnavailable["outcome"];
  #underWay = 0;

  /** @param balancerResends see `ShardOptions` */
  constructor(shards: Shards, books: BooksReader, balancerResends: boolean) {
    this.#shards = shards;
    this.#ended = new EndedParts(shards, books);
    this.#undecided = balancerResends ? "unknown" : "none";
  }

  /** Whether no command is under way here, nor anything that was begun for one. */
  get idle(): boolean {
    return this.#underWay === 0;
  }

  /** Whether what takes a transaction of this shard back has accounts on others. */
  isReversalAcross(prepared: Prepared, home: number): boolean {
    if (prepared.type !== "reversal") return false;
    return partsOf({ postings: prepared.postings, conditions: [] }, home, this.#shards.count()).length > 0;
  }

  /**
   * Of several commands that take effect one after the other, which are across shards, on which accounts each is, and how
   * it was answered before, where that is known.
   *
   * @param found what was looked up for the command in the same place
   * @returns null if all are of one shard each: nothing is asked for then
   */
  async among(
    commands: readonly Command[],
    found: readonly (PromiseSettledResult<Prepared | null> | undefined)[],
  ): Promise<readonly (Omit<Step<unknown>, "begin"> & { readonly command: Command })[] | null> {
    const count = this.#shards.count();
    const across = await Promise.all(
      commands.map(async (command, index) => {
        const of = shardsOf(command, count);
        const [home = 0] = of;
        const one = found[index];
        const prepared = one?.status === "fulfilled" ? one.value : null;
        const isAcross =
          areApart(of) ||
          (prepared !== null && this.isReversalAcross(prepared, home)) ||
          (command.type === "capture" && (await this.#isCaptureAcross(command, home)));
        return { command, prepared, isAcross, accounts: accountsOf(command, prepared) };
      }),
    );
    if (!across.some(({ isAcross }) => isAcross)) return null;
    const before = await decidedBefore(this.#shards, across);
    return across.map((one, index) => ({ ...one, before: before[index] ?? null }));
  }

  /** Of one that does not say itself where it goes. */
  async #isCaptureAcross({ hold: id, to, parts }: CaptureHold, home: number): Promise<boolean> {
    if (to !== null || parts !== null) return false;
    const hold = await this.#shards
      .of(home)
      .hold(id)
      .catch(() => null);
    if (hold === null || hold.to === WORLD) return false;
    return shardOf(hold.to, this.#shards.count()) !== home;
  }

  /**
   * The answer of home, and `again` where nothing was decided for now. The answer to what was decided comes after its
   * parts are finished.
   *
   * @param prepared what was looked up for it
   * @param home the shard that decides it
   * @param until in milliseconds of `performance.now`: there is an answer, or a rejection, by then
   * @throws LedgerUnavailable (as a rejection)
   */
  decide(command: Command, prepared: Prepared, home: number, until: number): Promise<Answer> {
    const isDryRun = command.type === "transaction" && command.isDryRun;
    // The same command may have been decided before: only home can tell that it was not.
    const late = isDryRun ? this.#undecided : "unknown";
    return this.#within(until, this.#begin({ command, prepared, home, until }), late);
  }

  /** What was decided, now or before, when its parts are finished. @throws LedgerUnavailable (as a rejection) */
  finished(decision: Decision, until: number): Promise<Accepted> {
    return this.#within(until, this.#finish(decision), "unknown");
  }

  async #begin(request: Request<Command>): Promise<Answer> {
    const { command, prepared, home } = request;
    const shard = this.#shards.of(home);
    if (command.type === "transaction") {
      // Else the others would set something aside for a home that is away.
      await this.#undecidedWithout(shard.reachable());
      const details = formatDetails(command, null);
      return this.#try({ ...request, command }, { ...command, details });
    }
    if (command.type === "reversal" && prepared.type === "reversal") {
      const details = formatDetails(command, command.transaction);
      return this.#try({ ...request, command }, { ...UNCONDITIONAL, postings: prepared.postings, details });
    }
    if (command.type === "capture") {
      const hold = await this.#undecidedWithout(shard.hold(command.hold));
      const postings = hold?.state === "open" ? postingsOf(command, hold) : [];
      // Of a hold that is not open home knows how it ended, and whether by this very command.
      if (hold === null || postings.length === 0)
        return shard.submit({ command, prepared: { type: "as-is" } });
      const details = formatDetails(hold, null);
      return this.#try({ ...request, command }, { ...UNCONDITIONAL, postings, details });
    }
    if (command.type === "hold") {
      const other = this.#shards.of(shardOf(command.to, this.#shards.count()));
      const to = await this.#undecidedWithout(other.account(command.to, false));
      const args = holdAwayArguments(command, to?.account ?? { state: "unknown", unit: "" });
      return shard.submit({ command, prepared: { type: "across", arguments: args } });
    }
    throw new Error(`a command of type ${command.type} is of one shard`);
  }

  /** One attempt. */
  async #try(request: Request, moves: Moves): Promise<Answer> {
    const { home, until } = request;
    const { isDryRun } = moves;
    const attempt: AttemptId = `${home}-${randomBytes(16).toString("base64url")}`;
    const parts = partsOf(moves, home, this.#shards.count());
    const answers = await this.#prepare(attempt, request, parts, moves);
    if (answers instanceof LedgerUnavailable) return this.#decidedBefore(request, isDryRun, answers);
    const undo = (): Promise<void> =>
      isDryRun ? Promise.resolve() : undoParts(this.#shards, attempt, shardsWithPart(parts, answers));
    const told = toldBy(parts, answers);
    if (told === null || performance.now() >= until) {
      await undo();
      if (!answers.some(({ type }) => type === "full")) return { type: "again" };
      const full = new LedgerUnavailable("the books are too far behind", this.#undecided);
      return this.#decidedBefore(request, isDryRun, full);
    }
    const answer = await this.#decideAtHome(request, isDryRun, attempt, told, undo);
    if (isDryRun) return dryAnswer(answer, answers);
    if (answer.type === "accepted" && "decided" in answer) {
      if (answer.decided.attempt !== attempt) await undo();
      return this.#finish(answer);
    }
    if (answer.type === "decided") {
      await finishParts(this.#shards, attempt, told.shards, answer).catch(failAs("unknown"));
      throw new LedgerUnavailable("it was decided, and how it was answered is forgotten", "unknown");
    }
    await undo();
    return answer;
  }

  /** @returns the answers of the parts, or why there is none of one of them: then all are undone */
  async #prepare(
    attempt: AttemptId,
    { command }: Request,
    parts: readonly Part[],
    { postings, details, isDryRun }: Moves,
  ): Promise<readonly TransitAnswer[] | LedgerUnavailable> {
    const { id, by } = command;
    const all = { type: "prepare", attempt, command: id, by, isDryRun, postings, details } as const;
    const settled = await Promise.allSettled(
      parts.map(async ({ shard, accounts, conditions }) =>
        this.#shards.of(shard).ask({ ...all, accounts, conditions }),
      ),
    );
    const failed = settled.find((one) => one.status === "rejected");
    if (failed === undefined)
      return settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    // Nobody waits for it: one of the shards is away.
    if (!isDryRun)
      this.#behind(
        undoParts(
          this.#shards,
          attempt,
          parts.map(({ shard }) => shard),
        ),
      );
    return unavailable(failed.reason, this.#undecided);
  }

  async #decideAtHome(
    request: Request,
    isDryRun: boolean,
    attempt: AttemptId,
    told: Told,
    undo: () => Promise<void>,
  ): Promise<Answer> {
    const { command, prepared, home } = request;
    const args =
      command.type === "capture"
        ? captureAcrossArguments(command, attempt, told)
        : acrossArguments(command, prepared, attempt, told);
    try {
      return await this.#shards.of(home).submit({ command, prepared: { type: "across", arguments: args } });
    } catch (error) {
      if (isDryRun) throw error;
      if (error instanceof NotSent) {
        this.#behind(undo());
        throw error;
      }
      // A copy of the call may still be on its way, so only home can tell. Nobody waits for it.
      this.#behind(completeParts(this.#shards, attempt, told.shards, true));
      throw unavailable(error, "unknown");
    }
  }

  /**
   * A command whose parts cannot be prepared now may have been decided before: then that is its answer.
   *
   * @throws LedgerUnavailable (as a rejection): what it could not be prepared for
   */
  async #decidedBefore(
    { command, prepared, home }: Request,
    isDryRun: boolean,
    cause: LedgerUnavailable,
  ): Promise<Answer> {
    if (isDryRun) throw cause;
    const [before = null] = await this.#shards
      .of(home)
      .recall([{ command, prepared }])
      .catch(() => []);
    if (before === null) throw cause;
    return before;
  }

  async #finish({ decided, ...outcome }: Decision): Promise<Accepted> {
    const { attempt, shards } = decided;
    const { result } = outcome;
    const ended = await finishParts(this.#shards, attempt, shards, decided).catch(failAs("unknown"));
    if (result.type !== "transaction") return outcome;
    const others = await Promise.all(
      ended.map(async (accounts, index) => accounts ?? this.#ended.accountsOf(attempt, shards[index] ?? 0)),
    ).catch(failAs("unknown"));
    return withAccounts(outcome, others.flat());
  }

  /** What was only read does not say that nothing was decided. */
  #undecidedWithout<T>(read: Promise<T>): Promise<T> {
    return read.catch(failAs(this.#undecided));
  }

  /** Work that nobody waits for. What fails of it is done by a later round. */
  #behind(work: Promise<unknown>): void {
    this.#underWay += 1;
    const isOver = (): void => {
      this.#underWay -= 1;
    };
    work.then(isOver, isOver);
  }

  /** Each call has a bound of its own, and there are several of them. What is under way goes on. */
  async #within<T>(until: number, work: Promise<T>, outcome: LedgerUnavailable["outcome"]): Promise<T> {
    this.#behind(work);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      // What a single call has to say of it comes first.
      const left = until - performance.now() + 2 * bounds.deadline_check_milliseconds;
      timer = setTimeout(() => {
        reject(new LedgerUnavailable("one of its shards does not answer", outcome));
      }, left);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Of what only a transaction may have. */
const UNCONDITIONAL = { conditions: [], isDryRun: false } as const;

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
function shardsWithPart(parts: readonly Part[], answers: readonly TransitAnswer[]): number[] {
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

function failAs(outcome: LedgerUnavailable["outcome"]): (error: unknown) => never {
  return (error) => {
    throw unavailable(error, outcome);
  };
}

function unavailable(error: unknown, outcome: LedgerUnavailable["outcome"]): LedgerUnavailable {
  const reason = error instanceof Error ? error.message : "a shard cannot be reached";
  return new LedgerUnavailable(reason, outcome, { cause: error });
}
