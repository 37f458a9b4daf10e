import type { Event, Side } from "./journal-events.ts";
import type { PlacedEvent } from "./placed-event.ts";
import type { RoundFindings } from "./round-violations.ts";

/**
 * Transactions across shards, as docs/decisions/0029-across-shards.md has them. One try of one is an attempt: its id names its
 * home, the shard that decides it. Each other shard that it touches prepares a part, and finishes it once home has decided the
 * attempt, or else undoes it. Each shard has an order of its own, so how the shards fit is looked at when all have been played.
 */

type Placed<Type extends Event["type"]> = PlacedEvent & { readonly event: Extract<Event, { type: Type }> };
export type Decision = Placed<"transaction" | "capture">;
export type Preparation = Placed<"part">;
export type End = Placed<"finish" | "undo">;

interface Part {
  readonly prepared: Preparation;
  /** Null while it is open. */
  end: End | null;
}

interface Attempt {
  readonly decisions: Decision[];
  /** Of each shard in its order. More than one of a shard: it was prepared again after it had ended. */
  readonly parts: Part[];
}

export class Transits {
  /** By unit, what was decided and is not finished: what came to accounts of other shards, less what went out of them. */
  readonly sums = new Map<string, bigint>();
  readonly #attempts = new Map<string, Attempt>();
  /** Those that the round has changed. */
  readonly #changed = new Set<string>();
  /** What the open parts have set aside: by account, then by attempt. */
  readonly #setAside = new Map<string, Map<string, Side>>();

  prepare(placed: Preparation): void {
    const { attempt, accounts, sides } = placed.event;
    this.#change(attempt).parts.push({ prepared: placed, end: null });
    for (const [index, { id }] of accounts.entries()) {
      const side = sides[index];
      if (side === undefined) continue;
      let of = this.#setAside.get(id);
      if (of === undefined) this.#setAside.set(id, (of = new Map()));
      of.set(attempt, side);
    }
  }

  /** @returns what was prepared; null if nothing is open there */
  end(placed: End, findings: RoundFindings): Preparation | null {
    const { event, shard, text } = placed;
    const parts = this.#change(event.attempt).parts.filter((part) => part.prepared.shard === shard);
    const open = parts.findLast(({ end }) => end === null);
    if (open === undefined) {
      const before = parts.at(-1)?.end;
      if (before === undefined || before === null)
        findings.add("unasked", `Shard ${shard} ends a part that it has not prepared: "${text}".`);
      else
        findings.add(
          "part-ended-twice",
          `Shard ${shard} ends a part that has ended before: "${text}" comes after "${before.text}".`,
        );
      return null;
    }
    open.end = placed;
    for (const { id } of open.prepared.event.accounts) this.#setAside.get(id)?.delete(event.attempt);
    return open.prepared;
  }

  decide(attempt: string, placed: Decision): void {
    this.#change(attempt).decisions.push(placed);
  }

