import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import type { Answer, Operation } from "../../../proof/torture/clients/history.ts";
import type { BooksSnapshot } from "../../../proof/torture/system/system-under-test.ts";

/** A ledger as simple as can be, of plain objects: what it decides is right, one command after the other. */

type Command = Exclude<Operation, { type: "statement" }>;
export type Decided = Extract<Answer, { type: "accepted" | "refused" }>;
export type Entry = BooksSnapshot["entries"][number];
export type Limit = BooksSnapshot["limits"][number];

/** All but the journal, which simulated-journal.ts makes of it. */
export interface Books {
  accounts: BooksSnapshot["accounts"][number][];
  entries: Entry[];
  limits: Limit[];
  /** The events of the refusals that are remembered. */
  refusals: string[];
}

interface Account {
  readonly name: string | null;
  readonly command: string;
  readonly entries: Entry[];
  readonly limits: Limit[];
}

interface Asked {
  readonly command: Command;
  readonly key: string | null;
  readonly time: number;
  /** What it was given then, for it to be given the same again. */
  readonly id: string;
  readonly account: string;
}

interface Applied extends Asked {
  readonly decided: Decided;
}

export const INITIAL_LIMITS = [100_000, 80_000, 1_000_000, 10_000_000, 500_000];

/** Of the first five their numbers, and of the others what sorts in their order. */
export function idOf(number: number): string {
  return number <= INITIAL_LIMITS.length ? String(number) : `a${String(number).padStart(6, "0")}`;
}

/** The inverse of {@link idOf}. */
export function numberOf(id: string): number {
  return Number(id.replace("a", ""));
}

/** As the books are sorted. */
export function byAccount(a: { readonly account: string }, b: { readonly account: string }): number {
  return a.account === b.account ? 0 : a.account < b.account ? -1 : 1;
}

export class SimulatedLedger {
  #accounts = new Map<string, Account>();
  #memory = new Map<string, Decided>();
  /** Accepted, or refused under a key. */
  #applied: Applied[] = [];
  /** It never falls back: ids are not given twice. */
  #next = INITIAL_LIMITS.length + 1;
  #requests = 0;

  constructor() {
    this.#begin();
  }

