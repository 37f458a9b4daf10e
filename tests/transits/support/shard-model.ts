import { WORLD } from "../../../src/ledger/account.ts";
import type { Refusal } from "../../../src/ledger/refusal.ts";
import {
  type AccountRow,
  applyTransaction,
  hold,
  MONEY_CENTS_MAX,
  type TransactionRow,
} from "../../../src/ledger/rules.ts";
import {
  applyAcross,
  finishPart,
  leaveParts,
  type PartRow,
  preparePart,
  undoPart,
} from "../../../src/ledger/transit-rules.ts";
import type { Condition, Posting } from "../../../src/ledger/transaction.ts";

/** A transaction as a client asks for it. */
export interface Asked {
  readonly id: `key:${string}`;
  readonly postings: readonly Posting[];
  readonly conditions: readonly Condition[];
}

/** What a shard tells of its accounts; `null`: there is none of this id. */
export type Facts = ReadonlyMap<string, Pick<AccountRow, "unit" | "state"> | null>;

export interface Told {
  readonly facts: Facts;
  readonly refused: { readonly refusal: Refusal; readonly posting: number } | null;
  readonly unmet: number | null;
}

export type Prepared =
  | { readonly type: "prepared"; readonly told: Told }
  | { readonly type: "unprepared"; readonly told: Told }
  | { readonly type: "again" }
  | { readonly type: "undone" };

export type Decision =
  | { readonly type: "decided"; readonly attempt: string; readonly shards: readonly number[] }
  | { readonly type: "refused"; readonly refusal: Refusal }
  | { readonly type: "again" };

interface OpenPart {
  readonly asked: Asked;
  readonly part: PartRow;
}

const NOWHERE = { creditLimit: 0, balance: 0, held: 0, seq: 0, time: 0, unit: "", state: "open" } as const;
const LIMITS: readonly Refusal[] = ["limit-exceeded", "balance-out-of-range"];

/**
 * One shard as docs/decisions/0029-across-shards.md describes it, around the rules as they are. What is here stands in for
 * what is written in Lua around them; each method is one call, which happens as a whole.
 */
export class ShardModel {
  readonly number: number;
  readonly accounts = new Map<string, AccountRow>();
  readonly parts = new Map<string, OpenPart>();
  /** At home. */
  readonly attempts = new Map<string, "abandoned" | Extract<Decision, { readonly type: "decided" }>>();
  readonly outcomes = new Map<string, Exclude<Decision, { readonly type: "again" }>>();
  /** Attempts whose part has ended, how often: each once, or something is wrong. */
  readonly finished = new Map<string, number>();
  readonly undone = new Set<string>();
  /** Attempts that were prepared here: a copy of the call is told so, and prepares nothing. */
  readonly #prepared = new Map<string, Told>();
  #now = 0;

  constructor(number: number) {
    this.number = number;
  }

