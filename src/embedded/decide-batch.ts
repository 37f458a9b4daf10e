import type { Account, AccountId, Micros } from "../ledger/account.ts";
import { bearerOf, type Command, isClientKey } from "../ledger/command.ts";
import { contentHash } from "../ledger/content-hash.ts";
import { type CommandEvent, formatEvent, isCommandEvent, timeOf } from "../ledger/event.ts";
import { endedHold } from "../ledger/event-results.ts";
import type { AllOrNone, Outcome } from "../ledger/ledger.ts";
import type { Refused } from "../ledger/refused.ts";
import { namedId } from "../ledger/named-id.ts";
import { endHold } from "../ledger/rules.ts";
import { BatchState } from "./batch-state.ts";
import { decideCommand } from "./decide-command.ts";
import { stateOf } from "./posting-rows.ts";
import { SHARD } from "./read-tables.ts";
import { contentHashOf, outcomeOf } from "./remembered-outcome.ts";
import type { Store } from "./store.ts";

/**
 * Decides the commands of one batch. Each command sees the changes of those before it; nobody else does before commit.
 * Nothing is written before {@link finish}: a group of commands that is refused is taken back in memory.
 */
export class BatchDecider {
  readonly state: BatchState;
  /** When the first of the holds that it has made expires; known when it is finished. */
  nextExpiry: Micros = Number.POSITIVE_INFINITY;
  readonly #store: Store;

  /**
   * @param committed accounts as committed; others are read from the store
   * @param now not before the journal's last time
   */
  constructor(store: Store, committed: ReadonlyMap<AccountId, Account>, now: Micros) {
    this.#store = store;
    this.state = new BatchState(store.read, committed, now, store.head.g + 1);
  }

  /**
   * Ends holds whose time has come, in the order of their times, before anything else is decided.
   *
   * @returns whether that was all
   */
  endDue(count: number): boolean {
    const { state } = this;
    const due = this.#store.read.due(state.now, count);
    for (const hold of due) {
      const account = state.copy(hold.from);
      if (account === null) throw new Error(`the account ${hold.from} of the hold ${hold.id} is missing`);
      endHold(account, hold.amount);
      state.decided.accounts.set(account.id, account);
      const event = { type: "expiry", time: state.now, hold: hold.id, account: stateOf(account) } as const;
      state.decided.holds.set(hold.id, endedHold(hold, event, state.place));
      state.events.push(event);
    }
    return due.length < count;
  }

  apply(command: Command): Outcome {
    const isDryRun = command.type === "transaction" && command.isDryRun;
    const isKeyed = !isDryRun && isClientKey(command.id);
    if (isKeyed) {
      const first = this.#recall(command);
      if (first !== null) return first;
    }
    const decision = decideCommand(this.state, command);
    if (decision.type === "unchanged") return { type: "accepted", result: decision.result, replayed: false };
    if (decision.type !== "refused") return this.#note(decision, command, isKeyed);
    // Without a key nobody can ask for it again, and it changed nothing.
    return isKeyed
      ? this.#noteRefusal(command, decision.refused)
      : { type: "refused", ...decision.refused, replayed: false };
  }

  /**
   * All of them or none. Of a group that is refused, only the refusal itself is remembered: under its key, if it has one,
   * and never in place of what is remembered there.
   */
  applyAll(commands: readonly Command[]): AllOrNone {
    const bearer = bearerOf(commands);
    const known = bearer === null ? null : this.#recall(bearer);
    if (bearer !== null && known === KEY_REUSED) {
      const { refusal, account, index, other, replayed } = KEY_REUSED;
      const refused = { refusal, account, index, other };
      return { type: "refused", index: commands.indexOf(bearer), refused, replayed };
    }
    if (known?.type === "refused" && known.command !== undefined) {
      const { refusal, account, index: at, other, command } = known;
      return {
        type: "refused",
        index: command,
        refused: { refusal, account, index: at, other },
        replayed: true,
      };
    }
    const before = commands.length > 1 ? this.state.savepoint() : null;
    const outcomes: Outcome[] = [];
    for (const [index, command] of commands.entries()) {
      const outcome = this.apply(command);
      if (outcome.type === "refused") {
        const { refusal, account, index: at, other, replayed } = outcome;
        const refused = { refusal, account, index: at, other };
        const isNoted = this.state.decided.outcomes.get(command.id)?.outcome === outcome;
        if (before !== null) {
          this.state.rollBack(before);
          if (bearer !== null && known === null && !replayed && refusal !== "key-reused")
            this.#noteRefusal(bearer, { ...refused, command: index });
          else if (isNoted) this.#noteRefusal(command, refused);
        }
        return { type: "refused", index, refused, replayed };
      }
      outcomes.push(outcome);
    }
    return { type: "done", outcomes };
  }

  /** Writes all of it. Call it once, when all commands are applied. */
  finish(): void {
    const { events, now, g } = this.state;
    if (events.length === 0) return;
    const texts: string[] = [];
    let time = 0;
    for (const event of events) {
      texts.push(formatEvent(event));
      time = Math.max(time, timeOf(event));
      if (event.type === "hold") this.nextExpiry = Math.min(this.nextExpiry, event.expiresAt);
    }
    this.#store.insertJournal(texts, time);
    const keys = this.#store.keep(events, g);
    // At least as many expired keys as the batch added, so that they never pile up and need no other clean-up.
    if (keys > 0) this.#store.forget(now, 2 * keys);
  }

  /** What was decided before under the command's key; `null` if nothing was, or it is forgotten. */
  #recall(command: Command): Outcome | null {
    const { state } = this;
    const known = state.decided.outcomes.get(command.id);
    if (known !== undefined) {
      if (contentHashOf(known.event) !== contentHash(command)) return KEY_REUSED;
      return { ...known.outcome, replayed: true };
    }
    const found = this.#store.read.recall(command.id);
    if (found === null || found.forgetAt <= state.now) return null;
    const event = this.#store.read.event(found);
    if (event === null || !isCommandEvent(event))
      throw new Error(`the journal does not have the outcome of ${command.id}`);
    if (contentHashOf(event) !== contentHash(command)) return KEY_REUSED;
    const place = { shard: SHARD, g: found.g, index: found.event };
    return outcomeOf(event, place, command.type, this.#endedBy(event), true);
  }

  #note(event: CommandEvent, command: Command, isKeyed: boolean): Outcome {
    const { state } = this;
    const outcome = outcomeOf(event, state.place, command.type, this.#endedBy(event), false);
    if (isKeyed) state.decided.outcomes.set(command.id, { event, outcome });
    state.events.push(event);
    return outcome;
  }

  #noteRefusal(command: Command, refusal: Refused): Outcome {
    const [id, content] = [namedId(command), contentHash(command)];
    return this.#note({ type: "refusal", time: this.state.now, refusal, id, content }, command, true);
  }

  /** The hold that the event has ended. */
  #endedBy(event: CommandEvent) {
    return event.type === "capture" || event.type === "release" ? this.state.hold(event.hold) : null;
  }
}

const KEY_REUSED: Extract<Outcome, { readonly type: "refused" }> = {
  type: "refused",
  refusal: "key-reused",
  account: null,
  index: null,
  other: null,
  replayed: false,
};