  /** @param time in milliseconds */
  apply(command: Command, key: string | null, time: number): Decided {
    const known = key === null ? undefined : this.#memory.get(key);
    if (known !== undefined) return { ...known, replayed: true };
    const id = key === null ? `req:${(this.#requests += 1)}` : `key:${key}`;
    const account = command.type === "open" ? idOf(this.#next) : command.account;
    if (command.type === "open") this.#next += 1;
    return this.#do({ command, key, time, id, account });
  }

  statement(account: string, time: number): Answer {
    const found = this.#accounts.get(account);
    if (found === undefined) return { type: "refused", problem: "account-not-found", replayed: false };
    const newest = found.entries.at(-1);
    return {
      type: "statement",
      statement: {
        balance: newest?.balance ?? 0,
        creditLimit: found.limits.at(-1)?.creditLimit ?? 0,
        readAt: isoTime(Math.max(micros(time), newest?.time ?? 0)),
        entries: found.entries
          .slice(-10)
          .toReversed()
          .map(({ kind, value, description, time: at }) => ({ kind, value, description, time: isoTime(at) })),
      },
    };
  }

  /**
   * Forgets what it decided last, as one whose disk was cut and that was restored. Where its accounts are told the
   * refusals are kept, as by a restore that finds the batches and cannot apply what is in them.
   */
  forget(count: number, tell: "batches" | "accounts" | "nothing"): RestoreReport {
    const first = Math.max(0, this.#applied.length - count);
    const isLost = ({ decided }: Applied, index: number) =>
      index >= first && (tell !== "accounts" || decided.type === "accepted");
    const lost = this.#applied.filter(isLost);
    const kept = this.#applied.filter((applied, index) => !isLost(applied, index));
    const was = this.#accounts;
    this.#begin();
    for (const applied of kept) {
      if (applied.decided.type === "accepted") this.#decide(applied);
      this.#remember(applied);
    }
    const accounts = [...was].filter(([id, { entries, limits }]) => {
      const now = this.#accounts.get(id);
      return now?.entries.length !== entries.length || now.limits.length !== limits.length;
    });
    return {
      type: "restored",
      epoch: "next",
      shards: [],
      missing: {
        batches: tell === "batches" && lost.length > 0 ? [{ shard: 0, from: 1, to: lost.length }] : [],
        accounts:
          tell === "accounts"
            ? accounts.map(([account, { entries }]) => ({
                account,
                seq: this.#accounts.get(account)?.entries.length ?? 0,
                balance: 0,
                knownSeq: entries.length,
                knownBalance: 0,
              }))
            : [],
      },
    };
  }

  books(): Books {
    const accounts = [...this.#accounts].map(([account, rows]) => ({ account, ...rows })).toSorted(byAccount);
    return {
      accounts: accounts.map(({ account, name, command }) => ({ account, name, command })),
      entries: accounts.flatMap(({ entries }) => entries.map((entry) => ({ ...entry }))),
      limits: accounts.flatMap(({ limits }) => limits.map((limit) => ({ ...limit }))),
      refusals: this.#applied.flatMap(({ decided, id, time }) =>
        decided.type === "refused" ? [`x ${micros(time)} ${decided.problem} ${id} []`] : [],
      ),
    };
  }

  #begin(): void {
    this.#accounts = new Map();
    this.#memory = new Map();
    this.#applied = [];
    for (const [index, creditLimit] of INITIAL_LIMITS.entries()) {
      this.#open(idOf(index + 1), null, creditLimit, "initial");
    }
  }

  #open(account: string, name: string | null, creditLimit: number, command: string): void {
    const limits = [{ account, version: 1, creditLimit, afterSeq: 0, command }];
    this.#accounts.set(account, { name, command, entries: [], limits });
  }

  #do(asked: Asked): Decided {
    const decided = this.#decide(asked);
    this.#remember({ ...asked, decided });
    return decided;
  }

  #remember(applied: Applied): void {
    const { key, decided } = applied;
    if (key !== null) this.#memory.set(key, decided);
    if (key !== null || decided.type === "accepted") this.#applied.push(applied);
  }

  #decide({ command, time, id, account }: Asked): Decided {
    if (command.type === "open") {
      this.#open(account, command.name, command.creditLimit, id);
      return { type: "accepted", account, creditLimit: command.creditLimit, balance: 0, replayed: false };
    }
    const found = this.#accounts.get(account);
    if (found === undefined) return refused("account-not-found");
    const balance = found.entries.at(-1)?.balance ?? 0;
    if (command.type === "change-limit") {
      const { creditLimit } = command;
      if (balance < -creditLimit) return refused("limit-too-low");
      const version = found.limits.length + 1;
      found.limits.push({ account, version, creditLimit, afterSeq: found.entries.length, command: id });
      return { type: "accepted", account, creditLimit, balance, replayed: false };
    }
    const creditLimit = found.limits.at(-1)?.creditLimit ?? 0;
    const { kind, value, description } = command;
    const after = kind === "credit" ? balance + value : balance - value;
    if (after < -creditLimit) return refused("limit-exceeded");
    const seq = found.entries.length + 1;
    const at = Math.max(micros(time), (found.entries.at(-1)?.time ?? 0) + 1);
    found.entries.push({
      account,
      seq,
      kind,
      value,
      balance: after,
      creditLimit,
      description,
      command: id,
      time: at,
    });
    return { type: "accepted", account, creditLimit, balance: after, replayed: false };
  }
}

function refused(problem: string): Decided {
  return { type: "refused", problem, replayed: false };
}

function micros(milliseconds: number): number {
  return 1_700_000_000_000_000 + Math.floor(milliseconds * 1000);
}

export function isoTime(at: number): string {
  const seconds = new Date(Math.floor(at / 1_000_000) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(at % 1_000_000).padStart(6, "0")}Z`;
}