  /** What the open parts have set aside of an account. */
  outgoingOf(account: string): number {
    let sum = 0;
    for (const { outgoing } of this.#setAside.get(account)?.values() ?? []) sum += outgoing;
    return sum;
  }

  hasParts(account: string): boolean {
    return (this.#setAside.get(account)?.size ?? 0) > 0;
  }

  /** @returns the attempt that has locked the account for a condition; null if none has */
  lockOf(account: string): string | null {
    for (const [attempt, { locks }] of this.#setAside.get(account) ?? []) if (locks > 0) return attempt;
    return null;
  }

  /** Of an attempt the parts that were finished: how each was prepared, and how it ended. */
  finishedParts(attempt: string): { readonly prepared: Preparation; readonly end: End }[] {
    const { parts } = this.#attempts.get(attempt) ?? { parts: [] };
    return parts.flatMap(({ prepared, end }) => (end?.event.type === "finish" ? [{ prepared, end }] : []));
  }

  /**
   * Whether the shards fit, when all have been played and the system has come to rest.
   *
   * @param lost attempts of which a restore has named a side as lost for good
   */
  check(lost: ReadonlySet<string>, findings: RoundFindings): void {
    for (const id of this.#changed) {
      const attempt = this.#attempts.get(id);
      if (attempt !== undefined) new AttemptCheck(id, attempt, lost.has(id), findings).check();
    }
    this.#changed.clear();
  }

  #change(id: string): Attempt {
    this.#changed.add(id);
    let attempt = this.#attempts.get(id);
    if (attempt === undefined) this.#attempts.set(id, (attempt = { decisions: [], parts: [] }));
    return attempt;
  }
}

class AttemptCheck {
  readonly #id: string;
  readonly #home: number;
  readonly #attempt: Attempt;
  readonly #isLost: boolean;
  readonly #findings: RoundFindings;

  constructor(id: string, attempt: Attempt, isLost: boolean, findings: RoundFindings) {
    this.#id = id;
    this.#home = Number(id.split("-", 1)[0]);
    this.#attempt = attempt;
    this.#isLost = isLost;
    this.#findings = findings;
  }

  check(): void {
    const { decisions, parts } = this.#attempt;
    const [decision, ...more] = decisions;
    for (const other of more)
      this.#findings.add(
        "attempt-decided-twice",
        `Attempt ${this.#id} was decided twice: "${decision?.text}" and "${other.text}".`,
      );
    if (decision !== undefined && decision.shard !== this.#home)
      this.#findings.add(
        "part-differs",
        `Shard ${decision.shard} has decided attempt ${this.#id}, whose home is shard ${this.#home}: "${decision.text}".`,
      );
    for (const part of parts)
      if (part.end === null)
        this.#findings.add(
          "part-open",
          `The part of attempt ${this.#id} on shard ${part.prepared.shard} is open, though all has come to rest: "${part.prepared.text}".`,
        );
    const shards = decision?.event.details.across?.shards ?? [];
    for (const shard of new Set([...shards, ...parts.map(({ prepared }) => prepared.shard)]))
      this.#checkShard(
        shard,
        parts.filter(({ prepared }) => prepared.shard === shard),
        decision !== undefined && shards.includes(shard) ? decision : null,
      );
  }

  /** @param decision null if home has decided no part on this shard */
  #checkShard(shard: number, parts: readonly Part[], decision: Decision | null): void {
    let finished: End | null = null;
    for (const { end } of parts) {
      if (end === null) continue;
      const isFinish = end.event.type === "finish";
      if (isFinish && decision === null && !this.#isLost)
        this.#findings.add(
          "finished-undecided",
          `Shard ${shard} has finished its part of attempt ${this.#id}, which shard ${this.#home}, its home, has not decided: "${end.text}".`,
        );
      // A copy of the call that prepares may come when all is over: that part is undone, since nobody decides it.
      if (!isFinish && decision !== null && finished === null)
        this.#findings.add(
          "undone-decided",
          `Shard ${shard} has undone its part of attempt ${this.#id}, which shard ${this.#home}, its home, has decided: "${end.text}" after "${decision.text}".`,
        );
      if (isFinish && finished !== null)
        this.#findings.add(
          "part-ended-twice",
          `Shard ${shard} has finished its part of attempt ${this.#id} twice: "${finished.text}" and "${end.text}".`,
        );
      if (isFinish && decision !== null) this.#compare(decision, end);
      if (isFinish) finished = end;
    }
    if (decision !== null && parts.length === 0 && !this.#isLost)
      this.#findings.add(
        "part-missing",
        `Shard ${this.#home} has decided attempt ${this.#id} with a part on shard ${shard}, which has never prepared it: "${decision.text}".`,
      );
  }

  #compare(decision: Decision, end: End): void {
    const { event } = end;
    if (event.type !== "finish") return;
    const { shard, g, index } = decision;
    const { time, moves, id } = decision.event;
    const transaction = `t${shard}-${g}-${index}-${time % 1_000_000}`;
    const hold = decision.event.type === "capture" ? decision.event.hold : null;
    const decided = JSON.stringify([transaction, time, hold, id, postingsOf(moves)]);
    const done = [event.transaction, event.decidedAt, event.hold, event.id, postingsOf(event.moves)];
    if (decided !== JSON.stringify(done))
      this.#findings.add(
        "part-differs",
        `Shard ${end.shard} has finished its part of attempt ${this.#id} otherwise than it was decided: "${end.text}" after "${decision.text}".`,
      );
  }
}

export function postingsOf(
  moves: readonly { readonly from: string; readonly to: string; readonly amount: number }[],
): { readonly from: string; readonly to: string; readonly amount: number }[] {
  return moves.map(({ from, to, amount }) => ({ from, to, amount }));
}