  prepare(attempt: string, asked: Asked): Prepared {
    const before = this.#prepared.get(attempt);
    if (before !== undefined && this.parts.has(attempt)) return { type: "prepared", told: before };
    if (before !== undefined || this.undone.has(attempt)) return { type: "undone" };
    const facts = this.factsOf(asked);
    if (this.#mustWait(asked)) return { type: "again" };
    const { part, refusal } = this.#tryPart(asked, this.accounts);
    if (refusal === null) {
      const told = { facts, refused: null, unmet: null };
      this.parts.set(attempt, { asked, part });
      this.#prepared.set(attempt, told);
      return { type: "prepared", told };
    }
    if (LIMITS.includes(refusal) && this.#tryPart(asked, this.#withoutParts()).refusal === null)
      return { type: "again" };
    const at = part.transaction.refusedAt;
    const refused = LIMITS.includes(refusal) ? { refusal, posting: at } : null;
    return {
      type: "unprepared",
      told: { facts, refused, unmet: refusal === "condition-failed" ? at : null },
    };
  }

  /** @param told by each other shard */
  decide(attempt: string, asked: Asked, told: ReadonlyMap<number, Told>): Decision {
    const known = this.attempts.get(attempt);
    if (known !== undefined && known !== "abandoned") return known;
    const outcome = this.outcomes.get(asked.id);
    if (outcome !== undefined || known === "abandoned" || this.#mustWait(asked)) {
      this.attempts.set(attempt, "abandoned");
      return outcome ?? { type: "again" };
    }
    const refusal = this.#decideOn(this.accounts, asked, told);
    if (refusal === null) {
      const decided = { type: "decided", attempt, shards: [...told.keys()] } as const;
      this.attempts.set(attempt, decided);
      this.outcomes.set(asked.id, decided);
      return decided;
    }
    this.attempts.set(attempt, "abandoned");
    const isOwn = this.#decideOn(this.#withoutParts(), asked, told) !== null;
    if (!isOwn) return { type: "again" };
    const refused = { type: "refused", refusal } as const;
    this.outcomes.set(asked.id, refused);
    return refused;
  }

  finish(attempt: string): void {
    const open = this.parts.get(attempt);
    if (open === undefined) return;
    const refusal = finishPart(open.part, this.#tick());
    if (refusal !== null) throw new Error(`a prepared part was refused: ${refusal}`);
    this.parts.delete(attempt);
    this.finished.set(attempt, (this.finished.get(attempt) ?? 0) + 1);
  }

  undo(attempt: string): void {
    const open = this.parts.get(attempt);
    if (open !== undefined) undoPart(open.part);
    this.parts.delete(attempt);
    this.undone.add(attempt);
    this.#prepared.delete(attempt);
  }

  ask(attempt: string): "abandoned" | "decided" {
    const known = this.attempts.get(attempt);
    if (known === undefined) this.attempts.set(attempt, "abandoned");
    return known === undefined || known === "abandoned" ? "abandoned" : "decided";
  }

  /** After a while a shard does not know any more that a part was undone, and a late call may prepare it anew. */
  forgetUndone(): void {
    this.undone.clear();
  }

  /** The four fields that an account has beside those of events, as they are kept; empty where it has none. */
  fieldsOf(account: string): string {
    const { parts, outgoing, incoming, locks } = this.accounts.get(account) ?? {};
    return parts === undefined ? "" : [parts, outgoing, incoming, locks].join(" ");
  }

  /** Something that goes on inside the shard alone. @returns whether it was done */
  transact(asked: Asked): boolean {
    if (this.#mustWait(asked)) return false;
    return applyTransaction(transactionOf(asked, this.accounts, new Map()), false, this.#tick()) === null;
  }

  hold(account: string, amount: number): boolean {
    const row = this.accounts.get(account);
    return row !== undefined && !isLocked(row) && hold(row, amount) === null;
  }

  #tick(): number {
    this.#now += 1;
    return this.#now;
  }

  /** Of the accounts that the transaction names. Here those of a shard begin with its number. */
  owns(account: string): boolean {
    return account.startsWith(`${this.number}:`);
  }

  factsOf({ postings, conditions }: Asked): Facts {
    const named = [
      ...postings.flatMap(({ from, to }) => [from, to]),
      ...conditions.map(({ account }) => account),
    ];
    return new Map(
      named
        .filter((account) => this.owns(account))
        .map((account) => {
          const row = this.accounts.get(account);
          return [account, row === undefined ? null : { unit: row.unit, state: row.state }] as const;
        }),
    );
  }

  #mustWait({ postings, conditions }: Asked): boolean {
    const rowOf = (account: string) => this.accounts.get(account);
    return (
      postings.some(({ from, to }) => [rowOf(from), rowOf(to)].some(isLocked)) ||
      conditions.some(({ account }) => rowOf(account)?.parts !== undefined)
    );
  }

  #tryPart(asked: Asked, accounts: ReadonlyMap<string, AccountRow>) {
    const own = { ...asked, conditions: asked.conditions.filter(({ account }) => this.owns(account)) };
    const transaction = transactionOf(own, accounts, this.#elsewhere(asked));
    const locked = new Set(own.conditions.map(({ account }) => account));
    const sides = [...this.factsOf(asked).keys()].flatMap((id) => {
      const account = accounts.get(id);
      return account === undefined
        ? []
        : [{ account, outgoing: 0, incoming: 0, locks: locked.has(id) ? 1 : 0 }];
    });
    const part = { transaction, sides };
    const refusal = preparePart(part, this.#tick());
    // The place is that among all conditions.
    const failed = own.conditions[transaction.refusedAt];
    if (refusal === "condition-failed" && failed !== undefined)
      transaction.refusedAt = asked.conditions.indexOf(failed);
    return { part, refusal };
  }

  #decideOn(
    accounts: ReadonlyMap<string, AccountRow>,
    asked: Asked,
    told: ReadonlyMap<number, Told>,
  ): Refusal | null {
    const away = new Map<string, AccountRow | false>();
    for (const { facts } of told.values())
      for (const [id, fact] of facts) away.set(id, fact === null ? false : { ...NOWHERE, ...fact });
    const transaction = transactionOf(asked, accounts, away);
    const unmet = Math.min(...[...told.values()].map(({ unmet: at }) => at ?? Infinity));
    for (const [index, condition] of transaction.conditions.entries()) {
      if (this.owns(asked.conditions[index]?.account ?? "")) continue;
      condition.least = index === unmet ? MONEY_CENTS_MAX : -MONEY_CENTS_MAX;
      condition.most = MONEY_CENTS_MAX;
    }
    const [refused] = [...told.values()]
      .flatMap(({ refused: one }) => (one === null ? [] : [one]))
      .toSorted((a, b) => a.posting - b.posting || LIMITS.indexOf(a.refusal) - LIMITS.indexOf(b.refusal));
    const rows = {
      accounts: [...away.values()].filter((row) => row !== false),
      refusal: refused?.refusal ?? null,
      refusedAt: refused?.posting ?? 0,
    };
    return applyAcross(transaction, rows, false, this.#tick());
  }

  #elsewhere({ postings }: Asked): Map<string, AccountRow> {
    const others = postings.flatMap(({ from, to }) => [from, to]).filter((account) => !this.owns(account));
    return new Map(others.map((account) => [account, { ...NOWHERE }]));
  }

  /** Copies of the accounts, as if nothing were in transit. */
  #withoutParts(): Map<string, AccountRow> {
    return new Map(
      [...this.accounts].map(([id, row]) => {
        const copy = { ...row };
        leaveParts(copy);
        return [id, copy];
      }),
    );
  }
}

export function isLocked(row: AccountRow | undefined): boolean {
  return row?.locks !== undefined && row.locks > 0;
}

function transactionOf(
  { postings, conditions }: Pick<Asked, "postings" | "conditions">,
  accounts: ReadonlyMap<string, AccountRow>,
  away: ReadonlyMap<string, AccountRow | false>,
): TransactionRow {
  const rowOf = (party: string): AccountRow | false =>
    party === WORLD ? { ...NOWHERE } : (away.get(party) ?? accounts.get(party) ?? false);
  const after = { fromSeq: 0, fromBalance: 0, toSeq: 0, toBalance: 0, fromTime: 0, toTime: 0 };
  return {
    postings: postings.map(({ from, to, amount }) => ({
      from: rowOf(from),
      to: rowOf(to),
      amount,
      ...after,
    })),
    conditions: conditions.map(({ account, what, least, most }) => ({
      account: rowOf(account),
      what,
      least,
      most,
    })),
    refusedAt: 0,
  };
}
